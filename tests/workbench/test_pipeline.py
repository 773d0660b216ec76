"""Stages run side by side in the right order, with what `dvc repro` would make; a failure stops what follows."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from alphagan.errors import InputError
from alphagan.workbench.pipeline import read_graph, repro

DVC = str(Path(sys.executable).with_name("dvc"))
STAGES = """
stages:
  first:
    cmd: {command} first
    deps: [code]
    outs: [first.txt]
  train:
    foreach: [a, b]
    do:
      cmd: {command} ${{item}}
      deps: [first.txt]
      outs: ["${{item}}.txt"]
  last:
    cmd: {command} last
    deps: [a.txt, b.txt]
    outs: [last.txt]
"""
# Writes when it started and ended, and fails if told to.
SCRIPT = """
import os, pathlib, sys, time
name, started = sys.argv[1], time.time()
print(f"doing {name}", flush=True)
time.sleep(1.0)
if pathlib.Path(f"fail-{name}").exists():
    sys.exit(3)
pathlib.Path(f"{name}.times").write_text(f"{started} {time.time()} {os.environ['OMP_NUM_THREADS']}")
pathlib.Path(f"{name}.txt").write_text(name)
"""


def test_read_graph():
    dot = 'strict digraph {\n"a";\n"b@x";\n"a" -> "b@x";\n"b@x" -> "c";\n}\n'
    assert read_graph(dot) == {"a": set(), "b@x": {"a"}, "c": {"b@x"}}


@pytest.fixture
def repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run([DVC, "init", "-q"], check=True)
    Path("code").write_text("1")
    Path("do.py").write_text(SCRIPT)
    Path("dvc.yaml").write_text(STAGES.format(command=f"{sys.executable} do.py"))
    return tmp_path


@pytest.mark.slow
def test_independent_stages_run_at_the_same_time(repository, capsys, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert repro(2, DVC) == 0
    times = {name: Path(f"{name}.times").read_text().split() for name in ("first", "a", "b", "last")}
    starts, ends = ({name: float(found[i]) for name, found in times.items()} for i in (0, 1))
    assert ends["first"] <= min(starts["a"], starts["b"])
    assert max(starts["a"], starts["b"]) < min(ends["a"], ends["b"])  # side by side
    assert max(ends["a"], ends["b"]) <= starts["last"]
    assert len({found[2] for found in times.values()}) == 1
    assert "train@a: doing a" in capsys.readouterr().out
    assert subprocess.run([DVC, "status", "-q"]).returncode == 0
    before = time.time()
    assert repro(2, DVC) == 0
    assert float(Path("last.times").read_text().split()[0]) < before  # nothing ran again


@pytest.mark.slow
def test_a_failure_stops_what_follows_and_is_the_exit_status(repository):
    Path("fail-a").touch()
    assert repro(2, DVC) != 0
    assert Path("b.txt").exists()
    assert not Path("last.txt").exists()
    Path("fail-a").unlink()
    assert repro(2, DVC) == 0
    assert Path("last.txt").exists()


def test_a_folder_without_a_pipeline(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="dvc"):
        repro(2, DVC)
