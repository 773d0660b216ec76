"""FreeSurfer's skull-stripped volumes, in a SUBJECTS_DIR or in ADNI's download tree.

::

    <subject>/mri/brainmask.mgz
    <subject>/FreeSurfer_Cross-Sectional_Processing_brainmask/<date>/<image id>/mri/brainmask.mgz

In a SUBJECTS_DIR the name of a folder says who and when: the subject ends where a visit begins, as in 002_S_0295_m12,
002_S_0295_2006-04-18, sub-01_ses-2, OAS1_0001_MR1 or bert_visit2. Of the longitudinal stream, X.long.Y tells that X is
of person Y; X itself is taken where it is there too, and the average Y never is. FreeSurfer's own fsaverage and the
like are no subjects. ADNI's tree may have the volume as NIfTI too, under its own name or as image.nii; cross-sectional
processing is preferred to longitudinal.

With a `selection`, a table of ADNI's, each row of the cohort's group and visits selects one scan: see
`alphagan.preparation.cohorts.adni_table`.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import nibabel

from alphagan.errors import InputError
from alphagan.preparation.cohorts import Scan, adni_table, tree
from alphagan.settings.cohorts import FreesurferCohort

NOT_PEOPLE = re.compile(r"fsaverage.*|[lr]h\.EC_average|V1_average|cvs_avg35.*")
DATE = r"((?:19|20)\d\d)-?([01]\d)-?([0-3]\d)"
# A letter and a number alone may be a person (m01), so only words that mean a visit end the subject.
VISIT = rf"(?:ses(?:sion)?|visit|wave|time|tp|fu|month|mr|v)-?\d+(?:_mr)?|d\d{{4}}|ses-?\w+|bl|baseline|{DATE}\S*"
NAMES = (
    re.compile(r"(?P<subject>\d{3}_S_\d{4,5})(?:[_.-](?P<rest>.+))?"),  # ADNI
    re.compile(r"sub-(?P<subject>[A-Za-z0-9]+)(?:_(?:ses-)?(?P<rest>.+))?"),  # BIDS
    re.compile(r"(?P<subject>OAS[34]\d{4})_(?:\w+_)?(?P<rest>d\d{4}.*)"),  # OASIS
    re.compile(rf"(?P<subject>.+?)[_.-](?P<rest>{VISIT})", re.IGNORECASE),
)


@dataclass(frozen=True)
class FreesurferScan(Scan):
    """A volume of FreeSurfer's: ISO date, visit and image id of ADNI's, each "" where it is not known."""

    date: str = ""
    visit: str = ""
    image_id: str = ""

    @property
    def site(self) -> str:
        """ADNI's site, the first part of its subject ids; "" elsewhere."""
        return self.subject[:3] if re.match(r"\d{3}_S_\d", self.subject) else ""


def may_be_edited(path: Path, image: nibabel.spatialimages.SpatialImage) -> bool:
    """Whether FreeSurfer's editor may have left deleted voxels: in .mgz, and in brainmasks."""
    return isinstance(image, nibabel.MGHImage) or path.name.startswith("brainmask")


def find(cohort: FreesurferCohort) -> list[Scan]:
    """Find the scans, or those that the table selects; the session tells date, visit and image id where known.

    Raises
    ------
    InputError
        If the folder or the table is missing, no volume is found, or the table cannot be used or selects nothing.
    """
    scans, rows = _scans(cohort), _rows(cohort)
    if rows is None:
        return scans
    pairs, lost = adni_table.pair(rows, scans)
    if not pairs:
        raise InputError(
            f"{cohort.selection}: selects {len(rows)} images, but none has a folder below {cohort.source}; the first "
            f"is on {lost[0]}; check the cohort's source and selection"
        )
    return [_told_by(row, scan) for scan, row in pairs]


def missing(cohort: FreesurferCohort) -> list[str]:
    """Name the folders that lack the volume, and the rows of the table that have no folder."""
    source = tree.folder(cohort.source)
    folders = [*_subjects_dir(source, cohort.volume), *_adni(source, cohort.volume)]
    names = [f"no {cohort.volume}: {folder}" for folder, image in folders if not image]
    rows = _rows(cohort)
    lost = adni_table.pair(rows, _scans(cohort))[1] if rows is not None else []
    return names + [f"no folder: {cohort.selection}, {row}" for row in lost]


def _rows(cohort: FreesurferCohort) -> list[adni_table.Row] | None:
    if cohort.selection is None:
        return None
    path = Path(cohort.selection)
    return adni_table.select(adni_table.read(path), cohort.group, cohort.visits, path)


def _told_by(row: adni_table.Row, scan: FreesurferScan) -> FreesurferScan:
    """Complete a scan from its row, unless nothing tells that they are of the same day."""
    if not (scan.date or scan.visit or scan.image_id):
        return scan
    visit = scan.visit or adni_table.visit_code(row.visit)
    known = {"date": scan.date or row.date, "visit": visit, "image_id": scan.image_id or row.image_id}
    return replace(scan, session=_session(**known), **known)


def _session(date: str, visit: str, image_id: str) -> str:
    return "_".join(part for part in (date, re.sub(r"[^\w.-]+", "-", visit), image_id) if part)


