"""Freely available scans, downloaded when they are first needed: stand-ins for cohorts that may not be passed on.

ds002748
    72 adults, 51 with mild depression and 21 healthy, structurally normal, published skull-stripped; OpenNeuro, CC0.
ixi
    581 healthy adults, whole heads; CC BY-SA 3.0. Their brain masks are yours to make, once.

What belongs to a data set is listed in registry/NAME.txt, a line of path, bytes and MD5 for each file. That list is the
cohort's `source`, which DVC can depend on before anything is downloaded.
"""

import re
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from alphagan.errors import InputError
from alphagan.preparation.cohorts import Scan, nifti
from alphagan.preparation.cohorts.download import Patience, RemoteFile, fetch
from alphagan.settings.cohorts import NiftiCohort, OpenneuroCohort

REGISTRY = Path(__file__).parent / "registry"
LINE = re.compile(r"(\S+) (\d+|-) ([0-9a-f]{32})")


@dataclass(frozen=True)
class Dataset:
    """Where a data set is, and how its files are named, as in alphagan.preparation.cohorts.nifti."""

    url: str
    pattern: str
    mask_pattern: str | None = None


DATASETS = {
    "ds002748": Dataset(
        "https://s3.amazonaws.com/openneuro.org/ds002748", pattern="sub-{subject}/anat/sub-{subject}_T1w.nii.gz"
    ),
    "ixi": Dataset(
        "http://biomedic.doc.ic.ac.uk/brain-development/downloads/IXI",
        pattern="heads/{subject}-*-T1.nii.gz",
        mask_pattern="masks/{subject}-*-T1.nii.gz",
    ),
}


def find(cohort: OpenneuroCohort) -> list[Scan]:
    """Download what the folder lacks, then find the scans as `nifti` does.

    Raises
    ------
    InputError
        If something cannot be downloaded, or a data set of whole heads has no brain masks yet.
    """
    dataset = DATASETS[cohort.dataset]
    folder = download(cohort.dataset, cohort.folder, cohort.url, cohort.source)
    if dataset.mask_pattern and not any((folder / "masks").glob("*.nii.gz")):
        raise InputError(
            f"{folder / 'masks'}: no brain masks, and {folder / 'heads'} has whole heads; make them once: "
            f"(cd {folder} && mkdir -p masks && for f in heads/*; do mri_synthstrip -i $f -m masks/${{f##*/}}; done)"
        )
    return nifti.find(
        NiftiCohort(
            kind="nifti",
            source=str(folder),
            modality=cohort.modality,
            pattern=dataset.pattern,
            mask_pattern=dataset.mask_pattern,
        )
    )


def download(
    name: str,
    folder: str | Path,
    url: str | None = None,
    registry: str | Path | None = None,
    patience: Patience | None = None,
) -> Path:
    """Complete the folder of a data set; what is already there and undamaged is not downloaded again.

    Parameters
    ----------
    name : str
        "ds002748" or "ixi".
    folder : str or Path
        Where its files go. Archives are unpacked into `folder`/heads, and kept.
    url : str, optional
        Address of a mirror with the same files below it.
    registry : str or Path, optional
        List of the files, when it is not the one that comes with alphagan.
    patience : Patience, optional
        Timeout and retries.

    Returns
    -------
    folder : Path
        The same folder, complete.

    Raises
    ------
    InputError
        If a file cannot be downloaded or written, or the list cannot be read.
    """
    folder = Path(folder)
    files = read_registry(registry or REGISTRY / f"{name}.txt")
    fetch(files, url or DATASETS[name].url, folder, patience or Patience())
    for file in files:
        if file.path.endswith(".tar"):
            try:
                _unpack(folder / file.path, folder / "heads")
            except (OSError, tarfile.TarError) as error:
                raise InputError(f"{folder / file.path}: cannot be unpacked into heads/ ({error}); make room") from None
    return folder


def read_registry(path: str | Path) -> list[RemoteFile]:
    """Read a list of files, one `path size md5` a line; size is in bytes, or - where it is not known.

    Raises
    ------
    InputError
        If there is no such list, or a line of it is not of that form.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        raise InputError(f"{path}: no list of files; source should be one in {REGISTRY}") from None
    files = []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        match = LINE.fullmatch(line.strip())
        where = PurePosixPath(match[1]) if match else None
        if where is None or where.is_absolute() or ".." in where.parts:
            raise InputError(f"{path}, line {number}: {line.strip()!r} is not a relative path, bytes (or -) and MD5")
        files.append(RemoteFile(match[1], None if match[2] == "-" else int(match[2]), match[3]))
    return files


def _unpack(archive: Path, folder: Path) -> None:
    """Unpack the NIfTI files of a verified archive, all into one folder, each under its name only when it is whole."""
    folder.mkdir(exist_ok=True)
    with tarfile.open(archive) as tar:
        for member in tar:
            target = folder / PurePosixPath(member.name).name
            if not target.name.endswith(".nii.gz") or target.name.startswith(".") or not member.isfile():
                continue
            if not target.exists() or target.stat().st_size != member.size:
                part = folder / f".{target.name}"
                with tar.extractfile(member) as content, part.open("wb") as file:
                    shutil.copyfileobj(content, file)
                part.replace(target)
