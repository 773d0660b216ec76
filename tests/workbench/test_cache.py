"""Damaged objects of DVC's cache are found, mended or taken away, never handed out; half-written notes are mended."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from alphagan.workbench import cache
from alphagan.workbench.cache import BUSY, CACHE, mend_cache, mend_half_written
from alphagan.workbench.pipeline import repro

DVC = str(Path(sys.executable).with_name("dvc"))
STAGES = {
    "scans": {
        "cmd": f"{sys.executable} look.py", "always_changed": True, "outs": [{"list": {"cache": False}}]
    },
    "make": {"cmd": "mkdir -p out && echo one > out/a && echo two > out/b", "deps": ["list"], "outs": ["out"]},
}  # fmt: skip
LOOK = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from pathlib import Path
from alphagan.workbench.cache import mend_cache
Path("list").write_text("x")
print(*mend_cache(Path()), sep="\\n")
"""


def dvc(*command):
    return subprocess.run([DVC, *command], check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("made")
    for command in (["git", "init", "-q"], [DVC, "init", "-q"]):
        subprocess.run(command, cwd=root, check=True)
    (root / "look.py").write_text(LOOK)
    (root / "dvc.yaml").write_text(yaml.safe_dump({"stages": STAGES}))
    subprocess.run([DVC, "repro"], cwd=root, check=True, capture_output=True)
    return root


@pytest.fixture
def root(made, tmp_path, monkeypatch):
    shutil.copytree(made, tmp_path / "root", symlinks=True)
    monkeypatch.chdir(tmp_path / "root")
    return tmp_path / "root"


def stored(name):
    """Object of an output, or of a file of it."""
    md5 = yaml.safe_load(Path("dvc.lock").read_text())["stages"]["make"]["outs"][0]["md5"]
    tree = CACHE / md5[:2] / md5[2:]
    if name == "out":
        return tree
    md5 = next(file["md5"] for file in json.loads(tree.read_text()) if file["relpath"] == name)
    return CACHE / md5[:2] / md5[2:]


def spoil(path, content=b"rot"):
    path.chmod(0o644)
    path.write_bytes(content)
    path.chmod(0o444)


def test_a_whole_cache_is_left_alone(root):
    assert mend_cache(root) == []


def test_without_a_lock_or_a_cache_there_is_nothing_to_do(tmp_path, root):
    assert mend_cache(tmp_path) == []
    shutil.rmtree(root / CACHE)
    assert mend_cache(root) == []


def test_a_damaged_object_is_mended_from_the_workspace(root):
    before = stored("a").read_bytes()
    spoil(stored("a"))
    assert mend_cache(Path()) == [f"{stored('a')}: damaged, replaced by out/a (make)"]
    assert stored("a").read_bytes() == before and stored("a").stat().st_mode & 0o777 == 0o444
    assert mend_cache(Path()) == []


def test_one_that_the_workspace_shares_or_lacks_is_removed(root):
    spoil(stored("a"))
    Path("out/a").unlink()
    shared = stored("b")
    Path("out/b").unlink()
    Path("out/b").hardlink_to(shared)
    spoil(shared)
    gone = stored("a")
    assert mend_cache(Path()) == [
        f"{gone}: damaged, removed, so that out/a is made again (make)",
        f"{shared}: damaged, removed, so that out/b is made again (make)",
    ]
    assert not gone.exists() and not shared.exists()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "lost"), [("a", True), ("a", False), ("out", True)])
def test_a_run_of_the_pipeline_never_hands_out_a_damaged_object(root, name, lost):
    spoil(stored(name), b"[]" if name == "out" else b"rot")
    if lost:
        shutil.rmtree("out")
    assert "damaged" in dvc("repro")
    assert (Path("out/a").read_text(), Path("out/b").read_text()) == ("one\n", "two\n")
    assert "damaged" not in dvc("repro") and mend_cache(Path()) == []


@pytest.fixture
def at_once(monkeypatch):
    monkeypatch.setattr(cache.time, "sleep", lambda seconds: None)


def test_of_a_lock_that_was_cut_anywhere_the_whole_stages_stay(root, at_once):
    text = Path("dvc.lock").read_text()
    stages, cut_short = yaml.safe_load(text)["stages"], 0
    for length in range(len(text)):
        Path("dvc.lock").write_text(text[:length])
        lines = mend_half_written(Path())
        cut_short += bool(lines)
        assert lines in ([], ["dvc.lock: half-written; what it lacks is taken from DVC's run cache, or made again"])
        left = yaml.safe_load(Path("dvc.lock").read_text())["stages"] if Path("dvc.lock").exists() else {}
        assert all(left[stage] == stages[stage] for stage in list(left)[:-1])
        assert mend_cache(Path()) == [] and mend_half_written(Path()) == []
    assert length / 4 < cut_short < length


def test_files_that_are_whole_or_absent_are_left_alone(root, tmp_path, at_once):
    BUSY.write_text("{}")
    lock = Path("dvc.lock").read_bytes()
    assert mend_half_written(Path()) == [] and mend_half_written(tmp_path) == []
    assert Path("dvc.lock").read_bytes() == lock and BUSY.read_text() == "{}"


def test_a_file_that_was_being_written_is_left_alone(root, monkeypatch):
    BUSY.write_text("")
    monkeypatch.setattr(cache.time, "sleep", lambda seconds: BUSY.write_text("{}"))
    assert mend_half_written(Path()) == [] and BUSY.read_text() == "{}"


def test_a_folder_of_the_run_cache_without_a_whole_run_goes(root, at_once):
    (run,) = cache.RUNS.glob("*/*/*")
    for name in ("", ".half.tmp"):
        folder = cache.RUNS / "ab" / ("ab" * 32)
        folder.mkdir(parents=True)
        if name:
            (folder / name).write_text("cmd: mk")
        assert mend_half_written(Path()) == [f"{folder}: without a run, removed"] and not folder.exists()
    assert mend_half_written(Path()) == [] and run.is_file()


@pytest.mark.slow
@pytest.mark.parametrize("unfinished", [None, ".half.tmp"])
def test_make_repro_goes_on_from_a_run_that_was_not_written_to_its_end(root, unfinished, capfd):
    """At an empty folder DVC alone stops with a `TypeError`."""
    (run,) = cache.RUNS.glob("*/*/*")
    text = Path("dvc.lock").read_text()
    Path("dvc.lock").unlink()
    if unfinished:
        run.with_name(unfinished).write_text("cmd: mk")
    run.unlink()
    assert repro(1, DVC) == 0
    assert f"note: {run.parent}: without a run, removed" in capfd.readouterr().out
    assert yaml.safe_load(Path("dvc.lock").read_text()) == yaml.safe_load(text)


@pytest.mark.slow
@pytest.mark.parametrize("left", [0, 16, 0.5, 0.9])
def test_make_repro_goes_on_from_half_written_files(root, left, capfd):
    """DVC alone stops at both."""
    text = Path("dvc.lock").read_text()
    Path("dvc.lock").write_text(text[: left if left >= 1 else int(left * len(text))])
    BUSY.write_text("")
    assert repro(1, DVC) == 0
    assert f"note: {BUSY}: half-written, removed" in capfd.readouterr().out
    assert yaml.safe_load(Path("dvc.lock").read_text()) == yaml.safe_load(text)
