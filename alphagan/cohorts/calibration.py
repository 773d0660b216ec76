"""How much the brains of a cohort vary, in a few numbers, so that simulated subjects can be set beside real ones."""

import numpy as np

from alphagan.errors import InputError
from alphagan.metrics.ms_ssim import ms_ssim_index_pairs
from alphagan.metrics.pairs import random_pairs
from alphagan.volumes import to_range

# `spread` of the T1w scans of IXI's Hammersmith hospital (3 T, skull-stripped, 2 mm; brain-development.org,
# CC BY-SA 3.0), prepared at 32^3 with fit: stretch. The template cohort is calibrated to it.
IXI_REFERENCE = {
    "n": 184,
    "brain_ml_mean": 1649.0,
    "brain_ml_cv": 0.1072,
    "ap_lr_mean": 1.278,
    "ap_lr_sd": 0.0768,
    "si_lr_mean": 1.039,
    "si_lr_sd": 0.0459,
    "ms_ssim": 0.730,
    "voxel_sd": 0.1303,
    "intensity_mean": 0.510,
    "intensity_sd": 0.243,
}


def spread(volumes: np.ndarray, voxel_sizes_mm: np.ndarray, n_pairs: int = 1000, seed: int = 0) -> dict[str, float]:
    """Measure how much brains vary in size, shape and appearance.

    Parameters
    ----------
    volumes : ndarray, shape (N, S, S, S), uint8
        Prepared volumes, one per subject, each stretched to its bounding box (``fit: stretch``); 0 is background.
    voxel_sizes_mm : ndarray, shape (N, 3)
        Their voxel sizes along X, Y and Z.
    n_pairs : int
        Pairs of subjects to compare.
    seed : int
        Chooses the pairs.

    Returns
    -------
    dict
        n : number of subjects. brain_ml_mean, brain_ml_cv : volume of the non-zero voxels (edge voxels count whole, so
        it is larger than the brain's), and its standard deviation relative to its mean. ap_lr_mean, ap_lr_sd,
        si_lr_mean, si_lr_sd : length and height of the bounding box over its width. ms_ssim : mean over pairs of
        subjects, as `alphagan.metrics.ms_ssim` has it. voxel_sd : standard deviation across subjects on the scale of
        [-1, 1], mean over voxels. intensity_mean, intensity_sd : of the non-zero voxels, on the scale of [0, 1].

    Raises
    ------
    InputError
        If the shapes do not fit, or there are fewer than two subjects.
    """
    volumes, voxel_sizes_mm = np.asarray(volumes), np.asarray(voxel_sizes_mm, float)
    if volumes.ndim != 4 or volumes.dtype != np.uint8 or len(volumes) < 2:
        raise InputError(f"volumes: expected uint8 (N >= 2, S, S, S), found {volumes.dtype} {volumes.shape}")
    if voxel_sizes_mm.shape != (len(volumes), 3):
        found = voxel_sizes_mm.shape
        raise InputError(f"voxel_sizes_mm: expected {(len(volumes), 3)}, one row per volume, found {found}")
    brain = volumes > 0
    ml = brain.sum((1, 2, 3)) * voxel_sizes_mm.prod(1) / 1000
    # Cubes are trimmed to the brain, so all sides have as many voxels, and sides compare as voxel sizes do.
    ap_lr, si_lr = (voxel_sizes_mm[:, 1:] / voxel_sizes_mm[:, :1]).T
    pairs = random_pairs(len(volumes), n_pairs, generator=np.random.default_rng(seed))
    scaled = to_range(volumes)
    inside = volumes[brain] / 255
    measured = {
        "n": len(volumes),
        "brain_ml_mean": ml.mean(),
        "brain_ml_cv": ml.std(ddof=1) / ml.mean(),
        "ap_lr_mean": ap_lr.mean(),
        "ap_lr_sd": ap_lr.std(ddof=1),
        "si_lr_mean": si_lr.mean(),
        "si_lr_sd": si_lr.std(ddof=1),
        "ms_ssim": ms_ssim_index_pairs(scaled, pairs).mean(),
        "voxel_sd": scaled.std(0, correction=1).mean(),
        "intensity_mean": inside.mean(),
        "intensity_sd": inside.std(),
    }
    return {name: float(value) for name, value in measured.items()}
