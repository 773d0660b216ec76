"""Quality control: what is no skull-stripped brain is refused, with the reason that goes into qc.csv."""

import csv
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from alphagan.preparation.outline import Foreground
from alphagan.settings.sections import Prepare

# 256 healthy adult brains fill 41 to 50 % of their bounding box and 1.1 to 1.9 litres; a head, 60 % and over 3 litres.
USUAL_FILL = (0.41, 0.50)
USUAL_ML = (1000, 2000)
MAX_BRAIN_FILL = 0.75
MAX_BRAIN_ML = 2500
NUMBER = re.compile(r"-?\d[\d.]*(?:e[-+]\d+)?|voxels?|lies?")  # what tells no kind of note from another
NEARLY = 0.8  # of the limits of an integer type
FEWEST_VALUES = 8  # of an image; masks and tissue maps have fewer
# Of neighbours in a brain that have one value, along the axis with fewest: 259 real scans have 0.13 at most; cut to
# 24 values 0.29, at 1 mm 0.5; with each voxel repeated twice along every axis 0.54; 90 regions 0.69 and more.
MOST_ALIKE, FEW = 0.6, 24
# Cut down to 8 values 0.58, at 1 mm 0.80; regions at 1 mm 0.9.
MOST_ALIKE_OF_FEW = 0.85


class QualityError(Exception):
    """A scan fails quality control; the message is the reason, "what: details", as written to qc.csv."""


def check(found: Foreground, brain_ml: float, masked: bool, settings: Prepare) -> None:
    """Refuse what is no skull-stripped brain.

    Parameters
    ----------
    found : Foreground
        The brain.
    brain_ml : float
        Its volume.
    masked : bool
        Whether a mask says what is brain.
    settings : Prepare

    Raises
    ------
    QualityError
        If it is refused.
    """
    if found.fault and found.background and found.inside.all():  # the background is another one than was named
        raise QualityError(found.fault)
    values = found.values
    n_values = np.unique(values[:: max(1, values.size // 10_000)]).size + (not masked)
    if values.size and n_values < FEWEST_VALUES:
        raise QualityError(f"looks like a mask: only {n_values} values; give the scan, not a mask or labels (pattern)")
    if (alike := _alike(found)) > (MOST_ALIKE if n_values >= FEW else MOST_ALIKE_OF_FEW):
        raise QualityError(
            f"looks like labels: {alike:.0%} of neighbours in the brain have one value, along every axis, as in a "
            "parcellation, or where each voxel was repeated; give the scan itself (pattern)"
            + (", or a mask that marks no more than the brain (mask_pattern)" if masked else "")
        )
    if found.fault:
        raise QualityError(found.fault)
    if brain_ml < settings.min_brain_ml:
        raise QualityError(
            f"too few brain voxels: {brain_ml:.1f} ml, below min_brain_ml of {settings.min_brain_ml:g}; correct the "
            "header's voxel size or the mask, or lower prepare.min_brain_ml"
        )
    if _overflowed(values):
        raise QualityError(
            f"overflowed: values reach from {values.min()} to {values.max()}, the limits of {values.dtype}, as where "
            "the brightest became negative; convert the original again, as uint16 or float32"
        )
    saturated = np.count_nonzero(values == values.max()) / values.size
    if saturated > settings.max_saturated:
        limit = f"max_saturated of {settings.max_saturated:.1%}"
        raise QualityError(
            f"clipped: {saturated:.1%} of brain voxels are at the maximum, above {limit}; take it before "
            "it was clipped, or raise prepare.max_saturated"
        )


def refusals(table: Path) -> list[str]:
    """What a qc.csv says of scans that were refused, in a line for each kind of reason, with one file that has it.

    Parameters
    ----------
    table : Path

    Returns
    -------
    list of str
        ``"2 of 9 scans refused, such as sub-01.nii: empty: every voxel is zero; ..."``
    """
    rows = _rows(table)
    reasons = [(row["source"], row["reason"]) for row in rows if row["reason"]]
    return _in_kinds(rows, reasons, lambda reason: reason.partition(":")[0], f"of {len(rows)} scans refused")


def _alike(found: Foreground) -> float:
    """Share of neighbours in the brain that have one value but the highest, on every fourth line along each axis."""
    least, highest = 1.0, found.values.max(initial=0)
    for axis in range(3):
        lines = tuple(slice(None, None, 1 if other == axis else 4) for other in range(3))
        voxels, inside = (np.moveaxis(of[lines], axis, 0) for of in (found.voxels, found.inside))
        pairs = inside[1:] & inside[:-1] & (voxels[1:] < highest)
        least = min(least, np.mean(voxels[1:][pairs] == voxels[:-1][pairs])) if pairs.any() else 0.0
        if least < MOST_ALIKE:  # mostly at the first axis
            break
    return float(least)


def _overflowed(values: np.ndarray) -> bool:
    """Whether integers without a scale fill all of a signed type, as unsigned ones do that were taken for signed."""
    if values.dtype.kind != "i" or values.dtype.itemsize > 2 or values.min() >= 0:
        return False
    limits = np.iinfo(values.dtype)
    return min(np.mean(values < NEARLY * limits.min), np.mean(values > NEARLY * limits.max)) > 0.001


def unusual(table: Path) -> list[str]:
    """What a qc.csv notes of scans that were kept, in a line for each kind of note, with one file that has it.

    Parameters
    ----------
    table : Path

    Returns
    -------
    list of str
        ``"3 scans, such as sub-01.nii: specks: 2 voxels lie apart from the brain, left out"``
    """
    rows = [row for row in _rows(table) if row["kept"] == "yes"]
    notes = [(row["source"], note) for row in rows for note in filter(None, row["note"].split("; "))]
    kind = re.compile(rf"{NUMBER.pattern}| at its .*")  # a brain may be cut at one side or several
    return _in_kinds(rows, notes, lambda note: kind.sub("", note), f"of {len(rows)} scans")


def _in_kinds(
    rows: list[dict[str, str]], said: list[tuple[str, str]], kind: Callable[[str], str], of_what: str
) -> list[str]:
    """A line for each kind of what is said of files, with how many there are and the first."""
    kinds, called = {}, Counter(Path(row["source"]).name for row in rows)
    for source, words in said:
        name = Path(source).name  # all are called alike where folders are people
        kinds.setdefault(kind(words), []).append((name if called[name] == 1 else source, words))
    return [f"{len(found)} {of_what}, such as {found[0][0]}: {found[0][1]}" for found in kinds.values()]


def _rows(table: Path) -> list[dict[str, str]]:
    with open(table, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
