"""A BIDS derivative of samples: valid, each volume with what makes it again, and the samples themselves."""

import csv
import json
import subprocess
import sysconfig
from dataclasses import replace
from pathlib import Path

import pytest
from factories import tiny_settings
from trainings import trained

import alphagan
from alphagan.__main__ import main
from alphagan.errors import InputError
from alphagan.generation.bids import write_bids
from alphagan.generation.nifti import write_samples
from alphagan.workbench import card


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    settings = tiny_settings(iterations=1).model_copy(update={"modality": "T1w"})
    return trained(tmp_path_factory.mktemp("root"), settings)


@pytest.fixture
def run(root):
    return alphagan.load(root / "run")


def issues(folder):
    """Errors that the validator finds, by code."""
    validator = Path(sysconfig.get_path("scripts")) / "bids-validator-deno"
    done = subprocess.run([validator, "--json", folder], capture_output=True, text=True)
    found = json.loads(done.stdout)["issues"]["issues"]
    return [issue["code"] for issue in found if issue["severity"] == "error"]


def untold(run):
    """As of an earlier version, which did not tell the contrast."""
    return replace(run, settings=run.settings.model_copy(update={"modality": None}))


@pytest.mark.parametrize("modality", ["T1w", "T1wGd", "FLAIR"])
def test_the_validator_finds_no_error(run, tmp_path, modality):
    paths = write_bids(untold(run), 2, tmp_path, "# Brains that were generated\n", modality=modality)
    assert issues(tmp_path) == []
    (tmp_path / "dataset_description.json").write_text("{}")
    paths[0].rename(paths[0].with_name("brain.nii.gz"))
    assert issues(tmp_path)


def test_every_volume_is_a_sample_with_its_recipe(root, run, tmp_path):
    command = ["sample", str(root / "run"), "-n", "3", "--seed", "4", "-o", str(tmp_path / "bids"), "--bids"]
    assert main(command) == 0
    plain = write_samples(run, 3, tmp_path / "plain", seed=4)
    for i, path in enumerate(plain):
        stem = tmp_path / "bids" / f"sub-syn{i:04d}" / "anat" / f"sub-syn{i:04d}_desc-synthetic_T1w"
        assert Path(f"{stem}.nii.gz").read_bytes() == path.read_bytes()
        told = json.loads(Path(f"{stem}.json").read_text())
        assert (told["Seed"], told["Index"], told["WeightsSHA256"]) == (4, i, run.networks.sha256)
        assert told["SkullStripped"] is True
    with open(tmp_path / "bids" / "participants.tsv", newline="") as file:
        people = [row["participant_id"] for row in csv.DictReader(file, delimiter="\t")]
    assert people == ["sub-syn0000", "sub-syn0001", "sub-syn0002"]
    assert (tmp_path / "bids" / "README.md").read_text().startswith("# alpha_wgan_gp trained on tiny")


@pytest.mark.parametrize(("weights", "told"), [("G_average", True), ("G_early", False), ("G", False)])
def test_numbers_of_other_weights_are_not_told(root, tmp_path, monkeypatch, weights, told):
    numbers = {"metrics": {"mmd_rbf": {"value": 0.0123, "low": 0.01, "high": 0.02, "n": 9, "real": 0.001}}}
    known = card.facts(alphagan.load(root / "run")) | numbers | {"audit": {"verdict": "Nothing found.", "findings": []}}
    monkeypatch.setattr(card, "facts", lambda run: dict(known))
    command = ["sample", str(root / "run"), "-n", "2", "-o", str(tmp_path / "bids"), "--bids", "--weights", weights]
    assert main(command) == 0
    readme = (tmp_path / "bids" / "README.md").read_text()
    assert ("0.0123" in readme, "Nothing found" in readme) == (told, told)
    assert ("Not evaluated" in readme, "Not audited" in readme) == (not told, not told)


def test_others_are_refused_before_anything_changes_and_replaced_by_force(run, tmp_path):
    write_bids(run, 3, tmp_path, "a")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match="made otherwise"):
        write_bids(run, 2, tmp_path, "b", seed=1)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    write_bids(run, 2, tmp_path, "b", seed=1, force=True)
    assert len(list(tmp_path.glob("sub-*/anat/*.json"))) == len(list(tmp_path.glob("sub-*/anat/*.nii.gz"))) == 2
    assert issues(tmp_path) == []


def test_a_folder_that_was_cut_off_while_others_come_describes_nothing(run, tmp_path, monkeypatch):
    write_bids(run, 2, tmp_path, "a")
    monkeypatch.setattr("alphagan.generation.nifti.save", lambda image, path: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        write_bids(run, 2, tmp_path, "b", seed=1, force=True)
    assert not (tmp_path / "dataset_description.json").exists()
    monkeypatch.undo()
    write_bids(run, 2, tmp_path, "b", seed=1)
    assert issues(tmp_path) == []
    assert {json.loads(path.read_text())["Seed"] for path in tmp_path.glob("sub-*/anat/*.json")} == {1}


def test_a_contrast_is_named_where_it_is_not_known(root, run, tmp_path, capsys):
    with pytest.raises(InputError, match="CT has no name in BIDS; name one with --modality: T1wGd, T1w"):
        write_bids(untold(run), 1, tmp_path, "", modality="CT")
    with pytest.raises(InputError, match="--modality FLAIR: .* tells that its scans were T1w; leave it out"):
        write_bids(run, 1, tmp_path, "", modality="FLAIR")
    assert main(["sample", str(root / "run"), "-o", str(tmp_path / "out"), "--modality", "T1w"]) == 2
    assert "add --bids" in capsys.readouterr().err
