"""Intensities inside the brain: their distribution, and how far two samples of volumes differ in it."""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from alphagan.errors import InputError
from alphagan.metrics.bootstrap import Estimate, Seed, TwoSamples
from alphagan.metrics.checks import check_volumes
from alphagan.volumes.prepared import Array

LEVELS = np.linspace(-1, 1, 256)  # of the prepared scans, which have 8 bits
BRIGHT = 0.98  # quantile of a cube's intensities that counts as its bright tissue
BRAIN_SHARE = 0.1  # of bright tissue, from which on a voxel is brain; CSF has about 0.3 in T1w


def brain_masks(x: Array) -> np.ndarray:
    """Tell brain from background: brighter than a tenth of the bright tissue, or enclosed by such voxels.

    The threshold moves with each volume's own brightness, counted from the background, so that an augmented scan has
    the mask of the scan itself.

    Parameters
    ----------
    x : Tensor, (n, S, S, S)
        Volumes in [-1, 1].

    Returns
    -------
    ndarray of bool, (n, S, S, S)

    Raises
    ------
    InputError
        If a volume is all background.
    """
    x = check_volumes("volumes", x)
    masks = np.empty(x.shape, dtype=bool)
    outside = np.ones([side + 2 for side in x.shape[1:]], dtype=bool)
    rank = int(BRIGHT * (x[0].numel() - 1))
    for row, volume in enumerate(x):
        values = volume.float().cpu() + 1
        bright = values.flatten().kthvalue(rank + 1).values  # sixty times as fast as numpy's partition, which ties slow
        if bright <= 0:
            raise InputError(f"volumes: number {row} is all background; leave it out")
        outside[1:-1, 1:-1, 1:-1] = values <= BRAIN_SHARE * bright
        label, _ = ndimage.label(outside)  # the border of width 1 joins whatever is truly outside
        masks[row] = (label != label[0, 0, 0])[1:-1, 1:-1, 1:-1]
    return masks


def level_counts(x: Array, masks: np.ndarray | None = None) -> np.ndarray:
    """Histogram of the intensities inside each brain.

    Parameters
    ----------
    x : Tensor, (n, S, S, S)
        Volumes in [-1, 1].
    masks : ndarray of bool, (n, S, S, S), optional
        Their `brain_masks`, if they are known already.

    Returns
    -------
    ndarray of int, (n, 256)
        How many voxels are nearest to each of the `LEVELS`.

    Raises
    ------
    InputError
        As `brain_masks` does.
    """
    x = check_volumes("volumes", x)
    masks = brain_masks(x) if masks is None else masks
    counts = np.empty((len(x), len(LEVELS)), dtype=np.int64)
    for row, (volume, mask) in enumerate(zip(x, masks, strict=True)):
        values = volume.float().cpu().numpy()[mask]
        nearest = np.rint((values + 1) * ((len(LEVELS) - 1) / 2)).clip(0, len(LEVELS) - 1)
        counts[row] = np.bincount(nearest.astype(np.intp), minlength=len(LEVELS))
    return counts


def intensity_distance(
    x: Array,
    y: Array,
    groups_x: Sequence | None = None,
    groups_y: Sequence | None = None,
    n_bootstrap: int = 1000,
    *,
    generator: Seed = 0,
) -> Estimate:
    """Wasserstein-1 distance between the intensities inside all brains of either sample.

    In one dimension it is the area between the two cumulative distributions. It does not see where in the brain an
    intensity lies, nor how brains differ among each other: a generator that always returns one typical scan does well.

    Parameters
    ----------
    x, y : ndarray or Tensor, (n, S, S, S) and (m, S, S, S)
        Real and generated volumes, float in [-1, 1] or uint8; or their `level_counts`, (n, 256) and (m, 256), if these
        are known already. Every voxel counts once, so large brains count more.
    groups_x, groups_y : sequence of labels, optional
        Subject of each volume. None: each its own.
    n_bootstrap : int
        Resamples of the subjects of both samples.
    generator : numpy.random.Generator or int
        Draws them; a number is the seed of one.

    Returns
    -------
    Estimate
        In units of intensity, whose range is 2: by how much voxels would have to change, on average, for the
        distributions to agree. Sampling noise makes it positive.

    Raises
    ------
    InputError
        If a volume is all background, or a sample holds fewer than two subjects.

    Examples
    --------
    Volumes that are darker by half, whose background is as dark as before:

    >>> volumes = np.load("data/prepared/normal/volumes.npy")
    >>> print(intensity_distance(volumes[:10], volumes[10:] // 2))
    0.471 [0.471, 0.471]
    """
    generator = np.random.default_rng(generator)
    counts_x, counts_y = (sample if sample.ndim == 2 else level_counts(sample) for sample in (x, y))
    samples = TwoSamples(len(counts_x), len(counts_y), groups_x, groups_y)
    return samples.compare(
        lambda weights_x, weights_y: _area(weights_x @ counts_x, weights_y @ counts_y),
        samples.resample(n_bootstrap, generator),
    )


def _area(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Area between the cumulative distributions of two histograms, along the last axis."""
    x, y = (np.cumsum(counts, -1) / counts.sum(-1, keepdims=True) for counts in (x, y))
    return np.abs(x - y).sum(-1) * (LEVELS[1] - LEVELS[0])
