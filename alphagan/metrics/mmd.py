"""Maximum mean discrepancy between real and generated volumes: as the paper computes it, and unbiased.

The published value is the squared distance between the means of two mini-batches. In expectation it is

    |mean_x - mean_y|^2 + (trace(Cov_x) + trace(Cov_y)) / B,

so that a generator which always returns the mean volume scores better than real scans do against each other. The
unbiased estimates are free of the second term, and only the RBF kernel sees more of a distribution than its mean.
Everything is computed from inner products between volumes, which are formed once (Gretton et al., JMLR 2012).
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch

from alphagan.errors import InputError, TooFewError, whole_number
from alphagan.metrics.bootstrap import Estimate, Seed, TwoSamples
from alphagan.metrics.checks import check_samples, full_precision
from alphagan.volumes.prepared import Array

BLOCK = 8192  # voxels per step: bounds the working memory, and the length of the float32 sums


class MMD:
    """Squared maximum mean discrepancy between two samples, every estimate from the same inner products.

    Parameters
    ----------
    x, y : ndarray or Tensor, (n, S, S, S) and (m, S, S, S)
        Real and generated volumes, float in [-1, 1] or uint8.
    groups_x, groups_y : sequence of labels, optional
        Subject of each volume. None: each its own.

    Attributes
    ----------
    samples : TwoSamples
        Whom they show.
    median_distance : float
        Median Euclidean distance between the volumes of both samples together, the default bandwidth of the RBF kernel.

    Raises
    ------
    InputError
        If the samples differ in size of volume, or hold fewer than two subjects.
    """

    def __init__(self, x: Array, y: Array, groups_x: Sequence | None = None, groups_y: Sequence | None = None):
        x, y = check_samples(x, y)
        self.samples = TwoSamples(len(x), len(y), groups_x, groups_y)
        self.inner = _inner_products(x.flatten(1), y.flatten(1))
        self.squared_distances = _squared_distances(*self.inner)
        xx, xy, yy = self.squared_distances
        pairs = [xx[np.triu_indices(len(xx), 1)], xy.ravel(), yy[np.triu_indices(len(yy), 1)]]
        self.median_distance = float(np.sqrt(np.median(np.concatenate(pairs))))

    def published_value(self, batch: int, repeats: int, generator: np.random.Generator) -> float:
        """Value of `mmd_as_published`."""
        batch, repeats = whole_number("batch", batch, 1), whole_number("repeats", repeats, 1)
        xx, xy, yy = self.inner
        n, m = xy.shape
        n_batches = min(n, m) // batch
        if n_batches == 0:
            raise TooFewError(f"batches of {batch} (mmd_batch) need as many volumes, found {min(n, m)}; give more")
        total = 0.0
        for _ in range(repeats):
            i = generator.permutation(n)[: n_batches * batch].reshape(n_batches, batch)
            j = generator.permutation(m)[: n_batches * batch].reshape(n_batches, batch)
            total += xx[i[:, :, None], i[:, None]].mean()
            total += yy[j[:, :, None], j[:, None]].mean()
            total -= 2 * xy[i[:, :, None], j[:, None]].mean()
        return float(total / repeats)

    def as_published(
        self, batch: int = 8, repeats: int = 100, n_bootstrap: int = 1000, *, generator: np.random.Generator
    ) -> Estimate:
        """Published value, with the interval that its expectation has when subjects are resampled.

        Parameters
        ----------
        batch, repeats : int
            As for `mmd_as_published`.
        n_bootstrap : int
            Resamples of the subjects of both samples.
        generator : numpy.random.Generator
            Shuffles and resamples.

        Returns
        -------
        Estimate
            Squared distance, not yet multiplied by 1e-4.
        """
        value = self.published_value(batch, repeats, generator)
        unbiased, traces = self._unbiased(self.inner, *self.samples.resample(n_bootstrap, generator))
        return self.samples.estimate(value, unbiased + traces / batch)

    def unbiased_value(self, kernel: Literal["linear", "rbf"], bandwidth: float | None = None) -> float:
        """Squared MMD as a U-statistic (Gretton et al. 2012, eq. 3); zero in expectation for equal distributions.

        Arguments are those of `unbiased`.
        """
        return self._unbiased(self.kernels(kernel, bandwidth), *self.samples.ones())[0].item()

    def unbiased(
        self,
        kernel: Literal["linear", "rbf"] = "rbf",
        bandwidth: float | None = None,
        n_bootstrap: int = 1000,
        *,
        generator: np.random.Generator,
    ) -> Estimate:
        """Unbiased value with its bootstrap interval.

        Parameters
        ----------
        kernel : {"linear", "rbf"}
            x.y, which compares means and nothing else, or exp(-|x - y|^2 / (2 bandwidth^2)).
        bandwidth : float, optional
            None: the median Euclidean distance between the volumes of both samples together. Give models that stand in
            one table one bandwidth, for instance the median distance of real against real.
        n_bootstrap : int
            Resamples of the subjects of both samples.
        generator : numpy.random.Generator
            Draws them.

        Returns
        -------
        Estimate
            May be negative. Where the two distributions are equal the interval is too wide rather than too narrow (by
            about 1.7 times), because there the statistic is degenerate.
        """
        kernels = self.kernels(kernel, bandwidth)
        return self.samples.compare(
            lambda *weights: self._unbiased(kernels, *weights)[0], self.samples.resample(n_bootstrap, generator)
        )

    def kernels(self, kernel: str, bandwidth: float | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Kernel within and between the samples, (n, n), (n, m) and (m, m); arguments as for `unbiased`."""
        if kernel == "linear":
            return self.inner
        if kernel != "rbf":
            raise InputError(f"kernel: {kernel!r} is unknown; use linear or rbf")
        if bandwidth is not None and not 0 < bandwidth < np.inf:
            raise InputError(f"bandwidth: {bandwidth}; give a distance above 0, or None for the median of all volumes")
        bandwidth = self.median_distance if bandwidth is None else bandwidth
        if bandwidth == 0:
            raise InputError("bandwidth: 0, as most volumes are identical; pass the median distance of the real ones")
        return tuple(np.exp(squared / (-2 * bandwidth**2)) for squared in self.squared_distances)

    def _unbiased(
        self, kernels: tuple[np.ndarray, np.ndarray, np.ndarray], weights_x: np.ndarray, weights_y: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Unbiased squared MMD, and the sum of the traces of both covariances; one each per row of weights."""
        xx, xy, yy = kernels
        within, trace, marginal = [], [], []
        for kernel, subject, weight in zip((xx, yy), self.samples.subjects, (weights_x, weights_y), strict=True):
            different = (subject[:, None] != subject).astype(float)
            # How much a volume weighs in all pairs with other subjects. Weighing it likewise between the samples keeps
            # the statistic independent of the origin. A resample of one subject drawn every time has no pairs: NaN.
            pair_weight = (weight @ different) * weight
            total = pair_weight.sum(1, keepdims=True)
            total[total == 0] = np.nan
            marginal.append(pair_weight / total)
            within.append(((weight @ (kernel * different)) * weight).sum(1) / total[:, 0])
            trace.append(marginal[-1] @ np.diag(kernel) - within[-1])
        return sum(within) - 2 * ((marginal[0] @ xy) * marginal[1]).sum(1), sum(trace)


def mmd_as_published(
    x: Array,
    y: Array,
    groups_x: Sequence | None = None,
    groups_y: Sequence | None = None,
    batch: int = 8,
    repeats: int = 100,
    n_bootstrap: int = 1000,
    *,
    generator: Seed = 0,
) -> Estimate:
    """Batch-wise squared MMD of the paper: linear kernel, diagonal kept, no division by the number of voxels.

    Parameters
    ----------
    x, y : ndarray or Tensor, (n, S, S, S) and (m, S, S, S)
        Real and generated volumes, float in [-1, 1] or uint8. (The authors draw new samples for every batch.)
    groups_x, groups_y : sequence of labels, optional
        Subject of each volume. None: each its own.
    batch : int
        B. The score depends on it.
    repeats : int
        How often both samples are shuffled, cut into batches (the shorter sample sets how many) and averaged.
    n_bootstrap : int
        Resamples of the subjects of both samples.
    generator : numpy.random.Generator or int
        Shuffles and resamples; a number is the seed of one.

    Returns
    -------
    Estimate
        Mean of (1/B^2) sum(x x' + y y' - 2 x y'). Table 1 of the paper, headed "MMD x 10^-4", shows this times 1e-4.

    Raises
    ------
    InputError
        If there are fewer volumes than `batch`, or the samples differ in size of volume.

    Examples
    --------
    A generator that always returns the mean volume scores better than the real distribution itself:

    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.normal(0, 0.3, (2, 40, 8, 8, 8))
    >>> collapsed = np.broadcast_to(x.mean(0), y.shape)
    >>> print(mmd_as_published(x, y), "|", mmd_as_published(x, collapsed))
    11.3 [10.8, 11.7] | 4.58 [4.43, 4.73]
    """
    generator = np.random.default_rng(generator)
    return MMD(x, y, groups_x, groups_y).as_published(batch, repeats, n_bootstrap, generator=generator)


def _inner_products(x: torch.Tensor, y: torch.Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Products x x', x y', y y' of rows about their common mean: float32 in a block of voxels, float64 across."""
    n, m = len(x), len(y)
    xx, xy, yy = (x.new_zeros(shape, dtype=torch.float64) for shape in ((n, n), (n, m), (m, m)))
    with full_precision():
        for start in range(0, x.shape[1], BLOCK):
            a, b = (rows[:, start : start + BLOCK].float() for rows in (x, y))
            # Neither kernel changes when both samples move together, and small numbers keep more digits.
            centre = (a.sum(0) + b.sum(0)) / (n + m)
            a, b = a - centre, b - centre
            xx += a @ a.T
            xy += a @ b.T
            yy += b @ b.T
    return tuple(product.cpu().numpy() for product in (xx, xy, yy))


def _squared_distances(xx: np.ndarray, xy: np.ndarray, yy: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    norm_x, norm_y = np.diag(xx), np.diag(yy)
    pairs = ((norm_x, norm_x, xx), (norm_x, norm_y, xy), (norm_y, norm_y, yy))
    return tuple(np.maximum(a[:, None] + b - 2 * product, 0) for a, b, product in pairs)
