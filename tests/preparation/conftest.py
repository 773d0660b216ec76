"""A server to download from, and studies to prepare."""

import threading

import numpy as np
import pytest
from scans import config_for, head, truncated, write
from servers import FAST, NAMES, SIZE, Server, registry
from simulated import Head

from alphagan.preparation.cohorts import lesions, openneuro, simulation
from alphagan.preparation.prepare import prepare
from alphagan.settings.paths import Paths


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    server = Server()
    server.files = {name: np.random.default_rng(n).bytes(SIZE) for n, name in enumerate(NAMES)}
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.release.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def fetch(server, tmp_path):
    """Download the server's files into the folder it returns."""
    listed = registry(tmp_path, server.files)

    def run(**changes):
        given = {"url": server.url, "registry": listed, "patience": FAST} | changes
        return openneuro.download("ds002748", tmp_path / "raw", **given)

    return run


@pytest.fixture(scope="session")
def heads():
    drawn = [simulation.draw_anatomy(np.random.default_rng(seed)) for seed in range(2)]
    return [
        Head(
            one,
            simulation.tissues(one, lesions.GROWTH_MM),
            simulation.mni_mm(one, lesions.GROWTH_MM),
            np.exp(np.trace(one.log_stretch)),
        )
        for one in drawn
    ]


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    """Six people with two visits each, a damaged third visit, and 11, who is 03 under another name."""
    folder = tmp_path_factory.mktemp("study")
    for person in range(6):
        for visit in range(2):
            write(
                folder / f"sub-0{person}_ses-{visit}_T1w.nii.gz", head(10 * person + visit), axes=["PSR", "LIA"][visit]
            )
    write(folder / "sub-11_ses-0_T1w.mgz", head(30))
    truncated(folder / "sub-02_ses-3_T1w.nii.gz")
    return folder


@pytest.fixture(scope="session")
def prepared(study, tmp_path_factory):
    return prepare("study", config_for(study), Paths(tmp_path_factory.mktemp("root")))
