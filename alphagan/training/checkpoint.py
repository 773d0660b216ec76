"""Checkpoints that survive: atomic, checksummed, loadable with weights_only, the two newest kept."""

import hashlib
import pickle
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from alphagan.errors import InputError
from alphagan.files import write_atomically
from alphagan.training.health import refuse_non_finite

FORMAT = 2  # raised when a checkpoint of an older version can no longer be continued
KEEP = 2  # one to continue from, one in case it is damaged
NAME = re.compile(r"checkpoint-(\d{8,})-([0-9a-f]{16})\.pt")

Say = Callable[[str], None]


def to_stderr(message: str) -> None:
    """Print one line on stderr at once."""
    print(message, file=sys.stderr, flush=True)


def save(state: dict[str, Any], folder: Path, iteration: int, configuration: dict[str, Any]) -> Path:
    """Write a checkpoint and drop all but it and the one before it.

    Parameters
    ----------
    state : dict
        Nested dicts and lists of tensors and plain values.
    folder : Path
        Needs room for `KEEP` + 1 checkpoints.
    iteration : int
        Iterations completed.
    configuration : dict
        Nested dict of plain values: what must be the same for a run to go on from here.

    Raises
    ------
    FloatingPointError
        If a tensor holds a number that is not finite; nothing is written then.
    InputError
        If the disk is full or not writable; the checkpoints that were there stay.
    """
    refuse_non_finite(state, iteration)
    for leftover in folder.glob("*.tmp"):  # of a process that was killed while writing; the new one may need its room
        leftover.unlink()
    content = {"format": FORMAT, "iteration": iteration, "configuration": configuration, **state}
    path = write_atomically(lambda file: torch.save(content, file), folder, f"checkpoint-{iteration:08d}-{{sha256}}.pt")
    # One of this iteration or a later one can only be damaged, or this run would have gone on from it: kept, it would
    # drive out a good one.
    for other in set(_newest_first(folder)) - {path, *_newest_first(folder, before=iteration)[: KEEP - 1]}:
        other.unlink()
    return path


def load_newest(
    folder: Path, device: torch.device | str, configuration: dict[str, Any], say: Say = to_stderr
) -> dict[str, Any] | None:
    """Read the newest checkpoint that is whole; say so when a damaged one is passed over.

    Parameters
    ----------
    folder : Path
    device : torch.device
        Where the tensors go.
    configuration : dict
        Of the run that wants to go on.
    say : callable, (message), optional
        Told of damaged checkpoints.

    Returns
    -------
    state : dict or None
        None where there is nothing to go on from.

    Raises
    ------
    InputError
        If the newest whole checkpoint is of another configuration, naming the keys that differ, or of another version.
    """
    paths = _newest_first(folder)
    for path in paths:
        damage = _damage(path)
        if damage:
            say(f"{path}: {damage}, passed over")
            continue
        state = _read(path, device)
        changed = differences(state["configuration"], configuration)
        if changed:
            raise InputError(
                f"{path}: checkpoint of another configuration: {', '.join(changed)}; "
                "move it away, or restore the settings"
            )
        return state
    if paths:
        say(f"{folder}: no whole checkpoint is left, starting anew")
    return None


def newest(folder: Path, before: int | None = None) -> Path | None:
    """Path of the newest checkpoint, or of the newest that holds fewer than `before` iterations."""
    return next(iter(_newest_first(folder, before)), None)


def iteration_of(path: Path) -> int:
    """Iterations that a checkpoint holds, from its name."""
    return int(NAME.fullmatch(path.name)[1])


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Keys of nested dicts whose values differ, such as "train.lr 0.0002 -> 0.001"."""
    old, new = _flat(old), _flat(new)
    keys = [*old, *(key for key in new if key not in old)]
    return [
        f"{key} {old.get(key, 'absent')} -> {new.get(key, 'absent')}"
        for key in keys
        if key not in old or key not in new or old[key] != new[key]
    ]


def _read(path: Path, device: torch.device | str) -> dict[str, Any]:
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except (pickle.UnpicklingError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: torch {torch.__version__} cannot read it ({reason}); move it away") from error
    if state.get("format") != FORMAT:
        raise InputError(
            f"{path}: checkpoint of another version (format {state.get('format')}, not {FORMAT}); "
            "move it away, or go on with the version that wrote it"
        )
    return state


def _damage(path: Path) -> str | None:
    """Say how the content of a checkpoint disagrees with the hash in its name."""
    try:
        with open(path, "rb") as file:
            whole = hashlib.file_digest(file, "sha256").hexdigest().startswith(NAME.fullmatch(path.name)[2])
    except OSError as error:
        return f"unreadable ({error.strerror})"
    return None if whole else "damaged"


def _newest_first(folder: Path, before: int | None = None) -> list[Path]:
    paths = [path for path in folder.glob("checkpoint-*.pt") if NAME.fullmatch(path.name)]
    if before is not None:
        paths = [path for path in paths if iteration_of(path) < before]
    return sorted(paths, key=lambda path: (iteration_of(path), path.name), reverse=True)


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat = {}
    for key, value in tree.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat
