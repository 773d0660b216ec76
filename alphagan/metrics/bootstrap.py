"""Estimates with their uncertainty over subjects."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from scipy.stats import beta

from alphagan.errors import InputError, TooFewError

Seed = np.random.Generator | int  # a generator, or the number that `numpy.random.default_rng` makes one of


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
        If there is not one label per volume.
    TooFewError
        If there is only one subject.
    """
    labels = np.arange(n_volumes) if groups is None else np.asarray(groups)
    if labels.shape != (n_volumes,):
        raise InputError(f"groups: shape {labels.shape} for {n_volumes} volumes; give one subject label per volume")
    index = np.unique(labels, return_inverse=True)[1]
    if n_volumes == 0 or index.max() == 0:
        raise TooFewError("groups: fewer than two subjects, so nothing can be said about others; give more scans")
    return index


def subject_counts(n_subjects: int, n_bootstrap: int, generator: np.random.Generator) -> np.ndarray:
    """How often each subject is drawn in each resample with replacement: (n_bootstrap, n_subjects), float64."""
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


def centred_interval(value: float, draws: np.ndarray) -> tuple[float, float]:
    """95 % interval with the spread of the bootstrap draws, around the value.

    A resample repeats the sampling noise that the value already holds, so that draws of a statistic which noise
    inflates (a distance) lie to one side of it. Only their spread is used. Undefined draws, such as one subject drawn
    every time, are left out.
    """
    draws = draws[np.isfinite(draws)]
    low, high = np.quantile(draws - draws.mean(), [0.025, 0.975])
    return float(value + low), float(value + high)


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
