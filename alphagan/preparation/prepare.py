"""Every scan of a cohort to one array, with tables beside it; on one machine, or on a cluster."""

import contextlib
import csv
import hashlib
import json
import os
import platform
import shutil
import sys
import zipfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import joblib
import numpy as np
from tqdm import tqdm

from alphagan.errors import InputError, named_disk_errors
from alphagan.files import holding
from alphagan.preparation import covariates, resample
from alphagan.preparation.cohorts import Scan, find_scans, hash_of_masks
from alphagan.preparation.cohorts.doubts import doubts
from alphagan.preparation.doubles import doubles, landmark
from alphagan.preparation.quality import QualityError
from alphagan.preparation.workers import parallel
from alphagan.settings.config import Config
from alphagan.settings.paths import Paths
from alphagan.settings.preparation import write_description
from alphagan.settings.sections import Prepare, Split

AFFINE_COLUMNS = [f"a{row}{column}" for row in range(3) for column in range(4)]
SUBJECT_COLUMNS = [
    *("row", "subject", "session", "source", "sha256", "split", "brain_ml"),
    *("voxel_size_x_mm", "voxel_size_y_mm", "voxel_size_z_mm"),
    *AFFINE_COLUMNS,
    *("intensity_low", "intensity_high"),
]
QC_NUMBERS = ["background", "threshold", "n_specks", "fill"]
QC_COLUMNS = ["source", "subject", "session", "kept", "reason", *QC_NUMBERS, "axes", "note"]
CONTROLS = {code: repr(chr(code))[1:-1] for code in (*range(32), 127)}  # line breaks in names, shown as \\n
UNTOLD = [""] * (len(QC_NUMBERS) + 2)  # of scans that were not read
Result = tuple[int, Path | None, np.ndarray | None, str, list[str]]


def prepare(cohort_name: str, config: Config, paths: Paths, progress: bool | None = None) -> Path:
    """Prepare every scan of a cohort.

    Writes volumes.npy (N, S, S, S), uint8; subjects.csv, one line per row of it, whose columns a00 to a23 are the first
    three rows of the affine from cube voxel to scanner millimetres; qc.csv, one line per scan that was found; and
    preparation.json, the settings. Files and order depend on the scans and the settings alone. A table of covariates is
    only looked at: a corrected age shall train nothing again. An interrupted run goes on where it was stopped.

    Parameters
    ----------
    cohort_name : str
        A key under `cohorts` in params.yaml.
    config, paths
        What to prepare, and where to put it.
    progress : bool, optional
        Whether to show a progress bar on stderr; by default where that is a terminal.

    Returns
    -------
    folder : Path
        ``paths.prepared(cohort_name)``, replaced as a whole.

    Raises
    ------
    InputError
        If the cohort is unknown, has no scans, a bad table of covariates, or none passes quality control; if the disk
        is full, a worker was killed, or another process prepares it; if ALPHAGAN_DASK is set and Dask is not installed,
        no scheduler answers, or its workers do not share this machine's files. Cubes that are done are kept.
    """
    cohort = config.cohort(cohort_name)
    scans = find_scans(cohort)
    for line in (*doubts(cohort, scans), *covariates.of_cohort(cohort, scans).notes):
        print(f"{cohort_name}: {line}", file=sys.stderr)
    with holding(paths.scratch("prepare", cohort_name) / ".lock", f"another process prepares {cohort_name}"):
        return _prepare_all(cohort_name, scans, config, paths, progress)


def _prepare_all(cohort_name: str, scans: list[Scan], config: Config, paths: Paths, progress: bool | None) -> Path:
    """Do what `prepare` promises, once no other process does."""
    settings = config.prepare
    parts = paths.scratch("prepare", cohort_name, _fingerprint(settings))
    with named_disk_errors(parts):
        parts.mkdir(parents=True, exist_ok=True)

    masks = hash_of_masks(scans)
    # Through files, so that memory holds a few scans per worker, however many there are.
    absolute = (scan.wherever_asked() for scan in scans)
    tasks = (joblib.delayed(_prepare_part)(index, scan, settings, parts) for index, scan in enumerate(absolute))
    hidden = None if progress is None else not progress
    with parallel(cohort_name, settings.workers) as results:
        results = sorted(tqdm(results(tasks), cohort_name, len(scans), unit="scan", disable=hidden))

    first, kept, quality = _doubles(results) if settings.duplicates == "leave_out" else {}, [], []
    for (index, part, _, reason, told), scan in zip(results, scans, strict=True):
        reason = scan.as_asked(reason)
        if index in first:
            reason = f"duplicate: same voxels as {scans[first[index]].source}"
        if not reason:
            kept.append((scan, part))
        quality.append([scan.source, scan.subject, scan.session, "no" if reason else "yes", reason, *told])
    if not kept:
        _write_csv(parts / "qc.csv", QC_COLUMNS, quality)
        (kind, count), *_ = Counter(row[4].partition(":")[0] for row in quality).most_common()
        source, reason = next((row[0], row[4]) for row in quality if row[4].startswith(kind))
        raise InputError(
            f"cohort {cohort_name}: all {len(scans)} scans were refused, {count} of them because: {kind}; such as "
            f"{source}: {reason}; every reason is in {parts / 'qc.csv'}"
        )
    splits = assign_splits((scan.subject for scan, _ in kept), settings.split)
    for split in ("val", "test"):
        if getattr(settings.split, split) and split not in splits.values():
            few = f"{cohort_name}: of {len(splits)} {'person' if len(splits) == 1 else 'people'} nobody is held out"
            print(f"{few} in the split {split}; what is measured on it cannot be: add people", file=sys.stderr)
    folder = paths.prepared(cohort_name)
    new, old = (folder.with_name(f".{folder.name}.{state}") for state in ("new", "old"))
    with named_disk_errors(folder):
        for path in (new, old):  # of a process that was killed
            shutil.rmtree(path, ignore_errors=True)
        try:
            _write_kept(new, kept, settings.size, splits)
            _write_csv(new / "qc.csv", QC_COLUMNS, quality)
            write_description(config, cohort_name, new, masks)
            if folder.exists():
                folder.rename(old)
            new.rename(folder)
        finally:
            for path in (new, old):
                shutil.rmtree(path, ignore_errors=True)
        shutil.rmtree(parts)
    return folder


