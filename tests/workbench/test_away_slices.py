"""Slices that are cut by the limit, stopped or killed end with the bytes of one long run, complete with its numbers."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
from aways import at_home, there, train
from trainings import whole_run

from alphagan.__main__ import main
from alphagan.errors import InputError
from alphagan.workbench.away import piece
from alphagan.workbench.away.pack import unpack
from alphagan.workbench.away.results import results
from alphagan.workbench.away.steps import DONE

pytestmark = pytest.mark.slow
TRAIN = "train@tiny"
LONG = {"iterations": 120, "checkpoint_every": 10, "sample_every": 1000}


@pytest.fixture(autouse=True)
def the_code_that_runs_here(monkeypatch):
    monkeypatch.delenv("PYTHONPATH", raising=False)


def iterations(work):
    reached = work.progress()[TRAIN]
    return 10**9 if reached == DONE else reached


def cut(monkeypatch, work, at):
    """The time of a slice of one minute is up once so many iterations are saved, and not before."""
    monkeypatch.setattr(piece, "LOOK", 0.01)
    monkeypatch.setattr(piece, "time", SimpleNamespace(monotonic=lambda: 55.0 if iterations(work) >= at else 0.0))


def test_three_slices_on_three_machines_equal_one_long_run(tmp_path, monkeypatch, capfd):
    home, _ = at_home(tmp_path / "home", **LONG)
    stays = train(at_home(tmp_path / "stays", **LONG)[0])
    for number, at in enumerate((10, 40, 70)):
        work = there(home, tmp_path / f"machine-{number}")
        with monkeypatch.context() as clock:
            cut(clock, work, at)
            assert piece.run(work.paths.root, 1, tmp_path / "back.tar") == 0
        assert "SIGTERM, saved at iteration" in capfd.readouterr().err
        unpack(tmp_path / "back.tar", home.paths)
        assert at <= home.progress()[TRAIN] < LONG["iterations"]
    last = there(home, tmp_path / "last")
    assert piece.run(last.paths.root, 60, tmp_path / "back.tar") == 0
    assert capfd.readouterr().err.splitlines()[-2:] == ["all is done", f"comes back: {tmp_path / 'back.tar'}"]
    unpack(tmp_path / "back.tar", home.paths)
    assert set(home.progress().values()) == {DONE}
    run = home.run(home.steps()[1])
    assert whole_run(run) == whole_run(stays)

    told = json.loads(home.hardware("tiny").read_text())[TRAIN]
    assert told["iterations"] == LONG["iterations"] and told["where"][0]["device"]
    brains = np.load(home.samples("tiny", "alpha_wgan_gp"))
    assert brains["x_rand"].shape == (32, 16, 16, 16) and brains["x_rand"].dtype == np.uint8
    drawn = {path.name for path in home.figures("tiny").iterdir()}
    assert drawn >= {"scoreboard.png", "losses_alpha_wgan_gp.png", "samples_alpha_wgan_gp.png"}

    # The commands at home know the run, and that the numbers are of its weights.
    monkeypatch.chdir(home.paths.root)
    there_measured = home.paths.metrics("tiny").read_bytes()
    assert main(["info", str(run)]) == 0
    said = capfd.readouterr().out
    assert "none of these weights" not in said and "MMD" in said
    # In a process of its own, as slices are: last digits of sums depend on the number of threads, which tests change.
    evaluate = [sys.executable, "-m", "alphagan", "evaluate", "tiny", "--params", "preset.yaml"]
    assert "was trained" not in subprocess.run(evaluate, check=True, capture_output=True, text=True).stderr
    assert home.paths.metrics("tiny").read_bytes() == there_measured


def start(work, back):
    """A slice as a process that leads a group of its own."""
    command = [sys.executable, "-m", "alphagan", "away", "run", "--minutes", "60", "-o", str(back)]
    return subprocess.Popen(command, cwd=work.paths.root, stderr=subprocess.DEVNULL, start_new_session=True)


def wait_for(work, n, process):
    until = time.monotonic() + 120
    while iterations(work) < n:
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.02)


def wait_for_group(number):
    """Until no process of a group is left."""
    until = time.monotonic() + 60
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < until:
            os.killpg(number, 0)
            time.sleep(0.05)
    with pytest.raises(ProcessLookupError):
        os.killpg(number, 0)


def test_a_slice_that_was_killed_or_told_to_stop_loses_no_more_than_since_its_last_checkpoint(tmp_path):
    home, _ = at_home(tmp_path / "home", **LONG)
    stays = train(at_home(tmp_path / "stays", **LONG)[0])
    work, back = there(home, tmp_path / "machine"), tmp_path / "back.tar"

    process = start(work, back)  # all at once
    wait_for(work, 10, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    first = iterations(work)
    unpack(back, home.paths)  # what it had written before
    assert first >= 10 and home.progress()["features@tiny"] == DONE

    process = start(work, back)  # the process that was started alone: the training notices, and saves
    wait_for(work, first + 10, process)
    process.kill()
    process.wait()
    wait_for_group(process.pid)
    second = iterations(work)
    assert second >= first + 10

    process = start(work, back)  # a normal end
    wait_for(work, second + 10, process)
    process.terminate()
    assert process.wait() == 0
    unpack(back, home.paths)
    assert home.progress()[TRAIN] == iterations(work) >= second + 10

    assert whole_run(train(home)) == whole_run(stays)


def test_results_are_made_by_a_command_that_runs_slices_elsewhere(tmp_path, monkeypatch, capfd):
    home, preset = at_home(tmp_path / "home")
    (tmp_path / "elsewhere").mkdir()
    python, limit = sys.executable, "--minutes 9 -o back.tar"
    command = f"cd {tmp_path}/elsewhere && tar xz && {python} -m alphagan away run {limit}; cat back.tar"
    assert results(preset, home.paths, 9, command) == 0
    assert set(home.progress().values()) == {DONE}
    assert f"all is done: {home.paths.root / 'models'}" in capfd.readouterr().err
    assert results(preset, home.paths, 9, "false") == 0  # nothing is left, so that it is not asked


def test_what_goes_wrong_elsewhere_is_told(tmp_path):
    home, preset = at_home(tmp_path / "home")
    cases = {"exit 3": "the slice ended with exit status 3", "true": "features@tiny: a slice brought it no further"}
    for command, says in cases.items():
        with pytest.raises(InputError, match=says):
            results(preset, home.paths, 9, command)
