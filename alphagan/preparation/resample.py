"""One scan to one cube: read, checked, brain only, trimmed, averaged down; and the affine that leads back."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.sparse import csr_array

from alphagan.preparation.cohorts import Scan
from alphagan.preparation.quality import QualityError, check
from alphagan.preparation.reading import read
from alphagan.settings.sections import Prepare

COUNTED = 2**16  # voxels that are counted at a time, so that they stay in the processor's cache


@dataclass(frozen=True)
class Prepared:
    """One scan as a cube.

    Parameters
    ----------
    cube : ndarray, (S, S, S), uint8
        RAS; 0 is background.
    affine : ndarray, (4, 4)
        From voxel of the cube to scanner millimetres.
    brain_ml : float
        Volume of the brain on the scan's own grid.
    intensity : tuple of float
        The scan's own intensities that became 0 and 255.
    """

    cube: np.ndarray
    affine: np.ndarray
    brain_ml: float
    intensity: tuple[float, float]


def prepare_scan(scan: Scan, settings: Prepare) -> Prepared:
    """Bring one scan to canonical RAS, cut out the brain, and resize it to a cube.

    Raises
    ------
    QualityError
        If the scan fails quality control.
    """
    voxels, affine, mask = read(scan)
    first, last = bounding_box(voxels if mask is None else mask)
    if not last.any():
        inside = " inside the mask" if scan.mask else ""
        raise QualityError(f"empty: every voxel{inside} is zero")
    box = tuple(map(slice, first, last))
    voxels = _in_order(voxels[box])
    brain = voxels != 0 if mask is None else _in_order(mask[box])
    values = voxels[brain]
    brain_ml = values.size * abs(np.linalg.det(affine[:3, :3])) / 1000
    check(values, values.size / brain.size, brain_ml, scan.mask is not None, settings)

    start, stop = first.astype(float), last.astype(float)
    if settings.fit == "pad":
        start, stop = _isotropic_box(start, stop, np.linalg.norm(affine[:3, :3], axis=0), settings.field_of_view_mm)
    low, high = _percentiles(values, [0.1, settings.upper_percentile])
    low = min(0.0, float(low))
    if high <= low:
        raise QualityError(f"no contrast: the brain's {settings.upper_percentile} percentile is {high:g}")
    counted = None if low == 0 and mask is None else brain  # what is not brain is zero already
    cube = area_resize(voxels, start - first, stop - first, settings.size, counted, low) * (255 / (high - low))
    return Prepared(
        cube=np.clip(np.rint(cube), 0, 255).astype(np.uint8),
        affine=cube_affine(affine, start, stop, settings.size),
        brain_ml=float(brain_ml),
        intensity=(low, float(high)),
    )


def axis_weights(n_in: int, start: float, stop: float, n_out: int) -> np.ndarray:
    """Weights that resample one axis.

    Input voxel i covers [i, i + 1]; output voxel o covers [start + o w, start + (o + 1) w], w = (stop - start) / n_out.
    Where w >= 1 an output voxel is the average over what it covers, which is what `torch.nn.functional.avg_pool3d`
    computes when w is whole; where w < 1 it is interpolated linearly at its centre. Outside the input is zero.

    Parameters
    ----------
    n_in, n_out : int
        Numbers of voxels.
    start, stop : float
        Interval to resample, in input voxels; may reach beyond [0, n_in].

    Returns
    -------
    weights : ndarray, (n_out, n_in), float64
        Each row sums to the share of the output voxel that lies inside the input (w >= 1), or to 1 or 0 (w < 1).
    """
    width = (stop - start) / n_out
    voxels = np.arange(n_in)
    if width >= 1:
        edges = start + width * np.arange(n_out + 1)
        overlap = np.minimum(edges[1:, None], voxels + 1) - np.maximum(edges[:-1, None], voxels)
        return np.maximum(overlap, 0) / width
    centres = start + width * (np.arange(n_out) + 0.5) - 0.5  # in voxel indices
    inside = (centres >= -0.5) & (centres <= n_in - 0.5)
    distance = np.abs(np.clip(centres, 0, n_in - 1)[:, None] - voxels)
    return np.maximum(1 - distance, 0) * inside[:, None]


def area_resize(
    volume: np.ndarray,
    start: np.ndarray,
    stop: np.ndarray,
    size: int,
    inside: np.ndarray | None = None,
    zero: float = 0.0,
) -> np.ndarray:
    """Resample the box [start, stop] of a volume to a cube by area averaging along each axis.

    Parameters
    ----------
    volume : ndarray, (X, Y, Z)
    start, stop : array_like, (3,)
        The box in voxels, counted from the outer edge of voxel 0; may reach outside, where the volume counts as zero.
    size : int
        Side S of the cube.
    inside : ndarray of bool, (X, Y, Z), optional
        Voxels that count; all others are zero. By default all count.
    zero : float
        Subtracted from the voxels that count.

    Returns
    -------
    cube : ndarray, (S, S, S), float64
        The same to the bit whatever the number of threads: sparse products sum in a fixed order, BLAS may not.
    """
    along_x, along_y, along_z = (
        csr_array(axis_weights(*ends, size)) for ends in zip(volume.shape, start, stop, strict=True)
    )
    cube = np.empty((size, size, size))
    # One plane of the cube after another: what is held in float64 fits into the processor's cache.
    plane, term, counted = np.empty((3, *volume.shape[1:]))
    for x, (begin, end) in enumerate(pairwise(along_x.indptr)):
        plane[:] = 0
        for row, weight in zip(along_x.indices[begin:end], along_x.data[begin:end], strict=True):
            counted[:] = volume[row]
            if inside is not None:
                counted[:] = np.where(inside[row], counted - zero, 0.0)
            plane += np.multiply(counted, weight, out=term)
        cube[x] = (along_z @ (along_y @ plane).T).T
    return cube


def bounding_box(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First and one past the last voxel that is not zero, two (3,) arrays of int; six zeros where there is none."""
    # In the order of memory, forwards, one plane after another: several times faster.
    forwards = tuple(slice(None, None, -1 if stride < 0 else 1) for stride in mask.strides)
    along = np.argmax(np.abs(mask.strides))
    face, line = False, []
    for plane in np.moveaxis(mask[forwards], along, 0):
        inside = plane != 0
        line.append(inside.any())
        face = face | inside
    lines = [face.any(axis=1), face.any(axis=0)]
    lines.insert(along, np.array(line))
    found = [np.flatnonzero(line[turned]) for line, turned in zip(lines, forwards, strict=True)]
    if not found[0].size:
        return np.zeros((2, 3), dtype=int)
    return np.array([line[0] for line in found]), np.array([line[-1] + 1 for line in found])


