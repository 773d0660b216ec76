"""Whether models are of the scans that are prepared now, and numbers of the weights that are there now."""

import contextlib
import csv
import hashlib
import json
import sys
from pathlib import Path

from alphagan.errors import InputError
from alphagan.generation.run import Run
from alphagan.preparation.cohorts import find_scans, hash_of_masks
from alphagan.settings.config import Config, Settings
from alphagan.settings.json_file import read_json
from alphagan.settings.paths import Paths
from alphagan.settings.preparation import NAME
from alphagan.settings.sections import WHERE
from alphagan.training.checkpoint import differences
from alphagan.volumes.prepared import Volumes

DECIDES = {"size", "augment", "departures", "model", "train"}  # of a training's settings, beside its scans


def note_other_scans(trained: list[Path], volumes: Volumes, same_size: bool = False) -> None:
    """Print what `of_changed_scans` and `of_other_scans` say, as notes."""
    for line in (*of_changed_scans(volumes), *of_other_scans(trained, volumes, same_size)):
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
    lines, here = [], read_json(volumes.folder / NAME).get("modality")
    for folder in trained:
        config = read_json(folder / "config.json")
        data, size = config.get("data"), config.get("size", volumes.size)
        theirs = config.get("modality")
        if theirs and here and theirs != here:
            lines.append(f"{folder} was trained on {theirs} scans, and {volumes.folder} holds {here}")
        if same_size and size != volumes.size:
            raise InputError(
                f"{folder}: of {size} voxels along each side, {volumes.folder} has {volumes.size}; train it again"
            )
        if data in (None, volumes.fingerprint()):
            continue
        if (cohort := config.get("cohort", volumes.folder.name)) != volumes.folder.name:
            lines.append(
                f"{folder} was trained on the cohort {cohort!r}, and not on {volumes.folder}: where the same people "
                "are in both, it may have been trained on some who are held out here"
            )
        else:
            lines.append(
                f"{folder} was trained on {volumes.folder} as it was before (other scans, another split, or prepared "
                "otherwise): people whom it was trained on may be held out now; train it again"
            )
    return lines


def of_changed_scans(volumes: Volumes) -> list[str]:
    """Say how many scans are others than when they were prepared, or were taken away.

    Files that are no newer than that are not read. Where none is there, as of simulated people or on another machine,
    nothing is said.
    """
    made, changed, gone = (volumes.folder / "subjects.csv").stat().st_mtime, [], []
    for row in volumes.subjects:
        path = Path(row.get("source", ""))
        try:
            if path.stat().st_mtime > made and path.is_file():
                with open(path, "rb") as file:
                    if hashlib.file_digest(file, "sha256").hexdigest() != row["sha256"]:
                        changed.append(path)
        except FileNotFoundError:
            gone.append(path)
        except OSError:
            continue
    n, again = len(volumes.array), f"prepare {volumes.folder.name} again"
    lines = []
    if changed:
        lines.append(f"{len(changed)} of {n} scans, such as {changed[0]}, are others now than were prepared: {again}")
    if 0 < len(gone) < len(volumes.subjects):
        lines.append(f"{len(gone)} of {n} scans that were prepared, such as {gone[0]}, are not there any more: {again}")
    return lines


def of_changed_folder(config: Config, cohort: str, paths: Paths) -> list[str]:
    """Say whether masks are others than those that a cohort was prepared with, and scans there that were not then."""
    folder = paths.prepared(cohort)
    then, lines = read_json(folder / NAME).get("masks"), []
    with contextlib.suppress(InputError, OSError):  # not here any more
        scans = find_scans(config.cohort(cohort))
        with open(folder / "qc.csv", newline="", encoding="utf-8") as file:
            known = {row["source"] for row in csv.DictReader(file)}
        # Of names that are written in another way into the table, nothing can be told.
        added = [scan.source for scan in scans if scan.source not in known and scan.source.isprintable()]
        if added:
            lines.append(
                f"scans that came after {cohort} was prepared: {len(added)}, such as {added[0]}; prepare it again"
            )
        if then and (now := hash_of_masks(scans)) and now != then:
            lines.append(
                f"brain masks of {cohort} are others now than those that it was prepared with: prepare {cohort} again"
            )
    return lines


def of_other_settings(config: Config, cohort: str, paths: Paths) -> list[str]:
    """Say which runs and feature network of a cohort were trained with other settings than the parameters have now."""
    wanted = {paths.run(cohort, model): config.settings(name) for name, model in config.experiments_on(cohort).items()}
    told = {folder: _decides(settings) for folder, settings in wanted.items()}
    told[paths.features(cohort)] = {"settings": config.features.model_dump(mode="json", exclude={"threads"})}
    lines = []
    for folder, now in told.items():
        then = {key: value for key, value in read_json(folder / "config.json").items() if key in now}
        now = {key: value for key, value in now.items() if key in then}
        if changed := [text for text in differences(then, now) if "absent" not in text]:
            lines.append(
                f"{folder} was trained with other settings ({', '.join(changed)}); train it again, or undo the change"
            )
    return lines


def of_other_weights(config: Config, cohort: str, paths: Paths) -> list[str]:
    """Say whether a cohort's metrics are of other weights than its models have now; one line, or none."""
    path, measured_of = paths.metrics(cohort), read_json(paths.provenance("metrics", cohort))
    now = {model: read_json(paths.run(cohort, model) / "config.json") for model in config.models(cohort)}
    others = [model for model, run in now.items() if run.get("weights_sha256") != measured_of.get(model)]
    if not others or not path.exists():
        return []
    return [f"{path} is of other weights than {', '.join(others)} now has; run alphagan evaluate {cohort} again"]


def _decides(settings: Settings) -> dict:
    """What a training depends on, but its scans."""
    return settings.model_dump(mode="json", include=DECIDES, exclude={"train": WHERE})


def measured(run: Run, paths: Paths) -> tuple[dict, dict]:
    """Metrics and audit of a run's cohort, by model: empty unless they are of the weights that the run has now."""
    name, cohort = run.settings.name, run.settings.cohort
    return tuple(
        _read(path) if _read(paths.provenance(kind, cohort)).get(name) == run.networks.sha256 else {}
        for kind, path in (("metrics", paths.metrics(cohort)), ("audit", paths.audit(cohort)))
    )


def _read(path: Path) -> dict:
    """What a file of results says; a damaged one is told, as it would pass for none."""
    try:
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except ValueError as error:
        raise InputError(f"{path}: damaged ({error}); make it again with dvc repro, or remove it") from None
