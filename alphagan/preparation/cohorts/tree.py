"""What the ways of finding scans share: the files below a folder, and one scan where there are copies."""

import gzip
import os
import re
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from stat import S_ISDIR

from alphagan.errors import InputError
from alphagan.preparation.cohorts import Scan

SUFFIXES = (".nii.gz", ".nii", ".mgz", ".mgh", ".img.gz", ".img", ".mnc")  # of images that are read
RECORD = "samples.json"  # lies beside what `alphagan sample` wrote
BLOCK = 2**20  # bytes of two files that are compared at a time
CONVERTED = (".nrrd", ".nhdr", ".mha", ".mhd", ".dcm", ".ima", ".brik", ".brik.gz")  # of others
RENAMED = re.compile(r"\.(?:nii|mgz|mgh|img)(?: ?\(\d+\)| copy)?(?:\.gz)?(?:\.\d+|\.bz2|\.xz|\.zip|\.zst)?$")
CURE = "convert to NIfTI (dcm2niix, 3dAFNItoNIFTI, or SimpleITK: WriteImage(ReadImage('a.nrrd'), 'a.nii.gz'))"


def folder(source: str | Path) -> Path:
    """Path of a cohort's folder.

    Raises
    ------
    InputError
        If it is missing, or no folder.
    """
    path = Path(source)
    if str(source).startswith("~"):
        raise InputError(f"{path}: ~ stands for nothing here; write the folder out, {path.expanduser()}")
    try:
        kind = path.stat().st_mode
    except FileNotFoundError:
        raise InputError(f"{path}: no such folder; create it, or link it: ln -s /path/to/scans {path}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be reached ({error.strerror}); check the path and its permissions") from None
    if not S_ISDIR(kind):
        raise InputError(f"{path}: is a file; name the folder that it lies in")
    return path


def files(source: Path) -> list[Path]:
    """List all files below a folder, sorted; linked folders are followed, hidden files and folders are not.

    Raises
    ------
    InputError
        If a folder cannot be read.
    """
    return list(_walk(source, ()))


def suffix(path: Path) -> str:
    """Suffix of an image as it is written, such as ".nii.gz"; "" where it is none that is read."""
    name = path.name.lower()
    return path.name[-len(found) :] if (found := next(filter(name.endswith, SUFFIXES), "")) else ""


def unread(everything: list[Path]) -> list[Path]:
    """Images among files that are not read: of another format, or renamed, as x.nii (1).gz is by browsers."""
    images = {path.with_name(stem(path).lower()) for path in everything if suffix(path)}
    return [
        path
        for path in everything
        if not suffix(path)
        and (
            (name := path.name.lower()).endswith(CONVERTED)
            or RENAMED.search(name)
            or (name.endswith(".hdr") and path.with_name(name[:-4]) not in images)
        )
    ]


def stem(path: Path) -> str:
    """Name of an image without its suffix."""
    return path.name.removesuffix(suffix(path)) if suffix(path) else path.name


def without_copies(paths: Iterable[Path]) -> list[Path]:
    """Take one of the files that are one image: name.nii.gz beside name.nii, and .hdr, which is a part of .img.

    What somebody uncompressed is taken before what it was made from.
    """
    paths = list(paths)
    known = {path.with_name(path.name.lower()) for path in paths}

    def another(path: Path) -> bool:
        name = path.name.lower()
        if name.endswith(".hdr"):
            return any(path.with_name(f"{name[:-4]}{other}") in known for other in (".img", ".img.gz"))
        return name.endswith(".gz") and path.with_name(name[:-3]) in known

    return [path for path in paths if not another(path)]


def packed_otherwise(path: Path) -> Path | None:
    """Find name.nii.gz beside name.nii, which is taken in its place, if it packs something else."""
    if suffix(path).lower() not in (".nii", ".img"):
        return None
    packed = path.with_name(f"{path.name}.gz")
    if not (packed.is_file() and path.is_file()):
        return None
    try:
        with open(path, "rb") as one, gzip.open(packed) as other:
            while (block := one.read(BLOCK)) == other.read(BLOCK):
                if not block:
                    return None
    except (OSError, EOFError, zlib.error):  # whatever it packed, it cannot be read
        pass
    return packed


def record_of(folder: Path) -> Path | None:
    """Find what `alphagan sample` tells of the images in a folder: beside them, or in code/ where they are BIDS."""
    above = [folder.parent.parent / "code" / RECORD] if folder.name == "anat" else []
    return next((path for path in (folder / RECORD, *above) if path.is_file()), None)


def generated(scans: Iterable[Scan]) -> list[Path]:
    """Images that `alphagan sample` wrote, by the record that it leaves."""
    scans = list(scans)
    recorded = {folder: record_of(folder) for folder in {scan.image.parent for scan in scans}}
    return [scan.image for scan in scans if recorded[scan.image.parent]]


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
        with os.scandir(here) as found:  # which tells folders without asking for each file
            entries = sorted((here / entry.name, _is_folder(entry)) for entry in found if entry.name[0] != ".")
    except OSError as error:
        raise InputError(f"{here}: cannot be read ({error.strerror})") from None
    for entry, is_folder in entries:
        if is_folder:
            yield from _walk(entry, (*above, resolved))
        else:
            yield entry


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself, which costs one scan, not all
        return False
