"""What is unusual about a brain that is kept, in words: its outline, its size, its contrast."""

import numpy as np

from alphagan.preparation.outline import Foreground
from alphagan.preparation.quality import USUAL_FILL, USUAL_ML

FLAT = 0.15  # of a side of the box; of real brains that were not cut, 0.09 at most
SIDES = ("left", "right", "back", "front", "bottom", "top")
COARSE = 32  # voxels along a cube in which contrast is looked at, at least; in fewer it cannot be told
# Brightness near the surface of what it is inside: T1w has 0.52 at most, T2w, whose cortex and CSF are bright, at least
# 0.80; at 64 voxels, where less is averaged, 0.79 and 1.01.
T1W_RIM, T1W_FINE_RIM = 0.7, 0.9


def of_outline(found: Foreground, brain_ml: float | None) -> list[str]:
    """Say what is unusual about where a brain is.

    Parameters
    ----------
    found : Foreground
        In RAS order.
    brain_ml : float, optional
        Its volume, where it has a meaning.

    Returns
    -------
    list of str
    """
    said = []
    low, high = USUAL_FILL
    if not low <= round(found.fill, 2) <= high:
        said.append(f"the brain fills {found.fill:.0%} of its box, where brains fill {low:.0%} to {high:.0%}")
    flat = [found.inside.take(end, axis).mean() for axis in range(3) for end in (0, -1)]
    cut = [f"{side} ({share:.0%})" for side, share in zip(SIDES, flat, strict=True) if share > FLAT]
    if cut:
        said.append(f"the brain is flat, as if it were cut off, at its {', '.join(cut)}")
    low, high = USUAL_ML
    if brain_ml is not None and not low <= brain_ml <= high:
        said.append(f"the brain has {brain_ml:.0f} ml, where those of adults have {low} to {high}")
    return said


def of_contrast(cube: np.ndarray, low: float, high: float, background: float, modality: str) -> list[str]:
    """Say what is unusual about a brain's intensities.

    Parameters
    ----------
    cube : ndarray, (S, S, S), uint8
        As it was prepared.
    low, high, background : float
        Of the scan: its brain's darkest and brightest, and what is around it.
    modality : str
        What it should be.

    Returns
    -------
    list of str
    """
    said = []
    if low - background > high - low:
        said.append(
            f"the brain's values, {low:.4g} to {high:.4g}, are far from the background, {background:.4g}: little of "
            "the contrast is left"
        )
    if modality != "T1w" or len(cube) < COARSE:
        return said
    step = len(cube) // COARSE
    cube = cube[::step, ::step, ::step]
    brain = cube > 0
    # From left to right: where a line enters the brain, and how long it is in it.
    first = brain.argmax(axis=0)
    length = len(brain) - first - brain[::-1].argmax(axis=0)
    lines = np.nonzero(length > COARSE // 2)
    first, length = first[lines], length[lines]
    rim, deep = cube[first + 1, *lines], cube[first + length // 4, *lines]
    if first.size and np.median(rim) > (T1W_RIM if step == 1 else T1W_FINE_RIM) * np.median(deep):
        said.append("the contrast is not that of a T1w scan: the brain is about as bright at its surface as inside")
    return said
