"""Every kind of cohort goes from its files to a trained model by `dvc repro`, with params.yaml alone edited."""

import functools
import hashlib
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import layouts
import pytest
import yaml

import alphagan
from alphagan.metrics.catalogue import FAULTY
from alphagan.volumes.prepared import Volumes

ROOT = Path(__file__).parents[2]
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


@pytest.fixture
def clone(tmp_path):
    """The files under version control, as a repository of their own."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git repository")
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file() and (not name.startswith("results/") or name.endswith("metrics.json")):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / name)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    return tmp_path


@pytest.fixture
def server(tmp_path_factory):
    """A local stand-in for the servers of free data."""
    folder = tmp_path_factory.mktemp("www")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def free_data(raw: Path, www: Path, url: str) -> dict:
    """Files on the server as OpenNeuro names them, and the list of them."""
    lines = []
    for number in range(1, N + 1):
        path = www / f"sub-{number:02d}" / "anat" / f"sub-{number:02d}_T1w.nii.gz"
        path.parent.mkdir(parents=True)
        layouts.brain(number).to_filename(path)
        content = path.read_bytes()
        lines.append(f"{path.relative_to(www)} {len(content)} {hashlib.md5(content).hexdigest()}\n")
    raw.mkdir(parents=True, exist_ok=True)
    (raw / "openneuro.txt").write_text("".join(lines))
    return {
        "kind": "openneuro",
        "dataset": "ds002748",
        "source": "data/raw/openneuro.txt",
        "folder": "data/raw/openneuro",
        "url": url,
    }


def nifti(folder: Path) -> dict:
    """A folder of scans as anyone may have it."""
    folder.mkdir(parents=True)
    for index in range(N):
        layouts.brain(index).to_filename(folder / f"person{index}_T1w.nii.gz")
    return {"kind": "nifti", "source": str(folder), "pattern": "{subject}_T1w.nii.gz"}


def repro(*targets: str) -> None:
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["dvc", "repro", *targets], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.mark.slow
def test_the_whole_pipeline_on_one_cohort_of_ones_own(clone, monkeypatch):
    """With a single model, and not the proposed one: what needs others is left out."""
    monkeypatch.chdir(clone)
    cohorts = {"mine": nifti(Path("data", "raw", "mine"))}
    experiments = {"mine-run": {"cohort": "mine", "model": "wgan_gp"}}
    Path("params.yaml").write_text(yaml.safe_dump({"cohorts": cohorts, "experiments": experiments, **TINY}))
    repro()
    metrics = json.loads(Path("reports/metrics.json").read_text())["mine"]
    assert list(metrics) == ["real", *FAULTY, "wgan_gp"]
    assert "copied" not in metrics["wgan_gp"] and "mmd_rbf" in metrics["wgan_gp"]
    assert json.loads(Path("reports/audit/mine.json").read_text())["wgan_gp"]["n_held_out"] == 3
    drawn = {path.name for path in Path("reports/figures/paper").iterdir()}
    assert {"table_1.md", "figure_2.pdf", "figure_3a.png", "figure_s1.png"} <= drawn


@pytest.mark.slow
def test_every_kind_from_disk_to_a_trained_model(clone, server, monkeypatch):
    monkeypatch.chdir(clone)
    raw = Path("data", "raw")
    cohorts = {
        "nifti": nifti(raw / "nifti"),
        "freesurfer": layouts.subjects_dir(raw / "freesurfer", n=N),
        "adni": layouts.adni(raw / "adni", n=N),
        "brats": layouts.brats(raw / "brats", n=N),
        "atlas": layouts.atlas(raw / "atlas", n=N),
        "bids": layouts.bids(raw / "bids", n=N),
        "openneuro": free_data(raw, *server),
        "semisynthetic": layouts.semisynthetic(raw / "semisynthetic", n=N),
    }
    for lesion, modality in (("none", "T1w"), ("tumour", "FLAIR"), ("stroke", "T1w")):
        cohorts[f"template_{lesion}"] = {
            "kind": "template", "source": "alphagan/preparation/cohorts/template.py", "n_subjects": N,
            "voxel_size_mm": 6.0, "lesion": lesion, "modality": modality,
        }  # fmt: skip
    experiments = {f"{name}-run": {"cohort": name, "model": "alpha_wgan_gp"} for name in cohorts}
    Path("params.yaml").write_text(yaml.safe_dump({"cohorts": cohorts, "experiments": experiments, **TINY}))
    repro("train")
    for name in cohorts:
        volumes = Volumes(Path("data", "prepared", name))
        assert len({subject["subject"] for subject in volumes.subjects}) == N, name
        run = alphagan.load(Path("models", name, "alpha_wgan_gp"))
        assert run.sample(1).shape == (1, 16, 16, 16)
        assert len((run.folder / "history.csv").read_text().splitlines()) == 1 + 3