def cube_affine(affine: np.ndarray, start: np.ndarray, stop: np.ndarray, size: int) -> np.ndarray:
    """Affine from voxel of the cube that `area_resize` makes to scanner millimetres.

    Parameters
    ----------
    affine : ndarray, (4, 4)
        From voxel of the volume to scanner millimetres.
    start, stop, size
        As in `area_resize`.
    """
    width = (np.asarray(stop) - start) / size
    to_volume = np.diag([*width, 1.0])
    to_volume[:3, 3] = start + 0.5 * width - 0.5  # voxel 0 of either grid is centred half a voxel from its edge
    return affine @ to_volume


def _in_order(voxels: np.ndarray) -> np.ndarray:
    """Copy to C order and the processor's byte order, by planes that are small enough to be transposed in its cache."""
    copy = np.empty(voxels.shape, voxels.dtype.newbyteorder("="))
    along = 1 if np.argmin(np.abs(voxels.strides)) == 0 else 0
    for source, target in zip(np.moveaxis(voxels, along, 0), np.moveaxis(copy, along, 0), strict=True):
        target[:] = source
    return copy


def _percentiles(values: np.ndarray, percents: list[float]) -> np.ndarray:
    """`np.percentile` of values as float64; integers of up to 16 bits are counted rather than sorted."""
    if values.dtype.kind not in "iu" or values.dtype.itemsize > 2:
        return np.percentile(values.astype(np.float64), percents)
    lowest, n_bins = int(values.min()), int(values.max()) - int(values.min()) + 1
    counts = np.zeros(n_bins, dtype=np.int64)
    for begin in range(0, values.size, COUNTED):
        part = values[begin : begin + COUNTED].astype(np.int64)
        part -= lowest
        counts += np.bincount(part, minlength=n_bins)
    place = (values.size - 1) * (np.array(percents) / 100)
    before = np.floor(place)
    left, right = (
        lowest + np.searchsorted(counts.cumsum(), rank, side="right").astype(float) for rank in (before, before + 1)
    )
    share = place - before
    # From the nearer end, as numpy does, so that rounding is the same.
    return np.where(share < 0.5, left + (right - left) * share, right - (right - left) * (1 - share))


def _isotropic_box(start: np.ndarray, stop: np.ndarray, voxel_size_mm: np.ndarray, side_mm: float | None):
    """Box of equal sides in millimetres around the same centre, in voxels."""
    extent_mm = ((stop - start) * voxel_size_mm).max()
    if side_mm is not None and extent_mm > side_mm:
        raise QualityError(f"larger than the field of view: {extent_mm:.0f} mm long, field_of_view_mm is {side_mm:g}")
    half = (side_mm or extent_mm) / voxel_size_mm / 2
    centre = (start + stop) / 2
    return centre - half, centre + half
