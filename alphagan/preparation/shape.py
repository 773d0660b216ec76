"""What is unusual about the shape of a brain that is kept, in words: its outline, its parts, its size, its grid."""

import numpy as np
from scipy.spatial import ConvexHull, QhullError

from alphagan.preparation.outline import Foreground
from alphagan.preparation.quality import USUAL_FILL, USUAL_ML

# Of a side of the box, in 40 voxels along the longest or more: of real brains that were not cut, 0.09 at most; in
# fewer, as of 5 mm or 6 mm, 0.18.
FLAT, COARSE_FLAT, FEW_TO_BE_ROUND = 0.15, 0.25, 40
# Of the voxels of its surface within so many voxels of one plane: of 386 real brains, 60 to 70 voxels wide, the share
# times the width is 5.1 at most; where a plane of any direction took off a fifth of the brain's length, 5.6 to 17.
NEAR, LARGEST_FACETS, HULL_POINTS, SURFACE_POINTS = 1.5, 20, 250, 2500
FINE = 64  # voxels along the shortest side of a box, from twice as many of which on not every voxel is looked at
ON_A_PLANE, ON_A_PLANE_VOXELS = 0.06, 5.5
FEW_TO_TILT = 32  # voxels along the shortest side of a box, below which no tilted plane is looked for
SIDES = ("left", "right", "back", "front", "bottom", "top")
WAYS = ("left to right", "back to front", "bottom to top")
# Of the area of its largest section, and of its length: of 128 real brains, ends that thin have 0.032 of it at most.
THIN, THIN_REACH = 0.01, 0.08
# Voxels along the shortest and the longest side of a box, below which less is told: outlines of few voxels fill more of
# it, 0.50 to 0.56 at 32 and 0.46 to 0.53 at 64, and are flat at their ends, at 16.
FEW_TO_FILL, FEW_TO_CUT = 80, 17
# Length by width, height by length and height by width of a brain: 256 real and 320 simulated ones have 1.05 to 1.58,
# 0.69 to 0.97 and 0.86 to 1.16.
USUAL_LENGTH, USUAL_HEIGHT, USUAL_RISE = (1.0, 1.62), (0.65, 1.0), (0.82, 1.2)
# Centre and half axes, in shares of the box, of an ellipsoid in which occipital lobes and cerebellum lie. Of its points
# 256 real brains lack 0.007 at most and 320 simulated ones 0.018; 86 real ones without a cerebellum, 0.045 to 0.33.
LOW_BACK, HALF_AXES, LACKING = (0.5, 0.27, 0.4), (0.39, 0.17, 0.23), 0.03
POINTS = (np.indices((32, 32, 32)).reshape(3, -1).T + 0.5) / 32
POINTS = POINTS[(((POINTS - LOW_BACK) / HALF_AXES) ** 2).sum(1) < 1]
# A section by the larger of those on either side of it, whichever side has less: 0.76 at least in 256 real brains.
EMPTY = 0.5
INTERPOLATED = 0.75  # of the cube's voxels, along an axis


