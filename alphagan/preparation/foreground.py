"""What is brain: the one decision for scans, masks and generated volumes, whatever their background is made of.

The background is looked for in this order, and the first that leaves a brain is taken:

1. exactly 0;
2. another constant, which most of the outermost voxels have: -1, or a 0 that an integer header rounded;
3. two constants, one within the other, as where a field of -1 was padded with 0;
4. a level that is only approached, as noise and interpolation leave it: voxels within a threshold of it are background,
   unless brain surrounds them.

It leaves a brain where the rest is not larger than one, and is not made of residue: of voxels that differ from the
background by next to nothing. A background that was named is taken as it is: what is not above it.

Of what remains, the largest piece is brain, and smaller ones are specks. Voxels belong to one piece where the blocks of
8 mm that hold them share a face; where a threshold or a named background decides, where they do themselves.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from scipy.ndimage import binary_fill_holes

from alphagan.preparation.outline import MAX_SPECKS, Foreground, boxed, connected, largest_piece, without_deleted
from alphagan.preparation.quality import MAX_BRAIN_FILL, MAX_BRAIN_ML

RESIDUE = 0.02  # of the brightest voxels: what differs less from the background hardly differs
MAX_RESIDUE = 0.125  # share of the foreground; real brains have up to 0.05, smoothed or noisy ones 0.3 to 1
BRIGHTEST = 98  # percentile that stands for the brightest
SAMPLED = 2000  # voxels that are enough to know a percentile by
GOLDEN = (5**0.5 - 1) / 2
THRESHOLD = 0.15  # of the foreground's median, where the background is only approached
NOISE = 6.0  # standard deviations of the background that are still background
INNER = 0.25  # of what is not the outermost constant, where another is background too
CENTRED = 0.1  # share of the brain below 0: of scans that were centred, in which 0 inside the brain is a grey
EMPTY = "empty: every voxel is zero; make it anew, or leave it out"
BRAIN_SHAPED = 0.6  # of the box: what fills more than that is a head, in voxels of any size
FULL = 0.65  # of the box: where the threshold had to be estimated, less than this tells a brain from a head


def find_foreground(
    voxels: np.ndarray, voxel_size_mm: np.ndarray, background: float | None = None, edited: bool = False
) -> Foreground:
    """Decide which voxels are brain.

    Parameters
    ----------
    voxels : ndarray, (X, Y, Z)
        All finite; or the inside of a mask, bool.
    voxel_size_mm : ndarray, (3,)
    background : float, optional
        What is not above it is background.
    edited : bool
        Whether FreeSurfer's editor may have left the value 1 where somebody took voxels out of the brain.

    Returns
    -------
    Foreground
        Whose `fault` is not empty where nothing that looks like a brain was found.

    Examples
    --------
    >>> volume = np.full((40, 40, 40), -1.0)
    >>> volume[((np.indices(volume.shape) - 19.5) ** 2).sum(0) < 100] = 0.3
    >>> volume[1, 1, 1] = 0.2
    >>> found = find_foreground(volume, np.ones(3))
    >>> found.background, found.n_specks, found.first.tolist()
    (-1.0, 1, [10, 10, 10])
    """
    ml = float(np.prod(voxel_size_mm)) / 1000
    if background is not None:
        found = connected(boxed(voxels, voxels > background, background), most_apart=1.0)
        return replace(found, fault=_no_brain_s_size(found, ml))
    exact = without_deleted(boxed(voxels)) if edited else boxed(voxels)
    faults = [_fault(exact, ml)]
    if not faults[0]:
        found = largest_piece(exact, voxel_size_mm)
        return replace(found, inside=binary_fill_holes(found.inside)) if centred(found) else found
    for other in _other_backgrounds(voxels, THRESHOLD) if voxels.dtype.kind != "b" else ():
        if isinstance(other, str):
            faults.append(other)
            continue
        fault = _no_brain_s_size(other, ml, MAX_SPECKS)  # told before its pieces are looked for, which takes longer
        if not fault:
            found = largest_piece(_connected_where_approached(other), voxel_size_mm)
            fault = found.fault or _fault(found, ml)
            if not fault:
                return found
        faults.append(fault)
    if apart := largest_piece(exact, voxel_size_mm).fault:  # as two brains in one file
        return replace(exact, fault=apart)
    whole_head = next((fault for fault in faults if fault.startswith("not skull-stripped")), "")
    return replace(exact, fault=whole_head or faults[-1])


def _other_backgrounds(voxels: np.ndarray, share: float) -> Iterator[Foreground | str]:
    """What is brain if the background is not 0, by ever bolder guesses; or why a guess cannot be made."""
    level = constant_around(voxels)
    if level:
        yield boxed(voxels, voxels != voxels.dtype.type(level), level)
    if level is not None:
        rest = boxed(voxels, voxels != voxels.dtype.type(level))
        values, counts = np.unique(_some(rest.values), return_counts=True)
        if counts.size and counts.max() > INNER * counts.sum():
            inner = values[counts.argmax()]
            yield boxed(voxels, (voxels != voxels.dtype.type(level)) & (voxels != inner), inner)
    yield approached(voxels, share)


def approached(voxels: np.ndarray, share: float) -> Foreground | str:
    """What is brain if the background is a level that is only approached; or why that cannot be told."""
    faces = faces_of(voxels)
    level = float(np.median(faces))
    away = distance(voxels, level)
    brightest = _percentile(away[away > 0], BRIGHTEST)
    beyond = away[away > 0.1 * brightest]
    if not beyond.size:
        return EMPTY if not level else f"empty: every voxel is {level:g}; make it anew, or leave it out"
    middle = float(np.median(beyond))
    noise = NOISE * 1.4826 * float(np.median(np.abs(faces - np.float64(level))))
    if noise > middle / 2:
        return (
            f"noisy background: around {level:.3g} it varies by {noise / NOISE:.2g}, too much beside the {middle:.2g} "
            "by which the rest differs; set what is around the brain to 0, or give the cohort's background"
        )
    threshold = max(share * middle, noise)
    return boxed(voxels, away > threshold, level, threshold)


def _connected_where_approached(found: Foreground) -> Foreground:
    return connected(found) if found.threshold else found


def _fault(found: Foreground, voxel_ml: float) -> str:
    """Why a foreground cannot be a brain's, or ""."""
    fault = _no_brain_s_size(found, voxel_ml)
    if not (fault or found.threshold) and (near := residue(found)) > MAX_RESIDUE:
        return (
            f"background cannot be told: {near:.0%} of the voxels that are not {found.background:.3g} are next to "
            "it; set what is around the brain to 0, or give the cohort's background"
        )
    return fault


