"""A disk that is full or cannot be written to costs no step and is named."""

import shutil
import subprocess
import sys

import pytest
from disks import fill, read_only
from factories import digests, tiny_settings
from trainings import draw, fit, params, whole_run

from alphagan import files
from alphagan.errors import InputError
from alphagan.settings import config
from alphagan.training import checkpoint
from alphagan.training import loop as training


def test_a_disk_that_fills_up_stops_the_run_and_keeps_the_last_checkpoint(tmp_path, prepared, disk, monkeypatch):
    monkeypatch.setattr(training, "TELL_EVERY", float("inf"))  # on a busy machine the history would be told before
    (tmp_path / "scratch-run").symlink_to(disk)

    def fill_at_six(volumes, path):
        if path.name == "iteration-000006":
            fill(disk, leave=100_000)  # of about 280 kB

    with pytest.raises(InputError) as stopped:
        fit(tmp_path, on_sample=fill_at_six, iterations=12)
    (folder,) = (path for path in disk.iterdir() if path.is_dir())
    assert str(stopped.value) == (
        f"{tmp_path}/scratch-run/{folder.name}/checkpoint-00000006.pt: could not be written (No space left on device); "
        "make room there and start again"
    )
    assert [path.name[:19] for path in sorted(folder.glob("checkpoint-*"))] == [
        "checkpoint-00000002", "checkpoint-00000004"
    ]  # fmt: skip
    assert not list(folder.glob("*.tmp"))
    assert checkpoint._damage(checkpoint.newest(folder)) is None
    assert (folder / "history.csv").read_text().count("\n") == 5
    (disk / "ballast").unlink()
    fit(tmp_path, iterations=12)
    assert digests(tmp_path / "run") == digests(fit(tmp_path, "reference", iterations=12))


def test_no_room_for_samples_stops_the_run(tmp_path, prepared, disk):
    (tmp_path / "scratch-run").symlink_to(disk)

    def draw_on_a_full_disk(volumes, path):
        fill(disk)
        draw(volumes, path)

    with pytest.raises(InputError, match=r"samples.*could not be written \(No space left on device\); make room"):
        fit(tmp_path, on_sample=draw_on_a_full_disk, iterations=12)
    (disk / "ballast").unlink()
    assert fit(tmp_path, on_sample=draw).exists()


def test_no_room_for_the_finished_run_keeps_the_old_one(tmp_path, prepared, disk):
    fit(tmp_path)
    shutil.copytree(tmp_path / "run", disk / "run")
    fill(disk, leave=20_000)
    settings, scratch = tiny_settings(seed=8), tmp_path / "scratch-run"
    with pytest.raises(InputError, match=r"disk/\.run\.partial/weights\.pt: could not be written \(No space left"):
        training.fit(settings, prepared, disk / "run", scratch)
    assert whole_run(disk / "run") == whole_run(tmp_path / "run")
    assert sorted(path.name for path in disk.iterdir()) == ["ballast", "run"]
    (disk / "ballast").unlink()
    training.fit(settings, prepared, disk / "run", scratch)
    assert digests(disk / "run") == digests(fit(tmp_path, "reference", seed=8))


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    files.write_atomically(lambda file: file.write(b"old"), tmp_path, "history.csv")

    def fail(file):
        file.write(b"new")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        files.write_atomically(fail, tmp_path, "history.csv")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("history.csv", "old")]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"/file: could not be written \(File exists\); make it writable"):
        files.write_atomically(lambda file: file.write(b"x"), tmp_path / "file", "history.csv")


@pytest.mark.slow
def test_the_command_line_on_a_full_disk_fails_in_one_line_and_goes_on_when_there_is_room(tmp_path, disk):
    prepared = params(tmp_path)
    (tmp_path / "scratch").symlink_to(disk)
    fill(disk, leave=700_000)  # two checkpoints, not a third
    command = [sys.executable, "-m", "alphagan", "train", "tiny"]
    failed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert failed.returncode == 2
    assert failed.stderr.splitlines()[-1].startswith("alphagan: error: scratch/train/tiny/alpha_wgan_gp/")
    assert failed.stderr.endswith(
        "checkpoint-00000006.pt: could not be written (No space left on device); make room there and start again\n"
    )
    assert "Traceback" not in failed.stderr
    assert not (tmp_path / "models").exists()
    (disk / "ballast").unlink()
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "models/tiny/alpha_wgan_gp\n")
    assert "tiny alpha_wgan_gp: goes on from iteration 4 of 8" in done.stderr
    reference = training.fit(
        config.load(tmp_path / "params.yaml").settings("tiny"), prepared, tmp_path / "reference", tmp_path / "s"
    )
    assert digests(tmp_path / "models" / "tiny" / "alpha_wgan_gp") == digests(reference)


def test_a_read_only_disk_is_told_by_the_name_of_the_file(disk):
    with read_only(disk), pytest.raises(InputError) as refused:
        files.write_json({"a": 1}, disk / "config.json")
    assert str(refused.value) == (
        f"{disk}/config.json: could not be written (Read-only file system); make it writable and start again"
    )