def of_outline(found: Foreground, size_mm: np.ndarray, brain_ml: float | None, field: tuple[int, ...]) -> list[str]:
    """Say what is unusual about where a brain is.

    Parameters
    ----------
    found : Foreground
        In RAS order.
    size_mm : ndarray, (3,)
        Of its voxels.
    brain_ml : float, optional
        Its volume, where it has a meaning.
    field : tuple of int, (3,)
        Voxels along each side of the volume. A cube that the brain fills on all sides was made by a generator, or like
        its training cubes, and is flat at its ends for that reason.

    Returns
    -------
    list of str
    """
    inside, said = found.inside, []
    low, high = USUAL_FILL
    if min(inside.shape) >= FEW_TO_FILL and not low <= round(found.fill, 2) <= high:
        said.append(f"the brain fills {found.fill:.0%} of its box, where brains fill {low:.0%} to {high:.0%}")
    stretched = _stretched(found, field)
    limit = FLAT if max(inside.shape) >= FEW_TO_BE_ROUND else COARSE_FLAT
    enough = max(inside.shape) >= FEW_TO_CUT
    flat = _named([inside.take(end, axis).mean() for axis in range(3) for end in (0, -1)], limit)
    if flat and enough and not stretched:
        said.append(f"the brain is flat, as if it were cut off, at its {flat}")
    elif min(inside.shape) >= FEW_TO_TILT and not stretched and (plane := _plane(inside)):
        said.append(f"the brain is flat, as if it were cut off by a tilted plane, at its {plane}")
    if not enough:
        return said
    sections = _sections(inside)
    if thin := _named([end for areas in sections for end in _thin_ends(areas)], THIN_REACH):
        said.append(
            f"the brain is as thin as a string for part of its length, at its {thin}: a cord or dura that sets the "
            "box: cut it off"
        )
    if empty := [f"{n} from {way}" for areas, way in zip(sections, WAYS, strict=True) if (n := _empty(areas))]:
        said.append(f"sections of the brain are empty, or half of them, between others: {', '.join(empty)}")
    if (lacking := _lacking(inside)) > LACKING:
        said.append(
            f"{lacking:.0%} of where brains have their cerebellum and occipital lobes is empty: these may be cut off, "
            "or the scan may lie otherwise than its header says"
        )
    if brain_ml is not None:
        said += _of_size(np.array(inside.shape) * size_mm, brain_ml, stretched)
    return said


def of_detail(field: tuple[int, ...], extent: np.ndarray, size: int) -> list[str]:
    """Say where a cube has more voxels than the scan has for what it shows.

    Parameters
    ----------
    field
        As `of_outline` has it. Where even that is smaller than the cube, one voxel less is told, else a quarter less.
    extent : ndarray, (3,)
        Voxels of the scan that become the cube, along each axis.
    size : int
        Of the cube.

    Returns
    -------
    list of str
    """
    fewest = size if max(field) < size else INTERPOLATED * size
    few = [f"{n:.0f} voxels from {way}" for n, way in zip(extent, WAYS, strict=True) if n < fewest]
    return few and [f"{', '.join(few)} were enlarged to {size}, which made up detail: choose a smaller size"]


def of_fit(found: Foreground, field: tuple[int, ...], fit: str) -> list[str]:
    """Say where a brain that was stretched to a cube would be padded; `found` and `field` are those of `of_outline`."""
    if fit != "pad" or not _stretched(found, field):
        return []
    return ["the brain fills its cube, as stretched ones do, whose proportions are lost: compare with fit: stretch"]


def _stretched(found: Foreground, field: tuple[int, ...]) -> bool:
    """Whether the volume is a cube that the brain fills, but for a thirty-second of it at each end."""
    margin = max(field) // 32
    return len(set(field)) == 1 and max(found.first.max(), (field - found.last).max()) <= margin


def _of_size(extent_mm: np.ndarray, brain_ml: float, stretched: bool) -> list[str]:
    """What is unusual about width, length and height, unless these were stretched to be alike, and about the volume."""
    width, length, height = extent_mm
    ratios = {
        "long as it is wide": (length / width, USUAL_LENGTH),
        "high as it is long": (height / length, USUAL_HEIGHT),
        "high as it is wide": (height / width, USUAL_RISE),
    }
    odd = [
        f"{ratio:.2f} times as {what} (adults {low:.2f} to {high:.2f})"
        for what, (ratio, (low, high)) in ratios.items()
        if not low <= ratio <= high
    ]
    said = [f"the brain is {' and '.join(odd)}: a voxel size may be wrong"] if odd and not stretched else []
    low, high = USUAL_ML
    if not low <= brain_ml <= high:
        said.append(f"the brain has {brain_ml:.0f} ml, where those of adults have {low} to {high}")
    return said