def _no_brain_s_size(found: Foreground, voxel_ml: float, specks: float = 0.0) -> str:
    """Why a foreground is not as large as a brain, even where a share of it may be specks; or ""."""
    if not found.last.any():
        return EMPTY
    ml, fill = found.n_voxels * voxel_ml, found.fill
    most_fill = FULL if found.threshold else MAX_BRAIN_FILL
    if (1 - specks) * ml <= MAX_BRAIN_ML and (1 - specks) * fill <= most_fill:
        return ""
    size, voxel_size = f"{ml:.0f} ml, {fill:.0%} of the bounding box, are", ""
    if (1 - specks) * fill <= BRAIN_SHAPED:  # the shape of a brain may be a brain in voxels of wrong size
        size, voxel_size = f"or too large voxels: {size}", "correct the header's voxel size, or "
    size = f"not skull-stripped{', ' if voxel_size else ': '}{size}"
    if found.voxels.dtype.kind == "b":
        return f"{size} inside the mask; {voxel_size}check mask_pattern"
    where = f"away from {found.background:.3g}" if found.background or found.threshold else "non-zero"
    cures = f"{voxel_size}strip it, or give mask_pattern, or where only its background is not 0, background"
    return f"{size} {where}; {cures}"


def centred(found: Foreground) -> bool:
    """Whether a scan was centred, so that 0 inside the brain is a grey."""
    signed = not found.background and found.voxels.dtype.kind in "if" and found.voxels.min() < 0
    return bool(signed and np.mean(found.values < 0) > CENTRED)


def residue(found: Foreground) -> float:
    """Share of a foreground that hardly differs from the background."""
    away = distance(_some(found.values), found.background)
    return float(np.mean(away < RESIDUE * _percentile(away, BRIGHTEST)))


def faces_of(voxels: np.ndarray) -> np.ndarray:
    """The outermost voxels, (n,)."""
    return np.concatenate([np.moveaxis(voxels, axis, 0)[end].ravel() for axis in range(3) for end in (0, -1)])


def constant_around(voxels: np.ndarray) -> float | None:
    """The value that most of the outermost voxels have, where brain ends within the field; None where none is it."""
    faces = faces_of(voxels)
    finite = faces[np.isfinite(faces)]
    level = np.median(finite) if finite.size else np.nan
    return float(level) if np.mean(faces == level) > 0.5 else None


def distance(voxels: np.ndarray, level: float) -> np.ndarray:
    """How far voxels are from a level, whatever their type."""
    if level or voxels.dtype.kind not in "uf":  # differences and moduli of integers may not fit their type
        return np.abs(voxels - np.float64(level))
    return voxels if voxels.dtype.kind == "u" else np.abs(voxels)


def _some(values: np.ndarray) -> np.ndarray:
    """At most SAMPLED of them, from all over: at steps of the golden ratio, as even steps can keep to one plane."""
    if values.size <= SAMPLED:
        return values
    return values[(np.arange(SAMPLED) * GOLDEN % 1 * values.size).astype(int)]


def _percentile(values: np.ndarray, percent: float) -> float:
    values = np.sort(_some(values))
    return float(values[int((values.size - 1) * percent / 100)]) if values.size else 0.0
