"""How much the brains of a cohort vary, in a few numbers, so that simulated subjects can be set beside real ones."""

from collections.abc import Iterable

import numpy as np
from scipy.ndimage import binary_dilation, binary_erosion

from alphagan.errors import InputError
from alphagan.metrics.ms_ssim import ms_ssim_index_pairs
from alphagan.metrics.pairs import random_pairs
from alphagan.volumes.prepared import to_range

# `spread` of the T1w scans of IXI's Hammersmith hospital (3 T, skull-stripped, 2 mm; brain-development.org,
# CC BY-SA 3.0), prepared at 32^3 with fit: stretch. The template cohort is calibrated to it.
IXI_REFERENCE = {
    "n": 184,
    "brain_ml_mean": 1443.8,
    "brain_ml_cv": 0.1045,
    "ap_lr_mean": 1.278,
    "ap_lr_sd": 0.0768,
    "si_lr_mean": 1.039,
    "si_lr_sd": 0.0459,
    "ms_ssim": 0.730,
    "voxel_sd": 0.1303,
    "intensity_mean": 0.510,
    "intensity_sd": 0.243,
}

# `contrast` of the 3 people of Open MS Data (multiple sclerosis; 3 T, 2 mm; Lesjak et al. 2017,
# doi:10.1007/s12021-017-9348-7, CC BY): mean and standard deviation of CSF, grey matter and lesions; white matter is 1.
OPEN_MS_REFERENCE = {
    "T1w": {"csf": (0.099, 0.007), "grey": (0.654, 0.027), "lesion": (0.748, 0.077)},
    "T2w": {"csf": (3.102, 0.162), "grey": (1.400, 0.042), "lesion": (1.798, 0.260)},
    "FLAIR": {"csf": (0.300, 0.076), "grey": (1.139, 0.049), "lesion": (1.382, 0.010)},
}
# The 131 masks of chronic stroke in LESYMAP (Pustina et al., Apache-2.0; Colin27 space, left hemisphere): quantiles of
# their volumes, and mean and standard deviation of the coordinates of all their voxels.
LESYMAP_REFERENCE = {
    "n": 131,
    "volume_ml": {0.1: 20.2, 0.25: 37.2, 0.5: 76.2, 0.75: 140.5, 0.9: 224.4},
    "centre_mm": (-39.5, -12.6, 22.1),
    "sd_mm": (14.2, 31.5, 21.9),
}
MAP_MM = 12.0


def spread(
    volumes: np.ndarray, voxel_sizes_mm: np.ndarray, brain_ml: np.ndarray, n_pairs: int = 1000, seed: int = 0
) -> dict[str, float]:
    """Measure how much brains vary in size, shape and appearance.

    Parameters
    ----------
    volumes : ndarray, shape (N, S, S, S), uint8
        Prepared volumes, one per subject, each stretched to its bounding box (``fit: stretch``); 0 is background.
    voxel_sizes_mm : ndarray, shape (N, 3)
        Their voxel sizes along X, Y and Z.
    brain_ml : ndarray, shape (N,)
        Volumes of the brains, as measured in the scans: a voxel at the edge of a cube holds but a part of the brain.
    n_pairs : int
        Pairs of subjects to compare.
    seed : int
        Chooses the pairs.

    Returns
    -------
    dict
        n : number of subjects. brain_ml_mean, brain_ml_cv : mean volume of the brains, and their standard deviation
        relative to it. ap_lr_mean, ap_lr_sd, si_lr_mean, si_lr_sd : length and height of the bounding box over its
        width. ms_ssim : mean over pairs of subjects, as `alphagan.metrics.ms_ssim` has it. voxel_sd : standard
        deviation across subjects on the scale of [-1, 1], mean over voxels. intensity_mean, intensity_sd : of the
        non-zero voxels, on the scale of [0, 1].

    Raises
    ------
    InputError
        If the shapes do not fit, or there are fewer than two subjects.
    """
    volumes, voxel_sizes_mm, ml = np.asarray(volumes), np.asarray(voxel_sizes_mm, float), np.asarray(brain_ml, float)
    if volumes.ndim != 4 or volumes.dtype != np.uint8 or len(volumes) < 2:
        raise InputError(f"volumes: expected uint8 (N >= 2, S, S, S), found {volumes.dtype} {volumes.shape}")
    if voxel_sizes_mm.shape != (len(volumes), 3):
        found = voxel_sizes_mm.shape
        raise InputError(f"voxel_sizes_mm: expected {(len(volumes), 3)}, one row per volume, found {found}")
    if ml.shape != (len(volumes),):
        raise InputError(f"brain_ml: expected {(len(volumes),)}, one number per volume, found {ml.shape}")
    # Cubes are trimmed to the brain, so all sides have as many voxels, and sides compare as voxel sizes do.
    ap_lr, si_lr = (voxel_sizes_mm[:, 1:] / voxel_sizes_mm[:, :1]).T
    pairs = random_pairs(len(volumes), n_pairs, generator=np.random.default_rng(seed))
    scaled = to_range(volumes)
    inside = volumes[volumes > 0] / 255
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


