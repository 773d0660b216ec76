"""The MNI152 maps that nilearn bundles, and invertible warps of them."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from nilearn import datasets
from scipy.ndimage import distance_transform_edt, gaussian_filter, label

GRID_MM = 6  # spacing of the grid on which what varies smoothly is kept
MARGIN_MM = 12
SKULL_MM = 6.0
VENTRICLE_MM = 10.0
MIN_JACOBIAN = 0.1


@dataclass(frozen=True, eq=False)
class Template:
    """What all simulated subjects share. Voxels of 1 mm or grid points of `GRID_MM` mm; both start at one corner.

    Parameters
    ----------
    fractions : ndarray, shape (3, X, Y, Z)
        CSF, grey and white matter by voxel, 0 to 1; their sum is 1 inside the brain and 0 outside.
    centre : ndarray, shape (3,)
        Centre of the brain, voxels (so mm from the corner).
    corner_mm : ndarray, shape (3,)
        MNI coordinates of that corner's voxel.
    outside_mm : ndarray, shape (x, y, z)
        Distance from the brain by grid point; 0 inside.
    free : ndarray, shape (x, y, z)
        How freely the brain is warped by grid point: 0 where the skull holds it, 1 from about `SKULL_MM` below.
    ventricle_pull : ndarray, shape (3, x, y, z)
        Vectors that point into the lateral ventricles, the longest of length 1, by grid point.
    cortex : ndarray, shape (x, y, z)
        1 where grey matter is cortex, 0 around the ventricles, where it is not, by grid point.
    """

    fractions: np.ndarray
    centre: np.ndarray
    corner_mm: np.ndarray
    outside_mm: np.ndarray
    free: np.ndarray
    ventricle_pull: np.ndarray
    cortex: np.ndarray


@lru_cache(maxsize=1)
def template() -> Template:
    """Read nilearn's MNI152 maps, once per process."""
    image = datasets.load_mni152_template(resolution=1)
    brain = image.get_fdata(dtype=np.float32) > 0.01
    grey, white = (
        load(resolution=1).get_fdata(dtype=np.float32) * brain
        for load in (datasets.load_mni152_gm_template, datasets.load_mni152_wm_template)
    )
    total = np.maximum(grey + white, 1)
    fractions = np.stack([brain - (grey + white) / total, grey / total, white / total])
    # A margin keeps the warped brain inside the grid on which displacements are known.
    voxels = np.argwhere(brain)
    low, high = voxels.min(0), voxels.max(0) + 1
    box = tuple(slice(start, stop) for start, stop in zip(low, high, strict=True))
    fractions = np.pad(fractions[:, *box], [(0, 0), *[(MARGIN_MM, MARGIN_MM)] * 3])
    inside = fractions.sum(0) > 0

    coarse = (slice(None, None, GRID_MM),) * 3
    depth = gaussian_filter(inside.astype(np.float32), SKULL_MM)[coarse]
    corner_mm = image.affine[:3, 3] + low - MARGIN_MM
    near_ventricles = gaussian_filter(_ventricles(fractions[0], corner_mm), VENTRICLE_MM)[coarse]
    pull = np.stack(np.gradient(near_ventricles))
    return Template(
        fractions=fractions,
        centre=voxels.mean(0) - low + MARGIN_MM,
        corner_mm=corner_mm,
        outside_mm=distance_transform_edt(~inside[coarse], sampling=GRID_MM),
        free=np.clip(2 * depth - 1, 0, 1),
        ventricle_pull=pull / np.linalg.norm(pull, axis=0).max(),
        cortex=1 - np.minimum(2 * near_ventricles / near_ventricles.max(), 1),
    )


@lru_cache(maxsize=2)
def blurred_fractions(voxel_size_mm: float) -> np.ndarray:
    """Tissue maps as voxels of that size see them: blurred to their width, so that sampling does not alias."""
    return np.stack([gaussian_filter(fraction, voxel_size_mm / 2.355) for fraction in template().fractions])


def smallest_jacobian(displacement_mm: np.ndarray) -> float:
    """Lower bound of the Jacobian determinant of x + displacement(x), trilinear between grid points.

    Within a cell each column of the Jacobian is a convex combination of the four edge differences along its axis, and
    the determinant is linear in each column, so it is nowhere below the smallest of the 4 x 4 x 4 edge determinants.

    Parameters
    ----------
    displacement_mm : ndarray, shape (3, X, Y, Z)
        On a grid of `GRID_MM`.
    """
    ends = (slice(None, -1), slice(1, None))
    columns = []
    for axis in range(3):
        edges = np.diff(displacement_mm, axis=axis + 1) / GRID_MM
        edges[axis] += 1
        corners = [(i, j) for i in ends for j in ends]
        columns.append([edges[:, *pair[:axis], slice(None), *pair[axis:]] for pair in corners])
    along_x, along_y, along_z = columns
    faces = [np.cross(u, v, axis=0) for u in along_x for v in along_y]
    return min(float((face * edge).sum(0).min()) for face in faces for edge in along_z)


