"""What lies in the sources of all cohorts, file by file, for DVC to depend on.

DVC sees no change behind a link that lies below a source, and stops at a link to nothing. So one stage always lists
what is there, links followed, and cohorts whose list is the same as before are not prepared again.
"""

import csv
import hashlib
import json
from pathlib import Path

from alphagan.errors import InputError, named_disk_errors
from alphagan.preparation.cohorts import find_scans, tree
from alphagan.settings.cohorts import Cohort
from alphagan.settings.config import Config
from alphagan.settings.paths import Paths

ABSENT = "-"  # in place of a hash


def write_manifests(config: Config, paths: Paths) -> Path:
    """Write data/scans/COHORT.csv for every cohort: each file below its source, its table, masks that lie elsewhere.

    Beside each is its SHA-256.

    A file is read once, and again when its size or times of change are others. Files that cannot be read, such as links
    to nothing, have "-" for a hash; a source that cannot be listed has the reason in place of its files, and is left
    for preparation to refuse.

    Returns
    -------
    folder : Path

    Raises
    ------
    InputError
        If the disk is full or not writable.
    """
    folder = paths.manifests()
    for name, cohort in config.cohorts.items():
        known = paths.scratch("scans", f"{name}.json")
        try:
            hashes = _Hashes(known)
            rows = [(str(path.relative_to(cohort.source)), hashes.of(path)) for path in _files(Path(cohort.source))]
            rows += [(str(path), hashes.of(path)) for path in _elsewhere(cohort)]
        except InputError as error:
            rows = [(str(error), ABSENT)]
        else:
            hashes.save(known)
        # Names that are not UTF-8 are written with a backslash.
        table = folder / f"{name}.csv"
        with named_disk_errors(table):
            folder.mkdir(parents=True, exist_ok=True)
            with open(table, "w", newline="", encoding="utf-8", errors="backslashreplace") as file:
                csv.writer(file, lineterminator="\n").writerows([("file", "sha256"), *rows])
    return folder


def _elsewhere(cohort: Cohort) -> list[Path]:
    """What a cohort is made of that lies outside its source: its table, its masks, what was downloaded."""
    found = [Path(cohort.covariates)] if cohort.covariates else []
    masks = Path(getattr(cohort, "mask_pattern", None) or "")
    if masks.is_absolute() or ".." in masks.parts:
        found += [scan.mask for scan in find_scans(cohort)]
    if cohort.kind == "openneuro" and Path(cohort.folder).is_dir():
        found += tree.files(Path(cohort.folder))
    return found


def _files(source: Path) -> list[Path]:
    return [source] if source.is_file() else tree.files(tree.folder(source))


class _Hashes:
    """SHA-256 of files; those of the last time are remembered as long as a file is the same to the file system."""

    def __init__(self, known: Path):
        try:
            self.known = json.loads(known.read_text())
        except (OSError, ValueError):  # nothing is known yet, or no longer
            self.known = {}
        self.seen = {}

    def of(self, path: Path) -> str:
        try:
            status = path.stat()
            key = repr((str(path.resolve()), status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino))
            if key not in self.known:
                with open(path, "rb") as file:
                    self.known[key] = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            return ABSENT
        self.seen[key] = self.known[key]
        return self.seen[key]

    def save(self, known: Path) -> None:
        with named_disk_errors(known):
            known.parent.mkdir(parents=True, exist_ok=True)
            known.write_text(json.dumps(self.seen))
