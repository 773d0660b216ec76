"""Scans of a cohort that are plainly darker or brighter than its others, once each was scaled by itself."""

from collections.abc import Sequence

import numpy as np

# By how much (of logarithms) the median brightness of two groups of scans may differ, and how many standard deviations
# within the groups that may be: what is beyond both of a pair is told. Of 184 people of IXI and 72 of ds002748, at 16,
# 32 and 64 cubed in either fit, and of 960 simulated ones with and without lesions, no cohort is; of draws of 8 to 48
# people of ds002748, some of whom have vessels that are brighter than any brain, up to 2 % are (9 % at 16 cubed).
PLAINLY = ((0.25, 5.0), (0.15, 9.0))
FEWEST = 8  # scans, of fewer of which two groups are easily found


def divided(volumes: np.ndarray) -> tuple[list[int], float]:
    """Divide scans into two groups of brightness, and find the smaller one if they plainly differ.

    Parameters
    ----------
    volumes : ndarray, (n, S, S, S), uint8
        Cubes of brains, background 0. They are gone through one by one, so that a mapped file is never read whole.

    Returns
    -------
    rows : list of int
        Of the smaller group, or of the darker one of two as large; the one that differs most is first. None where the
        groups do not differ.
    ratio : float
        Of their brightness to that of the others, by the means of logarithms of medians.

    Examples
    --------
    >>> brains = np.full((12, 4, 4, 4), 140, np.uint8) + np.arange(12, dtype=np.uint8)[:, None, None, None]
    >>> brains[[3, 5]] = brains[[3, 5]] // 2
    >>> rows, ratio = divided(brains)
    >>> rows, round(ratio, 2)
    ([3, 5], 0.49)
    >>> divided(brains[6:])
    ([], 1.0)
    """
    if len(volumes) < FEWEST:
        return [], 1.0
    brightness = np.log([max(_median(volume), 1) for volume in volumes])
    order = brightness.argsort(kind="stable")
    ordered, n = brightness[order], len(order)
    at = min(range(1, n), key=lambda first: _within(ordered[:first]) + _within(ordered[first:]))
    darker, brighter = ordered[:at], ordered[at:]
    apart = brighter.mean() - darker.mean()
    spread = max(np.sqrt((_within(darker) + _within(brighter)) / (n - 2)), 1e-6)
    if not any(apart > least and apart > times * spread for least, times in PLAINLY):
        return [], 1.0
    if at <= n - at:
        return order[:at].tolist(), float(np.exp(-apart))
    return order[at:][::-1].tolist(), float(np.exp(apart))


def described(volumes: np.ndarray, files: Sequence[str]) -> str:
    """Say which scans are plainly darker or brighter than the others, in a line; "" where none is."""
    rows, ratio = divided(volumes)
    if not rows:
        return ""
    how = f"{1 - ratio:.0%} darker" if ratio < 1 else f"{ratio - 1:.0%} brighter"
    are = "scan, {}, is" if len(rows) == 1 else "scans, such as {}, are"
    return (
        f"{len(rows)} of {len(files)} {are.format(files[rows[0]])} {how} than the others, each by its own scale: "
        "something bright that is not brain (fat, an eye, vessels) may set it, or these were processed otherwise; look "
        "at them, and take these or the others"
    )


def _median(volume: np.ndarray) -> float:
    """Of the brain's voxels, the lower of two."""
    counts = np.bincount(volume.ravel(), minlength=256)[1:].cumsum()
    return float(1 + np.searchsorted(counts, counts[-1] / 2))


def _within(values: np.ndarray) -> float:
    """Sum of squared differences from the mean."""
    return float(((values - values.mean()) ** 2).sum())
