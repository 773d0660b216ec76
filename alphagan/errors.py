"""The exceptions that mean: the input is at fault, and here is the cure."""

import contextlib
import errno
import operator
from collections.abc import Iterator
from pathlib import Path

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class InputError(Exception):
    """Bad input: a file, folder or configuration key that the user can mend.

    The message is one line that names the file or key and says what to do. The command line prints it
    without a traceback and exits with status 2.
    """


class TooFewError(InputError):
    """There are too few volumes or people for what was asked; something that needs fewer may still be computed."""


def whole_number(name: str, value: int, at_least: int | None = None) -> int:
    """Take an integer of any type; of counts, which have a least one, neither True nor False.

    Raises
    ------
    InputError
        If `value`, called `name`, is none or too small.
    """
    try:
        number = int(operator.index(value))
    except TypeError:
        number = None
    if number is None or (at_least is not None and (isinstance(value, bool) or number < at_least)):
        least = "" if at_least is None else f" of at least {at_least}"
        raise InputError(f"{name}: {value!r}; give a whole number{least}")
    return number


@contextlib.contextmanager
def named_disk_errors(place: Path) -> Iterator[None]:
    """Turn what the operating system says about a full or read-only disk, or a file that is gone, into one line.

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
        if error.errno == errno.ENOENT:
            raise InputError(f"{where}: is not there any more; put it back and start again") from error
        cure = "make room there" if error.errno in NO_ROOM else "make it writable"
        raise InputError(f"{where}: could not be written ({error.strerror}); {cure} and start again") from error
