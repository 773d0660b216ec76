"""Stages run side by side in the right order, with what `dvc repro` would make; what a person sees; failures."""

import json
import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from alphagan.errors import InputError
from alphagan.workbench.pipeline import LOG, TIMES, read_graph, repro, to_run

ROOT = Path(__file__).parents[2]
DVC = str(Path(sys.executable).with_name("dvc"))
STAGES = """
stages:
  prepare:
    cmd: {command} prepare
    deps: [code]
    outs: [prepare.txt]
  train:
    foreach: [a, b]
    do:
      cmd: {command} ${{item}}
      deps: [prepare.txt]
      outs: ["${{item}}.txt"]
  last:
    cmd: {command} last
    deps: [a.txt, b.txt]
    outs: [last.txt]
"""
# Writes when it started and ended, and fails if told to; says what libraries and trainings say.
SCRIPT = """
import os, pathlib, sys, time
name, started = sys.argv[1], time.time()
print(f"doing {name}", flush=True)
print("SomeWarning: library notice", file=sys.stderr, flush=True)
if name in "ab":
    print(f"tiny {name}: iteration 2/5, 1 iterations/s, 0:00:03 left, L_D 1.2", file=sys.stderr, flush=True)
while time.process_time() < 0.4:
    pass
time.sleep(1.2)
if pathlib.Path(f"fail-{name}").exists():
    print("the reason is this")
    sys.exit(3)
pathlib.Path(f"{name}.times").write_text(f"{started} {time.time()} {os.environ['OMP_NUM_THREADS']}")
pathlib.Path(f"{name}.txt").write_text(name + pathlib.Path("code").read_text())
"""


def test_read_graph():
    dot = 'strict digraph {\n"a";\n"b@x";\n"a" -> "b@x";\n"b@x" -> "c";\n}\n'
    assert read_graph(dot) == {"a": set(), "b@x": {"a"}, "c": {"b@x"}}


def test_what_follows_from_a_change_runs_and_nothing_else():
    graph = {"a": set(), "b": {"a"}, "c": {"b"}, "d": {"a"}, "e": {"c", "d"}}
    assert to_run(graph, {"b"}) == {"b": set(), "c": {"b"}, "e": {"c"}}
    assert to_run(graph, set()) == {}


