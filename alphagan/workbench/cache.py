"""What DVC keeps is looked at: it hands out damaged objects of its cache, and stops at half a file of its own."""

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import yaml

from alphagan.errors import named_disk_errors
from alphagan.files import write_atomically

CACHE = Path(".dvc", "cache", "files", "md5")
BUSY = Path(".dvc", "tmp", "rwlock")
RUNS = Path(".dvc", "cache", "runs")  # of each stage and what it read a folder, of each run a file named by its hash
STAGE = re.compile(r"^  \S", re.MULTILINE)  # where a stage begins in dvc.lock


def mend_half_written(root: Path) -> list[str]:
    """Put right what a kill left of DVC's notes, which it cannot read afterwards.

    Of dvc.lock, which is rewritten in place, the stages before the one that was being written are kept; DVC takes the
    others from its run cache, or runs them again. The list of files in use goes: whoever used them was killed. So does
    a folder of the run cache in which no run was written to its end.

    Parameters
    ----------
    root : Path
        The repository.

    Returns
    -------
    lines : list of str
        What was half-written, and what was done.

    Raises
    ------
    InputError
        If one of the files cannot be written.
    """
    lines, lock, busy = [], root / "dvc.lock", root / BUSY
    if _half_written(busy, json.loads):
        with named_disk_errors(busy):
            busy.unlink()
        lines.append(f"{BUSY}: half-written, removed")
    if _half_written(lock, _stages):
        text = lock.read_text(encoding="utf-8", errors="replace")
        whole = text[: max((match.start() for match in STAGE.finditer(text)), default=0)]
        if _reads(_stages, whole):
            write_atomically(lambda file: file.write(whole.encode()), root, lock.name)
        else:
            with named_disk_errors(lock):
                lock.unlink()
        lines.append("dvc.lock: half-written; what it lacks is taken from DVC's run cache, or made again")
    for folder in _folders_without_a_run(root / RUNS):
        with named_disk_errors(folder):
            shutil.rmtree(folder)
        lines.append(f"{folder.relative_to(root)}: without a run, removed")
    return lines


def _folders_without_a_run(runs: Path) -> list[Path]:
    """Folders of the run cache that hold nothing, or a file that DVC has not named yet, now and a second later."""

    def found() -> set[Path]:
        return {folder for folder in runs.glob("*/*") if all(file.suffix == ".tmp" for file in folder.iterdir())}

    if not (before := found()):
        return []
    time.sleep(1)
    return sorted(before & found())


def _half_written(path: Path, parse: Callable[[str], object]) -> bool:
    """Whether a file cannot be read, now and a second later: one that is being written can be by then."""
    if not path.is_file() or _reads(parse, path.read_text(encoding="utf-8", errors="replace")):
        return False
    time.sleep(1)
    return path.is_file() and not _reads(parse, path.read_text(encoding="utf-8", errors="replace"))


def _reads(parse: Callable[[str], object], text: str) -> bool:
    try:
        parse(text)
    except (ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError):
        return False
    return True


def _stages(text: str) -> dict[str, dict]:
    """What dvc.lock says of each stage; raises where DVC wrote none or part of it."""
    stages = dict(yaml.safe_load(text)["stages"].items())
    for about in stages.values():
        if not all(isinstance(output["md5"], str) for output in about.get("outs", [])):
            raise ValueError("an output without its hash")
    return stages


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
    lock = root / "dvc.lock"
    if not lock.is_file() or not _reads(_stages, text := lock.read_text(encoding="utf-8")):
        return []  # nothing has run yet, or a kill cut it short, which is mended before the next run
    lines = []
    for stage, about in _stages(text).items():
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
