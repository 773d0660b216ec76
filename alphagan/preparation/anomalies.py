"""What is unusual about the values of a brain that is kept, in words: its background, its contrast."""

import numpy as np

from alphagan.preparation.foreground import centred, residue
from alphagan.preparation.outline import Foreground
from alphagan.preparation.shape import FEW_TO_CUT

DARKER = 0.99  # of the brain's voxels
# Of the voxels that a mask marks: 0.040 at most in 12 pairs of scan and mask; with masks of other people on their grid
# 0.048 to 0.14, with turned ones 0.13 to 0.30.
HOLLOW = 0.06
# Of the voxels of a brain that hardly differ from a background of exactly 0, in grids finer than cubes: 256 brains have
# 0.011 at most, three others 0.048; rounded after resampling by splines or a blur of 4 mm, 0.05 to 0.11, which makes
# them 10 to 20 % larger.
HALO, FINE = 0.055, 64
# Unsigned integers that wrapped: of pairs of neighbours in 256 brains, 0.00016 at most lie on either side of both
# shares of what the type allows; of brains that wrapped, 0.003 at least where one voxel of 200 did, 0.06 where half.
NEAR_LIMIT, DARK, BRIGHT, JUMPS = 0.95, 0.2, 0.8, 0.001
# Voxels along a cube in which contrast is looked at, at least, and of the brain's width: in fewer it cannot be told.
# Padded to its length a brain of 32 voxels is 23 to 27 wide; in a field of view of 224 mm 20, of 256 mm 17.
COARSE, WIDE = 32, 24
# Brightness near the surface of what it is inside: 259 T1w scans have 0.69 at most, stretched or padded, three of T2w,
# whose cortex and CSF are bright, at least 0.92; at 64 voxels, where less is averaged, 184 T1w scans have 0.77 at most.
T1W_RIM, T1W_FINE_RIM = 0.75, 0.9
# The brain's median, from its darkest, 0, to its brightest, 1. In cubes of 268 real and 900 simulated scans it is 0.38
# to 0.62 in T1w, 0.28 to 0.39 in T2w and in T1w with gadolinium, 0.40 to 0.68 in FLAIR.
USUAL_MEDIAN = 0.24, 0.9


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
    if np.count_nonzero(found.values < background) > DARKER * found.n_voxels:
        said.append(f"the brain is darker than its background, {background:.4g}, as if it had been negated")
    if masked and (share := np.mean(found.values == background)) > HOLLOW:
        said.append(
            f"of what the mask marks, {share:.0%} has the value {background:.4g} of what is around a brain: it may be "
            "the mask of another scan"
        )
    fine = not (masked or found.threshold or centred(found)) and max(found.inside.shape) > FINE
    if fine and (near := residue(found)) > HALO:
        said.append(
            f"{near:.0%} of what was taken for brain hardly differs from the background, {background:.4g}, as rings of "
            "splines or a blur leave it around a brain, which is 10 to 20 % larger by it: set it to the background, or "
            "resample the original linearly"
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
    voxels, inside = found.voxels[::4], found.inside[::4]
    bright, dark = (voxels > int(BRIGHT * limit)) & inside, (voxels < int(DARK * limit)) & inside
    jumps, n = 0, 0
    for axis in (1, 2):
        high, low, brain = (np.moveaxis(where, axis, 0) for where in (bright, dark, inside))
        jumps += np.count_nonzero(high[1:] & low[:-1]) + np.count_nonzero(low[1:] & high[:-1])
        n += np.count_nonzero(brain[1:] & brain[:-1])
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
            "voxels far from the others may set the scale: mask them, or lower prepare.upper_percentile"
        )
    if modality != "T1w" or len(cube) < COARSE:
        return said
    step = len(cube) // COARSE
    cube = cube[::step, ::step, ::step]
    if np.count_nonzero(cube.any((1, 2))) < WIDE:
        return said
    sides = [_inwards(cube), _inwards(cube[::-1])]
    if not all(sides):
        return said
    (_, rim, *_), deep = sides[0]
    if rim > (T1W_RIM if step == 1 else T1W_FINE_RIM) * deep:
        said.append("the contrast is not that of a T1w scan: the brain is about as bright at its surface as inside")
    # From voxel to voxel inwards T1w scans get brighter: 256 real brains, at 32 and 64 voxels, and 480 simulated ones
    # by 0.03 of what it is inside at least; with a shell of skull left around 24 of them it fell by 0.03 to 0.16.
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
    inwards = np.stack([*(first + depth for depth in range(5)), first + length // 4])
    *levels, deep = np.median(cube[inwards, *lines], axis=1).tolist()
    return levels, deep
