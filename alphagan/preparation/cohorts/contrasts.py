"""Scans of another contrast than the cohort's, as far as names leave that open; where they tell it, see `doubts`."""

import re
from collections import Counter, defaultdict
from pathlib import Path

from alphagan.preparation.cohorts import Scan, names, nifti, tree
from alphagan.settings.cohorts import NiftiCohort

AT_END = re.compile(r"(.*\d)(t1|t2|t1w|t2w|flair|pd|pdw)", re.IGNORECASE)  # without a mark, as in P01T2


def unsure(cohort: NiftiCohort, scans: list[Scan]) -> list[str]:
    """Lines on scans whose contrast is not known, and on images that the pattern leaves."""
    places = [scan.image.relative_to(cohort.source) for scan in scans]
    told = {place: names.read(place).contrast for place in places}
    left = []
    if cohort.pattern:
        others = _others(cohort, places)
        left = [_left(cohort, places, others), _left_untold(cohort, places, others)]
    found = (_untold(told), _of_folders(told, cohort.modality), _glued(told), *left)
    return [line for line in found if line]


def _untold(told: dict[Path, str]) -> str | None:
    """Warn where some names tell a contrast and others none: what they tell may be a word that is not known."""
    without = [place for place, contrast in told.items() if not contrast]
    if not without or len(without) == len(told):
        return None
    known = names.count(Counter(filter(None, told.values())))
    return (
        f"{len(without)} of {len(told)} names tell no contrast, such as {without[0]}, where others do ({known}): if "
        "these are of another one, give a pattern that leaves them out"
    )


def _of_folders(told: dict[Path, str], modality: str) -> str | None:
    """Warn of folders that are called after another contrast, and hold names that tell none."""
    found = {}
    for place in (place for place, contrast in told.items() if not contrast):
        contrasts = filter(None, (names.contrast(folder) for folder in place.parent.parts[::-1]))
        if (contrast := next(contrasts, "")) and not nifti.is_of(modality, contrast):
            found[place] = contrast
    if not found:
        return None
    lie = (
        "1 scan lies in a folder whose name tells"
        if len(found) == 1
        else f"{len(found)} scans lie in folders that tell"
    )
    return (
        f"{lie} {names.count(Counter(found.values()))}, such as "
        f"{next(iter(found))}, and the modality is {modality}: unless these are visits, give a pattern that fits one "
        "contrast, or set the modality"
    )


def _glued(told: dict[Path, str]) -> str | None:
    """Warn where names of two scans are one but for a contrast, or visit, at their end: P01T1 and P01T2."""
    ends = defaultdict(dict)
    for place, contrast in told.items():
        if not contrast and (match := AT_END.fullmatch(tree.stem(place))):
            ends[place.parent, match[1].casefold()][match[2].casefold()] = place
    several = [list(found.values()) for found in ends.values() if len(found) > 1]
    if not several:
        return None
    one, other, *_ = several[0]
    return (
        f"names are one but for their ending ({len(several)} of them), such as {one} and {other}, and each is a person "
        "of its own: if these are contrasts, give a pattern that fits one, such as {subject}T1.nii.gz; if visits, "
        "rename them, such as sub-NAME_ses-T1"
    )


def _left(cohort: NiftiCohort, taken: list[Path], others: list[Path]) -> str | None:
    """Warn of images like those that a pattern takes, of the cohort's modality as their names tell, that it leaves."""
    variants = {names.read(place).variant for place in taken}
    told = ((place, names.read(place)) for place in others)
    left = [
        place for place, name in told if name.contrast.lower() == cohort.modality.lower() and name.variant in variants
    ]
    if not left:
        return None
    return (
        f"passed over, as the pattern {cohort.pattern!r} does not fit them, though their names tell {cohort.modality}: "
        f"{len(left)}, such as {left[0]}; if they are meant, write * where names may differ"
    )


def _left_untold(cohort: NiftiCohort, taken: list[Path], others: list[Path]) -> str | None:
    """Warn of images that a pattern leaves, of people whom it takes no other of, whose names tell no contrast."""
    regex = nifti.compiled(cohort.pattern, "pattern")
    people = set()
    for place in map(Path.as_posix, taken):
        end = regex.fullmatch(place).end("subject")
        people.add(place[place.rfind("/", 0, end) + 1 : end].casefold())
    left = [place for place in others if not names.read(place).contrast and people.isdisjoint(_beginnings(place))]
    if not left:
        return None
    return (
        f"passed over, as the pattern {cohort.pattern!r} does not fit them: {len(left)} images whose names begin as "
        f"nobody's do that it takes, such as {left[0]}; if people are meant, write * where names may differ"
    )


def _beginnings(place: Path) -> set[str]:
    """What names of folders and of a file begin with, up to each mark: sub-01, sub-01_ses-2, ..."""
    parts = [part.casefold() for part in (*place.parent.parts, tree.stem(place))]
    return {part[: mark.start()] for part in parts for mark in re.finditer(r"[\W_]|$", part)}


def _others(cohort: NiftiCohort, taken: list[Path]) -> list[Path]:
    """Images of a folder that its pattern leaves, neither masks nor copies of what it takes, sorted."""
    source, stems = tree.folder(cohort.source), {place.with_name(tree.stem(place)) for place in taken}
    masks = nifti.compiled(cohort.mask_pattern, "mask_pattern") if cohort.mask_pattern else None
    others = sorted(path.relative_to(source) for path in tree.files(source) if tree.suffix(path))
    left = [
        place
        for place in others
        if place.with_name(tree.stem(place)) not in stems and not (masks and masks.fullmatch(place.as_posix()))
    ]
    ending = set(nifti.of_another_ending(cohort)) if left else ()
    return [place for place in left if place.as_posix() not in ending]
