"""Simulated heads and scans of them, drawn from the MNI152 maps that nilearn bundles.

A head is an `Anatomy` (how the template is turned, stretched and warped), its scan an `Acquisition` (tissue contrast,
bias field, noise). `tissues` turns the one into volume fractions of CSF, grey and white matter, `scan` turns those
into an image; what changes the tissue (a tumour or a stroke, `lesions.py`) stands between the two.

Poses, stretches and bias fields were measured by registering the template to the 184 T1w scans of IXI's Hammersmith
hospital (3 T, brain-development.org, CC BY-SA 3.0): an affine map by Gauss-Newton on smoothed brain mask and tissue,
then tissue means and a log-quadratic bias field by least squares. The rest (warps, folds, ventricles, contrast, noise)
was set so that simulated scans, registered and prepared alike, give the same numbers; the warps add to the spread of
the stretches, so these are drawn a little narrower than measured. `alphagan.evaluation.spread` has the comparison.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import expm
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation

from alphagan.preparation.cohorts.mni152 import GRID_MM, blurred_fractions, make_invertible, smooth_noise, template

VERSION = 1  # raised whenever the same settings give other images

# Fitted to IXI, N = 184 (see above), as is all that follows.
# Rotations about X (chin up is positive, relative to MNI152's own pose), Y and Z.
ROTATION_DEG = {"mean": (12.7, 0.0, 0.0), "sd": (6.8, 1.0, 1.0)}
# Symmetric log-stretch of the template: xx, yy, zz (their shared part is global size) and xy, xz, yz.
LOG_SIZE_SD = 0.031
LOG_STRETCH = {
    "mean": (-0.086, -0.046, -0.128, 0.0, 0.0, -0.004),
    "sd": (0.023, 0.052, 0.031, 0.012, 0.004, 0.015),
}
# Log of the bias field: x, y, z, x^2, y^2, z^2, xy, xz, yz of scanner coordinates in units of 70 mm. The coefficients
# are drawn independently; in real scans they compensate each other, so 0.6 of the measured spread is as strong.
BIAS = {
    "mean": (0.0, 0.106, -0.383, -0.543, -0.338, -0.705, 0.0, 0.0, 0.038),
    "sd": (0.02, 0.025, 0.05, 0.037, 0.032, 0.076, 0.023, 0.023, 0.05),
}
BIAS_UNIT_MM = 70.0
# Mean intensity and standard deviation of CSF, grey and white matter, by modality; white matter is 1 in each.
# T2w and FLAIR: the same in 3 scans of Open MS Data, away from lesions (`spread.OPEN_MS_REFERENCE`).
CONTRASTS = {
    "T1w": {"mean": (0.28, 0.80, 1.0), "sd": (0.08, 0.02, 0.0)},
    "T2w": {"mean": (3.10, 1.40, 1.0), "sd": (0.16, 0.04, 0.0)},
    "FLAIR": {"mean": (0.30, 1.14, 1.0), "sd": (0.08, 0.05, 0.0)},
}
NOISE_SD = 0.015

# Warps: standard deviation of each component of the displacement, and the Gaussian width that smooths it.
HEAD_WARP = {"sigma_mm": 18.0, "sd_mm": 2.0}
GYRI_WARP = {"sigma_mm": 8.0, "sd_mm": 1.8}
# Sulci and gyri of one's own: how strongly smooth noise turns cortex to CSF where high, to white matter where low.
FOLDS = {"sigma_mm": 4.0, "strength": 0.3}
# Pull towards the lateral ventricles, at its strongest; their volume grows about exponentially with it.
VENTRICLE_MM = {"mean": 1.0, "sd": 4.5}

FIELD_OF_VIEW_MM = 228.0


@dataclass(frozen=True, eq=False)
class Anatomy:
    """One head: everything about its shape.

    Parameters
    ----------
    rotation_deg : ndarray, shape (3,)
        Rotation vector about X (pitch, chin up positive), Y and Z, degrees, relative to MNI152.
    log_stretch : ndarray, shape (3, 3)
        Symmetric; its matrix exponential takes template millimetres to head millimetres.
    ventricle_mm : float
        Pull towards the lateral ventricles; positive enlarges them.
    displacement_mm : ndarray, shape (3, X, Y, Z)
        Invertible displacement of template points on the template's grid; the ventricles' pull is part of it.
    folds : ndarray, shape (X, Y, Z)
        Share of cortical grey matter that is CSF (positive) or white matter (negative), on the same grid.
    """

    rotation_deg: np.ndarray
    log_stretch: np.ndarray
    ventricle_mm: float
    displacement_mm: np.ndarray
    folds: np.ndarray


@dataclass(frozen=True, eq=False)
class Acquisition:
    """One scan of that head: tissue intensities (3,), log-bias coefficients (9,) and noise, white matter being 1."""

    tissue: np.ndarray
    bias: np.ndarray
    noise_sd: float


def draw_anatomy(rng: np.random.Generator) -> Anatomy:
    """Draw one head."""
    rotation = rng.normal(ROTATION_DEG["mean"], ROTATION_DEG["sd"])
    xx, yy, zz, xy, xz, yz = rng.normal(LOG_STRETCH["mean"], LOG_STRETCH["sd"])
    size = rng.normal(0, LOG_SIZE_SD)
    log_stretch = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]) + size * np.eye(3)
    ventricle = rng.normal(VENTRICLE_MM["mean"], VENTRICLE_MM["sd"])
    shared = template()
    shape = shared.free.shape
    displacement = np.float32(ventricle) * shared.ventricle_pull
    displacement += smooth_noise(rng, (3, *shape), HEAD_WARP["sigma_mm"]) * HEAD_WARP["sd_mm"]
    displacement += smooth_noise(rng, (3, *shape), GYRI_WARP["sigma_mm"]) * GYRI_WARP["sd_mm"] * shared.free
    folds = FOLDS["strength"] * shared.cortex * smooth_noise(rng, (1, *shape), FOLDS["sigma_mm"])[0]
    return Anatomy(rotation, log_stretch, ventricle, make_invertible(displacement), np.clip(folds, -1, 1))


def draw_acquisition(rng: np.random.Generator, modality: str = "T1w") -> Acquisition:
    """Draw how that head was scanned."""
    contrast = CONTRASTS[modality]
    return Acquisition(
        tissue=rng.normal(contrast["mean"], contrast["sd"]),
        bias=rng.normal(BIAS["mean"], BIAS["sd"]),
        noise_sd=NOISE_SD,
    )


def scanner_axis(voxel_size_mm: float) -> np.ndarray:
    """Where voxels lie along each axis of a scan, mm from its centre, shape (S,)."""
    n = round(FIELD_OF_VIEW_MM / voxel_size_mm)
    return (np.arange(n) - (n - 1) / 2) * voxel_size_mm


def _template_points(anatomy: Anatomy, axis: np.ndarray) -> np.ndarray:
    """Where scanner voxels lie in the template but for its warps, mm from its corner: (3, S, S, S), float32."""
    turn = Rotation.from_rotvec(anatomy.rotation_deg, degrees=True).as_matrix()
    to_template = np.linalg.inv(turn @ expm(anatomy.log_stretch)).astype(np.float32)
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij")).reshape(3, -1).astype(np.float32)
    points = to_template @ points + template().centre[:, None].astype(np.float32)
    return points.reshape(3, axis.size, axis.size, axis.size)


def mni_mm(anatomy: Anatomy, voxel_size_mm: float) -> np.ndarray:
    """MNI coordinates of the voxels of `tissues`, but for the warps, shape (3, S, S, S)."""
    corner = template().corner_mm[:, None, None, None].astype(np.float32)
    return _template_points(anatomy, scanner_axis(voxel_size_mm)) + corner


def tissues(anatomy: Anatomy, voxel_size_mm: float) -> np.ndarray:
    """Volume fractions of CSF, grey and white matter in scanner space.

    Returns
    -------
    ndarray, shape (3, S, S, S), float32
        Summing to 1 inside the brain; exactly 0 outside.
    """
    axis = scanner_axis(voxel_size_mm)
    shared, fractions = template(), blurred_fractions(voxel_size_mm)
    points = _template_points(anatomy, axis).reshape(3, -1)
    # Only points that the displacement can carry into the brain are worth sampling.
    reach = np.sqrt((anatomy.displacement_mm**2).sum(0).max()) + GRID_MM * np.sqrt(3)
    limits = np.array(shared.outside_mm.shape)[:, None] - 1
    cells = np.clip(np.rint(points / np.float32(GRID_MM)), 0, limits).astype(np.intp)
    near = shared.outside_mm[tuple(cells)] <= reach
    points = points[:, near].astype(np.float64)
    grid_points = points / GRID_MM
    points += np.stack([map_coordinates(d, grid_points, order=1, mode="nearest") for d in anatomy.displacement_mm])
    sampled = np.stack([map_coordinates(fraction, points, order=1) for fraction in fractions])
    folds = map_coordinates(anatomy.folds, points / GRID_MM, order=1, mode="nearest")
    to_csf, to_white = np.maximum(folds, 0) * sampled[1], np.maximum(-folds, 0) * sampled[1]
    sampled += np.stack([to_csf, -to_csf - to_white, to_white])
    total = sampled.sum(0)
    out = np.zeros((3, near.size), np.float32)
    out[:, near] = np.where(total >= 0.5, sampled / np.maximum(total, 0.5), 0)
    return out.reshape(3, axis.size, axis.size, axis.size)


def scan(fractions: np.ndarray, acquisition: Acquisition, voxel_size_mm: float, rng: np.random.Generator) -> np.ndarray:
    """Image of the tissues: contrast, bias field and noise; positive inside the brain and exactly 0 outside.

    Parameters
    ----------
    fractions : ndarray, shape (K, S, S, S)
        As `tissues` returns them, lesions after them; one intensity of the acquisition for each.
    rng : numpy.random.Generator
        For the noise.

    Returns
    -------
    ndarray, shape (S, S, S), float32
        White matter at the centre is about 1.
    """
    axis = (scanner_axis(voxel_size_mm) / BIAS_UNIT_MM).astype(np.float32)
    x, y, z = np.meshgrid(axis, axis, axis, indexing="ij", sparse=True)
    terms = (x, y, z, x * x, y * y, z * z, x * y, x * z, y * z)
    bias = np.exp(sum(np.float32(c) * term for c, term in zip(acquisition.bias, terms, strict=True)))
    image = np.tensordot(acquisition.tissue.astype(np.float32), fractions, 1) * bias
    image += np.float32(acquisition.noise_sd) * rng.standard_normal(image.shape, dtype=np.float32)
    return np.where(fractions.any(0), np.maximum(image, 0.01), 0).astype(np.float32)