def _named(ends: list[float], limit: float) -> str:
    """Which of the six ends of a box have more than a limit, with what they have."""
    return ", ".join(f"{side} ({share:.0%})" for side, share in zip(SIDES, ends, strict=True) if share > limit)


def _plane(inside: np.ndarray) -> str:
    """Where a plane seems to have cut a brain, and the share of its surface there; "" where none did.

    The planes that are looked at are those of the largest facets of the convex hull around some of the surface.
    """
    step = max(1, min(inside.shape) // FINE)
    inside = np.ascontiguousarray(inside[::step, ::step, ::step])
    rim = np.flatnonzero(_rim(inside))
    places = np.unravel_index(rim[:: 1 + len(rim) // SURFACE_POINTS], inside.shape)  # several times as fast as argwhere
    surface = np.stack(places, 1, dtype=np.float32, casting="unsafe")
    some = surface[:: 1 + len(surface) // HULL_POINTS]
    try:
        hull = ConvexHull(some)
    except QhullError:  # all in one plane
        return ""
    one, other, third = (some[hull.simplices[:, k]] for k in range(3))
    largest = np.linalg.norm(np.cross(other - one, third - one), axis=1).argsort()[::-1][:LARGEST_FACETS]
    planes = hull.equations[largest].astype(np.float32)
    shares = (np.abs(surface @ planes[:, :3].T + planes[:, 3]) < NEAR).mean(0)
    share, normal = shares.max(), planes[shares.argmax(), :3]
    if share <= max(ON_A_PLANE, ON_A_PLANE_VOXELS / min(inside.shape)):
        return ""
    sides = [SIDES[2 * axis + (normal[axis] > 0)] for axis in np.abs(normal).argsort()[::-1] if abs(normal[axis]) > 0.3]
    return f"{' and '.join(sides)} ({share:.0%} of its surface)"


def _rim(inside: np.ndarray) -> np.ndarray:
    """Voxels of the surface: inside, next to one that is not, or at an end of the box.

    What scipy's binary_erosion would take off, in a fraction of its time, as every scan is looked at: neighbours along
    an axis lie as far apart in memory, and those that are none, at the ends of lines, at an end of the box.
    """
    line = inside.ravel()
    deep = line.copy()
    for apart in (1, inside.shape[2], inside.shape[1] * inside.shape[2]):
        deep[apart:] &= line[:-apart]
        deep[:-apart] &= line[apart:]
    deep = deep.reshape(inside.shape)
    for axis in range(3):
        np.moveaxis(deep, axis, 0)[[0, -1]] = False
    return inside > deep


def _sections(inside: np.ndarray) -> list[np.ndarray]:
    """Voxels of each section across each of the three axes, (X,), (Y,) and (Z,)."""
    counted = inside.view(np.uint8)
    through = counted.sum(0, dtype=np.uint16)  # small types and few passes, as every scan is looked at
    return [counted.reshape(len(inside), -1).sum(1, dtype=np.int64), through.sum(1, int), through.sum(0, int)]


def _thin_ends(areas: np.ndarray) -> list[float]:
    """Share of its length for which a brain is thin, at both ends, by the areas of its sections."""
    thick = np.nonzero(areas > THIN * areas.max())[0]
    return [thick[0] / len(areas), 1 - (thick[-1] + 1) / len(areas)]


def _empty(areas: np.ndarray) -> int:
    """How many sections have much less brain than sections on either side of them."""
    before, after = np.maximum.accumulate(areas), np.maximum.accumulate(areas[::-1])[::-1]
    between = np.minimum(before, after)
    return int(np.count_nonzero((areas < EMPTY * between) & (between > THIN * areas.max())))


def _lacking(inside: np.ndarray) -> float:
    """Share of points low at the back of the box that are not brain."""
    return float(1 - inside[tuple((POINTS * inside.shape).astype(int).T)].mean())
