"""Whether real and generated volumes could come from one distribution: a permutation test on the unbiased MMD^2."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from alphagan.errors import whole_number
from alphagan.metrics.bootstrap import Estimate, Seed, share
from alphagan.metrics.mmd import MMD
from alphagan.volumes.prepared import Array

DRAWS = 25  # of one volume for each subject, where some have several


def mmd_rbf(
    x: Array,
    y: Array,
    groups_x: Sequence | None = None,
    groups_y: Sequence | None = None,
    bandwidth: float | None = None,
    n_bootstrap: int = 1000,
    n_permutations: int = 1000,
    *,
    generator: Seed = 0,
) -> dict[str, Estimate]:
    """Unbiased squared MMD with the RBF kernel, and whether it shows any difference.

    Parameters
    ----------
    x, y : ndarray or Tensor, (n, S, S, S) and (m, S, S, S)
        Real and generated volumes, float in [-1, 1] or uint8.
    groups_x, groups_y : sequence of labels, optional
        Subject of each volume. None: each its own.
    bandwidth : float, optional
        Of the kernel exp(-d^2 / (2 bandwidth^2)). None: the median Euclidean distance between all volumes. Give models
        that stand in one table one bandwidth.
    n_bootstrap : int
        Resamples of the subjects of both samples, for the interval.
    n_permutations : int
        Random divisions of the subjects, for the p-value.
    generator : numpy.random.Generator or int
        Draws them; a number is the seed of one.

    Returns
    -------
    dict of str to Estimate
        mmd_rbf : zero in expectation for equal distributions, so at times negative; see `MMD.unbiased`.
        mmd_rbf_p : see `p_value`.

    Raises
    ------
    InputError
        If the samples differ in size of volume, or hold fewer than two subjects.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> real, others = rng.normal(0, 0.3, (2, 40, 8, 8, 8))
    >>> blurred = (others + np.roll(others, 1, axis=1)) / 2
    >>> for generated in (others, blurred):
    ...     found = mmd_rbf(real, generated)
    ...     print("MMD^2", found["mmd_rbf"], "p", found["mmd_rbf_p"])
    MMD^2 -0.00189 [-0.00485, 0.00115] p 0.984 [0.974, 0.991]
    MMD^2 0.0146 [0.0114, 0.0181] p 0.000999 [0, 0.00368]
    """
    generator = np.random.default_rng(generator)
    mmd = MMD(x, y, groups_x, groups_y)
    return {
        "mmd_rbf": mmd.unbiased("rbf", bandwidth, n_bootstrap, generator=generator),
        "mmd_rbf_p": p_value(mmd, bandwidth, n_permutations, generator=generator),
    }


def p_value(
    mmd: MMD, bandwidth: float | None = None, n_permutations: int = 1000, *, generator: np.random.Generator
) -> Estimate:
    """Permutation p-value of the RBF kernel, with one volume of each subject.

    Which of a person's copies is drawn moves it a good deal. So it is drawn again and again, and twice the median of
    the p-values, which is valid whatever their dependence (Rüger 1978), stands between twice their 2.5th and 97.5th
    percentiles. Where every subject has one volume it stands in the interval of a share of so many permutations.
    """
    n, people = n_permutations, mmd.samples.n
    if all(subject.max() + 1 == len(subject) for subject in mmd.samples.subjects):
        p = permutation_p_value(mmd, "rbf", bandwidth, n, generator=generator)
        interval = share(p * (n + 1) - 1, n)
        return Estimate(p, min(interval.low, p), max(interval.high, p), people)
    each = [permutation_p_value(mmd, "rbf", bandwidth, n, 1, generator=generator) for _ in range(DRAWS)]
    low, median, high = np.minimum(2 * np.quantile(each, [0.025, 0.5, 0.975]), 1)
    return Estimate(float(median), float(low), float(high), people)


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
    n_permutations = whole_number("n_permutations", n_permutations, 1)
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
