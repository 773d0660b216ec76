"""Evaluate folders of NIfTI from any generator: measure them, and write the report, whole or not at all."""

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from alphagan.errors import InputError, named_disk_errors
from alphagan.files import LOCK, held, temporary_folder, write_json
from alphagan.generation.device import usable
from alphagan.report.document import write_report
from alphagan.report.measure import measure
from alphagan.report.options import Folders

WORK = "alphagan-evaluate-"  # how temporary folders with prepared scans are called


def evaluate_folders(folders: Folders, output: str | Path, sections: Mapping[str, dict] | None = None) -> Path:
    """Evaluate folders, and write report.html, metrics.json, audit.json if there is one, and figures/.

    Scans are prepared in a temporary folder (TMPDIR), never beside the report.

    Parameters
    ----------
    folders : Folders
    output : path
        New or empty folder; it is complete, or not there at all.
    sections : mapping, optional
        Changes of the sections prepare, features, evaluate and audit of params.yaml.

    Returns
    -------
    report : Path

    Raises
    ------
    InputError
        If a folder is missing or holds no scan that can be used, someone is in real and train, an option is
        impossible, the device is not there, or `output` holds something or cannot be written.
    TooFewError
        If there are fewer than two generated volumes, two training people or two real people; four without `train`.
    """
    usable(folders.device)
    config, output = folders.config(sections), Path(os.path.realpath(output))
    if os.path.lexists(output) and not (output.is_dir() and not any(output.iterdir())):
        raise InputError(f"{output}: holds something already; name a new or an empty folder with --output")
    partial = output.with_name(f".{output.name}.partial")
    with named_disk_errors(output), temporary_folder(WORK) as work, _alone_in(partial, output):
        found = measure(folders, config, work)
        for line in found.doubts:
            print(f"note: {line}", file=sys.stderr)
        write_json(found.evaluation.as_dict(), partial / "metrics.json")
        if found.audit:
            write_json(found.audit.as_dict(), partial / "audit.json")
        write_report(found, partial)
        (partial / LOCK).unlink()
        if output.exists():
            output.rmdir()
        partial.rename(output)
    return output / "report.html"


@contextmanager
def _alone_in(partial: Path, output: Path) -> Iterator[None]:
    """Make an empty folder, now and not after hours, that no other process writes to; it is gone in the end."""
    partial.mkdir(parents=True, exist_ok=True)
    with held(partial / LOCK) as alone:
        if not alone:
            raise InputError(f"{output}: another evaluation writes it; wait until it ends, or name another folder")
        try:
            for left in partial.iterdir():  # by a process that was killed
                if left.is_dir():
                    shutil.rmtree(left)
                elif left.name != LOCK:
                    left.unlink()
            yield
        finally:
            shutil.rmtree(partial, ignore_errors=True)
