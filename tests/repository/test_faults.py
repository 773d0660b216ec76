"""The pipeline runs as a whole, is killed again and again, its cache is damaged, another clone makes the same."""

import json
import os
import signal
import subprocess
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import yaml
from clones import ROOT, TINY, clone, environment, nifti

from alphagan.metrics.catalogue import FAULTY
from alphagan.workbench.cache import mend_half_written

KILLS = 30  # docs/reliability.md has it
PERSON = "Annabel-Quexington-{}"  # no word of which is anywhere else
RUNNING = "Running stage '"
# Stages in the order in which they run, and seconds after whose start they are killed at the latest.
STAGES = {
    "strip": 2.0, "scans": 1.0, "prepare@mine": 5.0, "features@mine": 3.0, "networks": 5.0, "train@mine-run": 3.0,
    "training@mine": 5.0, "evaluate@mine": 8.0, "generate@mine": 5.0, "audit@mine": 5.0, "figures": 5.0, "collect": 0.5
}  # fmt: skip
MADE = ("data/prepared", "data/features", "models", "reports")


def workspace(folder):
    """One cohort of one's own with a single model, and not the proposed one."""
    clone(folder)
    # Where names of people could be seen: a scan that is refused, and pairs whose names begin alike.
    cohort = nifti(folder / "data/raw/mine", f"{PERSON}_T1w.nii.gz") | {"source": "data/raw/mine"}
    (folder / "data/raw/mine" / f"{PERSON.format('refused')}_T1w.nii.gz").write_text("not a scan")
    experiments = {"mine-run": {"cohort": "mine", "model": "wgan_gp"}}
    train = TINY["train"] | {"threads": 1, "checkpoint_every": 1}
    content = {"cohorts": {"mine": cohort}, "experiments": experiments, **TINY, "train": train}
    (folder / "params.yaml").write_text(yaml.safe_dump(content))
    return folder


def dvc(folder, *command):
    done = subprocess.run(["dvc", *command], cwd=folder, env=environment(OMP_NUM_THREADS="1"), capture_output=True)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()[-3000:]
    return done.stdout.decode()


def descendants(pid):
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has ended
            continue
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def killed_in(folder, stage, seconds):
    """Start `dvc repro`, and kill all of it so long after a stage, or one behind it, has started; return which ran."""
    order, log = list(STAGES), folder / "killed.log"
    command = {"args": ["dvc", "repro"], "cwd": folder, "env": environment(OMP_NUM_THREADS="1")}
    with open(log, "wb") as said, subprocess.Popen(**command, stdout=said, stderr=subprocess.STDOUT) as process:
        until = None
        while process.poll() is None and (until is None or time.monotonic() < until):
            time.sleep(0.02)
            if until is None and order.index(running(log) or "strip") >= order.index(stage) and running(log):
                until = time.monotonic() + seconds
        assert process.poll() is None, f"{stage}: dvc ended by itself\n{log.read_text()[-3000:]}"
        for pid in descendants(process.pid):
            os.kill(pid, signal.SIGKILL)
    return running(log)


def running(log):
    """Stage that a log says was started last."""
    *_, last = log.read_text(errors="replace").rpartition(RUNNING)
    return last.partition("'")[0] if RUNNING in log.read_text(errors="replace") else None


def kill_and_finish(folder):
    rng, where = np.random.default_rng(2019), []
    order = sorted(range(KILLS), key=lambda number: number % len(STAGES))
    for number in order:
        mend_half_written(folder)  # as `make repro` does: the kill may have met DVC writing its notes
        stage, latest = list(STAGES.items())[number % len(STAGES)]
        where.append(killed_in(folder, stage, rng.uniform(0, latest)))
    mend_half_written(folder)
    dvc(folder, "repro")
    return where


@pytest.fixture(scope="module")
def clones(tmp_path_factory):
    """A clone whose pipeline ran undisturbed, one whose was killed, and the stages in which it was."""
    folders = [workspace(tmp_path_factory.mktemp(name)) for name in ("undisturbed", "killed in another place")]
    with ThreadPoolExecutor() as pool:  # each takes one core
        undisturbed, where = pool.submit(dvc, folders[0], "repro"), pool.submit(kill_and_finish, folders[1])
        undisturbed.result()
    return *folders, where.result()


def made(folder):
    """All that the pipeline made, but for notebooks, which hold when they ran."""
    paths = [path for name in MADE for path in (folder / name).rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths if path.suffix != ".ipynb"}


