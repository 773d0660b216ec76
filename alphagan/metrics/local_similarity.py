"""Contrast, structure and luminance of pairs of volumes in Gaussian windows, at several scales: what MS-SSIM combines.

The windows are banded matrices that are multiplied along each axis. Local means and variances belong to a volume, not
to a pair, so they are computed once per volume; each pair then costs one filtering of its product.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch

from alphagan.metrics.checks import full_precision

SIGMA = 1.5
CACHE_BYTES = 2**31  # volumes, local means and variances that are held at a time
BATCH_VOXELS = 2**18  # small enough for intermediate results to stay in the processor's cache


def window_matrix(size: int, radius: int, mirror: bool = False) -> torch.Tensor:
    """Gaussian window (sigma 1.5, 2 `radius` + 1 taps) as a matrix that filters an axis of `size` voxels.

    Parameters
    ----------
    size, radius : int
        Voxels.
    mirror : bool
        False: only windows wholly inside. True: one window per voxel, the axis mirrored about its ends.

    Returns
    -------
    Tensor, (size - 2 radius or size, size)
        Rows sum to 1.
    """
    taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / SIGMA) ** 2)
    axis = np.eye(size)
    if mirror:
        axis = np.pad(axis, ((radius, radius), (0, 0)), mode="symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(axis, len(taps), axis=0)
    return torch.from_numpy(windows @ (taps / taps.sum())).float()


def _filter(x: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
    """Apply a window matrix along the last three axes of (b, S, S, S)."""
    x = matrix @ (x @ matrix.T)
    return (matrix @ x.flatten(2)).unflatten(2, x.shape[2:])


@full_precision()
def similarities(
    volumes: torch.Tensor,
    pairs: np.ndarray,
    scales: int,
    window: Callable[[int], torch.Tensor],
    c1: float,
    c2: float,
    offset: float = 0.0,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Compare pairs of volumes at several scales, each half as fine as the one before it.

    Parameters
    ----------
    volumes : Tensor, (n, S, S, S)
    pairs : ndarray of int, (p, 2)
        Rows of `volumes` to compare.
    scales : int
    window : callable
        Takes the side of a cube and returns the `window_matrix` to filter it with.
    c1, c2 : float
        Constants of the luminance and of the contrast-structure.
    offset : float
        Added to all intensities.

    Returns
    -------
    contrast : Tensor, (p, scales)
        Mean contrast-structure at every scale.
    ssim : Tensor, (p,)
        Mean SSIM at the coarsest.
    """
    contrast = volumes.new_empty((len(pairs), scales), dtype=torch.float32)
    ssim = volumes.new_empty(len(pairs), dtype=torch.float32)
    most = max(2, CACHE_BYTES // (12 * volumes[0].numel()))
    for rows in _chunks(pairs, most):
        distinct, local = np.unique(pairs[rows], return_inverse=True)
        left, right = local.reshape(-1, 2).T
        x = volumes[torch.from_numpy(distinct)].float().add_(offset)
        for scale in range(scales):
            batch = max(1, BATCH_VOXELS // x[0].numel())
            # The finest scale averages its rounding errors over many voxels; the coarser ones are cheap in float64.
            x = torch.cat([_halve(part) for part in x.split(batch)]) if scale else x
            matrix = window(x.shape[-1]).to(x)
            batch = max(1, BATCH_VOXELS // x[0].numel())
            mean, variance = x.new_empty(2, len(x), *[len(matrix)] * 3)
            for part, means, variances in zip(x.split(batch), mean.split(batch), variance.split(batch), strict=True):
                means[:], variances[:] = _moments(part, matrix)
            for start in range(0, len(left), batch):
                a, b = left[start : start + batch], right[start : start + batch]
                here = slice(rows.start + start, rows.start + start + len(a))
                mean_a, mean_b = _rows(mean, a), _rows(mean, b)
                product = mean_a * mean_b
                covariance = _filter(_rows(x, a) * _rows(x, b), matrix) - product
                structure = (2 * covariance + c2) / (_rows(variance, a) + _rows(variance, b) + c2)
                contrast[here, scale] = structure.mean((1, 2, 3))
                if scale == scales - 1:
                    luminance = (2 * product + c1) / (mean_a.square() + mean_b.square() + c1)
                    ssim[here] = (luminance * structure).mean((1, 2, 3))
    return contrast, ssim


def _rows(x: torch.Tensor, rows: np.ndarray) -> torch.Tensor:
    """Rows of `x`; one alone, as large volumes are taken, without a copy."""
    return x[rows[0] : rows[0] + 1] if len(rows) == 1 else x[torch.from_numpy(rows)]


def _halve(x: torch.Tensor) -> torch.Tensor:
    """2x2x2 average pooling in float64, several times faster than torch's; an odd plane at the end is left out."""
    x = x.double()
    for axis in (3, 2, 1):
        whole = 2 * (x.shape[axis] // 2)
        first, second = (x.narrow(axis, 0, whole).unflatten(axis, (-1, 2)).select(axis + 1, i) for i in (0, 1))
        x = first + second
    return x / 8


def _moments(x: torch.Tensor, matrix: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Local mean and variance."""
    mean = _filter(x, matrix)
    return mean, (_filter(x * x, matrix) - mean * mean).clamp_(min=0)


def _chunks(pairs: np.ndarray, most: int) -> Iterator[slice]:
    """Cut the list of pairs where the number of distinct volumes would exceed `most`."""
    start, seen = 0, set()
    for row, pair in enumerate(pairs.tolist()):
        if len(seen) + len(set(pair) - seen) > most:
            yield slice(start, row)
            start, seen = row, set()
        seen.update(pair)
    if start < len(pairs):
        yield slice(start, len(pairs))
