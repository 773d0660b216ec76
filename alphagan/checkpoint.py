"""Checkpoints that survive: atomic, checksummed, loadable with weights_only, the two newest kept."""

import hashlib
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

from alphagan.errors import InputError

FORMAT = 1  # raised when a checkpoint of an older version can no longer be continued
KEEP = 2  # one to continue from, one in case it is damaged
NAME = re.compile(r"checkpoint-(\d{8})-([0-9a-f]{16})\.pt")


class _HashingFile:
    """Write-through file object that hashes what passes."""

    def __init__(self, file):
        self.file, self.hash = file, hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.hash.update(data)
        return self.file.write(data)

    def flush(self) -> None:
        self.file.flush()


def save_atomically(content: Any, folder: Path, name: str) -> Path:
    """Write with torch.save so that the file is either whole or absent, even when the power fails.

    Parameters
    ----------
    content : dict of tensors and plain numbers
    folder : Path
        Made if need be.
    name : str
        File name, in which "{sha256}" stands for the first 16 digits of the content's hash.

    Raises
    ------
    InputError
        If the disk is full or not writable; what was there before stays as it was.
    """
    temporary = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=folder, suffix=".tmp")
        with os.fdopen(descriptor, "wb") as file:
            hashing = _HashingFile(file)
            torch.save(content, hashing)
            file.flush()
            os.fsync(descriptor)
        path = folder / name.replace("{sha256}", hashing.hash.hexdigest()[:16])
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError of its zip writer
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise InputError(f"{folder}: could not write {name} ({error}); free some space and start again") from error
    return path


def save(state: dict[str, Any], folder: Path, iteration: int) -> Path:
    """Write a checkpoint and drop all but the two newest.

    Parameters
    ----------
    state : dict
        Nested dicts of tensors and plain numbers.
    folder : Path
    iteration : int
        Iterations completed.
    """
    path = save_atomically(
        {"format": FORMAT, "iteration": iteration, **state}, folder, f"checkpoint-{iteration:08d}-{{sha256}}.pt"
    )
    for old in _newest_first(folder)[KEEP:]:
        old.unlink()
    for leftover in folder.glob("*.tmp"):  # of a process that was killed while writing
        leftover.unlink()
    return path


def load_newest(folder: Path, device: torch.device | str = "cpu") -> dict[str, Any] | None:
    """Read the newest checkpoint that is whole; say so on stderr when a damaged one is passed over.

    Returns
    -------
    state : dict or None
        None where there is nothing to continue from.
    """
    for path in _newest_first(folder):
        with open(path, "rb") as file:
            whole = hashlib.file_digest(file, "sha256").hexdigest().startswith(NAME.fullmatch(path.name)[2])
        if whole:
            state = torch.load(path, map_location=device, weights_only=True)
            if state["format"] == FORMAT:
                return state
            print(f"{path}: written by another version (format {state['format']}), passed over", file=sys.stderr)
        else:
            print(f"{path}: damaged, going back to the checkpoint before it", file=sys.stderr)
    return None


def _newest_first(folder: Path) -> list[Path]:
    return sorted((path for path in folder.glob("checkpoint-*.pt") if NAME.fullmatch(path.name)), reverse=True)
