"""Files that are either whole or absent, temporary folders, and what one process at a time may hold."""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from alphagan.errors import InputError, named_disk_errors

LOCK = ".lock"  # in a temporary folder, held by the process that uses it


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
        except OSError as error:
            if error.filename == str(temporary):  # a name that nobody knows
                error.filename = None
            raise
        finally:
            with contextlib.suppress(OSError):  # which would hide the reason
                temporary.unlink()
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


@contextlib.contextmanager
def held(lock: Path) -> Iterator[bool]:
    """Hold a file that one process at a time can hold, until the end, however that comes; even if it is killed.

    Parameters
    ----------
    lock : Path
        Made if need be, and left there.

    Yields
    ------
    bool
        False where another process holds it.
    """
    with open(lock, "ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


@contextlib.contextmanager
def holding(lock: Path, busy: str) -> Iterator[None]:
    """Hold a file as `held` does, or refuse to go on; its folder is made if need be.

    Raises
    ------
    InputError
        Where another process holds it: `busy` says what that is. If the disk is full or not writable.
    """
    with contextlib.ExitStack() as stack:
        with named_disk_errors(lock):
            lock.parent.mkdir(parents=True, exist_ok=True)
            alone = stack.enter_context(held(lock))
        if not alone:
            raise InputError(f"{lock}: {busy}; wait until it ends, or stop it")
        yield


@contextlib.contextmanager
def temporary_folder(prefix: str) -> Iterator[Path]:
    """Make a folder that only its owner can read in the system's temporary folder (TMPDIR), and remove it in the end.

    That of a process which was killed stays, until the next one asks for a folder with the same prefix.
    """
    place = Path(tempfile.gettempdir())
    for left in place.glob(f"{prefix}*/{LOCK}"):
        with contextlib.suppress(OSError), held(left) as nobody_uses_it:  # it may be another person's
            if nobody_uses_it:
                shutil.rmtree(left.parent)
    hidden = Path(tempfile.mkdtemp(prefix=f".{prefix}"))  # under its name once it is held, lest it be taken for left
    folder = hidden.with_name(hidden.name[1:])
    try:
        with held(hidden / LOCK):
            hidden.rename(folder)
            yield folder
    finally:
        for path in (hidden, folder):
            shutil.rmtree(path, ignore_errors=True)


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
