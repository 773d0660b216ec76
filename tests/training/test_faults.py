"""Whatever happens to a training - killed, stopped, no room, damage, numbers out of bounds - no step is lost unsaid."""

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from factories import digests, tiny_settings, write_prepared

from alphagan import __main__, files
from alphagan.errors import InputError
from alphagan.settings import config
from alphagan.training import checkpoint
from alphagan.training import loop as training
from alphagan.training.distributed import World
from alphagan.training.engine import Training
from alphagan.training.health import DivergenceError, refuse_divergence, refuse_non_finite
from alphagan.workbench import commands

CHILDREN = multiprocessing.get_context("forkserver")  # loads torch once; every child starts from there
CHILDREN.set_forkserver_preload(["alphagan.training", "torch._dynamo"])  # the second is loaded by a first Adam step
PACKAGE = Path(files.__file__).parent
WRITING, TRAINING = ("files.py",), ("training/loop.py", "training/engine.py", "training/checkpoint.py")


@pytest.fixture
def prepared(tmp_path):
    return write_prepared(tmp_path / "prepared")


def draw(volumes, path):
    np.save(path, volumes)


def fit(folder, name="run", on_sample=None, model_name="alpha_wgan_gp", **train):
    settings = tiny_settings(name=model_name, **train)
    return training.fit(settings, folder / "prepared", folder / name, folder / f"scratch-{name}", on_sample)


def work(folder, name="run"):
    """Folder of the only run below this scratch folder."""
    (found,) = (folder / f"scratch-{name}").iterdir()
    return found


def checkpoints(folder, name="run"):
    """Checkpoints, oldest first."""
    return sorted(work(folder, name).glob("checkpoint-*.pt"))


def configuration(**train):
    dump = tiny_settings(**train).model_dump(mode="json", exclude={"train": config.WHERE})
    return dump | {"data": "0123456789ab"}


def poison(monkeypatch, at, change):
    """Have `change` alter the training or its loss terms once iteration `at` is done."""
    step = Training.step

    def poisoned(self, volumes, rows):
        terms = step(self, volumes, rows)
        return change(self, terms) if self.iteration >= at else terms

    monkeypatch.setattr(Training, "step", poisoned)


# Killed


def fit_until(folder, moment, modules, note, **train):
    """Train, and be killed as line number `moment` of these modules is about to run; otherwise note how many ran."""
    count, watched = 0, {str(PACKAGE / module) for module in modules}

    def line(frame, event, _):
        nonlocal count
        count += event == "line"
        if count == moment:
            note.write_text(frame.f_code.co_name)
            os.kill(os.getpid(), signal.SIGKILL)
        return line

    def call(frame, event, _):
        return line if frame.f_code.co_filename in watched else None

    sys.settrace(call)
    fit(folder, on_sample=draw, **train)
    sys.settrace(None)
    note.write_text(str(count))


def run_child(target, *arguments, **options):
    child = CHILDREN.Process(target=target, args=arguments, kwargs=options)
    child.start()
    child.join(120)
    return child.exitcode


