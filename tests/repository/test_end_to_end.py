"""Every kind of cohort that has files goes to a trained model by the pipeline, with params.yaml alone edited."""

import functools
import hashlib
import http.server
import threading
from pathlib import Path

import clones
import layouts
import pytest
import yaml
from clones import TINY, N, nifti, repro_until_trained

import alphagan
from alphagan.volumes.prepared import Volumes


@pytest.fixture
def clone(tmp_path):
    return clones.clone(tmp_path)


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
    experiments = {f"{name}-run": {"cohort": name, "model": "alpha_wgan_gp"} for name in cohorts}
    Path("params.yaml").write_text(yaml.safe_dump({"cohorts": cohorts, "experiments": experiments, **TINY}))
    repro_until_trained()
    for name in cohorts:
        volumes = Volumes(Path("data", "prepared", name))
        assert len({subject["subject"] for subject in volumes.subjects}) == N, name
        run = alphagan.load(Path("models", name, "alpha_wgan_gp"))
        assert run.sample(1).shape == (1, 16, 16, 16)
        assert len((run.folder / "history.csv").read_text().splitlines()) == 1 + 3
