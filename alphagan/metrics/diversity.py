"""How alike the brains of one sample are: MS-SSIM over pairs of different subjects."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from alphagan.errors import whole_number
from alphagan.metrics.bootstrap import Estimate, Seed
from alphagan.metrics.checks import check_volumes
from alphagan.metrics.ms_ssim import ms_ssim_as_published_index_pairs, ms_ssim_index_pairs, n_scales
from alphagan.metrics.pairs import mean_over_pairs, random_pairs
from alphagan.volumes.prepared import Array

PUBLISHED_SCALES = 5


def ms_ssim_within(
    x: Array, groups: Sequence | None = None, n_pairs: int = 1000, *, generator: Seed = 0
) -> dict[str, Estimate]:
    """MS-SSIM within a sample, standard and as published; the lower, the more diverse.

    Read it beside what real scans have among themselves: lower is not better, as noise is diverse too.

    Parameters
    ----------
    x : ndarray or Tensor, (n, S, S, S)
        Volumes, float in [-1, 1] or uint8, S at least 16.
    groups : sequence of labels, optional
        Subject of each volume; pairs are of different ones. None: each its own.
    n_pairs : int
        How many pairs are drawn.
    generator : numpy.random.Generator or int
        Draws them; a number is the seed of one.

    Returns
    -------
    dict of str to Estimate
        ms_ssim : as many scales as fit, named in `basis`; see `alphagan.metrics.ms_ssim.ms_ssim_index_pairs`.
        ms_ssim_as_published : as the authors' released code has it, at five scales.

    Raises
    ------
    InputError
        If the volumes are too small.
    TooFewError
        If there are fewer than three subjects.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> one, noise = rng.uniform(-1, 1, (16, 16, 16)), rng.normal(0, 0.1, (8, 16, 16, 16))
    >>> found = ms_ssim_within(one + noise)
    >>> print(found["ms_ssim"], "|", found["ms_ssim_as_published"])
    0.971 [0.97, 0.972] | 0.97 [0.966, 0.974]
    """
    x, generator = check_volumes("x", x), np.random.default_rng(generator)
    pairs = random_pairs(len(x), whole_number("n_pairs", n_pairs, 2), groups, generator=generator)
    standard = mean_over_pairs(ms_ssim_index_pairs(x, pairs), pairs, groups)
    published = mean_over_pairs(ms_ssim_as_published_index_pairs(x, pairs), pairs, groups)
    return {
        "ms_ssim": replace(standard, basis=f"{n_scales(x.shape[-1])} scales"),
        "ms_ssim_as_published": replace(published, basis=f"{PUBLISHED_SCALES} scales"),
    }
