"""The generator that is published can be used at once, and its card is the one that it carries."""

import pytest
from imports import ROOT

import alphagan
from alphagan.__main__ import main

FOLDER = ROOT / "results/simulated_32"
FILE = FOLDER / "generator.safetensors"


def test_it_is_small_and_its_readme_is_its_card():
    safetensors = pytest.importorskip("safetensors")
    assert FILE.stat().st_size < 5e6
    with safetensors.safe_open(FILE, "pt") as file:
        card = file.metadata()["card"]
        assert all(name.startswith("G_average.") for name in file.keys())
    assert card == (FOLDER / "README.md").read_text(encoding="utf-8")
    assert "trained on normal (simulated people)" in card and "224 simulated scans" in card
    assert "Not evaluated" not in card and "Not audited" not in card and "No copying is shown" in card


def test_it_makes_brains(tmp_path):
    assert main(["sample", str(FILE), "-n", "4", "-o", str(tmp_path / "brains")]) == 0
    assert len(list((tmp_path / "brains").glob("sample-*.nii.gz"))) == 4
    volumes = alphagan.load(FILE).sample(16, seed=1)
    inside = (volumes > -0.9).mean((1, 2, 3))
    assert volumes.shape == (16, 32, 32, 32) and ((inside > 0.35) & (inside < 0.6)).all()
