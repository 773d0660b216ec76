"""Files that are either whole or absent, and one line for a disk that is full."""

import contextlib
import errno
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from alphagan.errors import InputError

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextlib.contextmanager
def named_disk_errors(place: Path) -> Iterator[None]:
    """Turn what the operating system says about a full or read-only disk into one line.

    Raises
    ------
    InputError
        In place of an OSError, naming the file, or `place` where the system names none.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None:  # raised by a program, not by the system
            raise
        where = error.filename2 or error.filename or place
        cure = "make room there" if error.errno in NO_ROOM else "make it writable"
        raise InputError(f"{where}: could not be written ({error.strerror}); {cure} and start again") from error


def write_atomically(write: Callable[[BinaryIO], Any], folder: Path, name: str) -> Path:
    """Write a file so that it is either whole or absent, even when the process is killed or the power fails.

    Parameters
    ----------
    write : callable, (binary file)
        Writes the content.
    folder : Path
        Made if need be.
    name : str
        File name, in which "{sha256}" stands for the first 16 digits of the content's hash.

    Returns
    -------
    path : Path

    Raises
    ------
    InputError
        If the disk is full or not writable; what was there before stays as it was.
    """
    with named_disk_errors(folder / name.replace("-{sha256}", "")):
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f"{os.getpid()}.tmp"
        try:
            with open(temporary, "wb") as file:
                hashing = _HashingFile(file)
                try:
                    write(hashing)
                except RuntimeError:  # what torch makes of a full disk; it does not say why
                    if hashing.error is None:
                        raise
                    raise hashing.error from None
                file.flush()
                os.fsync(file.fileno())
            path = folder / name.replace("{sha256}", hashing.hash.hexdigest()[:16])
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(folder)
    return path


def write_json(content: dict, path: Path) -> None:
    """Write numbers with 6 significant digits."""

    def rounded(value):
        if isinstance(value, dict):
            return {key: rounded(entry) for key, entry in value.items()}
        if isinstance(value, list | tuple):
            return [rounded(entry) for entry in value]
        return float(f"{value:.6g}") if isinstance(value, float) else value

    text = json.dumps(rounded(content), indent=2, ensure_ascii=False) + "\n"
    write_atomically(lambda file: file.write(text.encode()), path.parent, path.name)


class _HashingFile:
    """Write-through file object that hashes what passes, and remembers what the disk said."""

    def __init__(self, file: BinaryIO):
        self.file, self.hash, self.error = file, hashlib.sha256(), None

    def write(self, data: bytes) -> int:
        self.hash.update(data)
        try:
            return self.file.write(data)
        except OSError as error:
            self.error = error
            raise

    def flush(self) -> None:
        self.file.flush()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
