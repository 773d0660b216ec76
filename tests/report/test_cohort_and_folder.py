"""A folder of generated volumes is compared with the people of a prepared cohort: held out, and trained on."""

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from factories import write_prepared
from folders import QUICK, fill, read

from alphagan.__main__ import main
from alphagan.errors import InputError, TooFewError
from alphagan.preparation.prepare import prepare
from alphagan.report.doubts import doubts
from alphagan.report.folders import evaluate_folders
from alphagan.report.options import Folders, from_options
from alphagan.settings.config import parse
from alphagan.settings.paths import Paths
from alphagan.volumes.prepared import Volumes


@pytest.fixture
def cohort(tmp_path):
    """Twenty prepared people, twelve of them to train on; scans of all as files, held-out ones and others."""
    folder = write_prepared(tmp_path / "data" / "prepared" / "mine")
    (folder / "preparation.json").write_text('{"fit": "pad", "modality": "FLAIR", "upper_percentile": 99.0}')
    volumes = Volumes(folder)
    for name, splits in (("trained", ["train"]), ("held", ["val", "test"])):
        (tmp_path / name).mkdir()
        for row in volumes.rows(*splits):
            image = nibabel.Nifti1Image(np.asarray(volumes.array[row]), volumes.affines([row])[0])
            nibabel.save(image, tmp_path / name / f"g{row:03d}.nii.gz")
    return folder


def test_held_out_people_are_compared_with_and_training_people_trained_on(cohort, tmp_path, monkeypatch):
    monkeypatch.setattr("alphagan.report.measure.ENOUGH", 4)
    folders = Folders.of_cohort(cohort, tmp_path / "trained")
    assert (folders.size, folders.fit, folders.modality) == (Volumes(cohort).size, "pad", "FLAIR")
    assert folders.config().prepare.upper_percentile == 99.0
    report = evaluate_folders(folders, tmp_path / "report", QUICK)
    rows = json.loads((tmp_path / "report" / "metrics.json").read_text())
    assert rows["real"]["ms_ssim"]["n"] == 8 and rows["generated"]["ms_ssim"]["n"] == 12
    said = report.read_text()
    assert "mine, held out" in said and "mine, trained on" in said
    assert "trained on 12 scans of mine, seed" in rows["generated"]["frechet"]["basis"]


def test_the_two_sides_are_the_splits_of_the_cohort(cohort, tmp_path):
    sides, volumes = read(Folders.of_cohort(cohort, tmp_path / "trained"), tmp_path / "work"), Volumes(cohort)
    for name, splits in (("real", ["val", "test"]), ("train", ["train"])):
        rows = volumes.rows(*splits)
        assert sides[name].volumes.people(sides[name].volumes.rows()) == volumes.people(rows)
        for found, cube in zip(sides[name].volumes.array, volumes.array[rows], strict=True):
            high = np.percentile(cube[cube > 0], 99.0)
            np.testing.assert_array_equal(found, np.clip(np.rint(cube * (255 / high)), 0, 255))


def test_cubes_of_the_training_people_are_as_bright_as_these(tmp_path):
    """A generator that gives the training scans back is not darker or brighter than they are."""
    scans = fill(tmp_path / "scans", range(40))
    config = {"cohorts": {"mine": {"kind": "nifti", "source": str(scans)}}, "experiments": {}}
    folder = prepare("mine", parse(config | {"prepare": {"size": 16, "workers": 1}}, "test"), Paths(tmp_path))
    volumes = Volumes(folder)
    (tmp_path / "given").mkdir()
    for row in volumes.rows("train"):
        image = nibabel.Nifti1Image(np.asarray(volumes.array[row]), volumes.affines([row])[0])
        nibabel.save(image, tmp_path / "given" / f"g{row:03d}.nii.gz")
    sides = read(Folders.of_cohort(folder, tmp_path / "given"), tmp_path / "work")
    given, train = (sides[name].volumes.array.astype(float) for name in ("generated", "train"))
    assert np.mean([np.percentile(cube[cube > 0], 99.9) for cube in volumes.array]) < 250  # their scans had 255
    assert np.abs(given[train > 100] - train[train > 100]).max() <= 2


@pytest.mark.parametrize("below", [".", "code"])
def test_samples_of_a_model_of_another_cohort_or_split_are_told(cohort, tmp_path, below):
    record = tmp_path / "held" / below / "samples.json"
    record.parent.mkdir(exist_ok=True)
    for data, told in ((Volumes(cohort).fingerprint(), False), ("0" * 12, True)):
        record.write_text(json.dumps({"n": 8, "data": data}))
        lines = doubts(read(Folders.of_cohort(cohort, tmp_path / "held"), tmp_path / f"work {told}"))
        found = [line for line in lines if "their model was trained on another cohort than mine" in line]
        assert len(found) == told and all(line.startswith("generated: ") for line in found)


