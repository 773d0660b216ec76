"""Estimates with their uncertainty over subjects."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from scipy.stats import beta

from alphagan.errors import TooFewError, whole_number
from alphagan.metrics.checks import check_labels

Seed = np.random.Generator | int  # a generator, or the number that `numpy.random.default_rng` makes one of

# Subjects behind a verdict, on either side: of intervals of effect sizes between 12 people and n others of the same
# site, 17 to 30 % leave 0 out where n is 2, 10 to 22 % where it is 3, and 5 to 12 % where it is 5, of 5 % that should.
FEWEST = 10


class FewWarning(UserWarning):
    """An interval rests on so few people or volumes that it is too narrow."""


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval.

    Parameters
    ----------
    value, low, high : float
        The estimate and the ends of its interval, in the metric's unit.
    n : int
        Independent units behind it: people, or generated volumes. Of two samples, the smaller number.
    basis : str, optional
        What it rests on, to stand beside it: the feature network, or how many scales.

    Examples
    --------
    >>> estimate = Estimate(0.7151, 0.7068, 0.7223, n=512, basis="2 scales")
    >>> print(estimate, "from", estimate.basis)
    0.715 [0.707, 0.722] from 2 scales
    """

    value: float
    low: float
    high: float
    n: int
    basis: str | None = None

    def __str__(self) -> str:
        return interval(asdict(self))

    def within(self, lowest: float, highest: float) -> "Estimate":
        """The same, with an interval that ends where the metric can go no further.

        Examples
        --------
        >>> print(Estimate(0.05, -0.02, 0.12, n=20).within(0, 1))
        0.05 [0, 0.12]
        """
        return replace(self, low=max(self.low, lowest), high=min(self.high, highest))

    def as_dict(self) -> dict[str, float | int | str]:
        """As written to metrics.json.

        Examples
        --------
        >>> Estimate(0.7151, 0.7068, 0.7223, n=512).as_dict()
        {'value': 0.7151, 'low': 0.7068, 'high': 0.7223, 'n': 512}
        """
        return {key: value for key, value in asdict(self).items() if value is not None}


def interval(estimate: dict) -> str:
    """An estimate, as `Estimate.as_dict` has it, in words: 0.5 [0.4, 0.6]."""
    return "{value:.3g} [{low:.3g}, {high:.3g}]".format(**estimate)


def subject_index(groups: Sequence | None, n_volumes: int) -> np.ndarray:
    """Number subjects from 0.

    Parameters
    ----------
    groups : sequence of n_volumes labels, optional
        Whom each volume shows. None: every volume is a subject of its own, as generated ones are.
    n_volumes : int
        How many volumes there are.

    Returns
    -------
    ndarray of int, (n_volumes,)
        Every number from 0 to the number of subjects - 1 occurs.

    Raises
    ------
    InputError
        As `check_labels` does.
    TooFewError
        If there is only one subject.
    """
    labels = np.arange(n_volumes) if groups is None else check_labels("groups", groups, n_volumes)
    index = np.unique(labels, return_inverse=True)[1]
    if n_volumes == 0 or index.max() == 0:
        raise TooFewError("groups: fewer than two subjects, so nothing can be said about others; give more scans")
    return index


def subject_counts(n_subjects: int, n_bootstrap: int, generator: np.random.Generator) -> np.ndarray:
    """How often each subject is drawn in each resample with replacement: (n_bootstrap, n_subjects), float64."""
    n_bootstrap = whole_number("n_bootstrap", n_bootstrap, 2)
    return generator.multinomial(n_subjects, np.full(n_subjects, 1 / n_subjects), size=n_bootstrap).astype(float)


def resample_influence(
    influence: np.ndarray, groups: Sequence | None, n_bootstrap: int, generator: np.random.Generator
) -> tuple[np.ndarray, int]:
    """Change of a statistic when subjects are resampled, to first order (the infinitesimal jackknife, Efron 1982).

    Resampling these numbers instead of the volumes costs one pass over the voxels instead of one per resample.

    Parameters
    ----------
    influence : ndarray, (n,)
        Derivative of the statistic with respect to each volume's weight.
    groups : sequence of labels, optional
        Subject of each volume. None: each its own.
    n_bootstrap : int
    generator : numpy.random.Generator

    Returns
    -------
    change : ndarray, (n_bootstrap,)
    n_subjects : int
    """
    subject = subject_index(groups, len(influence))
    totals = np.bincount(subject, influence - influence.mean())
    return subject_counts(len(totals), n_bootstrap, generator) @ totals / len(influence), len(totals)


