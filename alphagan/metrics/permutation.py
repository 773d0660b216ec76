"""Whether real and generated volumes could come from one distribution: a permutation test on the unbiased MMD^2."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from alphagan.errors import InputError
from alphagan.metrics.mmd import MMD


def permutation_p_value(
    mmd: MMD,
    kernel: Literal["linear", "rbf"] = "rbf",
    bandwidth: float | None = None,
    n_permutations: int = 1000,
    most: int | None = None,
    *,
    generator: np.random.Generator,
) -> float:
    """Share of random divisions of the subjects whose unbiased MMD^2 is at least as large as the one observed.

    Subjects change sides with all their volumes, since the scans of one person are no independent witnesses. For the
    test to be exact every subject must have as many volumes: where some have more, as many as the others have are drawn
    at random. The p-value is (1 + count) / (1 + n_permutations), which is valid for any number of permutations (Phipson
    & Smyth 2010).

    Parameters
    ----------
    mmd : MMD
        Of real and generated volumes.
    kernel, bandwidth : str, float
        As for `MMD.unbiased`.
    n_permutations : int
        Random divisions.
    most : int, optional
        Volumes of a subject that are used at most. With 1, tests against samples whose subjects have one volume and
        against others whose subjects have several are of one kind.
    generator : numpy.random.Generator
        Draws volumes and divisions.

    Returns
    -------
    float
        From 1 / (1 + n_permutations) to 1. Small: the distributions differ. Large: at these sample sizes the kernel
        sees no difference, which is no proof that there is none.

    Raises
    ------
    InputError
        If `n_permutations` is below 1, or as `MMD.unbiased` does.
    """
    if n_permutations < 1:
        raise InputError(f"n_permutations: {n_permutations}; use at least 1, and 1000 for a p-value of 0.001")
    xx, xy, yy = mmd.kernels(kernel, bandwidth)
    volumes = _equally_many(mmd.samples.subjects, most, generator)  # (n, c)
    n, c = volumes.shape
    pooled = np.block([[xx, xy], [xy.T, yy]])[np.ix_(volumes.ravel(), volumes.ravel())]
    between_subjects = pooled.reshape(n, c, n, c).mean((1, 3))
    np.fill_diagonal(between_subjects, 0)

    sides = np.zeros((n_permutations + 1, n))
    sides[:, : mmd.samples.subjects[0].max() + 1] = 1
    sides[1:] = generator.permuted(sides[1:], axis=1)
    values = _unbiased(between_subjects, sides)
    # Rounding must not decide between divisions that are equal.
    tolerance = 1e-9 * np.abs(between_subjects).max()
    return float((1 + (values[1:] >= values[0] - tolerance).sum()) / (1 + n_permutations))


def _equally_many(subjects: Sequence[np.ndarray], most: int | None, generator: np.random.Generator) -> np.ndarray:
    """Rows of the pooled sample, as many of each subject, (subjects, c)."""
    index = np.concatenate([subjects[0], subjects[1] + subjects[0].max() + 1])
    n_of_each = min(np.bincount(index).min(), most or len(index))
    shuffled = generator.permutation(len(index))
    order = shuffled[np.argsort(index[shuffled], kind="stable")]  # by subject, in random order within each
    first = np.searchsorted(index[order], np.arange(index.max() + 1))
    return order[first[:, None] + np.arange(n_of_each)]


def _unbiased(kernel: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """Unbiased MMD^2 of each division: `sides` (r, n) has 1 for one side and 0 for the other; the diagonal is 0."""
    others = 1 - sides
    m, n = sides[0].sum(), others[0].sum()
    with_sides = sides @ kernel
    within_sides, between = (with_sides * sides).sum(1), (with_sides * others).sum(1)
    within_others = kernel.sum() - within_sides - 2 * between
    return within_sides / (m * (m - 1)) + within_others / (n * (n - 1)) - 2 * between / (m * n)
