"""A training that is killed, at whatever line, goes on to the very same bytes."""

import os
import shutil
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from factories import digests
from trainings import CHILDREN, draw, fit, wait_for, whole_run, work

from alphagan import files

PACKAGE = Path(files.__file__).parent
WRITING, TRAINING = ("files.py",), ("training/loop.py", "training/engine.py", "training/checkpoint.py")


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
    child.join(600)
    return child.exitcode


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
    assert "write" in where and len(set(where)) >= 4, where  # functions in which it was killed
    assert cut_short >= 1  # killed with part of a checkpoint on the disk
    assert run_child(fit_until, tmp_path, 0, TRAINING, note, **train) == 0
    assert whole_run(tmp_path / "run") == reference


@pytest.mark.slow
def test_killed_anywhere_in_the_last_lines_equals_uninterrupted(tmp_path, prepared):
    """While the finished run is put together the old one stays, and there is never half a run in its place."""
    note = tmp_path / "note"
    lines = count_lines(tmp_path, ("training/loop.py",), note)
    reference = whole_run(tmp_path / "run")
    shutil.rmtree(tmp_path / "run")
    # The same again from the last checkpoint: nothing is left to do but to put the run together.
    lines = int(note.read_text()) if run_child(fit_until, tmp_path, 0, ("training/loop.py",), note) == 0 else lines
    shutil.rmtree(tmp_path / "run")
    for back in (1, 4, 9, 14, 20):
        (where,) = killed_at(tmp_path, [(lines - back, ("training/loop.py",))], note)
        assert where in ("_publish", "_write_history", "fit", "_signals", "arithmetic", "<genexpr>", "<lambda>"), where
        assert not (tmp_path / "run").exists() or whole_run(tmp_path / "run") == reference
    fit(tmp_path)
    assert whole_run(tmp_path / "run") == reference


def start(folder, **train):
    child = CHILDREN.Process(target=fit, args=(folder,), kwargs={"iterations": 12} | train)
    child.start()
    return child


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
