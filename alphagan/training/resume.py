"""Where a run starts: from its own checkpoint, from the end of a shorter run, or anew; and what it leaves alone.

Checkpoints lie in a folder of their own for each configuration: the settings, the scans and the code that trains. A
change of any of them starts anew, and the old checkpoints are there when it is undone.
"""

import ast
import hashlib
import json
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import torch

from alphagan.errors import named_disk_errors
from alphagan.files import write_atomically
from alphagan.settings.config import Settings
from alphagan.settings.json_file import read_json
from alphagan.settings.sections import WHERE
from alphagan.training import checkpoint

PACKAGE = Path(__file__).parents[1]
TRAINS = ("models", "seeding.py", "training", "volumes")  # rooms whose code decides what a run computes
CONFIGURATION = "configuration.json"
LENGTH = "train.iterations"


@cache
def code() -> str:
    """12 hexadecimal digits that change with the code that trains, not with its comments or layout.

    Examples
    --------
    >>> len(code())
    12
    """
    paths = [path for room in TRAINS for path in sorted([PACKAGE / room, *(PACKAGE / room).rglob("*.py")])]
    texts = [ast.unparse(ast.parse(path.read_bytes())) for path in paths if path.is_file()]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]


def configuration_of(settings: Settings, data: str) -> dict[str, Any]:
    """All that decides what a run computes: settings, the fingerprint of the scans, and code."""
    return settings.model_dump(mode="json", exclude={"train": WHERE}) | {"data": data, "code": code()}


def folder_of(settings: Settings, data: str) -> str:
    """Name of the folder of a run's own checkpoints, which says the same in 38 characters."""
    return "-".join([settings.fingerprint(), data, code()])


def describe(folder: Path, configuration: dict[str, Any], origin: Path) -> None:
    """Write a run's configuration beside its checkpoints, for people and for later runs; take over earlier pictures.

    `origin` is the folder that `start` returned.
    """
    text = json.dumps(configuration, indent=2) + "\n"
    write_atomically(lambda file: file.write(text.encode()), folder, CONFIGURATION)
    with named_disk_errors(folder):
        if origin != folder and (origin / "samples").is_dir():
            shutil.copytree(origin / "samples", folder / "samples", dirs_exist_ok=True)


def start(
    settings: Settings,
    configuration: dict[str, Any],
    folder: Path,
    run: Path,
    device: torch.device | str,
    say: checkpoint.Say,
) -> tuple[dict[str, Any] | None, Path]:
    """Find the state that a run goes on from, and say where it starts unless that is from nothing.

    Parameters
    ----------
    settings : Settings
    configuration : dict
        Nested dict of plain values: what must be the same for a run to go on.
    folder : Path
        Of the run's own checkpoints.
    run : Path
        Where the finished run goes; that something there will be replaced is said before.
    device : torch.device
        Where the tensors go.
    say : callable, (message)

    Returns
    -------
    state : dict or None
    folder : Path
        The one that the state is from, which has the pictures of earlier iterations.

    Raises
    ------
    InputError
        As `alphagan.training.checkpoint.load_newest` does.
    """
    title, train = f"{settings.cohort} {settings.name}", settings.train
    if state := checkpoint.load_newest(folder, device, configuration, say):
        say(f"{title}: goes on from iteration {state['iteration']} of {train.iterations}")
        return state, folder
    for other, shorter in _shorter(folder, configuration):
        if state := checkpoint.load_newest(other, device, shorter, say):
            iteration = state["iteration"]
            stays = f"; G_early stays that of iteration {state['early_iteration']}"
            say(
                f"{title}: goes on from iteration {iteration} of {train.iterations}, which a run of "
                f"{shorter['train']['iterations']} reached{stays if train.early_iteration <= iteration else ''}"
            )
            return state, other
    if message := _left_behind(folder, configuration) or _replaced(run, configuration):
        say(message)
    return None, folder


def _described(folder: Path) -> list[tuple[Path, dict[str, Any]]]:
    """Folders beside this one that hold checkpoints, with their configurations; the last one used comes first."""
    paths = [path for path in folder.parent.glob(f"*/{CONFIGURATION}") if path.parent != folder]
    paths.sort(key=lambda path: (path.stat().st_mtime, path), reverse=True)
    told = [(path.parent, read_json(path)) for path in paths if checkpoint.newest(path.parent)]
    return [(folder, theirs) for folder, theirs in told if theirs]  # what is damaged cannot be gone on with


def _shorter(folder: Path, configuration: dict[str, Any]) -> list[tuple[Path, dict[str, Any]]]:
    """Runs that are this one but for fewer iterations, the longest first; none where the number decides every step."""
    if configuration["train"]["lr_decay"]:
        return []
    n_wanted = configuration["train"]["iterations"]
    found = []
    for other, theirs in _described(folder):
        changed = checkpoint.differences(theirs, configuration)
        n_theirs = theirs["train"]["iterations"]
        if n_theirs < n_wanted and changed == [f"{LENGTH} {n_theirs} -> {n_wanted}"]:
            found.append((other, theirs))
    return sorted(found, key=lambda pair: pair[1]["train"]["iterations"], reverse=True)


def _left_behind(folder: Path, configuration: dict[str, Any]) -> str | None:
    """Describe the newest unfinished run of other settings, scans or code, if there is one."""
    for other, theirs in _described(folder):
        newest = checkpoint.newest(other)
        if checkpoint.iteration_of(newest) < theirs["train"]["iterations"]:
            changed = ", ".join(checkpoint.differences(theirs, configuration))
            return f"{newest}: checkpoint of another configuration ({changed}), left alone; starting anew"
    return None


def _replaced(run: Path, configuration: dict[str, Any]) -> str | None:
    """Describe the finished run that will be replaced, if there is one."""
    if not (run / "config.json").exists():
        return None
    theirs = read_json(run / "config.json")
    told = {key: value for key, value in configuration.items() if key in theirs}
    theirs = {key: theirs[key] for key in told}
    changed = [text for text in checkpoint.differences(theirs, told) if not text.endswith(" -> absent")]
    why = ", ".join(changed) or "trained by other code, or its checkpoints are gone"
    if configuration["train"]["lr_decay"] and any(text.startswith(LENGTH) for text in changed):
        why += "; train.lr_decay spreads the fall of the learning rate over all of them, so that none can be added"
    return f"{run}: a finished run of another configuration ({why}), replaced once this one has finished; starting anew"
