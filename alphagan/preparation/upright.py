"""Whether volumes lie as others do, whatever their headers say: generated ones as real ones, one scan as the rest.

Each volume is compared with the mean real brain in all 48 orders and directions of the axes. Left and right are too
alike to be told apart, so two of these count as one. No volume is turned by what is found here: it is told, and the
option --orientation turns them.

What a whole cohort may do wrong is told by the mean brain of the MNI152 atlas (mni152.npy: its T1w scan as nilearn has
it, without skull, stretched to 16 x 16 x 16. Copyright (C) 1993-2009 Louis Collins, McConnell Brain Imaging Centre,
Montreal Neurological Institute, McGill University; it may be copied and changed for any purpose under this notice).
"""

from collections import Counter
from collections.abc import Sequence
from itertools import permutations, product
from pathlib import Path

import numpy as np
from nibabel.orientations import apply_orientation, axcodes2ornt, inv_ornt_aff, ornt_transform
from scipy.ndimage import rotate

from alphagan.preparation.outline import bounding_box
from alphagan.preparation.resample import area_resize

SIDE = 16  # of the volumes that are compared, at least; finer detail tells nothing of the axes
MOST = 2 / 3  # of the volumes must agree; of real brains, 95 to 99 % are told rightly one by one
GAIN = 0.01  # of correlation in the mean; to turn real brains costs 0.06 to 0.08
# Of correlation in one volume. Real brains, of which 55 were compared with the mean of 129 and 2400 with means of four,
# gain 0.024 and 0.056 at most; those that are turned upside down or back to front, 0.073 at least.
PLAINLY = 0.06
TYPICAL, MOST_COMPARED = 8, 500  # scans whose mean stands for a cohort; and among which they are looked for
FEWEST, OTHERS = 3, "the others"  # such scans, and what they are called
PITCHES, FAINT = (-30, -15, 15, 30), 0.1  # degrees; and of the brightest, where a mean brain ends
# Of correlation with the mean brain of MNI152, on average: each of 256 real brains has 0.76 at least, 0.86 on average,
# and fits it best as it is, but for 12, which gain 0.07 at most; none of them does when it is turned.
A_BRAIN = 0.8
MNI152 = np.load(Path(__file__).with_name("mni152.npy"))
# Directions of the axes of an array, for each of its axes.
ORDERS = [
    tuple(pair[way] for pair, way in zip(order, ways, strict=True))
    for order in permutations(("RL", "AP", "SI"))
    for ways in product((0, 1), repeat=3)
]
NAMES = ["".join(order) for order in ORDERS]


def likely_directions(generated: np.ndarray, real: np.ndarray) -> str:
    """Directions in which the axes of arrays seem to point, when those of others are known to be RAS.

    Parameters
    ----------
    generated, real : ndarray, (n, S, S, S)
        Cubes of brains, background 0.

    Returns
    -------
    directions : str
        "RAS" if the arrays lie alike, or where no two thirds of the generated ones agree. Otherwise what they agree
        on, without a mirror image, which could not be told from it.

    Examples
    --------
    >>> _, y, z = np.indices((8, 8, 8))
    >>> real = np.stack([y + 0.5 * z**2] * 3)
    >>> likely_directions(real, real), likely_directions(real[:, ::-1, ::-1], real)
    ('RAS', 'LPS')
    """
    likeness = _likeness(generated, real)
    (agreed, n), *_ = Counter(NAMES[index].replace("L", "R") for index in likeness.argmax(1)).most_common()
    gain = likeness[:, NAMES.index(agreed)].mean() - likeness[:, NAMES.index("RAS")].mean()
    if n < MOST * len(likeness) or gain < GAIN:
        return "RAS"
    return _rotated(agreed)


def plainly_turned(generated: np.ndarray, real: np.ndarray) -> tuple[str, int]:
    """Directions that most of the volumes which plainly are not RAS seem to have, and how many they are.

    Parameters
    ----------
    generated, real
        As `likely_directions` has them.

    Returns
    -------
    directions : str
        "RAS" where no volume is.
    n : int
        0 where fewer than two are: a brain may be odd.

    Examples
    --------
    >>> _, y, z = np.indices((8, 8, 8))
    >>> real = np.stack([y + 0.5 * z**2] * 4)
    >>> plainly_turned(np.concatenate([real, real[:2, ::-1, ::-1]]), real), plainly_turned(real, real)
    (('LPS', 2), ('RAS', 0))
    """
    likeness = _likeness(generated, real)
    plainly = likeness.max(1) - likeness[:, NAMES.index("RAS")] > PLAINLY
    found = Counter(NAMES[index].replace("L", "R") for index in likeness[plainly].argmax(1)).most_common(1)
    return (_rotated(found[0][0]), found[0][1]) if found and found[0][1] > 1 else ("RAS", 0)