def make_invertible(displacement_mm: np.ndarray) -> np.ndarray:
    """Shrink a displacement until its Jacobian determinant is at least `MIN_JACOBIAN` everywhere."""
    while smallest_jacobian(displacement_mm) < MIN_JACOBIAN:
        displacement_mm = displacement_mm * np.float32(0.9)
    return displacement_mm


def grid_points_mm() -> np.ndarray:
    """MNI coordinates of the points of the template's grid, shape (3, x, y, z)."""
    shared = template()
    return GRID_MM * np.indices(shared.free.shape) + shared.corner_mm[:, None, None, None]


def brain_box_mm() -> tuple[np.ndarray, np.ndarray]:
    """Two corners, (3,) each, of the box around the MNI152 brain, MNI coordinates."""
    shared = template()
    size = np.array(shared.fractions.shape[1:]) - 2 * MARGIN_MM
    low = shared.corner_mm + MARGIN_MM - 0.5
    return low, low + size


def in_cerebrum(mni_mm: np.ndarray) -> np.ndarray:
    """Whether points, (3, ...), lie outside two ellipsoids about the cerebellum and the brain stem."""
    x, y, z = mni_mm
    cerebellum = (x / 54) ** 2 + ((y + 62) / 30) ** 2 + ((z + 38) / 28) ** 2 < 1
    brain_stem = (x / 16) ** 2 + ((y + 29) / 17) ** 2 + ((z + 45) / 43) ** 2 < 1
    return ~(cerebellum | brain_stem)


def near_ventricles(mni_mm: np.ndarray) -> np.ndarray:
    """Whether points, (3, ...), lie in or beside the lateral ventricles."""
    shared = template()
    cells = [
        np.clip(np.rint((x - start) / GRID_MM), 0, n - 1).astype(np.intp)
        for x, start, n in zip(mni_mm, shared.corner_mm, shared.cortex.shape, strict=True)
    ]
    return shared.cortex[tuple(cells)] < 0.5


def smooth_noise(rng: np.random.Generator, shape: tuple[int, ...], sigma_mm: float) -> np.ndarray:
    """Independent smooth random fields of mean 0 and standard deviation about 1.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws.
    shape : tuple of int
        (number of fields, x, y, z), on a grid of `GRID_MM`.
    sigma_mm : float
        Width of the Gaussian that smooths them.
    """
    sigma = sigma_mm / GRID_MM
    noise = gaussian_filter(rng.standard_normal(shape, dtype=np.float32), (0, sigma, sigma, sigma), mode="wrap")
    return noise * np.float32((2 * np.sqrt(np.pi) * sigma) ** 1.5)


def fine_noise(rng: np.random.Generator, shape: tuple[int, ...], sigma_mm: float) -> np.ndarray:
    """One field as `smooth_noise` draws it, of that shape, on a grid of half `GRID_MM`: interpolated linearly."""
    noise = smooth_noise(rng, (1, *(n // 2 + 2 for n in shape)), sigma_mm)[0]
    for axis, n in enumerate(shape):
        noise = np.moveaxis(noise, axis, 0)
        between = np.stack([noise[:-1], (noise[:-1] + noise[1:]) / 2], 1).reshape(-1, *noise.shape[1:])
        noise = np.moveaxis(between[:n], 0, axis)
    return noise


def _ventricles(csf: np.ndarray, origin_mm: np.ndarray) -> np.ndarray:
    """Lateral ventricles, 0 or 1: the largest piece of CSF in a box that cuts off the fissures around the brain."""
    x, y, z = (np.arange(n) + start for n, start in zip(csf.shape, origin_mm, strict=True))
    deep = np.ix_((x > -36) & (x < 36), (y > -48) & (y < 28), (z > -8) & (z < 32))
    pieces, _ = label(csf[deep] > 0.5)
    ventricles = np.zeros_like(csf)
    ventricles[deep] = pieces == np.argmax(np.bincount(pieces.ravel())[1:]) + 1
    return ventricles
