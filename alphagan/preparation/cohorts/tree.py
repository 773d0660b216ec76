"""What the ways of finding scans share: the files below a folder, and one scan where there are copies."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from alphagan.errors import InputError
from alphagan.preparation.cohorts import Scan


def folder(source: str | Path) -> Path:
    """Path of a cohort's folder.

    Raises
    ------
    InputError
        If it is missing.
    """
    path = Path(source)
    if not path.is_dir():
        raise InputError(f"{path}: no such folder; create it, or link it: ln -s /path/to/scans {path}")
    return path


def files(source: Path) -> list[Path]:
    """List all files below a folder, sorted; linked folders are followed, hidden files and folders are not.

    Raises
    ------
    InputError
        If a folder cannot be read.
    """
    return list(_walk(source, ()))


def stem(path: Path) -> str:
    """Name of an image without .nii, .nii.gz or .mgz."""
    return re.sub(r"\.(nii|nii\.gz|mgz)$", "", path.name, flags=re.IGNORECASE)


def without_copies(paths: Iterable[Path]) -> list[Path]:
    """Drop name.nii.gz where name.nii lies beside it: somebody uncompressed it."""
    paths = list(paths)
    uncompressed = {path for path in paths if path.suffix == ".nii"}
    return [path for path in paths if path.with_suffix("") not in uncompressed]


def refuse_doubles(scans: Iterable[Scan], cure: str) -> list[Scan]:
    """Return the scans as they are, unless two files claim to be the same session of one person.

    Raises
    ------
    InputError
        Naming two such files, and `cure`.
    """
    scans, seen = list(scans), {}
    for scan in scans:
        first = seen.setdefault((scan.subject, scan.session), scan)
        if first is not scan:
            visit = f", session {scan.session}" if scan.session else ""
            raise InputError(
                f"{scan.image}: subject {scan.subject}{visit} has another {scan.modality}, {first.image}; {cure}"
            )
    return scans


def _walk(here: Path, above: tuple[Path, ...]) -> Iterator[Path]:
    resolved = here.resolve()
    if resolved in above:  # a link back up the tree
        return
    try:
        entries = sorted(here.iterdir())
    except OSError as error:
        raise InputError(f"{here}: cannot be read ({error.strerror})") from None
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _walk(entry, (*above, resolved))
        else:
            yield entry
