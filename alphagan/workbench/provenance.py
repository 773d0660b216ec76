"""Whether models are of the scans that are prepared now, and numbers of the weights that are there now."""

import json
import sys
from pathlib import Path

from alphagan.errors import InputError
from alphagan.generation.run import Run
from alphagan.settings.paths import Paths
from alphagan.volumes.prepared import Volumes


def note_other_scans(trained: list[Path], volumes: Volumes, same_size: bool = False) -> None:
    """Print what `of_other_scans` says, as notes."""
    for line in of_other_scans(trained, volumes, same_size):
        print(f"note: {line}", file=sys.stderr)


def of_other_scans(trained: list[Path], volumes: Volumes, same_size: bool = False) -> list[str]:
    """Say which runs and feature networks were trained on other scans, or on another split of them.

    Parameters
    ----------
    trained : list of Path
        Folders with a config.json; what cannot be read is left to those who need it.
    volumes : Volumes
        The cohort as it is prepared now.
    same_size : bool
        Refuse networks of cubes of another size.

    Returns
    -------
    list of str
        A line for each, as numbers on "held-out people" may be of people that it was trained on.

    Raises
    ------
    InputError
        If a network is of another size than the cohort, and that is asked for.
    """
    lines = []
    for folder in trained:
        try:
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            data, size = config.get("data"), config.get("size", volumes.size)
        except (OSError, ValueError, AttributeError):
            continue
        if same_size and size != volumes.size:
            raise InputError(
                f"{folder}: of {size} voxels along each side, {volumes.folder} has {volumes.size}; train it again"
            )
        if data not in (None, volumes.fingerprint()):
            lines.append(
                f"{folder} was trained on {volumes.folder} as it was before (other scans, or another split): people "
                "whom it was trained on may be held out now; train it again"
            )
    return lines


def measured(run: Run, paths: Paths) -> tuple[dict, dict]:
    """Metrics and audit of a run's cohort, by model: empty unless they are of the weights that the run has now."""
    name, cohort = run.settings.name, run.settings.cohort
    return tuple(
        _read(path) if _read(paths.provenance(kind, cohort)).get(name) == run.networks.sha256 else {}
        for kind, path in (("metrics", paths.metrics(cohort)), ("audit", paths.audit(cohort)))
    )


def _read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
