"""One folder each of training scans, real scans and generated volumes."""

import pytest
from folders import fill


@pytest.fixture(scope="module")
def train(tmp_path_factory):
    return fill(tmp_path_factory.mktemp("a") / "train", range(100, 116))


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    return fill(tmp_path_factory.mktemp("b") / "real", range(200, 214))


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    """Twelve volumes of new people, ten copies of training scans with noise, and a file that is no scan."""
    folder = fill(tmp_path_factory.mktemp("c") / "generated", range(300, 312), "g{}.nii")
    fill(folder, range(100, 110), "g{}.nii", noise=20.0)
    (folder / "g999.nii").write_text("not a scan")
    return folder