def assign_splits(subjects: Iterable[str], split: Split) -> dict[str, str]:
    """Say of every subject whether it is "train", "val" or "test"; a subject's scans stay together.

    A held-out split whose share is above zero has a subject as soon as there are three, and training always has one.
    """
    people = sorted(set(subjects))
    order = np.random.default_rng(split.seed).permutation(len(people))
    n_test, n_val = (
        max(round(share * len(people)), int(share > 0 and len(people) >= 3)) for share in (split.test, split.val)
    )
    n_test = min(n_test, len(people) - 1 - (len(people) >= 3 and split.val > 0))
    n_val = min(n_val, len(people) - 1 - n_test)
    names = ["test"] * n_test + ["val"] * n_val + ["train"] * (len(people) - n_test - n_val)
    return {people[person]: name for person, name in zip(order, names, strict=True)}


def _fingerprint(settings: Prepare) -> str:
    """12 hexadecimal digits that change with any setting that changes a cube, and with any line of code beside this."""
    content = settings.model_dump_json(exclude={"duplicates", "split", "workers"}).encode()
    code = [path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py"))]
    return hashlib.sha256(b"".join([content, *code])).hexdigest()[:12]


def _prepare_part(index: int, scan: Scan, settings: Prepare, parts: Path) -> Result:
    """Prepare one scan into a file, unless it is there already.

    Returns
    -------
    index, part, landmark, reason, quality
        The file, and what doubles are found by; a scan that is refused has neither, but a reason. What qc.csv says of
        how its brain was told.
    """
    if not parts.is_dir():
        raise InputError(
            f"{parts}: not found on {platform.node()}; start every Dask worker in the folder that prepares, on a file "
            "system that all of them share"
        )
    if reason := scan.trouble():
        return index, None, None, reason, UNTOLD
    try:
        key = scan.fingerprint()
    except OSError:  # the image or the mask is missing, and prepare_scan says which
        key = scan.source
    key += repr((scan.background, scan.orientation))
    part = parts / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.npz"
    with contextlib.suppress(OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):  # absent, or cut short
        with np.load(part) as saved:
            return index, part, landmark(saved["cube"]), "", json.loads(str(saved["told"]))["quality"]
    try:
        prepared = resample.prepare_scan(scan, settings)
    except QualityError as refusal:
        return index, None, None, str(refusal), UNTOLD
    quality = [f"{getattr(prepared, name):.6g}" for name in QC_NUMBERS] + [prepared.axes, prepared.note]
    told = {"brain_ml": prepared.brain_ml, "affine": prepared.affine.tolist(), "intensity": prepared.intensity}
    told |= {"quality": quality, "sha256": _sha256(scan, prepared.cube)}
    temporary = part.with_suffix(f".{os.getpid()}.tmp")
    with named_disk_errors(part):
        try:
            with open(temporary, "wb") as file:
                np.savez(file, cube=prepared.cube, told=json.dumps(told))  # arrays for each number would take longer
            os.replace(temporary, part)
        finally:
            temporary.unlink(missing_ok=True)
    return index, part, landmark(prepared.cube), "", quality


def _doubles(results: list[Result]) -> dict[int, int]:
    """Which scans are those of an earlier one, by index."""
    there = [(index, part, mark) for index, part, mark, _, _ in results if part]

    def cube(place: int) -> np.ndarray:
        with np.load(there[place][1]) as saved:
            return saved["cube"]

    found = doubles([mark for _, _, mark in there], cube) if there else {}
    return {there[later][0]: there[earlier][0] for later, earlier in found.items()}


def _sha256(scan: Scan, cube: np.ndarray) -> str:
    if not scan.image.is_file():  # simulated
        return hashlib.sha256(cube.tobytes()).hexdigest()
    with open(scan.image, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_kept(folder: Path, kept: list[tuple[Scan, Path]], size: int, splits: dict[str, str]) -> None:
    rows = []
    folder.mkdir(parents=True)
    with open(folder / "volumes.npy", "wb") as file:  # row after row: pages of a memory map would count as memory
        header = {"descr": "|u1", "fortran_order": False, "shape": (len(kept), *[size] * 3)}
        np.lib.format.write_array_header_1_0(file, header)
        for row, (scan, part) in enumerate(kept):
            with np.load(part) as saved:
                file.write(saved["cube"].tobytes())
                told = json.loads(str(saved["told"]))
            affine = np.array(told["affine"])
            sizes = np.linalg.norm(affine[:3, :3], axis=0)
            measured = [np.round(told["brain_ml"], 3), *sizes.round(6), *affine[:3].ravel(), *told["intensity"]]
            identity = [row, scan.subject, scan.session, scan.source, told["sha256"], splits[scan.subject]]
            rows.append([*identity, *map(float, measured)])
    _write_csv(folder / "subjects.csv", SUBJECT_COLUMNS, rows)


def _write_csv(path: Path, columns: list[str], rows: list[list]) -> None:
    # Of a name that is not UTF-8, the bytes that are not are shown with a backslash.
    with open(path, "w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([cell.translate(CONTROLS) if isinstance(cell, str) else cell for cell in row] for row in rows)