@pytest.fixture
def repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run([DVC, "init", "-q"], check=True)
    Path("code").write_text("1")
    Path("do.py").write_text(SCRIPT)
    Path("dvc.yaml").write_text(STAGES.format(command=f"{sys.executable} do.py"))
    for name in ("paper/figure_2.png", "paper/table_1.md"):
        path = Path("reports", "figures", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


@pytest.mark.slow
def test_independent_stages_run_at_the_same_time(repository, capfd, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert repro(2, DVC) == 0
    times = {name: Path(f"{name}.times").read_text().split() for name in ("prepare", "a", "b", "last")}
    starts, ends = ({name: float(found[i]) for name, found in times.items()} for i in (0, 1))
    assert ends["prepare"] <= min(starts["a"], starts["b"])
    assert max(starts["a"], starts["b"]) < min(ends["a"], ends["b"])  # side by side
    assert max(ends["a"], ends["b"]) <= starts["last"]
    assert len({found[2] for found in times.values()}) == 1
    assert subprocess.run([DVC, "status", "-q"]).returncode == 0
    capfd.readouterr()
    before = time.time()
    assert repro(2, DVC) == 0
    assert float(Path("last.times").read_text().split()[0]) < before  # nothing ran again
    assert "up to date: nothing to run of 4 stages" in capfd.readouterr().out


@pytest.mark.slow
def test_a_person_sees_stages_times_and_where_to_look(repository, capfd):
    """Through a pipe: no library notice and no word of dvc's; all of those are in the log, by stage."""
    assert repro(2, DVC) == 0
    shown = capfd.readouterr()
    assert not shown.err
    lines = shown.out.splitlines()
    assert lines[1] == f"4 stages to run, 2 at a time; everything they say: {LOG}"
    events = [re.sub(r"^ *\d+ s +| took .*", "", line) for line in lines[2:10]]
    assert events[:2] == ["start  prepare", "end    prepare"]
    assert set(events[2:4]) == {"start  train a", "start  train b"}
    assert set(events[4:6]) == {"end    train a", "end    train b"}
    assert re.search(r"end    last took \d+ s; 4 of 4 stages done$", lines[9])
    table = {line[:20].strip(): line[20:].split() for line in lines if line.startswith("  ") and "  " in line.strip()}
    assert table["part"] == ["stages", "wall", "seconds", "core", "seconds"]
    assert table["training"][0] == "2" and table["preparation"][0] == "1" and table["all stages"][0] == "4"
    assert int(table["all stages"][1]) >= int(table["training"][1]) >= 1
    assert int(table["all stages"][2]) >= 2  # each stage computes for 0.4 s at least, and dvc for more
    assert "the paper's figures, in reports/figures/paper/:\n    figure_2.png" in shown.out
    assert not re.search("notice|doing|dvc|lock|iteration", shown.out)
    log = LOG.read_text()
    for line in ("train@a: doing a", "train@a: SomeWarning: library notice", "prepare: Running stage 'prepare':"):
        assert f"\n{line}\n" in log
    assert re.search(r"\nlast: == ends \d{4}-\d\d-\d\d \d\d:\d\d:\d\d, exit status 0, [\d.]+ core seconds\n", log)
    assert set(json.loads(TIMES.read_text())) == {"prepare", "train@a", "train@b", "last"}


@pytest.mark.slow
def test_one_line_changes_on_a_terminal(repository):
    TIMES.parent.mkdir()
    TIMES.write_text(json.dumps({"prepare": 60.0, "train@a": 100.0, "train@b": 100.0, "last": 1800.0}))
    ours, theirs = pty.openpty()
    environment = os.environ | {"PATH": f"{Path(DVC).parent}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "100"}
    command = [sys.executable, "-m", "alphagan", "repro", "--jobs", "2"]
    environment["PYTHONPATH"] = str(ROOT)
    process = subprocess.Popen(command, env=environment, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    while chunk := _read(ours):
        shown += chunk
    assert process.wait() == 0
    changing = [line for line in shown.decode().split("\r\x1b[K") if "\n" not in line and line]
    assert any("0 of 4 stages done, about 33 min to go: prepare" in line for line in changing)
    assert any(re.search("train [ab], iteration [1-5] of 5", line) for line in changing)
    assert max(map(len, changing)) < 100


def _read(descriptor):
    try:
        return os.read(descriptor, 65536)
    except OSError:  # a terminal that nobody writes to any more
        return b""


@pytest.mark.slow
def test_a_failure_stops_what_follows_and_is_the_exit_status(repository, capfd):
    Path("fail-a").touch()
    status = subprocess.run([DVC, "repro", "--single-item", "prepare", "train@a"], capture_output=True).returncode
    assert status != 0
    capfd.readouterr()
    assert repro(2, DVC) == status
    assert Path("b.txt").exists()
    assert not Path("last.txt").exists()
    shown = capfd.readouterr().out
    assert re.search(rf"FAILED train a, after \d+ s, exit status {status}; it said last:\n", shown)
    assert "\n    the reason is this\n" in shown and "exited with 3" in shown
    assert f"everything that train@a said: {LOG}" in shown
    assert "not finished: 1 failed, 1 not done" in shown
    assert "figure_2" not in shown  # there may be old ones, but this run did not make them
    Path("fail-a").unlink()
    assert repro(2, DVC) == 0
    assert Path("last.txt").exists()
    assert "2 stages to run, 2 at a time, 2 are up to date" in capfd.readouterr().out
    Path("last.txt").unlink()
    assert repro(2, DVC) == 0
    assert "1 stage to run, 2 at a time, 3 are up to date" in capfd.readouterr().out


def test_a_folder_without_a_pipeline(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="dvc"):
        repro(2, DVC)


def test_without_the_program_it_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="no-dvc: no such program; activate the environment first"):
        repro(1, "no-dvc")


def test_without_git_it_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".dvc").mkdir()
    with pytest.raises(InputError, match=r"no Git repository, .*`git init`, or, .*core\.no_scm true"):
        repro(1, DVC)


@pytest.mark.slow
def test_what_always_looks_for_changes_looks_first_and_runs_nothing_in_vain(repository, capfd):
    dvc = yaml.safe_load(Path("dvc.yaml").read_text())
    dvc["stages"]["look"] = {"cmd": "cp code seen.txt", "always_changed": True, "outs": ["seen.txt"]}
    dvc["stages"]["prepare"]["deps"] = ["seen.txt"]
    Path("dvc.yaml").write_text(yaml.safe_dump(dvc))
    assert repro(2, DVC) == 0
    capfd.readouterr()
    assert repro(2, DVC) == 0
    assert "up to date: nothing to run of 5 stages" in capfd.readouterr().out
    Path("code").write_text("other")
    assert repro(2, DVC) == 0
    assert Path("b.txt").read_text() == "bother"
