"""Why the files of a scan cannot be read, in words, and what helps."""

import gzip
import zlib
from pathlib import Path

from isal import isal_zlib

from alphagan.preparation import packed
from alphagan.preparation.cohorts import Scan, tree

AGAIN = "copy or download it again"
# How files begin that are something else than their names say.
STRANGERS = {
    b"version https://git-lfs": "is a pointer of Git LFS; get its content (git lfs pull)",
    b"/annex/objects": "is a pointer of git-annex; get its content (datalad get)",
    b"<": "is a web page; download it again, logged in",
}


def of_files(scan: Scan, error: Exception) -> str:
    """Say which file of a scan cannot be opened, and why.

    Parameters
    ----------
    scan : Scan
    error : Exception
        What opening it raised.

    Returns
    -------
    str
        ``"unreadable: the mask sub-01_mask.nii is empty; copy or download it again"``
    """
    if scan.mask and not scan.mask.exists():
        return f"mask not found: {scan.mask}; check mask_pattern"
    for what, path in (("image", scan.image), ("mask", scan.mask)):
        if path and (fault := _looked_at(path) or _opened(path)):
            return f"unreadable: the {what} {path.name} {fault}"
    return f"unreadable: {described(error)}"


def described(error: Exception) -> str:
    """What an exception of a damaged file means."""
    words = " ".join(str(error).split())
    if isinstance(error, EOFError) or words.startswith("Expected "):
        return f"is cut short; {AGAIN}"
    if isinstance(error, zlib.error | isal_zlib.error | gzip.BadGzipFile):
        return f"is damaged ({words}); {AGAIN}"
    return f"cannot be read ({type(error).__name__}: {words}); {AGAIN}, or convert it anew"


def _looked_at(path: Path) -> str:
    """What is wrong with a file before anything is read of an image; "" where nothing is."""
    try:
        with open(path, "rb") as file:
            start = file.read(348)
    except PermissionError:
        return f"may not be read by you; chmod u+r {path.name}, or ask its owner"
    except OSError as error:
        return f"cannot be opened ({error.strerror}); {AGAIN}"
    if not start:
        return f"is empty; {AGAIN}"
    if stranger := next((words for begin, words in STRANGERS.items() if start.lstrip().startswith(begin)), ""):
        return stranger
    packed, suffix = start.startswith(b"\x1f\x8b"), path.suffix.lower()
    headers = (path.with_name(tree.stem(path) + ending) for ending in (".hdr", ".HDR", ".hdr.gz"))
    if path.name.lower().endswith((".img", ".img.gz")) and not any(header.exists() for header in headers):
        return f"has no header beside it; copy {tree.stem(path)}.hdr too"
    if suffix == ".gz" and not packed:
        return f"is not packed, despite its name; remove .gz from it if it is an image, or {AGAIN}"
    if suffix in (".nii", ".img") and packed:
        return "is packed, despite its name; rename it to end in .gz"
    return ""


def _opened(path: Path) -> str:
    """Why nibabel does not open a file; "" where it does."""
    try:
        packed.load(path)
    except Exception as error:
        cure = "; convert it with mnc2nii, or pip install h5py" if path.name.lower().endswith(".mnc") else ""
        return described(error) + cure
    return ""
