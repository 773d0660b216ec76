"""Clones of this repository in which the pipeline runs at the smallest scale."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import layouts
import pytest
import yaml

ROOT = Path(__file__).parents[1]
N = 8
TINY = {
    "prepare": {"size": 16, "workers": 1},
    "model": {"z_dim": 8, "width": 0.0625, "code_units": 16, "critic_norm": "none"},
    "train": {"iterations": 3, "batch_size": 2, "device": "cpu"},
    "evaluate": {"n_generated": 8, "n_pairs": 10, "mmd_batch": 2, "mmd_repeats": 3, "n_bootstrap": 100},
    "features": {"iterations": 3, "batch_size": 4},
    "audit": {"n_copies": 4, "inversion_steps": 2},
    "paper": {},
}


def clone(folder: Path) -> Path:
    """Copy the files under version control, as a repository of their own."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git repository")
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file() and (not name.startswith("results/") or name.endswith("metrics.json")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    return folder


def nifti(folder: Path, name: str = "person{}_T1w.nii.gz") -> dict:
    """A folder of scans as anyone may have it, and the cohort's section of params.yaml."""
    folder.mkdir(parents=True)
    for index in range(N):
        layouts.brain(index).to_filename(folder / name.format(index))
    return {"kind": "nifti", "source": str(folder), "pattern": "{subject}_T1w.nii.gz"}


def environment(**more: str) -> dict[str, str]:
    """Variables with which `dvc` and the stages' commands are those of this environment."""
    return os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"} | more


def repro_until_trained() -> None:
    """Run `make repro` in the current folder, two stages at a time, without those that come after training."""
    pipeline = yaml.safe_load(Path("dvc.yaml").read_text(encoding="utf-8"))
    stages = {name: pipeline["stages"][name] for name in ("strip", "scans", "prepare", "train")}
    Path("dvc.yaml").write_text(yaml.safe_dump({"vars": pipeline["vars"], "stages": stages}))
    command = [sys.executable, "-m", "alphagan", "repro", "--jobs", "2"]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
