"""How far two samples of numbers differ, as effect sizes that have no unit."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from alphagan.errors import InputError
from alphagan.metrics.bootstrap import Estimate, TwoSamples

RANGES = {"cliffs_delta": (-1.0, 1.0), "kolmogorov_smirnov": (0.0, 1.0)}  # which no interval leaves


def effect_sizes(
    x: np.ndarray,
    y: np.ndarray,
    groups_x: Sequence | None = None,
    groups_y: Sequence | None = None,
    n_bootstrap: int = 1000,
    *,
    generator: np.random.Generator,
) -> dict[str, Estimate]:
    """Compare two samples of numbers.

    Parameters
    ----------
    x, y : ndarray, (n,) and (m,)
        One number for each real and each generated volume.
    groups_x, groups_y : sequence of labels, optional
        Subject of each volume. None: each its own.
    n_bootstrap : int
        Resamples of the subjects of both samples.
    generator : numpy.random.Generator
        Draws them.

    Returns
    -------
    dict of str to Estimate
        cohens_d : (mean of y - mean of x) over the root of the mean of both variances (Cohen 1988, eq. 2.5.1).
        cliffs_delta : probability that a y exceeds an x, less the probability of the opposite (Cliff 1993); -1 to 1.
        Ranks alone count, so that outliers do not matter.
        kolmogorov_smirnov : largest difference of the cumulative distributions; 0 to 1. The only one of the three that
        sees a spread which is too narrow or too wide. Sampling noise makes it positive.

    Raises
    ------
    InputError
        If a sample holds fewer than two subjects or a number that is not finite, or neither sample varies.
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    samples = TwoSamples(len(x), len(y), groups_x, groups_y)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise InputError("x, y: numbers that are not finite; leave out the volumes that have them")
    if not (np.ptp(x) or np.ptp(y)):
        raise InputError(f"x, y: no number differs from {x[0]:g} in x or {y[0]:g} in y; check the volumes")
    weights = samples.resample(n_bootstrap, generator)
    statistics = {"cohens_d": _cohens_d, "cliffs_delta": _cliffs_delta, "kolmogorov_smirnov": _kolmogorov_smirnov}
    found = {name: samples.compare(partial(statistic, x, y), weights) for name, statistic in statistics.items()}
    return {name: estimate.within(*RANGES.get(name, (-np.inf, np.inf))) for name, estimate in found.items()}


# Below: x (n,) and y (m,), with weights (r, n) and (r, m) of whole numbers; one value for each row of weights.


def _cohens_d(x: np.ndarray, y: np.ndarray, weights_x: np.ndarray, weights_y: np.ndarray) -> np.ndarray:
    means, variances = [], []
    for values, weights in ((x, weights_x), (y, weights_y)):
        total = weights.sum(1)
        means.append(weights @ values / total)
        variances.append((weights * (values - means[-1][:, None]) ** 2).sum(1) / (total - 1))
    with np.errstate(divide="ignore", invalid="ignore"):  # a resample that does not vary is left out of the interval
        return (means[1] - means[0]) / np.sqrt((variances[0] + variances[1]) / 2)


def _cliffs_delta(x: np.ndarray, y: np.ndarray, weights_x: np.ndarray, weights_y: np.ndarray) -> np.ndarray:
    sign = np.sign(y - x[:, None])
    return ((weights_x @ sign) * weights_y).sum(1) / (weights_x.sum(1) * weights_y.sum(1))


def _kolmogorov_smirnov(x: np.ndarray, y: np.ndarray, weights_x: np.ndarray, weights_y: np.ndarray) -> np.ndarray:
    values = np.unique(np.concatenate([x, y]))
    below = [
        weights @ (sample[:, None] <= values) / weights.sum(1, keepdims=True)
        for sample, weights in ((x, weights_x), (y, weights_y))
    ]
    return np.abs(below[0] - below[1]).max(1)