def whole_run(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def killed_at(folder, moments, note, **train):
    """Start a training once for each (line number, modules); return the functions in which it was killed."""
    where = []
    for moment, modules in moments:
        assert run_child(fit_until, folder, moment, modules, note, **train) == -signal.SIGKILL
        where.append(note.read_text())
    return where


def count_lines(folder, modules, note, **train):
    shutil.rmtree(folder / "scratch-run", ignore_errors=True)
    assert run_child(fit_until, folder, 0, modules, note, **train) == 0
    return int(note.read_text())


@pytest.mark.slow
def test_killed_at_ten_moments_equals_uninterrupted(tmp_path, prepared):
    train, note = {"iterations": 60, "checkpoint_every": 3, "sample_every": 5}, tmp_path / "note"
    lines = {modules: count_lines(tmp_path, modules, note, **train) for modules in (WRITING, TRAINING)}
    reference = whole_run(tmp_path / "run")
    shutil.rmtree(tmp_path / "run")
    shutil.rmtree(tmp_path / "scratch-run")

    rng = np.random.default_rng(2019)
    # Each life is short enough that ten of them do not reach the end.
    moments = [(int(rng.integers(1, lines[modules] // 12)), modules) for modules in 5 * [WRITING, TRAINING]]
    where, cut_short = [], 0
    for moment in moments:
        where += killed_at(tmp_path, [moment], note, **train)
        cut_short += any(path.stat().st_size for path in work(tmp_path).glob("*.tmp"))
        assert not (tmp_path / "run").exists()
    assert "write" in where and "step" in where, where
    assert cut_short >= 1  # killed with part of a checkpoint on the disk
    assert run_child(fit_until, tmp_path, 0, TRAINING, note, **train) == 0
    assert whole_run(tmp_path / "run") == reference


@pytest.mark.slow
def test_killed_anywhere_in_the_last_lines_equals_uninterrupted(tmp_path, prepared):
    """While the finished run is put together the old one stays, and there is never half a run in its place."""
    note = tmp_path / "note"
    lines = count_lines(tmp_path, ("training.py",), note)
    reference = whole_run(tmp_path / "run")
    shutil.rmtree(tmp_path / "run")
    # The same again from the last checkpoint: nothing is left to do but to put the run together.
    lines = int(note.read_text()) if run_child(fit_until, tmp_path, 0, ("training.py",), note) == 0 else lines
    shutil.rmtree(tmp_path / "run")
    for back in (1, 4, 9, 14, 20):
        (where,) = killed_at(tmp_path, [(lines - back, ("training.py",))], note)
        assert where in ("_publish", "_write_history", "fit", "_signals", "arithmetic", "<genexpr>", "<lambda>"), where
        assert not (tmp_path / "run").exists() or whole_run(tmp_path / "run") == reference
    fit(tmp_path)
    assert whole_run(tmp_path / "run") == reference


def start(folder, **train):
    child = CHILDREN.Process(target=fit, args=(folder,), kwargs={"iterations": 12} | train)
    child.start()
    return child


def wait_for(child, pattern):
    while not list(child.folder.glob(pattern)):
        assert child.is_alive(), child.exitcode
        time.sleep(0.005)


def test_killed_from_outside_equals_uninterrupted(tmp_path, prepared):
    child = start(tmp_path)
    child.folder = tmp_path
    wait_for(child, "scratch-run/*/checkpoint-*.pt")
    child.kill()
    child.join()
    assert not (tmp_path / "run").exists()
    fit(tmp_path, iterations=12)
    assert digests(tmp_path / "run") == digests(fit(tmp_path, "reference", iterations=12))


def test_samples_that_were_not_drawn_to_the_end_are_drawn_again(tmp_path, prepared):
    def fail(volumes, path):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        fit(tmp_path, on_sample=fail)
    fit(tmp_path, on_sample=draw)
    drawn = [path.name for path in sorted((tmp_path / "run" / "samples").iterdir())]
    assert drawn == ["iteration-000002.npy", "iteration-000004.npy"]


# Stopped


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_what_is_done_and_exits_non_zero(tmp_path, prepared, capsys, number):
    asked = []

    def stop(volumes, path):
        if not asked:
            asked.append(os.kill(os.getpid(), number))

    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(training.Interrupted) as stopped:
        fit(tmp_path, on_sample=stop, sample_every=3, checkpoint_every=100, iterations=12)
    assert stopped.value.code == 128 + number
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    # It comes after the third iteration, when it was settled that this one is not saved: the next one is.
    assert [path.name[:19] for path in checkpoints(tmp_path)] == ["checkpoint-00000004"]
    assert f"tiny alpha_wgan_gp: {number.name}, saved at iteration 4; start it again" in capsys.readouterr().err
    fit(tmp_path, iterations=12)
    assert "tiny alpha_wgan_gp: goes on from iteration 4 of 12\n" in capsys.readouterr().err
    assert digests(tmp_path / "run") == digests(fit(tmp_path, "reference", iterations=12))


def fit_on_a_slow_disk(folder, **train):
    sync = os.fsync
    os.fsync = lambda descriptor: (time.sleep(0.1), sync(descriptor))
    fit(folder, **train)


def test_ctrl_c_again_and_again_during_a_save_harms_nothing(tmp_path, prepared):
    child = CHILDREN.Process(target=fit_on_a_slow_disk, args=(tmp_path,), kwargs={"iterations": 12})
    child.folder = tmp_path
    child.start()
    wait_for(child, "scratch-run/*/configuration.json")
    wait_for(child, "scratch-run/*/*.tmp")
    for _ in range(4):
        os.kill(child.pid, signal.SIGINT)
        time.sleep(0.02)
    child.join()
    assert child.exitcode == 128 + signal.SIGINT
    assert not list(work(tmp_path).glob("*.tmp"))
    fit(tmp_path, iterations=12)
    assert digests(tmp_path / "run") == digests(fit(tmp_path, "reference", iterations=12))


def test_processes_that_train_together_stop_together(tmp_path, prepared):
    asked = []

    class Together(World):
        def agree(self, number, look):
            asked.append(number)
            return (signal.SIGTERM if len(asked) == 3 else number), look

    world = Together(torch.device("cpu"))
    with pytest.raises(training.Interrupted):
        training.fit(tiny_settings(), prepared, tmp_path / "run", tmp_path / "scratch-run", world=world)
    assert asked == [0, 0, 0]
    assert checkpoints(tmp_path)[-1].name.startswith("checkpoint-00000003")


def test_all_that_one_process_writes_is_agreed_upon(tmp_path, prepared):
    """A disk that fills up under the first of several processes ends them all, whatever it was writing."""
    asked = []

    class Together(World):
        def largest(self, *numbers):
            asked.append(numbers)
            return super().largest(*numbers)

    def full(volumes, path):
        raise InputError("no room")

    world = Together(torch.device("cpu"))
    fit = partial(training.fit, tiny_settings(), prepared, world=world)
    with pytest.raises(InputError, match="no room"):
        fit(tmp_path / "run", tmp_path / "scratch-run", full)
    assert asked[-1] == (True,)  # that it failed is told to the others before it ends
    asked.clear()
    (tmp_path / "scratch-full").write_text("a file where a folder is needed")
    with pytest.raises(InputError, match="could not be written"):
        fit(tmp_path / "full", tmp_path / "scratch-full")
    assert asked[-1] == (True,)


# No room


@pytest.fixture
def disk(tmp_path):
    """A small disk of its own, and a way to leave no more than so many bytes on it."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder]
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", folder], check=True)


def fill(disk, leave=0):
    free = shutil.disk_usage(disk).free
    (disk / "ballast").write_bytes(bytes(max(0, free - leave)))


def test_a_disk_that_fills_up_stops_the_run_and_keeps_the_last_checkpoint(tmp_path, prepared, disk):
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


COMMAND_LINE = {
    "cohorts": {"tiny": {"kind": "template", "source": "x"}},
    "experiments": {"tiny": {"cohort": "tiny", "model": "alpha_wgan_gp"}},
    "prepare": {"size": 16},
    "model": {"z_dim": 8, "width": 0.0625, "code_units": 16},
    "train": {"iterations": 8, "batch_size": 4, "checkpoint_every": 2, "sample_every": 100, "threads": 1},
}


def params(folder, **train):
    """Write params.yaml, and the cohort where the command line looks for it."""
    content = COMMAND_LINE | {"train": COMMAND_LINE["train"] | train}
    (folder / "params.yaml").write_text(yaml.safe_dump(content))
    return write_prepared(folder / "data" / "prepared" / "tiny")


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


# Damage


def truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [truncate, flip_a_bit, empty])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path, prepared, capsys, damage):
    before = digests(fit(tmp_path, iterations=6))
    newest = checkpoints(tmp_path)[-1]
    damage(newest)
    assert digests(fit(tmp_path, iterations=6)) == before
    said = capsys.readouterr().err.splitlines()
    assert said == [f"{newest}: damaged, passed over", "tiny alpha_wgan_gp: goes on from iteration 4 of 6"]


def test_without_a_whole_checkpoint_it_starts_anew_and_keeps_the_new_ones(tmp_path, prepared, capsys):
    before = digests(fit(tmp_path, iterations=6))
    for path in checkpoints(tmp_path):
        flip_a_bit(path)

    def stop(volumes, path):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        fit(tmp_path, iterations=6, sample_every=3, on_sample=stop)
    assert f"{work(tmp_path)}: no whole checkpoint is left, starting anew\n" in capsys.readouterr().err
    # The damaged ones claim to be newer, and would drive this one out.
    assert [path.name[:19] for path in checkpoints(tmp_path)] == ["checkpoint-00000002"]
    assert digests(fit(tmp_path, iterations=6)) == before
    assert capsys.readouterr().err == "tiny alpha_wgan_gp: goes on from iteration 2 of 6\n"


def test_only_the_two_newest_checkpoints_are_kept(tmp_path):
    (tmp_path / "1234.tmp").write_text("of a process that was killed")
    for iteration in (1, 2, 3):
        checkpoint.save({"x": torch.full((3,), iteration)}, tmp_path, iteration, configuration())
    assert [path.name[:19] for path in sorted(tmp_path.iterdir())] == ["checkpoint-00000002", "checkpoint-00000003"]
    assert checkpoint.load_newest(tmp_path, "cpu", configuration())["x"].tolist() == [3, 3, 3]


# Another configuration


def test_a_checkpoint_of_other_settings_is_refused_naming_them(tmp_path, prepared):
    fit(tmp_path, lr=0.0002)
    fit(tmp_path, "other", lr=0.001, iterations=8)
    for path in work(tmp_path, "other").glob("checkpoint-*"):
        path.unlink()
    shutil.copy(checkpoints(tmp_path)[-1], work(tmp_path, "other"))
    with pytest.raises(
        InputError,
        match=r"checkpoint-00000004-\w+\.pt: checkpoint of another configuration: "
        r"train\.iterations 4 -> 8, train\.lr 0\.0002 -> 0\.001; move it away, or restore the settings",
    ):
        fit(tmp_path, "other", lr=0.001, iterations=8)


def test_a_checkpoint_of_other_scans_is_refused_and_one_from_another_place_is_not(tmp_path):
    checkpoint.save({"x": torch.zeros(3)}, tmp_path, 1, configuration(device="cpu", threads=1))
    assert checkpoint.load_newest(tmp_path, "cpu", configuration(threads=2, checkpoint_every=7))
    with pytest.raises(InputError, match="another configuration: data 0123456789ab -> 9;"):
        checkpoint.load_newest(tmp_path, "cpu", configuration() | {"data": "9"})


def test_differences_name_what_only_one_of_the_two_has():
    old, new = {"a": 1, "b": {"c": [1], "d": 2}}, {"a": 1, "b": {"c": [2], "e": None}}
    assert checkpoint.differences(old, new) == ["b.c [1] -> [2]", "b.d 2 -> absent", "b.e absent -> None"]


def test_a_checkpoint_of_another_version_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "FORMAT", 1)
    checkpoint.save({"x": torch.zeros(3)}, tmp_path, 1, {})
    monkeypatch.undo()
    with pytest.raises(InputError, match=r"checkpoint of another version \(format 1, not 2\); move it away, or go on"):
        checkpoint.load_newest(tmp_path, "cpu", configuration())


class Intruder:
    def __reduce__(self):
        return print, ("code of a checkpoint was run",)


def test_a_checkpoint_cannot_run_code(tmp_path, capsys):
    checkpoint.save({"x": Intruder()}, tmp_path, 1, configuration())
    with pytest.raises(InputError, match="cannot read it .*; move it away"):
        checkpoint.load_newest(tmp_path, "cpu", configuration())
    assert "was run" not in capsys.readouterr().out


def test_changed_settings_leave_an_unfinished_run_alone_and_say_so(tmp_path, prepared, capsys):
    def stop(volumes, path):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        fit(tmp_path, iterations=6, sample_every=3, on_sample=stop)
    (left,) = checkpoints(tmp_path)
    fit(tmp_path, iterations=6, lr=0.001)
    assert capsys.readouterr().err == (
        f"{left}: checkpoint of another configuration (train.lr 0.0002 -> 0.001), left alone; starting anew\n"
    )
    fit(tmp_path, iterations=6)
    assert "goes on from iteration 2 of 6" in capsys.readouterr().err
    fit(tmp_path, iterations=6, lr=0.002)  # all others are finished, and need no word
    assert capsys.readouterr().err == ""


# Numbers out of bounds


def good_checkpoint(message, folder, iteration):
    """Check that a message ends with the path of a checkpoint of this iteration that is whole and finite."""
    path = Path(message.split("; the last good checkpoint is ")[1])
    assert path == checkpoints(folder)[-1]
    assert path.name.startswith(f"checkpoint-{iteration:08d}")
    assert checkpoint._damage(path) is None
    refuse_non_finite(torch.load(path, weights_only=True), iteration)


# Between two checkpoints, and where one is due.
@pytest.mark.parametrize(("at", "value"), [(5, float("nan")), (6, float("inf"))])
def test_a_loss_that_is_not_finite_stops_the_run_before_it_is_saved(tmp_path, prepared, monkeypatch, at, value):
    poison(monkeypatch, at, lambda self, terms: terms | {"L_D": torch.tensor(value)})
    with pytest.raises(FloatingPointError, match=f"tiny alpha_wgan_gp: L_D not finite at iteration {at}; ") as stopped:
        fit(tmp_path, iterations=8)
    good_checkpoint(str(stopped.value), tmp_path, 4)
    monkeypatch.undo()
    fit(tmp_path, iterations=8)  # as after a fault of the machine, it goes on from there
    assert digests(tmp_path / "run") == digests(fit(tmp_path, "reference", iterations=8))


@pytest.mark.parametrize("network", ["G", "D"])
def test_weights_that_turn_bad_after_the_last_loss_are_not_saved(tmp_path, prepared, monkeypatch, network):
    def spoil(self, terms):
        with torch.no_grad():
            next(self.networks[network].parameters())[0] = float("nan")
        return terms

    poison(monkeypatch, 6, spoil)
    with pytest.raises(FloatingPointError, match=rf"networks\.{network}\..* not finite after iteration 6;") as stopped:
        fit(tmp_path, iterations=6)
    good_checkpoint(str(stopped.value), tmp_path, 4)


def test_a_run_that_fails_at_once_says_that_nothing_was_saved(tmp_path, prepared):
    with pytest.raises(FloatingPointError, match=r"not finite at iteration \d+; there is no checkpoint from before"):
        fit(tmp_path, iterations=30, lr=1e18, checkpoint_every=20)


def test_the_command_line_fails_in_one_line_where_a_loss_is_not_finite(tmp_path, monkeypatch, capsys):
    params(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(commands, "_sample_grids", lambda: None)
    poison(monkeypatch, 7, lambda self, terms: terms | {"L_D": torch.tensor(float("nan"))})
    assert __main__.main(["train", "tiny"]) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("alphagan: error: tiny alpha_wgan_gp: L_D not finite at iteration 7; the last good ch")


@pytest.mark.parametrize("tensor", [torch.tensor([1, float("nan")]), torch.tensor(float("-inf"))])
def test_numbers_that_are_not_finite_are_found_wherever_they_are(tensor):
    refuse_non_finite({"a": {0: [torch.ones(3), 5, "text", None]}, "b": torch.tensor([1, 2])}, 1)
    with pytest.raises(FloatingPointError, match=r"a\.0\.1 not finite after iteration 3"):
        refuse_non_finite({"a": {0: [torch.ones(3), tensor]}}, 3)


def healthy(n=500):
    """Losses that wander between -20 and 20, with a few spikes of a thousand."""
    rng = np.random.default_rng(0)
    rows = 20 * np.sin(np.arange(n)[:, None] / np.array([7, 90])) + rng.normal(0, 1, (n, 2))
    rows[::97] *= 1e3
    return list(rows)


def test_losses_that_wander_spike_or_start_high_do_not_diverge():
    rows = healthy()
    for n in range(10, len(rows) + 1, 10):
        refuse_divergence(["L_D", "L_C"], rows[:n])
    falling = [np.array([1e5 / (i + 1), 1e6 * 0.9**i]) for i in range(300)]
    drifting = [np.array([0.5 * i, -(i**2)]) for i in range(300)]
    for history in (falling, drifting):
        for n in range(1, 301):
            refuse_divergence(["L_D", "L_C"], history[:n])


def test_a_loss_that_grows_by_orders_of_magnitude_diverges():
    history = healthy()
    history += [history[-1] + [0, 1.5**i] for i in range(40)]
    seen = []
    for n in range(10, len(history) + 1, 10):
        try:
            refuse_divergence(["L_D", "L_C"], history[:n])
        except DivergenceError as error:
            seen.append((n, error.since, str(error)))
            break
    ((n, since, message),) = seen
    assert 500 < since <= n <= 540
    assert message.startswith(f"L_C diverges: {abs(history[since - 1][1]):.3g} in size at iteration {since}, beyond ")
    assert abs(history[since - 1][1]) > 1000 * np.median(np.abs(history[:500])[:, 1]) > abs(history[since - 2][1])


def test_a_huge_loss_diverges_however_young_the_run():
    with pytest.raises(DivergenceError, match=r"L_C diverges: 1e\+08 in size at iteration 2, beyond 1\.68e\+07; try"):
        refuse_divergence(["L_D", "L_C"], [np.array([1.0, 2.0]), np.array([1.0, -1e8]), np.array([1.0, 2.0])])


def test_a_run_that_diverges_stops_and_names_the_checkpoint_from_before(tmp_path, prepared, monkeypatch):
    poison(monkeypatch, 8, lambda self, terms: terms | {"distance_D": torch.tensor(-1e9)})
    with pytest.raises(FloatingPointError, match=r"distance_D diverges: 1e\+09 in size at iteration 8") as stopped:
        fit(tmp_path, iterations=30, checkpoint_every=4)
    good_checkpoint(str(stopped.value), tmp_path, 4)


def test_the_configuration_lies_beside_the_checkpoints_for_people_to_read(tmp_path, prepared):
    fit(tmp_path)
    written = json.loads((work(tmp_path) / "configuration.json").read_text())
    assert (written["train"]["lr"], written["cohort"]) == (0.0002, "tiny")
    assert "device" not in written["train"]
