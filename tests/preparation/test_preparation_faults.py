"""Preparation with workers that are killed, on disks that are full or read-only, and with cubes that were cut short."""

import gzip
import os
import shutil
import signal
import threading
import time

import pytest
from disks import empty, fill, read_only
from joblib.externals.loky import reusable_executor
from scans import config_for, digests, head, rows_of, write

from alphagan.errors import InputError
from alphagan.files import held
from alphagan.preparation import prepare as prepare_module
from alphagan.preparation.manifest import write_manifests
from alphagan.preparation.prepare import prepare
from alphagan.settings.paths import Paths


def cubes(root):
    return list(root.glob("scratch/prepare/study/*/*.npz"))


def kill_a_worker(root):
    """Once the first cube is there, as the system does that runs out of memory."""
    until = time.monotonic() + 60
    while not cubes(root) and time.monotonic() < until:
        time.sleep(0.001)
    os.kill(next(iter(reusable_executor._executor._processes)), signal.SIGKILL)


@pytest.mark.slow
def test_a_worker_that_is_killed_is_told_in_one_line_and_finished_cubes_are_kept(study, prepared, tmp_path):
    killing = threading.Thread(target=kill_a_worker, args=[tmp_path])
    killing.start()
    with pytest.raises(InputError) as told:
        prepare("study", config_for(study, workers=2), Paths(tmp_path))
    killing.join()
    assert str(told.value) == (
        "cohort study: a worker was killed, most likely for want of memory; set prepare.workers below 2 and start "
        "again: cubes that are done are kept"
    )
    kept = {path: path.stat().st_mtime_ns for path in cubes(tmp_path)}
    assert kept and not (tmp_path / "data").exists()
    shutil.copytree(tmp_path / "scratch", tmp_path / "again" / "scratch")
    folder = prepare("study", config_for(study, workers=1), Paths(tmp_path))
    assert digests(folder) == digests(prepared)


def test_a_full_disk_keeps_what_is_done_and_goes_on(study, prepared, disk):
    fill(disk, leave=30_000)  # cubes of 4 kB, with what is told of them
    with pytest.raises(InputError) as told:
        prepare("study", config_for(study), Paths(disk))
    assert str(told.value).startswith(f"{disk}/scratch/prepare/study/")
    assert str(told.value).endswith(
        ".npz: could not be written (No space left on device); make room there and start again"
    )
    assert cubes(disk) and not list(disk.rglob("*.tmp")) and not (disk / "data").exists()
    empty(disk)
    assert digests(prepare("study", config_for(study), Paths(disk))) == digests(prepared)


def test_no_room_for_the_array_keeps_the_one_from_before(study, disk, monkeypatch):
    before = digests(prepare("study", config_for(study, size=20), Paths(disk)))
    write_kept = prepare_module._write_kept

    def on_a_full_disk(*arguments):
        fill(disk, leave=10_000)
        write_kept(*arguments)

    monkeypatch.setattr(prepare_module, "_write_kept", on_a_full_disk)
    with pytest.raises(
        InputError, match=r"data/prepared/study: could not be written \(No space left .*; make room there"
    ):
        prepare("study", config_for(study), Paths(disk))
    assert [path.name for path in (disk / "data/prepared").iterdir()] == ["study"]
    assert digests(disk / "data/prepared/study") == before


def test_a_read_only_disk_is_named(study, disk):
    config = config_for(study)
    with read_only(disk):
        for write, place in (
            (lambda: prepare("study", config, Paths(disk)), "scratch"),
            (lambda: write_manifests(config, Paths(disk)), "scratch"),
        ):
            with pytest.raises(
                InputError, match=rf"{disk}/{place}.*: could not be written \(Read-only file system\); make it writable"
            ):
                write()


def test_a_full_disk_is_named_by_the_list_of_scans(study, disk):
    fill(disk)
    with pytest.raises(InputError, match=r"could not be written \(No space left on device\); make room there"):
        write_manifests(config_for(study), Paths(disk))


def test_a_cube_that_was_cut_short_is_made_again(study, prepared, tmp_path, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
        patch.setattr(prepare_module, "_write_kept", lambda *_: 1 / 0)
        prepare("study", config_for(study), Paths(tmp_path))
    one, two, three, *_ = cubes(tmp_path)
    one.write_bytes(one.read_bytes()[:500])
    two.write_bytes(b"")
    three.write_bytes(b"text")
    assert digests(prepare("study", config_for(study), Paths(tmp_path))) == digests(prepared)


def deflate(content):
    return content[:300] + b"\xff" * 64 + content[364:]


def in_the_header(place, found):
    return lambda content: gzip.compress(
        (plain := gzip.decompress(content))[:place] + found + plain[place + len(found) :]
    )


@pytest.mark.parametrize(
    "damage", [deflate, in_the_header(70, b"\x63\x00"), in_the_header(40, b"\xff\xff"), lambda content: content[:500]]
)
def test_a_damaged_scan_is_a_line_of_qc_csv_and_stops_nobody_else(tmp_path, damage):
    for k in range(4):
        write(tmp_path / f"raw/sub-0{k}_T1w.nii.gz", head(k))
    scan = tmp_path / "raw/sub-01_T1w.nii.gz"
    scan.write_bytes(damage(scan.read_bytes()))
    folder = prepare("study", config_for(tmp_path / "raw"), Paths(tmp_path))
    assert [row["kept"] for row in rows_of(folder / "qc.csv")] == ["yes", "no", "yes", "yes"]


def test_a_cohort_that_another_process_prepares_is_left_to_it(study, prepared, tmp_path):
    lock = Paths(tmp_path).scratch("prepare", "study", ".lock")
    lock.parent.mkdir(parents=True)
    with held(lock), pytest.raises(InputError, match="another process prepares study; wait until it ends, or stop it"):
        prepare("study", config_for(study), Paths(tmp_path))
    assert digests(prepare("study", config_for(study), Paths(tmp_path))) == digests(prepared)
