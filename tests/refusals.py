"""Bad input on the command line: told in one line, with exit status 2, and nothing is left half-written."""

import contextlib
import os
from pathlib import Path

from alphagan.__main__ import main

NOBODY = 65534


def listing(folder, but=()):
    """Everything below a folder with its time of change, except below some of its entries."""
    paths = [path for path in folder.rglob("*") if path.relative_to(folder).parts[0] not in but]
    return sorted((str(path), path.lstat().st_mtime_ns) for path in paths)


def refused(arguments, folder, capsys, says=(), but=()):
    """Have a command refuse its input, and return the line; `but`: entries of the folder that it may write into."""
    before = listing(folder, but)
    status = main(list(map(str, arguments)))
    told = capsys.readouterr().err.splitlines()
    assert status == 2 and len(told) == 1, (status, told)
    assert listing(folder, but) == before
    assert told[0].startswith("alphagan: error: ")
    for words in says:
        assert words in told[0], (words, told[0])
    return told[0]


@contextlib.contextmanager
def as_nobody(folder):
    """Work as somebody whom permissions stop, as they do not stop root, in a folder that is opened up for all."""
    if os.geteuid() != 0:
        yield
        return
    for parent in folder.parents:
        if not parent.stat().st_mode & 0o001:  # what pytest made for this user alone
            parent.chmod(parent.stat().st_mode | 0o011)
    for path in (folder, *filter(Path.is_dir, folder.rglob("*"))):
        path.chmod(0o777)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
