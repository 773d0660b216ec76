"""What goes to the other machine, without what names scans or files, and what comes back."""

import contextlib
import csv
import io
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from alphagan import __version__
from alphagan.errors import InputError, named_disk_errors
from alphagan.files import holding
from alphagan.preparation.prepare import AFFINE_COLUMNS, prepare
from alphagan.settings import preparation
from alphagan.settings.config import Config, load, parse
from alphagan.settings.json_file import read_json
from alphagan.settings.paths import Paths
from alphagan.training import resume
from alphagan.workbench.away import archive
from alphagan.workbench.away.archive import Member
from alphagan.workbench.away.state import adopt, gather
from alphagan.workbench.away.steps import Work

FORMAT = 1
MANIFEST, PARAMS, MED3D = "away.json", "params.yaml", "data/med3d.pth"
CODE = Path(__file__).parents[2]
KINDS_OF_CODE = {".py", ".npy", ".txt", ".html", ".css", ".js"}
COLUMNS = ("row", "subject", "session", "split", *AFFINE_COLUMNS)  # of subjects.csv: all that networks and metrics use
ELSEWHERE = "left where the scans are"


def ready(params: Path, paths: Paths) -> Work:
    """Read a params file, and prepare its cohorts where that has not been done.

    Raises
    ------
    InputError
        If it cannot be read, asks for nothing, a cohort was prepared otherwise, or there are no scans to prepare.
    """
    if not params.exists():
        raise InputError(f"{params}: no such file; name one of presets/, or any other params file")
    config = load(params)
    if not config.experiments:
        raise InputError(f"{params}: experiments: names none; there is nothing to train")
    work = Work(config, paths)
    for cohort in work.cohorts:
        folder = paths.prepared(cohort)
        if folder.is_dir():
            preparation.check_preparation(config, cohort, folder)
        else:
            prepare(cohort, config, paths)
        work.data(cohort)  # what is wrong with it is told now
    return work


def pack(work: Work, path: Path) -> Path:
    """Write the archive for the other machine: of cohorts with something left to do, what that needs.

    Raises
    ------
    InputError
        If nothing is left to do, or the disk is full or not writable.
    """
    cohorts = {step.cohort for step in work.left()}
    if not cohorts:
        raise InputError("all is done; there is nothing to pack")
    known = {name: chosen for name, chosen in work.config.experiments.items() if chosen.cohort in cohorts}
    part = Work(work.config.model_copy(update={"experiments": known, "paper": type(work.config.paper)()}), work.paths)
    return archive.write(path, _members(part), packed=True)


def _members(work: Work) -> Iterator[Member]:
    away = travelling(work)
    told = {"format": FORMAT, "alphagan": __version__, "code": resume.code(), "known": work.progress()}
    told["data"] = {cohort: work.data(cohort) for cohort in work.cohorts}
    yield MANIFEST, (json.dumps(told, indent=2) + "\n").encode()
    yield PARAMS, yaml.safe_dump(away.model_dump(mode="json"), sort_keys=False).encode()
    for path in sorted(CODE.rglob("*")):
        if path.suffix in KINDS_OF_CODE and path.is_file() and not path.is_symlink():
            yield f"{CODE.name}/{path.relative_to(CODE).as_posix()}", path
    for cohort in work.cohorts:
        folder, place = work.paths.prepared(cohort), Paths(Path()).prepared(cohort).as_posix()
        yield f"{place}/volumes.npy", folder / "volumes.npy"
        yield f"{place}/subjects.csv", _people(folder / "subjects.csv")
        yield f"{place}/{preparation.NAME}", _described(away, cohort)
    if work.config.evaluate.med3d is not None:
        yield MED3D, Path(work.config.evaluate.med3d)
    yield from gather(work, known={})


def travelling(work: Work) -> Config:
    """Settings that compute the same, and say nothing of where scans and tables are, and what they are called."""
    content = work.config.model_dump(mode="json") | {"paper": {}, "utility": None}
    content["cohorts"] = {
        cohort: {
            **{"kind": "nifti", "source": ELSEWHERE},
            **{key: content["cohorts"][cohort][key] for key in ("modality", "augment")},
        }
        for cohort in work.cohorts
    }
    if content["evaluate"]["med3d"] is not None:
        content["evaluate"]["med3d"] = MED3D
    return parse(content, PARAMS)


def _people(table: Path) -> bytes:
    """Columns of subjects.csv that name no file: who is in which row, and where the cube lies."""
    text = io.StringIO(newline="")
    with open(table, newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(text, COLUMNS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(csv.DictReader(file))
    return text.getvalue().encode()


def _described(config: Config, cohort: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        preparation.write_description(config, cohort, Path(folder))
        return Path(folder, preparation.NAME).read_bytes()


def unpack(path: Path, paths: Paths) -> list[str]:
    """Put what came back into its places.

    Returns
    -------
    notes : list of str
        What was left out, a line for each.

    Raises
    ------
    InputError
        If it is no whole archive of `alphagan away run`, or its cohorts were prepared anew since they were packed;
        nothing is changed then. If a run or a checkpoint in it is damaged, or the disk is full or not writable.
    """
    folder = paths.scratch("away")  # on the disk where everything goes, so that it is moved and never half there
    with alone(paths), named_disk_errors(folder):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            archive.extract(path, folder)
            told = manifest(folder, f"{path}: is no archive that came back; name the one that alphagan away run wrote")
            work = Work(load(folder / PARAMS), paths)
            for cohort in work.cohorts:
                if work.data(cohort) != told["data"].get(cohort):
                    raise InputError(f"{paths.prepared(cohort)}: prepared anew since {path} was packed; pack it again")
            return adopt(folder, work, told["code"] == resume.code())
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def manifest(folder: Path, otherwise: str) -> dict[str, Any]:
    """What away.json says: the code's and the cohorts' fingerprints at home, and how far each step was there.

    Raises
    ------
    InputError
        Saying `otherwise`, if there is none.
    """
    told = read_json(folder / MANIFEST)
    if told.get("format") != FORMAT:
        raise InputError(otherwise)
    return told


@contextlib.contextmanager
def alone(paths: Paths) -> Iterator[None]:
    """Be the only `alphagan away` that changes something here.

    Raises
    ------
    InputError
        If another one is at work, or, of what is done meanwhile too, the disk is full or not writable.
    """
    lock = paths.scratch("away.lock")
    with named_disk_errors(lock), holding(lock, "another alphagan away is at work here"):
        yield
