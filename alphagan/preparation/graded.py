"""Whether a mask holds probabilities, or counts them, such as percent; or names regions."""

from enum import Enum

import numpy as np
from scipy import ndimage

FEWEST_LOWER = 4  # values below half of the largest; masks that mark by a value or two have fewer
INNER, PLATEAU = 0.4, 0.6  # much of the mask is above half of the largest value, and most of that near the largest
LEVELS, TINY = 1000, 1e-30  # into which fractions are counted
NEAR = 0.9  # of the largest value
RAMP = 0.8  # of the voxels of lower values: they lie between a lower and a higher one


class Taken(Enum):
    """What the numbers of a mask are taken for."""

    PROBABILITIES = "probabilities, or counts of them"
    REGIONS = "names of regions"
    REGIONS_IN_DOUBT = "names of regions, though they might count votes"


def taken_for(mask: np.ndarray) -> Taken:
    """Tell a graded mask from a map of labels.

    In a graded mask most of what is inside has about the largest value, and voxels of lower values are an edge: each
    has a higher neighbour on the way in and a lower one on the way out. Labels fill regions, whose voxels mostly have
    neighbours of the same value, or of one side alone; and the largest label is seldom that of most voxels. Where it
    is, few values up to 1 that are not whole numbers are shares of votes, and others are in doubt.

    Parameters
    ----------
    mask : ndarray, (X, Y, Z)
        All finite; outside is 0.

    Returns
    -------
    Taken

    Examples
    --------
    >>> _, _, z = np.indices((9, 9, 40))
    >>> taken_for(np.clip(10 * (z - 2), 0, 100)).value, taken_for(z).value
    ('probabilities, or counts of them', 'names of regions')
    """
    if mask.dtype.kind not in "iuf" or mask.min() < 0:
        return Taken.REGIONS
    shares = mask.dtype.kind == "f" and mask.max() < 1 + 1 / LEVELS and bool((mask % 1).any())
    if mask.dtype.kind == "f":
        mask = np.rint(mask * (LEVELS / max(float(mask.max()), TINY))).astype(np.int32)
    largest = int(mask.max())
    marked, inner = np.count_nonzero(mask), np.count_nonzero(mask > largest / 2)
    lower = (mask > 0) & (mask <= largest / 2)
    if not lower.any() or inner < INNER * marked or np.count_nonzero(mask >= NEAR * largest) < PLATEAU * inner:
        return Taken.REGIONS
    values = mask[lower]
    if np.unique(values).size < FEWEST_LOWER:
        return Taken.PROBABILITIES if shares else Taken.REGIONS_IN_DOUBT
    rises = ndimage.maximum_filter(mask, 3)[lower] > values
    falls = ndimage.minimum_filter(mask, 3)[lower] < values
    return Taken.PROBABILITIES if np.mean(rises & falls) > RAMP else Taken.REGIONS_IN_DOUBT
