"""What is unusual about a brain that is kept, in words: its outline, its size, its contrast."""

import numpy as np
from scipy.spatial import ConvexHull

from alphagan.preparation.outline import Foreground
from alphagan.preparation.quality import USUAL_FILL, USUAL_ML

FLAT = 0.15  # of a side of the box; of real brains that were not cut, 0.09 at most
# Of the voxels of its surface within so many voxels of one plane: of 271 real brains, 60 to 70 voxels wide, and of 180
# simulated ones, 40 and 55 wide, the share times the width is 4.6 at most; where a plane of any direction took off a
# fifth of the brain's length, 5.8 to 17.
NEAR, LARGEST_FACETS, HULL_POINTS, SURFACE_POINTS = 1.5, 20, 2500, 8000
ON_A_PLANE, ON_A_PLANE_VOXELS = 0.06, 5.5
FEW_TO_TILT = 32  # voxels along the shortest side of a box, below which no tilted plane is looked for
SIDES = ("left", "right", "back", "front", "bottom", "top")
# Of the area of its largest section, and of its length: of 128 real brains, ends that thin have 0.032 of it at most.
THIN, THIN_REACH = 0.01, 0.08
DARKER = 0.99  # of the brain's voxels
# Of the voxels that a mask marks: 0.040 at most in 12 pairs of scan and mask; with masks of other people on their grid
# 0.048 to 0.14, with turned ones 0.13 to 0.30.
HOLLOW = 0.06
# Unsigned integers that wrapped: of pairs of neighbours in 256 brains, 0.00012 at most lie as far apart; of brains that
# wrapped, 0.002 where the brightest few did, 0.2 where many.
NEAR_LIMIT, JUMP, JUMPS = 0.95, 0.75, 0.001
COARSE = 32  # voxels along a cube in which contrast is looked at, at least; in fewer it cannot be told
# Brightness near the surface of what it is inside: 259 T1w scans have 0.69 at most, stretched or padded, three of T2w,
# whose cortex and CSF are bright, at least 0.92; at 64 voxels, where less is averaged, 184 T1w scans have 0.77 at most.
T1W_RIM, T1W_FINE_RIM = 0.75, 0.9
# From voxel to voxel inwards T1w scans get brighter: 256 real brains, at 32 and at 64 voxels, and 480 simulated ones by
# 0.03 of what it is inside at least; with a shell of skull left around 24 of them it fell by 0.03 to 0.16 somewhere.
# Voxels along the shortest and the longest side of a box, below which less is told: outlines of few voxels fill more of
# it, 0.50 to 0.56 at 32 and 0.46 to 0.53 at 64, and are flat at their ends, at 16.
FEW_TO_FILL, FEW_TO_CUT = 80, 17
# The brain's median, from its darkest, 0, to its brightest, 1. In cubes of 268 real and 900 simulated scans it is 0.38
# to 0.62 in T1w, 0.28 to 0.39 in T2w and in T1w with gadolinium, 0.40 to 0.68 in FLAIR.
USUAL_MEDIAN = 0.24, 0.9