def test_the_number_of_kills_is_the_documented_one():
    text = (ROOT / "docs/reliability.md").read_text(encoding="utf-8")
    assert f"killed at {KILLS} random moments, in all of its {len(STAGES)} stages" in " ".join(text.split())


@pytest.mark.slow
def test_a_pipeline_that_was_killed_makes_the_same_bytes(clones):
    undisturbed, killed, where = clones
    assert len(where) == KILLS and len(set(where)) >= len(STAGES) - 1, where  # one may be over too soon
    assert made(killed) == made(undisturbed)
    for name in ("data/prepared", "data/features", "models", "models/mine", "reports"):
        hidden = [path.name for path in (killed / name).iterdir() if path.name.startswith(".")]
        assert set(hidden) <= {".gitignore"}, name


@pytest.mark.slow
def test_the_whole_pipeline_on_one_cohort_of_ones_own(clones):
    """What needs other models is left out."""
    reports = clones[0] / "reports"
    metrics = json.loads((reports / "metrics.json").read_text())["mine"]
    assert list(metrics) == ["real", *FAULTY, "wgan_gp"]
    assert "copied" not in metrics["wgan_gp"] and "mmd_rbf" in metrics["wgan_gp"]
    assert json.loads((reports / "audit/mine.json").read_text())["wgan_gp"]["n_held_out"] == 3
    drawn = {path.name for path in (reports / "figures/paper").iterdir()}
    assert {"table_1.md", "figure_2.pdf", "figure_3a.png", "figure_s1.png"} <= drawn


@pytest.mark.slow
def test_two_clones_make_identical_metrics_and_histories(clones):
    """In two folders; see `test_threads_of_the_environment_do_not_count` for the environment."""
    for name in ("reports/metrics.json", "reports/history/L_D/mine-wgan_gp.csv"):
        one, other = ((folder / name).read_bytes() for folder in clones[:2])
        assert one and one == other
    assert "mmd_rbf" in json.loads((clones[0] / "reports/metrics.json").read_text())["mine"]["wgan_gp"]


def pushed(folder, remote):
    dvc(folder, "remote", "add", "-d", "there", str(remote))
    dvc(folder, "push")
    return [path.read_bytes() for path in remote.rglob("*") if path.is_file()]


def texts(content):
    """What a file says, with what a PDF packs."""
    yield content
    for part in content.split(b"stream")[1:] if content.startswith(b"%PDF") else []:
        try:
            yield zlib.decompressobj().decompress(part.lstrip(b"\r\n"))
        except zlib.error:
            continue


@pytest.mark.slow
def test_a_push_takes_no_scan_no_weights_and_no_name_along(clones, tmp_path):
    folder = clones[0]
    contents = pushed(folder, tmp_path / "remote")
    assert (folder / "reports/metrics.json").read_bytes() in contents  # it did push
    kept = {path.read_bytes() for name in MADE[:3] for path in (folder / name).rglob("*.*") if path.stem != "history"}
    assert kept.isdisjoint(contents)
    for content in contents:
        assert not content.startswith((b"\x93NUMPY", b"PK", b"\x1f\x8b"))  # arrays, weights, packed NIfTI
        for text in texts(content):
            assert b"Quexington" not in text, content[:100]
            assert str(folder).encode() not in text and os.fsencode(Path.home()) + b"/" not in text, content[:100]


@pytest.mark.slow
def test_damaged_objects_of_the_cache_are_noticed_and_never_handed_out(clones):
    folder = clones[1]
    before = made(folder)
    for name in ("data/prepared/mine", "models/mine/wgan_gp"):
        listed = yaml.safe_load((folder / "dvc.lock").read_text())["stages"].values()
        (tree,) = [out["md5"] for stage in listed for out in stage.get("outs", []) if out["path"] == name]
        objects = folder / ".dvc/cache/files/md5"
        files = json.loads((objects / tree[:2] / tree[2:]).read_text())
        md5 = next(file["md5"] for file in files if file["relpath"] in ("volumes.npy", "weights.pt"))
        spoil(objects / md5[:2] / md5[2:])
        subprocess.run(["rm", "-r", folder / name], check=True)
    said = dvc(folder, "repro")
    for name in ("data/prepared/mine/volumes.npy", "models/mine/wgan_gp/weights.pt"):
        assert f"damaged, removed, so that {name} is made again" in said
    assert made(folder) == before


def spoil(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.chmod(0o644)
    path.write_bytes(content)
    path.chmod(0o444)
