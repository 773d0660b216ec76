"""Which tests run here, and where the real scans are."""

import contextlib
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from disks import small_disk

# Not MPLBACKEND: a notebook's kernel would inherit it and show no figures. matplotlib is no part of the training core.
with contextlib.suppress(ModuleNotFoundError):
    import matplotlib

    matplotlib.use("Agg")


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="run the tests marked slow too (or set ALPHAGAN_SLOW=1)")


def pytest_collection_modifyitems(config, items):
    missing = {}
    if not (config.getoption("--slow") or os.environ.get("ALPHAGAN_SLOW") == "1"):
        missing["slow"] = "slow: run with --slow or ALPHAGAN_SLOW=1"
    if not os.environ.get("ALPHAGAN_TEST_DATA"):
        missing["data"] = "needs real scans: set ALPHAGAN_TEST_DATA to their folder"
    if any(item.get_closest_marker("gpu") for item in items):
        import torch  # seconds, paid only where a test asks for it

        if not torch.cuda.is_available():
            missing["gpu"] = "needs a CUDA device"
    for item in items:
        for marker, reason in missing.items():
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def n_threads():
    """Of torch, before any test has changed it; 0 where no test needs torch."""
    return sys.modules["torch"].get_num_threads() if "torch" in sys.modules else 0


@pytest.fixture(autouse=True)
def as_many_threads(n_threads):
    """Every test computes with as many: sums of floats depend on it, and `train.threads` sets it for the process."""
    if n_threads:
        sys.modules["torch"].set_num_threads(n_threads)
    yield
    if n_threads:
        sys.modules["torch"].set_num_threads(n_threads)


@pytest.fixture(autouse=True)
def nothing_beside_the_folders_of_tests(tmp_path_factory):
    """A file above a test's folder would be found by later tests: settings are looked for upwards."""
    yield
    above = tmp_path_factory.getbasetemp()
    assert not [entry.path for entry in os.scandir(above) if entry.is_file() and entry.name != ".lock"]


@pytest.fixture
def generator():
    """What is random in a test."""
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def real_scans():
    """Folder of real scans, read-only."""
    folder = os.environ.get("ALPHAGAN_TEST_DATA")
    if not folder:
        pytest.skip("needs real scans: set ALPHAGAN_TEST_DATA to their folder")
    folder = Path(folder)
    assert folder.is_dir(), f"ALPHAGAN_TEST_DATA names no folder: {folder}"
    return folder


@pytest.fixture
def disk(tmp_path):
    """A small disk of its own."""
    with small_disk(tmp_path / "disk") as folder:
        yield folder