def of_outline(found: Foreground, brain_ml: float | None, field: tuple[int, ...]) -> list[str]:
    """Say what is unusual about where a brain is.

    Parameters
    ----------
    found : Foreground
        In RAS order.
    brain_ml : float, optional
        Its volume, where it has a meaning.
    field : tuple of int, (3,)
        Voxels along each side of the volume. A cube that the brain fills on all sides was made by a generator, or like
        its training cubes, and is flat at its ends for that reason.

    Returns
    -------
    list of str
    """
    said = []
    low, high = USUAL_FILL
    if min(found.inside.shape) >= FEW_TO_FILL and not low <= round(found.fill, 2) <= high:
        said.append(f"the brain fills {found.fill:.0%} of its box, where brains fill {low:.0%} to {high:.0%}")
    flat = [found.inside.take(end, axis).mean() for axis in range(3) for end in (0, -1)]
    cut = [f"{side} ({share:.0%})" for side, share in zip(SIDES, flat, strict=True) if share > FLAT]
    enough = max(found.inside.shape) >= FEW_TO_CUT
    stretched = len(set(field)) == 1 and found.first.max() <= 1 and (field - found.last).max() <= 1
    if cut and enough and not stretched:
        said.append(f"the brain is flat, as if it were cut off, at its {', '.join(cut)}")
    elif min(found.inside.shape) >= FEW_TO_TILT and not stretched and (plane := _plane(found.inside)):
        said.append(f"the brain is flat, as if it were cut off by a tilted plane, at its {plane}")
    thin = [f"{side} ({share:.0%})" for side, share in zip(SIDES, _thin_ends(found.inside), strict=True) if share]
    if thin and enough:
        said.append(
            f"the brain is as thin as a string for part of its length, at its {', '.join(thin)}: a cord or dura that "
            "sets the box; cut it off"
        )
    low, high = USUAL_ML
    if brain_ml is not None and enough and not low <= brain_ml <= high:
        said.append(f"the brain has {brain_ml:.0f} ml, where those of adults have {low} to {high}")
    return said