def test_the_command_takes_a_cohort_and_a_folder(cohort, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    params = {"cohorts": {"mine": {"kind": "nifti", "source": "x", "modality": "FLAIR"}}, "experiments": {}}
    (tmp_path / "params.yaml").write_text(json.dumps(params | {"prepare": {"size": 16}} | QUICK))
    (cohort / "preparation.json").unlink()
    (tmp_path / "held" / "samples.json").write_text('{"covariates": {"age": 70}}')
    assert not main(["evaluate", "mine", "--generated", str(tmp_path / "held"), "-o", "out"])
    out, err = capsys.readouterr()
    assert out.strip().endswith("out/report.html")
    assert "note: generated: age 70 was asked for, real people are of any" in err
    said = (tmp_path / "out" / "report.html").read_text()
    assert "mine, held out" in said and "people of the splits test and val together" in said
    assert "Age 70 was asked for, and real people were not chosen so" in said
    assert said.index("Age 70 was asked for") < said.index("Every metric")


def test_the_cohort_s_own_feature_network_is_taken_where_it_is_of_these_scans(cohort, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    params = {"cohorts": {"mine": {"kind": "nifti", "source": "x", "modality": "FLAIR"}}, "experiments": {}}
    params |= {"prepare": {"size": 16}} | QUICK
    (cohort / "preparation.json").unlink()

    def evaluated(output, **changes):
        Path("params.yaml").write_text(json.dumps(params | changes))
        assert not main(["evaluate", "mine", "--generated", str(tmp_path / "held"), "-o", output])
        return "training the feature network" in capsys.readouterr().err, json.loads(
            Path(output, "metrics.json").read_text()
        )

    trained, anew = evaluated("anew")
    assert trained
    assert not main(["features", "mine"])
    trained, kept = evaluated("kept")
    assert not trained and kept["generated"]["mmd_rbf"] == anew["generated"]["mmd_rbf"]
    assert kept["generated"]["frechet"]["basis"] == anew["generated"]["frechet"]["basis"]
    assert evaluated("otherwise", features=params["features"] | {"iterations": 9})[0]
    (cohort / "subjects.csv").write_text((cohort / "subjects.csv").read_text() + "\n")
    assert evaluated("other scans")[0]


@pytest.mark.parametrize(("option", "seed", "named"), [([], 7, "w.pth"), (["--seed", "3"], 3, "w.pth")])
def test_the_cohort_s_seed_and_med3d_hold_where_no_option_says_otherwise(
    cohort, tmp_path, monkeypatch, option, seed, named
):
    monkeypatch.chdir(tmp_path)
    params = {"cohorts": {"mine": {"kind": "nifti", "source": "x"}}, "experiments": {}, "prepare": {"size": 16}}
    Path("params.yaml").write_text(json.dumps(params | {"evaluate": {"seed": 7, "med3d": "w.pth"}}))
    (cohort / "preparation.json").unlink()
    asked = []
    monkeypatch.setattr("alphagan.report.folders.evaluate_folders", lambda *given: asked.append(given))
    main(["evaluate", "mine", "--generated", str(tmp_path / "held"), "-o", "out", *option])
    ((folders, _, sections),) = asked
    assert (folders.seed, folders.med3d) == (seed, named)
    assert folders.config(sections).evaluate.seed == seed


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"real": "x", "generated": "y", "output": "z"}, "--real: is for folders of scans, but the cohort 'mine'"),
        ({"size": 32, "generated": "y", "output": "z"}, "--size: is for folders of scans"),
        ({"generated": "y"}, "--output: is missing"),
        ({"output": "z"}, "--generated: is missing"),
        ({"generated": "y", "output": "z"}, "nowhere"),
    ],
)
def test_what_is_at_odds_with_a_cohort_is_named(tmp_path, given, says):
    with pytest.raises(InputError, match=says):
        from_options("mine", given, tmp_path / "nowhere")


def test_a_field_of_view_is_told(cohort, tmp_path):
    assert Folders.of_cohort(cohort, tmp_path / "trained").fitted == "pad"
    (cohort / "preparation.json").write_text('{"fit": "pad", "field_of_view_mm": 192}')
    folders = Folders.of_cohort(cohort, tmp_path / "trained")
    assert folders.fitted == "field_of_view" and folders.config().prepare.field_of_view_mm == 192


def test_a_cohort_that_holds_out_nobody_is_refused(cohort, tmp_path):
    table = cohort / "subjects.csv"
    table.write_text(table.read_text().replace(",val,", ",train,").replace(",test,", ",train,"))
    with pytest.raises(TooFewError, match="nobody is in the split val or test; prepare.split says who is"):
        evaluate_folders(Folders.of_cohort(cohort, tmp_path / "trained"), tmp_path / "report", QUICK)
    assert not (tmp_path / "report").exists()