def lying_otherwise(volumes: np.ndarray) -> tuple[str, list[int], str]:
    """Directions that most of those brains of a cohort have which plainly lie otherwise than its most typical ones.

    Where half of a cohort lies upside down its mean tells nothing, so that a brain which is like many others, and those
    most like it, stand for the cohort: of those that lie as MNI152 does, where some do. Where hardly any does and most
    agree on how they lie, all of these are told.

    Parameters
    ----------
    volumes : ndarray, (n, S, S, S)
        Cubes of brains, background 0.

    Returns
    -------
    directions : str
        "RAS" where none does.
    rows : list of int
    than : str
        What they were compared with.

    Examples
    --------
    >>> _, y, z = np.indices((8, 8, 8))
    >>> brains = np.stack([y + 0.5 * z**2] * 9)
    >>> brains[7] = brains[7, ::-1, ::-1]
    >>> lying_otherwise(brains), lying_otherwise(brains[:7])
    (('LPS', [7], 'the others'), ('RAS', [], 'the others'))
    """
    likeness, than = _likeness_to_typical(_coarse(volumes))
    rows = np.nonzero(likeness.max(1) - likeness[:, NAMES.index("RAS")] > PLAINLY)[0]
    found = Counter(NAMES[index].replace("L", "R") for index in likeness[rows].argmax(1)).most_common(1)
    agreed = found and (than == OTHERS or found[0][1] >= MOST * len(rows))
    return (_rotated(found[0][0]), rows.tolist(), than) if agreed else ("RAS", [], than)


def described(volumes: np.ndarray, names: Sequence[str]) -> str:
    """Which brains of a cohort lie otherwise than the others, in a line; "" where none does."""
    directions, rows, than = lying_otherwise(volumes)
    if not rows:
        return ""
    return (
        f"{len(rows)} of {len(names)} scans, such as {names[rows[0]]}, fit {than} plainly better if what was taken "
        f"for RAS is {directions} in them: look at them; correct their headers, or leave out those whose parts are "
        "missing"
    )


def _likeness_to_typical(volumes: np.ndarray) -> tuple[np.ndarray, str]:
    """`_likeness` of volumes to what stands for their cohort, and what that is called; of none, to nothing, (0, 48)."""
    some = volumes[:MOST_COMPARED]
    likeness = _likeness(_unpadded(some), MNI152[None])
    rows = np.flatnonzero(likeness.argmax(1) == NAMES.index("RAS"))
    if len(rows) < FEWEST:
        if likeness.max(1).mean() > A_BRAIN:
            return _likeness(_unpadded(volumes), MNI152[None]), "the mean brain of MNI152"
        if len(volumes) <= TYPICAL // 2:
            return likeness[:0], OTHERS
        rows = np.arange(len(some))
    flat = standardised(some[rows])
    alike = flat @ flat.T
    typical = np.sort(rows[alike[alike.mean(0).argmax()].argsort()[::-1][:TYPICAL]])
    return _likeness(volumes, volumes[typical]), OTHERS


def _likeness(generated: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Correlation of every volume with the mean real brain as if stored in each order, (n, 48)."""
    real = _coarse(real)
    mean = real.mean(0)
    mean = mean + mean[::-1]
    stretched = np.mean([all(brain.take((0, -1), axis).any() for axis in range(3)) for brain in real]) > 0.5
    references = standardised(np.stack([_as_if_stored(mean, order) for order in ORDERS]))
    volumes = standardised(_coarse(generated))
    likeness = volumes @ references.T
    # What fits best with its nose up or down lies right in a tilted grid: heads are, and slices often are on purpose.
    pitched = volumes @ standardised(np.stack([_pitched(mean, degrees, stretched) for degrees in PITCHES])).T
    right = NAMES.index("RAS")
    likeness[:, right] = np.where(pitched.max(1) > likeness.max(1), pitched.max(1), likeness[:, right])
    return likeness


def _pitched(mean: np.ndarray, degrees: float, stretched: bool) -> np.ndarray:
    """A mean brain with its nose up or down, whose box is made a cube as brains' were: stretched, or padded."""
    turned = rotate(mean, degrees, axes=(1, 2), order=1)
    first, last = np.asarray(bounding_box(turned > FAINT * turned.max()), float)
    if not stretched:
        half, centre = (last - first).max() / 2, (first + last) / 2
        first, last = centre - half, centre + half
    return area_resize(turned, first, last, len(mean)) if (last > first).all() else mean


def _rotated(axes: str) -> str:
    """Of directions and their mirror image, those that a rotation reaches."""
    return axes if _is_rotation(axes) else axes.replace("R", "L")


def _as_if_stored(volume: np.ndarray, order: tuple[str, ...]) -> np.ndarray:
    """A RAS volume with its axes in another order and other directions."""
    return apply_orientation(volume, ornt_transform(axcodes2ornt("RAS"), axcodes2ornt(order)))


def _is_rotation(axes: str) -> bool:
    return np.linalg.det(inv_ornt_aff(axcodes2ornt(axes), (1, 1, 1))[:3, :3]) > 0


def _coarse(volumes: np.ndarray) -> np.ndarray:
    """Averaged down, (n, s, s, s) float32 with s from SIDE to less than twice that where S allows it."""
    size = volumes.shape[1]
    step = next(step for step in range(max(1, size // SIDE), 0, -1) if size % step == 0)
    shape = (size // step, step) * 3
    return np.stack([volume.reshape(shape).mean((1, 3, 5), dtype=np.float32) for volume in volumes])


def _unpadded(volumes: np.ndarray) -> np.ndarray:
    """What is not 0 of each volume, stretched to (SIDE, SIDE, SIDE) voxels."""
    found = np.zeros((len(volumes), SIDE, SIDE, SIDE), np.float32)
    for row, volume in enumerate(_coarse(volumes)):
        if volume.any():
            found[row] = area_resize(volume, *np.asarray(bounding_box(volume), float), SIDE)
    return found


def standardised(volumes: np.ndarray) -> np.ndarray:
    """All voxels of each volume, of mean 0 and length 1, (n, S³) float64: products of two are their correlation."""
    flat = volumes.reshape(len(volumes), -1).astype(np.float64)
    flat -= flat.mean(1, keepdims=True)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)