def _scans(cohort: FreesurferCohort) -> list[FreesurferScan]:
    """All scans, selected or not."""
    source = tree.folder(cohort.source)
    own = {folder: image for folder, image in _subjects_dir(source, cohort.volume) if image}
    scans = [
        FreesurferScan(subject, rest, cohort.modality, own[folder], **_when(rest))
        for folder, (subject, rest) in people(own).items()
    ]
    for folder, image in _adni(source, cohort.volume):
        if image:
            known = {"date": folder.parts[-2][:10], "visit": "", "image_id": folder.name}
            scans.append(FreesurferScan(folder.parts[-4], _session(**known), cohort.modality, image, **known))
    if not scans:
        raise InputError(
            f"{source}: no <subject>/mri/{cohort.volume}.mgz and no <subject>/FreeSurfer_*_{cohort.volume}/ found; "
            "point the cohort's source at FreeSurfer's SUBJECTS_DIR or at ADNI's folder of subjects"
        )
    cross = {(scan.subject, scan.date) for scan in scans if "FreeSurfer_Cross-Sectional_" in scan.source}
    return [s for s in scans if "FreeSurfer_Longitudinal_" not in s.source or (s.subject, s.date) not in cross]


def people(folders: Iterable[Path]) -> dict[Path, tuple[str, str]]:
    """Subject, and the rest of the name, of the folders of one SUBJECTS_DIR that are somebody's visit, each visit once.

    Averages of the longitudinal stream are left out, and X.long.Y where X is there.
    """
    folders = list(folders)
    names = {folder.name for folder in folders}
    base_of = dict(name.split(".long.", 1) for name in names if ".long." in name)
    told = {}
    for folder in folders:
        name, longitudinal, _ = folder.name.partition(".long.")
        average = name in base_of.values() or (folder / "base-tps").exists()
        if average or (longitudinal and name in names):
            continue
        subject, rest = who(name)
        if name in base_of:
            subject, rest = who(re.sub(r"[_.-](?:base|template)$", "", base_of[name]))[0], rest or name
        told[folder] = subject, rest
    return told


def left_out(folder: Path) -> str:
    """What a folder of a SUBJECTS_DIR is that is no visit of anybody's."""
    own = any(NOT_PEOPLE.fullmatch(name) for name in (folder.name, folder.resolve().name))
    return "FreeSurfer's own (fsaverage)" if own else ("longitudinal (.long.)" if ".long." in folder.name else "base")


def passed_over(cohort: FreesurferCohort) -> Counter:
    """Count the folders of a SUBJECTS_DIR that have the volume, or are FreeSurfer's own, and give no scan."""
    source = tree.folder(cohort.source)
    whole = {folder: image for folder, image in _subjects_dir(source, cohort.volume)}
    own = [mri.parent for mri in source.glob("*/mri") if mri.parent not in whole]
    there = [folder for folder, image in whole.items() if image]
    return Counter(map(left_out, [*own, *set(there).difference(people(there))]))


def _subjects_dir(source: Path, volume: str) -> Iterator[tuple[Path, Path | None]]:
    """Folders that should have the volume, and the volume."""
    for mri in sorted(source.glob("*/mri")):
        folder = mri.parent
        if not (NOT_PEOPLE.fullmatch(folder.name) or NOT_PEOPLE.fullmatch(folder.resolve().name)):
            yield folder, _first(mri, f"{volume}.mgz", f"{volume}.nii*")


def _adni(source: Path, volume: str) -> Iterator[tuple[Path, Path | None]]:
    patterns = (f"mri/{volume}.mgz", f"mri/{volume}.nii*", "mri/image.nii*", f"*{volume}.mgz", f"*{volume}.nii*")
    # Unpacked, ADNI's archives are one folder ADNI with the subjects in it.
    depths = (f"*/FreeSurfer_*_{volume}/*/*", f"ADNI*/*/FreeSurfer_*_{volume}/*/*")
    for folder in sorted(folder for depth in depths for folder in source.glob(depth)):
        if folder.is_dir():
            yield folder, _first(folder, *patterns)


def _first(folder: Path, *patterns: str) -> Path | None:
    return next((path for pattern in patterns for path in sorted(folder.glob(pattern))), None)


def who(name: str) -> tuple[str, str]:
    """Subject, and the rest of the name of a folder in a SUBJECTS_DIR.

    Examples
    --------
    >>> who("OAS1_0001_MR1")
    ('OAS1_0001', 'MR1')
    """
    match = next((match for pattern in NAMES if (match := pattern.fullmatch(name))), None)
    return (match["subject"], match["rest"] or "") if match else (name, "")


def _when(rest: str) -> dict[str, str]:
    date = re.search(rf"{DATE}(?:[_T]\d\d[_:]\d\d[_:]\d\d(?:\.\d+)?)?", rest)
    image_id = re.search(r"(?<![A-Za-z0-9])I\d+", rest)
    visit = rest
    for known in (date, image_id):
        visit = visit.replace(known[0], "") if known else visit
    return {
        "date": "-".join(date.groups()) if date else "",
        "visit": visit.strip("_.-"),
        "image_id": image_id[0] if image_id else "",
    }
