"""Voxel-wise comparison of the mean brain and of the spread around it."""

from collections.abc import Sequence

import numpy as np
import torch

from alphagan.metrics.bootstrap import Estimate, Seed, TwoSamples, centred_interval, resample_influence
from alphagan.metrics.checks import check_samples, check_volumes
from alphagan.volumes.prepared import Array


def mean_brain_difference(
    x: Array,
    y: Array,
    groups_x: Sequence | None = None,
    groups_y: Sequence | None = None,
    n_bootstrap: int = 1000,
    *,
    generator: Seed = 0,
) -> Estimate:
    """Mean over all voxels of `|mean of x - mean of y|`.

    Sampling noise alone makes it positive: read it beside real against real at the same sample sizes.

    Parameters
    ----------
    x, y : ndarray or Tensor, (n, S, S, S) and (m, S, S, S)
        Real and generated volumes, float in [-1, 1] or uint8.
    groups_x, groups_y : sequence of labels, optional
        Subject of each volume. None: each its own.
    n_bootstrap : int
        Resamples of the subjects of x, and of y.
    generator : numpy.random.Generator or int
        Draws them; a number is the seed of one.

    Returns
    -------
    Estimate
        In units of intensity, whose range is 2. Where the means hardly differ the interval is too wide rather than too
        narrow (by up to 1.7 times), because the sign of the difference is taken as known in every voxel.

    Raises
    ------
    InputError
        If the sets differ in size of volume, or hold fewer than two subjects.

    Examples
    --------
    >>> volumes = np.load("data/prepared/normal/volumes.npy")
    >>> print(mean_brain_difference(volumes[:10], volumes[10:]))
    0.0289 [0.0116, 0.0445]
    """
    x, y = check_samples(x, y)
    generator = np.random.default_rng(generator)
    mean_x, mean_y = x.mean(0), y.mean(0)
    sign = (mean_x - mean_y).sign()
    of_x, of_y = (
        torch.stack([((volume - mean) * sign).mean() for volume in volumes]).double().cpu().numpy()
        for volumes, mean in ((x, mean_x), (y, mean_y))
    )
    value = (mean_x - mean_y).abs().mean().item()
    samples = TwoSamples(len(x), len(y), groups_x, groups_y)
    return samples.compare_to_first_order(value, of_x, -of_y, n_bootstrap, generator)


def voxelwise_sd(x: Array, groups: Sequence | None = None, n_bootstrap: int = 1000, *, generator: Seed = 0) -> Estimate:
    """Mean over all voxels of the standard deviation across volumes.

    Parameters
    ----------
    x : ndarray or Tensor, (n, S, S, S)
        Volumes, float in [-1, 1] or uint8.
    groups : sequence of labels, optional
        Subject of each volume. None: each its own.
    n_bootstrap : int
        Resamples of the subjects.
    generator : numpy.random.Generator or int
        Draws them; a number is the seed of one.

    Returns
    -------
    Estimate
        In units of intensity, whose range is 2.

    Raises
    ------
    InputError
        If there are fewer than two subjects.

    Examples
    --------
    >>> volumes = np.load("data/prepared/normal/volumes.npy")
    >>> print(voxelwise_sd(volumes))
    0.068 [0.0632, 0.0739]

    Said whom they show, a second copy of every scan is no further witness:

    >>> print(voxelwise_sd(np.concatenate([volumes, volumes]), [*range(20), *range(20)]))
    0.068 [0.0631, 0.0741]
    """
    x, generator = check_volumes("x", x, at_least=2), np.random.default_rng(generator)
    mean, sd = x.mean(0), x.std(0)
    # d sd = d variance / (2 sd); voxels that never vary, such as background, stay at 0.
    slope = torch.where(sd > 0, 0.5 / sd, 0)
    influence = torch.stack([((volume - mean).square() * slope).mean() for volume in x]).double().cpu().numpy()
    change, n = resample_influence(influence, groups, n_bootstrap, generator)
    # Copies of one person vary less than people do: as many people as there are make the variance unbiased.
    scale = ((1 - 1 / len(x)) * n / (n - 1)) ** 0.5
    value = scale * sd.mean().item()
    return Estimate(value, *centred_interval(value, scale * change, n), n=n)
