"""What the operating system says becomes one line that names the file and the cure, and says no more than is so."""

import errno

import pytest

from alphagan.errors import InputError, named_disk_errors


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "could not be written .*; make room there and start again"),
        (errno.EROFS, "could not be written .*; make it writable and start again"),
    ],
)
def test_a_disk_that_takes_nothing_is_named(tmp_path, number, words):
    with pytest.raises(InputError, match=rf"{tmp_path}: {words}"), named_disk_errors(tmp_path):
        raise OSError(number, "as the system says")


def test_a_file_that_vanished_is_not_called_unwritable(tmp_path):
    with pytest.raises(InputError, match=r"gone.npy: is not there any more; put it back"), named_disk_errors(tmp_path):
        (tmp_path / "gone.npy").read_bytes()
