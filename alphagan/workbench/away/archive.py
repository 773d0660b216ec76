"""Archives that are whole or absent, hold plain files alone, and say nothing of who wrote them where."""

import gzip
import io
import tarfile
import time
import zlib
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

from alphagan.errors import InputError, named_disk_errors
from alphagan.files import write_atomically

Member = tuple[str, Path | bytes]  # name in the archive, and the file or its content
END = ".whole"  # the last member: tar itself does not notice when members are missing at the end


def write(path: Path, members: Iterable[Member], packed: bool = False) -> Path:
    """Write a tar archive.

    Parameters
    ----------
    path : Path
        Replaced when the new one is whole.
    members : iterable of (str, Path or bytes)
    packed : bool
        With gzip: cubes become a third, weights no smaller.

    Raises
    ------
    InputError
        If the disk is full or not writable.
    FileNotFoundError
        If a member is gone by now; what was there before stays.
    """
    now = int(time.time())

    def fill(file):
        with gzip.GzipFile("", "wb", 1, file, mtime=0) if packed else _Unclosed(file) as inner:
            with tarfile.open(mode="w|", fileobj=inner, format=tarfile.PAX_FORMAT) as tar:
                for name, content in chain(members, [(END, b"")]):
                    with open(content, "rb") if isinstance(content, Path) else io.BytesIO(content) as source:
                        entry = tarfile.TarInfo(name)  # without owner
                        entry.mtime = now  # by which Python knows that a compiled file is of other code
                        entry.size = source.seek(0, io.SEEK_END)
                        source.seek(0)
                        tar.addfile(entry, source)

    return write_atomically(fill, path.parent, path.name)


def extract(path: Path, folder: Path) -> None:
    """Lay out an archive in an empty folder; one that would write elsewhere, or holds links, is refused as a whole.

    Raises
    ------
    InputError
        If it cannot be read, is cut short, damaged or not such an archive; if the disk is full.
    """
    try:
        with tarfile.open(path) as tar:
            entry = None
            for entry in tar:
                if not entry.isreg():
                    raise InputError(f"{path}: {entry.name} is no plain file; it is no archive of alphagan away")
                with named_disk_errors(folder):
                    tar.extract(entry, folder, filter="data")
            if entry is None or entry.name != END:
                raise EOFError("its end is missing")
    except tarfile.FilterError as error:
        raise InputError(f"{path}: {error}; it is no archive of alphagan away") from None
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; name the archive that alphagan away run wrote") from None
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        reason = str(error).partition("\n")[0].rstrip(":")
        raise InputError(f"{path}: cut short, damaged or no archive ({reason}); copy it again") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); copy it again") from None


class _Unclosed:
    """A file that stays open after `with`."""

    def __init__(self, file):
        self.write, self.flush = file.write, file.flush

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None