def warn_of_few(n: int) -> None:
    """Warn that an interval of n people or volumes is too narrow, where it is."""
    if n < FEWEST:
        warnings.warn(f"the interval of {n} people or volumes: of fewer than {FEWEST} it is too narrow", FewWarning, 4)


def centred_interval(value: float, draws: np.ndarray, n: int) -> tuple[float, float]:
    """95 % interval with the spread of the bootstrap draws, around the value of n subjects.

    A resample repeats the sampling noise that the value already holds, so that draws of a statistic which noise
    inflates (a distance) lie to one side of it. Only their spread is used. Undefined draws, such as one subject drawn
    every time, are left out. Of fewer than ten subjects it is told by a `FewWarning`.
    """
    warn_of_few(n)
    draws = draws[np.isfinite(draws)]
    low, high = np.quantile(draws - draws.mean(), [0.025, 0.975])
    return float(value + low), float(value + high)


class TwoSamples:
    """Two samples of volumes, x and y, and whom they show: a statistic of both, and its interval over their subjects.

    Parameters
    ----------
    n_x, n_y : int
        Volumes of each.
    groups_x, groups_y : sequence of labels, optional
        Subject of each volume. None: each its own.

    Attributes
    ----------
    subjects : tuple of ndarray of int, (n_x,) and (n_y,)
        Their `subject_index`.
    n : int
        Subjects of the sample that has fewer.

    Raises
    ------
    InputError
        As `subject_index` does.
    """

    def __init__(self, n_x: int, n_y: int, groups_x: Sequence | None = None, groups_y: Sequence | None = None):
        self.subjects = subject_index(groups_x, n_x), subject_index(groups_y, n_y)
        self.n = int(min(subject.max() for subject in self.subjects)) + 1

    def ones(self) -> list[np.ndarray]:
        """Weights of the volumes as they are, (1, n_x) and (1, n_y)."""
        return [np.ones((1, len(subject))) for subject in self.subjects]

    def resample(self, n_bootstrap: int, generator: np.random.Generator) -> list[np.ndarray]:
        """How often each volume's subject was drawn, (n_bootstrap, n_x) and then (n_bootstrap, n_y)."""
        return [subject_counts(subject.max() + 1, n_bootstrap, generator)[:, subject] for subject in self.subjects]

    def estimate(self, value: float, draws: np.ndarray) -> Estimate:
        """Give a value of both samples the spread of its bootstrap draws, see `centred_interval`."""
        return Estimate(value, *centred_interval(value, draws, self.n), n=self.n)

    def compare(self, statistic: Callable[[np.ndarray, np.ndarray], np.ndarray], weights: list[np.ndarray]) -> Estimate:
        """Estimate a statistic.

        Parameters
        ----------
        statistic : callable
            Takes weights of x and of y, (r, n_x) and (r, n_y); returns one value for each of the r rows.
        weights : list of ndarray
            As `resample` drew them.
        """
        return self.estimate(statistic(*self.ones()).item(), statistic(*weights))

    def compare_to_first_order(
        self,
        value: float,
        influence_x: np.ndarray,
        influence_y: np.ndarray,
        n_bootstrap: int,
        generator: np.random.Generator,
    ) -> Estimate:
        """Estimate a statistic from its derivatives with respect to each volume's weight, as `resample_influence` does.

        Parameters
        ----------
        value : float
            Of the statistic.
        influence_x, influence_y : ndarray, (n_x,) and (n_y,)
            Derivatives.
        n_bootstrap : int
        generator : numpy.random.Generator
        """
        changes = [
            resample_influence(influence, subject, n_bootstrap, generator)[0]
            for influence, subject in zip((influence_x, influence_y), self.subjects, strict=True)
        ]
        return self.estimate(value, sum(changes))


def share(k: float, n: int) -> Estimate:
    """Binomial share with its exact 95 % interval (Clopper and Pearson 1934), which covers too much rather than little.

    Parameters
    ----------
    k : float
        Successes; a mean over repetitions need not be whole.
    n : int
        Trials.
    """
    low = beta.ppf(0.025, k, n - k + 1) if k > 0 else 0.0
    high = beta.ppf(0.975, k + 1, n - k) if k < n else 1.0
    return Estimate(k / n, float(low), float(high), n)