def lesion_map(points_mm: Iterable[np.ndarray], voxels_mm3: Iterable[float]) -> np.ndarray:
    """Share of lesions that cover each cell of a coarse grid of one hemisphere; both hemispheres are folded together.

    Parameters
    ----------
    points_mm : iterable of ndarray, shape (n, 3)
        MNI coordinates of each lesion's voxels.
    voxels_mm3 : iterable of float
        The volume of such a voxel, by lesion.

    Returns
    -------
    ndarray, shape (6, 15, 11)
        0 to about 1, from 0 to 72 mm away from the midline, -108 to 72 mm in Y and -48 to 84 mm in Z.
    """
    edges = [MAP_MM * np.arange(n + 1) + start for n, start in ((6, 0), (15, -108), (11, -48))]
    total, n = np.zeros((6, 15, 11)), 0
    for points, voxel in zip(points_mm, voxels_mm3, strict=True):
        total += voxel * np.histogramdd(np.asarray(points) * [np.sign(np.mean(points, 0)[0]), 1, 1], edges)[0]
        n += 1
    return total / (n * MAP_MM**3)


def contrast(
    t1w: np.ndarray, image: np.ndarray, brain: np.ndarray, lesion: np.ndarray, voxel_size_mm: float
) -> dict[str, float]:
    """Measure how bright CSF, grey matter and a lesion are, relative to white matter.

    Tissue is told apart in the T1w scan, away from the lesion: three means, each voxel with the nearest, again and
    again, while a log-quadratic bias field is fitted and taken out. The image's own bias field is fitted in its white
    matter. CSF and white matter are measured one voxel below their surface, cortex is too thin for that.

    Parameters
    ----------
    t1w, image : ndarray, shape (X, Y, Z)
        One person's T1w scan, and that or another on the same grid.
    brain, lesion : ndarray of bool, shape (X, Y, Z)
        Masks; the lesion's may be empty.
    voxel_size_mm : float
        Of that grid, whose voxels are cubes.

    Returns
    -------
    dict
        csf, grey, lesion : medians over that of white matter; lesion is NaN where there is none.
    """
    away = brain & ~binary_dilation(lesion, iterations=2) & (t1w > 0) & (image > 0)
    axes = [(np.arange(n) - (n - 1) / 2) * voxel_size_mm / 100 for n in brain.shape]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, z, x * x, y * y, z * z, x * y, x * z, y * z], -1)
    every = 1 + np.count_nonzero(away) // 20_000
    logs, some, bias = np.log(t1w[away][::every]), terms[away][::every], 0.0
    means = np.quantile(np.exp(logs), [0.05, 0.45, 0.85])
    for _ in range(15):
        flat = np.exp(logs - bias)
        for _ in range(10):
            label = np.abs(flat[:, None] - means).argmin(1)
            means = np.array([np.median(flat[label == k]) for k in range(3)])
        solid = label > 0
        fitted = np.linalg.lstsq(some[solid], logs[solid] - np.log(means[label[solid]]), rcond=None)[0]
        bias = some[:, 1:] @ fitted[1:]
    tissue = np.full(brain.shape, -1)
    flat = t1w[away] / np.exp(terms[away][:, 1:] @ fitted[1:])
    tissue[away] = np.abs(flat[:, None] - means).argmin(1)
    csf, grey, white = binary_erosion(tissue == 0), tissue == 1, binary_erosion(tissue == 2)
    flat = image / np.exp(terms @ np.linalg.lstsq(terms[white], np.log(image[white]), rcond=None)[0])
    parts = {"csf": csf, "grey": grey, "lesion": lesion}
    unit = np.median(flat[white])
    return {name: float(np.median(flat[part]) / unit) if part.any() else float("nan") for name, part in parts.items()}
