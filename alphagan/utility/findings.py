"""What came out: error of every arm, paired differences with intervals and Holm's correction, worth in real people.

Errors are compared within people and seeds. A resample draws people and seeds with replacement, the same for all arms.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from alphagan.metrics.bootstrap import Estimate, subject_counts
from alphagan.seeding import seed_for
from alphagan.utility.design import CLASSICAL, REAL
from alphagan.utility.experiment import Errors

LEVEL = 0.05
ONE_SEED = " (one seed)"


@dataclass(frozen=True)
class Finding:
    """One arm at one number of training people.

    Parameters
    ----------
    error : Estimate
        Mean absolute error in years.
    difference : Estimate or None
        From real people with classical augmentation; negative is better.
    p, p_holm : float or None
        Of that difference, two-sided, without and with Holm's correction for all comparisons.
    worth : Estimate or None
        How many more real people, without augmentation, would err as little; none for real people alone, and for
        numbers at which arms are not compared. Its interval ends where the numbers that were tried do.
    beyond : str
        "", or where the worth ends: "above" where no number of people that was tried errs so little, "below" where the
        fewest err less.
    verdict : str
        "better", "worse", "no difference shown", or "too small to count"; of one seed, that is said with it, as
        intervals then hold nothing of what one training and another differ by.
    """

    error: Estimate
    difference: Estimate | None = None
    p: float | None = None
    p_holm: float | None = None
    worth: Estimate | None = None
    beyond: str = ""
    verdict: str = ""

    def as_dict(self) -> dict:
        """As written to a file; what is not there is left out."""
        estimates = {key: getattr(self, key) for key in ("error", "difference", "worth")}
        told = {key: value.as_dict() for key, value in estimates.items() if value is not None}
        told |= {key: getattr(self, key) for key in ("p", "p_holm") if getattr(self, key) is not None}
        return told | {key: getattr(self, key) for key in ("beyond", "verdict") if getattr(self, key)}


def findings(errors: Errors, people: list[int], invisible: float, n_bootstrap: int, seed: int) -> dict:
    """Compare all arms.

    Parameters
    ----------
    errors : dict of int to dict of str to ndarray, (seeds, test people)
        As `alphagan.utility.experiment.run` returns them.
    people : list of int
        At which numbers of training people arms are compared; those besides are for the curve of real people.
    invisible : float
        Years; a smaller difference does not count.
    n_bootstrap, seed : int

    Returns
    -------
    dict of int to dict of str to Finding
    """
    n_seeds, n_people = errors[people[0]][REAL].shape
    draws = _resampled(n_seeds, n_people, n_bootstrap, seed)
    means = {n: {arm: (float(of.mean()), draws(of)) for arm, of in arms.items()} for n, arms in errors.items()}
    numbers = sorted(errors)
    curve = np.array([means[n][REAL][0] for n in numbers])
    curves = np.stack([means[n][REAL][1] for n in numbers], 1)
    compared = {}
    for n in people:
        value, drawn_there = means[n][CLASSICAL]
        for arm, (mean, of) in means[n].items():
            if arm != CLASSICAL:
                compared[n, arm] = mean - value, of - drawn_there
    p = {key: two_sided(change) for key, (_, change) in compared.items()}
    corrected = dict(zip(p, holm(list(p.values())), strict=True))
    found = {n: {} for n in numbers}
    for n, arms in means.items():
        for arm, (mean, of) in arms.items():
            told = {"error": _estimate(mean, of, n_people)}
            if (n, arm) in compared:
                difference = _estimate(*compared[n, arm], n_people)
                told |= {"difference": difference, "p": p[n, arm], "p_holm": corrected[n, arm]}
                told["verdict"] = verdict(difference.value, corrected[n, arm], invisible) + ONE_SEED * (n_seeds == 1)
            if n in people and arm != REAL:
                equal = equivalent(mean, curve, numbers)
                each = np.array([equivalent(*pair, numbers) for pair in zip(of, curves, strict=True)])
                told["worth"] = _estimate(equal - n, each - n, n_people)
                told["beyond"] = "above" if mean < curve.min() else "below" if mean > curve[0] else ""
            found[n][arm] = Finding(**told)
    return found


def beyond_guess(errors: np.ndarray, guesses: np.ndarray, n_bootstrap: int, seed: int) -> tuple[Estimate, Estimate]:
    """Error of whoever guesses the mean age, and how much a reader differs from that; negative is better.

    Where a reader is not better, it has not read age, and differences between such readers say nothing of it.

    Parameters
    ----------
    errors, guesses : ndarray, (seeds, test people)
    n_bootstrap, seed : int
    """
    draws, n = _resampled(*errors.shape, n_bootstrap, seed), errors.shape[1]
    return tuple(_estimate(of.mean(), draws(of), n) for of in (guesses, errors - guesses))


def _resampled(n_seeds: int, n_people: int, n_bootstrap: int, seed: int) -> Callable[[np.ndarray], np.ndarray]:
    """Means of errors (seeds, people), people and seeds drawn with replacement, the same ones each time."""
    generator = np.random.default_rng(seed_for("utility", "bootstrap", seed))
    people, seeds = subject_counts(n_people, n_bootstrap, generator), subject_counts(n_seeds, n_bootstrap, generator)
    return lambda of: ((seeds @ of) * people).sum(1) / of.size


def equivalent(error: float, curve: np.ndarray, numbers: list[int]) -> float:
    """Number of real people that err so much: linear in its logarithm between those that were tried.

    Where more people were seen to err more, by chance, the curve is flat. Beyond its ends it is the number at the end.

    Parameters
    ----------
    error : float
    curve : ndarray, (k,)
        Error at each of the numbers.
    numbers : list of int, (k,)
        Ascending.
    """
    falling = np.minimum.accumulate(curve)
    return float(np.exp(np.interp(-error, -falling, np.log(numbers))))


def two_sided(change: np.ndarray) -> float:
    """p-value of no difference, from resampled differences: twice the rarer sign's share, counting one more draw."""
    rarer = min((change <= 0).sum(), (change >= 0).sum())
    return float(min(1.0, 2 * (1 + rarer) / (1 + len(change))))


def holm(p: list[float]) -> list[float]:
    """p-values that hold for all comparisons together, whatever their dependence (Holm 1979)."""
    order = np.argsort(p)
    scaled = np.array(p)[order] * (len(p) - np.arange(len(p)))
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(np.maximum.accumulate(scaled), 1)
    return corrected.tolist()


def verdict(difference: float, p_holm: float, invisible: float) -> str:
    """Say in words what a difference shows."""
    if p_holm >= LEVEL:
        return "no difference shown"
    if abs(difference) < invisible:
        return "too small to count"
    return "better" if difference < 0 else "worse"


def _estimate(value: float, draws: np.ndarray, n: int) -> Estimate:
    return Estimate(float(value), *map(float, np.quantile(draws, [0.025, 0.975])), n=n)
