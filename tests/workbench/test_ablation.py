"""The table of departures, from the params and metrics that DVC recorded."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from alphagan.settings.config import parse
from alphagan.workbench.ablation import METRICS, recorded, table


def params(**experiment):
    return {
        "cohorts": {"a": {"kind": "template", "source": "x"}},
        "experiments": {"run": {"cohort": "a", "model": "alpha_gan", **experiment}},
    }


def metrics(value, model="alpha_gan"):
    return {"a": {model: {name: {"value": value, "low": value, "high": value, "n": 4} for name in METRICS}}}


def test_one_row_for_each_set_of_departures():
    experiments = [
        (parse(params(variant="released")), metrics(0.3)),
        (parse(params(departures=["one_real_batch"])), metrics(0.2)),
        (parse(params()), metrics(0.1)),
        (parse(params()), metrics(0.1)),
    ]
    rows = table(experiments, "a")
    assert [(row["variant"], row["mmd_rbf"]) for row in rows] == [
        ("paper", "0.1 [0.1, 0.1]"),
        ("one_real_batch", "0.2 [0.2, 0.2]"),
        ("released", "0.3 [0.3, 0.3]"),
    ]
    longer = parse(params(departures=["no_augmentation"]) | {"train": {"iterations": 7}})
    assert table([*experiments, (longer, metrics(0.5))], "a") == rows  # not comparable
    assert table([(parse(params()), {"a": {"alpha_gan": {"ms_ssim": {}}}})], "a") == []
    assert "one batch of real scans" in rows[1]["meaning"]
    assert table(experiments, "another") == []


@pytest.mark.slow
def test_experiments_are_read_from_dvc(tmp_path, monkeypatch):
    """Two `dvc exp run`, one switch each, in a repository whose training is a stand-in."""
    monkeypatch.chdir(tmp_path)
    dvc = str(Path(sys.executable).with_name("dvc"))

    def run(*command):
        subprocess.run(command, check=True, capture_output=True)

    for command in (("init", "-q"), ("config", "user.name", "t"), ("config", "user.email", "t@example.org")):
        run("git", *command)
    run(dvc, "init", "-q")
    Path("params.yaml").write_text(yaml.safe_dump(params(departures=[])))
    Path("do.py").write_text(
        "import json, pathlib, yaml\n"
        "found = yaml.safe_load(open('params.yaml'))['experiments']['run']['departures']\n"
        f"estimate = dict(value=float(len(found)), low=0.0, high=2.0, n=4)\n"
        f"metrics = {{'a': {{'alpha_gan': {{name: estimate for name in {METRICS!r}}}}}}}\n"
        "pathlib.Path('reports').mkdir(exist_ok=True)\n"
        "json.dump(metrics, open('reports/metrics.json', 'w'))\n"
    )
    stage = {"cmd": f"{sys.executable} do.py", "deps": ["do.py"], "params": ["experiments"]}
    stage["outs"] = ["reports/metrics.json"]
    Path("dvc.yaml").write_text(yaml.safe_dump({"stages": {"do": stage}, "metrics": ["reports/metrics.json"]}))
    run(dvc, "repro", "-q")
    run("git", "add", "-A")
    run("git", "commit", "-qm", "first")
    assert recorded(tmp_path) == []  # no experiment yet, so nothing to compare
    for switch in ("no_augmentation", "one_real_batch"):
        run(dvc, "exp", "run", "--temp", "-S", f"experiments.run.departures=[{switch}]")
    run(dvc, "exp", "run", "--queue", "-S", "experiments.run.departures=[one_real_batch,no_augmentation]")
    rows = table(recorded(tmp_path), "a")
    Path("params.yaml").write_text("cohorts: {}\nof_another_version: 1\n")
    run("git", "commit", "-qam", "another version")
    assert recorded(tmp_path) == []
    assert [(row["variant"], row["mmd_rbf"][0]) for row in rows] == [
        ("paper", "0"),
        ("no_augmentation", "1"),
        ("one_real_batch", "1"),
    ]
    run("git", "reset", "-q", "--hard", "HEAD~1")
    shutil.rmtree(tmp_path / ".dvc" / "cache")
    Path("reports/metrics.json").unlink()
    assert recorded(tmp_path) == []  # as in a fresh clone