def _plane(inside: np.ndarray) -> str:
    """Where a plane seems to have cut a brain, and the share of its surface there; "" where none did.

    The planes that are looked at are those of the largest facets of the convex hull around some of the surface.
    """
    rim = np.unravel_index(np.flatnonzero(_rim(inside)), inside.shape)  # several times as fast as argwhere
    surface = np.stack(rim, 1, dtype=np.float32, casting="unsafe")
    some = surface[:: 1 + len(surface) // HULL_POINTS]
    hull = ConvexHull(some)
    one, other, third = (some[hull.simplices[:, k]] for k in range(3))
    largest = np.linalg.norm(np.cross(other - one, third - one), axis=1).argsort()[::-1][:LARGEST_FACETS]
    planes = hull.equations[largest].astype(np.float32)
    counted = surface[:: 1 + len(surface) // SURFACE_POINTS]
    shares = (np.abs(counted @ planes[:, :3].T + planes[:, 3]) < NEAR).mean(0)
    share, normal = shares.max(), planes[shares.argmax(), :3]
    if share <= max(ON_A_PLANE, ON_A_PLANE_VOXELS / min(inside.shape)):
        return ""
    sides = [SIDES[2 * axis + (normal[axis] > 0)] for axis in np.abs(normal).argsort()[::-1] if abs(normal[axis]) > 0.3]
    return f"{' and '.join(sides)} ({share:.0%} of its surface)"


def _rim(inside: np.ndarray) -> np.ndarray:
    """Voxels of the surface: inside, next to one that is not, or at an end of the box.

    What scipy's binary_erosion would take off, in a sixth of its time, as every scan is looked at.
    """
    deep = np.zeros_like(inside)
    middle, one = deep[1:-1, 1:-1, 1:-1], slice(1, -1)
    middle[...] = inside[1:-1, 1:-1, 1:-1]
    for axis in range(3):
        for way in (slice(None, -2), slice(2, None)):
            middle &= inside[tuple(way if along == axis else one for along in range(3))]
    return inside & ~deep


def _thin_ends(inside: np.ndarray) -> list[float]:
    """Share of its length for which a brain is thin, at each of its six ends; 0 where that is no more than usual."""
    reach = []
    for axis in range(3):
        areas = inside.sum(axis=tuple({0, 1, 2} - {axis}))
        thick = np.nonzero(areas > THIN * areas.max())[0]
        reach += [thick[0] / len(areas), 1 - (thick[-1] + 1) / len(areas)]
    return [share if share > THIN_REACH else 0.0 for share in reach]


def of_values(found: Foreground, background: float, masked: bool) -> list[str]:
    """Say what is unusual about the values that were read.

    Parameters
    ----------
    found : Foreground
    background : float
        What is around the brain.
    masked : bool
        Whether a mask says what is brain.

    Returns
    -------
    list of str
    """
    said = []
    if np.mean(found.values < background) > DARKER:
        said.append(f"the brain is darker than its background, {background:.4g}, as if it had been negated")
    if masked and (share := np.mean(found.values == background)) > HOLLOW:
        said.append(
            f"of what the mask marks, {share:.0%} has the value {background:.4g} of what is around a brain: it may be "
            "the mask of another scan"
        )
    if _wrapped(found):
        said.append(
            f"neighbours in the brain lie as far apart as {found.voxels.dtype} allows, as where values that did not "
            "fit were counted from 0 again"
        )
    return said


def _wrapped(found: Foreground) -> bool:
    """Whether unsigned integers jump between their limits, in every fourth plane of the box."""
    coarse = max(found.inside.shape) < FEW_TO_CUT  # neighbours differ
    if coarse or found.voxels.dtype.kind != "u":
        return False
    if found.values.max() < NEAR_LIMIT * (limit := np.iinfo(found.voxels.dtype).max):
        return False
    voxels, inside = found.voxels[::4].astype(np.float32), found.inside[::4]
    jumps, n = 0, 0
    for axis in (1, 2):
        lines, brain = np.moveaxis(voxels, axis, 0), np.moveaxis(inside, axis, 0)
        pairs = brain[1:] & brain[:-1]
        jumps += np.count_nonzero(np.abs(np.diff(lines, axis=0))[pairs] > JUMP * limit)
        n += np.count_nonzero(pairs)
    return jumps > JUMPS * n


def of_contrast(cube: np.ndarray, marks: tuple[float, float, float], background: float, modality: str) -> list[str]:
    """Say what is unusual about a brain's intensities.

    Parameters
    ----------
    cube : ndarray, (S, S, S), uint8
        As it was prepared.
    marks : tuple of float
        Of the scan: its brain's darkest, median and brightest.
    background : float
        What is around it.
    modality : str
        What it should be.

    Returns
    -------
    list of str
    """
    said, (low, median, high) = [], marks
    if low - background > high - low:
        said.append(
            f"the brain's values, {low:.4g} to {high:.4g}, are far from the background, {background:.4g}: little of "
            "the contrast is left"
        )
    median = (median - min(low, background)) / (high - min(low, background))
    if not USUAL_MEDIAN[0] <= median <= USUAL_MEDIAN[1]:
        said.append(
            f"half of the brain is {'darker' if median < 0.5 else 'brighter'} than {median:.0%} of its brightest: some "
            "voxels far from the others may set the scale; mask them, or lower prepare.upper_percentile"
        )
    if modality != "T1w" or len(cube) < COARSE:
        return said
    step = len(cube) // COARSE
    cube = cube[::step, ::step, ::step]
    sides = [_inwards(cube), _inwards(cube[::-1])]
    if not all(sides):
        return said
    (_, rim, *_), deep = sides[0]
    if rim > (T1W_RIM if step == 1 else T1W_FINE_RIM) * deep:
        said.append("the contrast is not that of a T1w scan: the brain is about as bright at its surface as inside")
    elif all(np.diff(levels).min() < 0 for levels, _ in sides):
        said.append(
            "the brain is brighter at its surface than right behind it, on both sides, as where skull, fat or dura was "
            "left around it"
        )
    return said


def _inwards(cube: np.ndarray) -> tuple[list[float], float] | tuple[()]:
    """Median brightness where lines from left to right enter the brain and up to 4 voxels further, and a quarter in.

    Empty where no line is in the brain for half of the cube.
    """
    brain = cube > 0
    first = brain.argmax(axis=0)
    length = len(brain) - first - brain[::-1].argmax(axis=0)
    lines = np.nonzero(brain.any(axis=0) & (length > COARSE // 2))
    first, length = first[lines], length[lines]
    if not first.size:
        return ()
    levels = [float(np.median(cube[first + depth, *lines])) for depth in range(5)]
    return levels, float(np.median(cube[first + length // 4, *lines]))
