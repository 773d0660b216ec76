"""Two runs of the pipeline at once: the second says so in one line, and nothing is broken."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from alphagan.errors import InputError
from alphagan.files import held
from alphagan.workbench.pipeline import LOCK, repro

ROOT = Path(__file__).parents[2]
DVC = str(Path(sys.executable).with_name("dvc"))
STAGES = """
stages:
  wait:
    cmd: while [ ! -e go ]; do sleep 0.1; done; echo done > made
    outs: [made]
"""


@pytest.fixture
def repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run([DVC, "init", "-q"], check=True)
    Path("dvc.yaml").write_text(STAGES)
    return tmp_path


def start(*command):
    path = os.pathsep.join([str(Path(DVC).parent), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def wait_for(path, text=""):
    until = time.monotonic() + 60
    while not (path.exists() and text in path.read_text()):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_second_make_repro_is_refused_in_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    LOCK.parent.mkdir()
    with held(LOCK):
        with pytest.raises(InputError) as told:
            repro(1, DVC)
    assert str(told.value) == f"{tmp_path}: another `make repro` is at work here; wait until it ends, or stop it"


@pytest.mark.slow
def test_the_first_make_repro_goes_on_while_a_second_is_refused(repository):
    with start(sys.executable, "-m", "alphagan", "repro", "--jobs", "1") as first:
        wait_for(Path("scratch/repro.log"), "Running stage 'wait'")
        log = Path("scratch/repro.log").read_text()
        with start(sys.executable, "-m", "alphagan", "repro", "--jobs", "1") as second:
            said = second.communicate()[0].splitlines()
        assert second.returncode == 2 and len(said) == 1
        assert said[0].startswith("alphagan: error: ") and "another `make repro` is at work here" in said[0]
        assert Path("scratch/repro.log").read_text() == log
        Path("go").touch()
        first.communicate()
    assert first.returncode == 0 and Path("made").read_text() == "done\n"


@pytest.mark.slow
@pytest.mark.parametrize("command", [[DVC, "repro"], [sys.executable, "-m", "alphagan", "repro", "--jobs", "1"]])
def test_beside_a_dvc_repro_dvc_names_the_process_that_is_at_work(repository, command):
    with start(DVC, "repro") as first:
        wait_for(Path(".dvc/tmp/rwlock"), "made")
        with start(*command) as second:
            said = second.communicate()[0]
        assert second.returncode != 0
        assert f"(PID {first.pid})" in said and "is busy" in said and "Traceback" not in said
        Path("go").touch()
        first.communicate()
    assert first.returncode == 0 and Path("made").read_text() == "done\n"
    with start(*command) as again:
        again.communicate()
    assert again.returncode == 0
