"""One scan to one cube: read, checked, brain only, trimmed, averaged down; and the affine that leads back."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from scipy.sparse import csr_array

from alphagan.preparation import anomalies, shape
from alphagan.preparation.cohorts import Scan
from alphagan.preparation.foreground import constant_around, find_foreground
from alphagan.preparation.outline import in_order
from alphagan.preparation.quality import QualityError, check
from alphagan.preparation.reading import read
from alphagan.settings.sections import Prepare

SMALLEST = 0.02  # of a cube's voxels; a brain of a litre takes 6 % of one of 256 mm
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
    background, threshold : float
        What was taken for background: what differs from the first by no more than the second.
    n_specks : int
        Voxels that were left out because they lie apart from the brain.
    fill : float
        Share of its bounding box that the brain fills.
    axes : str
        Directions of the scan's axes as they are stored, such as "LPS".
    note : str
        What was done, and what is unusual, in words; "" where there is nothing to say.
    """

    cube: np.ndarray
    affine: np.ndarray
    brain_ml: float
    intensity: tuple[float, float]
    background: float
    threshold: float
    n_specks: int
    fill: float
    axes: str
    note: str


def prepare_scan(scan: Scan, settings: Prepare) -> Prepared:
    """Bring one scan to canonical RAS, cut out the brain, and resize it to a cube.

    Raises
    ------
    QualityError
        If the scan fails quality control.
    """
    scanned = read(scan)
    affine, mask, masked = scanned.affine, scanned.mask, scanned.mask is not None
    size_mm = np.linalg.norm(affine[:3, :3], axis=0)
    if masked:
        found = find_foreground(mask, size_mm)
        found = replace(found, voxels=in_order(scanned.voxels[found.box]))
    else:
        found = find_foreground(scanned.voxels, size_mm, scan.background, scanned.edited)
    first, last, brain = found.first, found.last, found.inside
    voxels, values = found.voxels, found.values
    brain_ml = values.size * abs(np.linalg.det(affine[:3, :3])) / 1000
    try:
        check(found, brain_ml, masked, settings)
    except QualityError as refusal:
        raise QualityError("; ".join([str(refusal), *scanned.words])) from None  # which may be what it comes from
    background = 0.0 if masked else found.background

    start, stop = first.astype(float), last.astype(float)
    if settings.fit == "pad":
        start, stop = _isotropic_box(start, stop, size_mm, settings.field_of_view_mm)
    darkest, median, high = map(float, _percentiles(values, [0.1, 50.0, settings.upper_percentile]))
    low = min(background, darkest)
    if high <= low:
        raise QualityError(
            f"no contrast: the brain's {settings.upper_percentile} percentile is {high:g}; give the scan itself"
        )
    counted = None if low == 0 and not masked and found.exact else brain  # what is not brain is zero already
    cube = area_resize(voxels, start - first, stop - first, settings.size, counted, low) * (255 / (high - low))
    cube = np.clip(np.rint(cube), 0, 255).astype(np.uint8)
    if settings.field_of_view_mm and (n_voxels := np.count_nonzero(cube)) < SMALLEST * cube.size:
        raise QualityError(
            f"too small for the cube: the brain of {brain_ml:.3g} ml takes {n_voxels} of {cube.size} voxels; correct "
            "the header's voxel size, or lower prepare.field_of_view_mm"
        )
    words = [*scanned.words, *found.words()]
    field = scanned.voxels.shape
    words += shape.of_outline(found, size_mm, brain_ml if settings.min_brain_ml else None, field)
    words += shape.of_detail(field, stop - start, settings.size) + shape.of_fit(found, field, settings.fit)
    around = constant_around(scanned.voxels) if masked else background
    words += anomalies.of_values(found, background if around is None else around, masked)
    words += anomalies.of_contrast(cube, (darkest, median, high), background, scan.modality)
    return Prepared(
        cube=cube,
        affine=cube_affine(affine, start, stop, settings.size),
        brain_ml=float(brain_ml),
        intensity=(low, high),
        background=background,
        threshold=found.threshold,
        n_specks=found.n_specks,
        fill=found.fill,
        axes=scanned.axes,
        note="; ".join(words),
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
                counted -= zero
                counted *= inside[row]
            plane += np.multiply(counted, weight, out=term)
        cube[x] = (along_z @ (along_y @ plane).T).T
    return cube


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


def _percentiles(values: np.ndarray, percents: list[float]) -> np.ndarray:
    """`np.percentile` of values as float64; integers of up to 16 bits are counted rather than sorted."""
    if values.dtype.kind not in "iu" or values.dtype.itemsize > 2:
        return np.percentile(values.astype(np.float64), percents)
    lowest = min(0, int(values.min()))
    n_bins = int(values.max()) - lowest + 1
    counts = np.zeros(n_bins, dtype=np.int64)
    for begin in range(0, values.size, COUNTED):
        part = values[begin : begin + COUNTED]
        counts += np.bincount(part - np.int64(lowest) if lowest else part, minlength=n_bins)
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
        raise QualityError(
            f"larger than the field of view: {extent_mm:.0f} mm long, field_of_view_mm is {side_mm:g}; raise it"
        )
    half = (side_mm or extent_mm) / voxel_size_mm / 2
    centre = (start + stop) / 2
    return centre - half, centre + half
