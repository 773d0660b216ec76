"""Which voxels a brain mask marks, whatever numbers it marks them by."""

from dataclasses import replace

import numpy as np

from alphagan.preparation.foreground import MAX_RESIDUE, approached, constant_around, distance, residue
from alphagan.preparation.graded import FEWEST_LOWER, Taken, taken_for
from alphagan.preparation.outline import boxed, connected, without_deleted
from alphagan.preparation.quality import QualityError

THRESHOLD = 0.5  # of the inner value, where outside is only approached
MOST_LABELS = 64  # values of a mask that may be labels; scans in 8 bits have more


def inside_of_mask(mask: np.ndarray, edited: bool = False) -> tuple[np.ndarray, list[str]]:
    """Decide which voxels a mask marks: those that are not outside, or where that is only approached, the upper half.

    Outside is 0, or where no voxel is, as in masks of -1 and 1 or clipped probabilities, what most of the outermost
    voxels have. Numbers name regions, as aseg does, all of them inside; but where they are probabilities or count them,
    as percent do (`graded.taken_for`), the upper half is.

    Parameters
    ----------
    mask : ndarray, (X, Y, Z)
        Of any type; what is not finite is outside.
    edited : bool
        Whether it may be FreeSurfer's stripped scan, with the value 1 where somebody took voxels out of the brain.

    Returns
    -------
    inside : ndarray of bool, (X, Y, Z)
    words : list of str
        What numbers were taken for, and what was left out.

    Raises
    ------
    QualityError
        If its background cannot be told.
    """
    if mask.dtype.kind == "b":
        return mask, []
    if edited and (kept := without_deleted(boxed(mask))).n_deleted and np.unique(kept.values).size > MOST_LABELS:
        return kept.within(mask.shape), kept.words()
    outside = _outside_of_mask(mask)
    if mask.dtype.kind == "f":
        mask = np.where(np.isfinite(mask), mask - outside, 0)
    elif outside:
        mask = mask - np.int64(outside)
    if mask.max() <= 0:  # as int8 holds 255
        mask = distance(mask, 0)
    if mask.dtype.kind == "f" and (exact := boxed(mask)).last.any() and residue(exact) > MAX_RESIDUE:
        found = approached(mask, THRESHOLD)
        if isinstance(found, str):
            raise QualityError(f"mask: {found}")
        piece = connected(found)  # its holes stay: they are filled in scans only, whose darkest tissue may be as dark
        return found.within(mask.shape) & piece.within(mask.shape), replace(piece, threshold=0.0).words()
    words, largest, taken = [], float(mask.max()), taken_for(mask)
    if mask.min() > -0.5 * mask.max() and (below := mask[mask < 0]).size:
        words.append(f"what the mask has below {outside:g} is taken for outside: {below.size} of its voxels")
        mask = np.maximum(mask, 0)
        if np.unique(below).size >= FEWEST_LOWER:  # interpolation overshoots, on both sides
            taken, largest = Taken.PROBABILITIES, float(np.median(mask[mask > largest / 2]))
        else:
            taken = taken_for(mask)
    numbers = f"the mask is graded from {outside:g} to {outside + largest:g}, taken for"
    if taken is Taken.PROBABILITIES:
        return mask > largest / 2, [*words, f"{numbers} probabilities: inside is what is above half of that"]
    if taken is Taken.REGIONS_IN_DOUBT:
        words.append(f"{numbers} regions: inside is what is not {outside:g}, and if they are votes, any vote counts")
    return mask != 0, words


def _outside_of_mask(mask: np.ndarray) -> float:
    """0, or where no voxel of a mask is, the value that most of the outermost have."""
    level = None if (mask == 0).any() else constant_around(mask)
    return level if level is not None and (mask != level).any() else 0.0
