"""BraTS as its owners publish it. The name of a file says whose it is and what, wherever it lies below the source.

::

    HGG/Brats18_CBICA_AAB_1/Brats18_CBICA_AAB_1_flair.nii.gz            2018, 2019; HGG or LGG is the grade
    BraTS20_Training_001/BraTS20_Training_001_flair.nii.gz              2020; grades are in name_mapping.csv
    BraTS2021_00000/BraTS2021_00000_flair.nii.gz                        2021; no grades
    BraTS-GLI-00000-000/BraTS-GLI-00000-000-t2f.nii.gz                  2023 and later; -000 is the visit; no grades

Scans are skull-stripped by the organisers: zero outside the brain. Segmentations are never read.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from alphagan.errors import InputError
from alphagan.preparation.cohorts import Scan, table, tree
from alphagan.settings.cohorts import BratsCohort

NAMES = (
    re.compile(r"(?P<subject>(?i:brats)(?:20)?\d\d_\w+?)_(?P<sequence>flair|t1ce|t1|t2)"),
    re.compile(r"(?P<subject>BraTS-[\w-]+)-(?P<session>\d{3})-(?P<sequence>t2f|t1c|t1n|t2w)"),
)
MODALITIES = {
    **{"flair": "FLAIR", "t1": "T1w", "t1ce": "T1wGd", "t2": "T2w"},
    **{"t2f": "FLAIR", "t1n": "T1w", "t1c": "T1wGd", "t2w": "T2w"},
}


@dataclass(frozen=True)
class BratsScan(Scan):
    """A scan and the grade of the tumour: "HGG", "LGG", or "" where the release does not say."""

    grade: str = ""


def find(cohort: BratsCohort) -> list[Scan]:
    """Find the scans of one modality and grade.

    Raises
    ------
    InputError
        If the folder is missing, holds no such scan, a grade is asked for and the release carries none, or its table
        of grades cannot be used.
    """
    source = tree.folder(cohort.source)
    scans = _all(cohort, source)
    found = Counter(scan.modality for scan in scans)
    if not found[cohort.modality]:
        what = ", ".join(sorted(found)) or "no file named as BraTS names them, such as Brats18_2013_2_1_flair.nii.gz"
        raise InputError(f"{source}: no {cohort.modality} found, but {what}; check the cohort's source and modality")
    scans = [scan for scan in scans if scan.modality == cohort.modality]
    if cohort.grade != "all":
        if not any(scan.grade for scan in scans):
            raise InputError(
                f"{source}: this release carries no grade: no folder HGG or LGG, no name_mapping.csv with a column "
                f"Grade that lists {scans[0].subject}; set the cohort's grade: all, or add that file (2020 has one)"
            )
        others = Counter(scan.grade or "without a grade" for scan in scans)
        scans = [scan for scan in scans if scan.grade == cohort.grade]
        if not scans:
            found = ", ".join(f"{n} {grade}" for grade, n in sorted(others.items()))
            raise InputError(f"{source}: no {cohort.grade} found, but {found}; change the cohort's grade")
    return tree.refuse_doubles(scans, "point the cohort's source at one of the folders")


def missing(cohort: BratsCohort) -> list[str]:
    """Name the subjects who have scans, but none of the cohort's modality, or no grade where one is asked for."""
    every = _all(cohort, tree.folder(cohort.source))
    scans = [scan for scan in every if cohort.grade in ("all", scan.grade)]
    ungraded = {scan.image.parent for scan in every if cohort.grade != "all" and not scan.grade}
    folders = {scan.image.parent for scan in scans}
    complete = {scan.image.parent for scan in scans if scan.modality == cohort.modality}
    lost = [f"no {cohort.modality}: {folder}" for folder in sorted(folders - complete)]
    return lost + [f"no grade: {folder}" for folder in sorted(ungraded)]


def _all(cohort: BratsCohort, source: Path) -> list[BratsScan]:
    """List the scans of every modality and grade."""
    paths = tree.files(source)
    grades = _grades(path for path in paths if path.name.startswith("name_mapping") and path.suffix == ".csv")
    scans = []
    for path in tree.without_copies(path for path in paths if path.name.endswith((".nii", ".nii.gz"))):
        match = next((match for name in NAMES if (match := name.fullmatch(tree.stem(path)))), None)
        if match:
            subject, session = match["subject"], match.groupdict().get("session", "")
            # Whoever links the folder HGG itself as the source means HGG.
            above = (*source.resolve().parts, *path.relative_to(source).parts)
            grade = next((part for part in reversed(above) if part in ("HGG", "LGG")), grades.get(subject, ""))
            scans.append(BratsScan(subject, session, MODALITIES[match["sequence"]], path, grade=grade))
    return scans


def _grades(tables: Iterable[Path]) -> dict[str, str]:
    """Grade by subject, under whichever release's name; tables without grades, as of validation data, say nothing.

    Raises
    ------
    InputError
        If a table is no CSV, has another grade than HGG and LGG, or two for one subject.
    """
    grades = {}
    for path in tables:
        header, rows = table.read(path, "name_mapping.csv as the release has it")
        for number, cells in rows if "Grade" in header else ():
            row = dict(zip(header, cells, strict=False))
            grade = row["Grade"].upper()
            if grade in ("", "NA"):
                continue
            if grade not in ("HGG", "LGG"):
                raise InputError(f"{path}: line {number}: grade {row['Grade']!r} is neither HGG nor LGG; correct it")
            for name in (cell for column, cell in row.items() if column.endswith("subject_ID")):
                if name not in ("", "NA") and grades.setdefault(name, grade) != grade:
                    raise InputError(f"{path}: line {number}: {name} is both HGG and LGG; remove the wrong line")
    return grades
