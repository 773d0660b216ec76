"""A server to download from, and studies to prepare."""

import threading

import numpy as np
import pytest
from servers import FAST, NAMES, SIZE, Server, registry

from alphagan.preparation.cohorts import openneuro


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
