"""Multi-scale structural similarity in 3D, as a measure of diversity: standard, and as the paper's code has it."""

import numpy as np
import torch

from alphagan.errors import InputError
from alphagan.metrics.checks import check_volumes
from alphagan.metrics.local_similarity import similarities, window_matrix

BETAS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # Wang et al. 2003, from the finest scale to the coarsest
TAPS = 11  # of the window


def n_scales(size: int) -> int:
    """How many scales a cube of side `size` has whose side is no shorter than the window's 11 voxels, at most 5.

    Raises
    ------
    InputError
        If the cube is smaller than the window.
    """
    if size < TAPS:
        raise InputError(f"volumes: MS-SSIM needs a side of at least {TAPS} voxels, found {size}; prepare larger cubes")
    return next(n for n in range(len(BETAS), 0, -1) if size // 2 ** (n - 1) >= TAPS)


def ms_ssim_index_pairs(volumes: torch.Tensor, pairs: np.ndarray, scales: int | None = None) -> torch.Tensor:
    """Standard MS-SSIM (Wang et al. 2003, eq. 7) of pairs of volumes.

    Intensities are moved to [0, 2] first, with range 2: luminance compares means as a ratio, which has a meaning for
    values from 0 upwards alone. On [-1, 1] two mid-grey voxels on either side of 0 would count as opposites.

    Gaussian window of 11 voxels, sigma 1.5, evaluated where it lies wholly inside the volume; 2x2x2 average pooling
    between scales; contrast-structure at every scale, luminance at the coarsest.

    Parameters
    ----------
    volumes : Tensor, (n, S, S, S)
        Volumes in [-1, 1].
    pairs : ndarray of int, (p, 2)
        Rows of `volumes` to compare.
    scales : int, optional
        None: as many as fit, `n_scales(S)`; 3 at 64^3. The exponents of the scales in use are rescaled to sum to 1, so
        that values from different numbers of scales have one meaning, though they are not interchangeable.

    Returns
    -------
    Tensor, (p,)
        1 for identical volumes. A negative mean contrast-structure, which has no real power, counts as 0 (torchmetrics'
        ``normalize="relu"``).

    Raises
    ------
    InputError
        If the volumes are too small for the window or for `scales`.
    """
    check_volumes("volumes", volumes)
    most = n_scales(volumes.shape[-1])
    scales = most if scales is None else scales
    if not 1 <= scales <= most:
        raise InputError(f"scales: {scales} is not in 1..{most}, what {volumes.shape[-1]}^3 volumes have room for")
    c1, c2 = 0.02**2, 0.06**2  # (0.01 L)^2 and (0.03 L)^2 with range L = 2
    contrast, ssim = similarities(volumes, pairs, scales, lambda size: window_matrix(size, TAPS // 2), c1, c2, 1.0)
    betas = torch.tensor(BETAS[:scales], device=volumes.device)
    terms = torch.cat([contrast[:, :-1], ssim[:, None]], dim=1)
    return (terms.clamp(min=0) ** (betas / betas.sum())).prod(1)


def ms_ssim_pairs(a: torch.Tensor, b: torch.Tensor, scales: int | None = None) -> torch.Tensor:
    """Standard MS-SSIM of each volume of `a` with its counterpart in `b`; see `ms_ssim_index_pairs`.

    Parameters
    ----------
    a, b : Tensor, (n, S, S, S)
        Volumes in [-1, 1].
    scales
        As for `ms_ssim_index_pairs`.

    Returns
    -------
    Tensor, (n,)
    """
    return ms_ssim_index_pairs(*_stack(a, b), scales)


def ms_ssim_as_published_index_pairs(volumes: torch.Tensor, pairs: np.ndarray) -> torch.Tensor:
    """MS-SSIM as the authors' released code computes it (3dbraingen, pytorch_ssim), for numbers beside the paper's.

    It departs from the standard in four ways: five scales at any size, the coarsest smaller than the window (4^3 at
    64^3); windows of 13 voxels mirrored at the border, as in ``scipy.ndimage.gaussian_filter``; constants for values
    that span 1 although these span 2; and a misplaced bracket, by which the coarsest term counts four times.

    Parameters
    ----------
    volumes : Tensor, (n, S, S, S)
        Volumes in [-1, 1], S at least 16.
    pairs : ndarray of int, (p, 2)
        Rows of `volumes` to compare.

    Returns
    -------
    Tensor, (p,)
        Lower than the standard value for most pairs. Where a mean is negative the authors' code gives NaN, which would
        spoil an average over pairs; here it counts as 0.

    Raises
    ------
    InputError
        If the volumes are too small for five scales.
    """
    check_volumes("volumes", volumes)
    if volumes.shape[-1] < 16:
        raise InputError(f"volumes: five scales need a side of at least 16 voxels, found {volumes.shape[-1]}")
    c1, c2 = 0.01**2, 0.03**2
    contrast, ssim = similarities(volumes, pairs, 5, lambda size: window_matrix(size, 6, mirror=True), c1, c2)
    betas = torch.tensor(BETAS, device=volumes.device)
    # The bug: prod(contrast_j^beta_j * ssim_5^beta_5) over j = 1..4, with the last factor inside the product,
    # makes it ssim_5^(4 beta_5). Standard: ssim_5^beta_5, once.
    return (contrast[:, :-1].clamp(min=0) ** betas[:-1] * ssim[:, None].clamp(min=0) ** betas[-1]).prod(1)


def ms_ssim_as_published(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """MS-SSIM as published of each volume of `a` with its counterpart in `b`; see `ms_ssim_as_published_index_pairs`.

    Parameters
    ----------
    a, b : Tensor, (n, S, S, S)
        Volumes in [-1, 1].

    Returns
    -------
    Tensor, (n,)
    """
    return ms_ssim_as_published_index_pairs(*_stack(a, b))


def _stack(a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, np.ndarray]:
    if a.shape != b.shape:
        raise InputError(f"a, b: shapes {tuple(a.shape)} and {tuple(b.shape)}; give as many of one size in both")
    return torch.cat([a, b]), np.arange(2 * len(a)).reshape(2, -1).T
