"""An evaluation that is killed, or has no room, leaves no prepared scan where reports lie."""

import os
import signal
import stat
import subprocess
import sys
import tempfile
import time

import pytest
from disks import fill, read_only
from folders import QUICK

from alphagan.errors import InputError
from alphagan.files import LOCK, held, temporary_folder
from alphagan.report.folders import WORK, evaluate_folders
from alphagan.report.options import Folders


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The system's temporary folder, as it is called here."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def evaluate(real, generated, output, temporary):
    """Start the command."""
    options = ["--real", real, "--generated", generated, "--size", "16", "-o", output]
    command = [sys.executable, "-m", "alphagan", "evaluate", *map(str, options)]
    return subprocess.Popen(command, env=os.environ | {"TMPDIR": str(temporary)}, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_a_kill_leaves_nothing_beside_the_report_and_the_next_run_clears_up(real, generated, tmp_path, temporary):
    (tmp_path / "reports").mkdir()
    with evaluate(real, generated, tmp_path / "reports/out", temporary) as running:
        until = time.monotonic() + 60
        while not list(temporary.rglob("volumes.npy")) and time.monotonic() < until:
            time.sleep(0.01)
        running.kill()
    assert running.returncode == -signal.SIGKILL
    assert [path.name for path in (tmp_path / "reports").rglob("*")] == [".out.partial", LOCK]
    (left,) = temporary.glob(f"{WORK}*")
    assert list(left.rglob("volumes.npy")) and stat.S_IMODE(left.stat().st_mode) == 0o700
    evaluate_folders(Folders(real, generated, size=16), tmp_path / "reports/out", QUICK)
    assert not list(temporary.glob(f"*{WORK}*"))
    assert [path.name for path in (tmp_path / "reports").iterdir()] == ["out"]


def test_a_report_that_was_begun_is_cleared_by_the_next_run(real, generated, tmp_path, temporary, monkeypatch):
    (tmp_path / ".out.partial").mkdir()
    (tmp_path / ".out.partial" / "metrics.json").write_text("{}")
    monkeypatch.setattr("alphagan.report.folders.measure", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        evaluate_folders(Folders(real, generated, size=16), tmp_path / "out", QUICK)
    assert {path.name for path in tmp_path.iterdir()} == {"tmp"} and not list(temporary.iterdir())


def test_no_room_for_prepared_scans_is_told_with_the_place(real, generated, tmp_path, disk, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(disk))
    fill(disk, leave=40_000)
    with pytest.raises(InputError) as told:
        evaluate_folders(Folders(real, generated, size=16), tmp_path / "out", QUICK)
    assert str(told.value).startswith(f"{disk}/{WORK}") and "(No space left on device); make room" in str(told.value)
    assert {path.name for path in tmp_path.iterdir()} == {"disk"} and [path.name for path in disk.iterdir()] == [
        "ballast"
    ]


def test_a_read_only_place_for_the_report_is_told_before_anything_is_prepared(real, generated, disk, monkeypatch):
    monkeypatch.setattr("alphagan.report.folders.measure", lambda *_: 1 / 0)
    with read_only(disk), pytest.raises(InputError, match=r"disk/.*could not be written \(Read-only file system\)"):
        evaluate_folders(Folders(real, generated, size=16), disk / "out", QUICK)


def test_a_temporary_folder_in_use_stays_and_one_of_a_dead_process_goes(temporary):
    with temporary_folder("a-") as used:
        (temporary / "a-dead").mkdir()
        (temporary / "a-dead" / ".lock").touch()
        (temporary / "a-not-ours").mkdir()
        with temporary_folder("a-") as second:
            assert used.is_dir() and second.is_dir() and used != second
            assert {path.name for path in temporary.iterdir()} == {used.name, second.name, "a-not-ours"}
        assert used.is_dir()
    assert [path.name for path in temporary.iterdir()] == ["a-not-ours"]


HOLD = """
import sys
from pathlib import Path
from alphagan.files import held
with held(Path(sys.argv[1])) as free:
    print(free, flush=True)
    input()
"""


def test_what_is_held_is_free_once_its_holder_is_gone(tmp_path):
    lock, pipes = tmp_path / "lock", {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", HOLD, lock], **pipes) as other:
        assert other.stdout.readline() == "True\n"
        with held(lock) as free:
            assert not free
        other.kill()
    with held(lock) as free:
        assert free


def test_two_evaluations_into_one_folder_do_not_mix(real, generated, tmp_path):
    folders, partial = Folders(real, generated, size=16), tmp_path / ".out.partial"
    partial.mkdir()
    with held(partial / LOCK), pytest.raises(InputError, match="out: another evaluation writes it; wait until it"):
        evaluate_folders(folders, tmp_path / "out", QUICK)
    assert [path.name for path in partial.iterdir()] == [LOCK] and not (tmp_path / "out").exists()
    evaluate_folders(folders, tmp_path / "out", QUICK)  # the other has ended, or was killed
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["figures", "metrics.json", "report.html"]
    assert not partial.exists()
