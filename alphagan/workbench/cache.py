"""What DVC keeps in its cache is looked at: DVC itself hands out an object that is write-protected unseen."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import yaml

from alphagan.errors import named_disk_errors

CACHE = Path(".dvc", "cache", "files", "md5")


def mend_cache(root: Path) -> list[str]:
    """Compare every object of the cache that dvc.lock names with the MD5 that it is called by.

    A damaged one is replaced by the file that it was made from, where that is still the same; else it is removed, and
    DVC runs the stage again whose output it was.

    Parameters
    ----------
    root : Path
        The repository.

    Returns
    -------
    lines : list of str
        What was damaged, and what was done.

    Raises
    ------
    InputError
        If the cache cannot be written.
    """
    try:
        stages = yaml.safe_load((root / "dvc.lock").read_text(encoding="utf-8"))["stages"]
    except FileNotFoundError:  # nothing has run yet
        return []
    lines = []
    for stage, about in stages.items():
        for output in about.get("outs", []):
            for path, md5 in _objects(root, Path(output["path"]), output["md5"]):
                kept = root / CACHE / md5[:2] / md5[2:]
                if kept.is_file() and not _is(kept, md5):
                    with named_disk_errors(kept):
                        lines.append(f"{kept}: damaged, {_mend(kept, root / path, md5)} ({stage})")
    return lines


def _objects(root: Path, path: Path, md5: str) -> Iterator[tuple[Path, str]]:
    """Path in the workspace and MD5 of an output and, if it is a folder, of every file in it."""
    yield path, md5
    if md5.endswith(".dir"):
        try:
            content = json.loads((root / CACHE / md5[:2] / md5[2:]).read_bytes())
        except (OSError, ValueError):  # not in the cache, or damaged
            return
        yield from ((path / file["relpath"], file["md5"]) for file in content)


def _is(path: Path, md5: str) -> bool:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest() == md5.removesuffix(".dir")


def _mend(kept: Path, path: Path, md5: str) -> str:
    """Replace an object, or remove it, and say which."""
    if not (path.is_file() and not path.samefile(kept) and _is(path, md5)):
        kept.unlink()
        return f"removed, so that {path} is made again"
    new = kept.with_name(f"{kept.name}.new")
    shutil.copyfile(path, new)
    new.chmod(0o444)  # as DVC protects it
    os.replace(new, kept)
    return f"replaced by {path}"
