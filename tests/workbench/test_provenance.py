"""Models that were trained on other scans than a cohort has now are told before they are measured on them."""

import json
import os
import shutil

import numpy as np
import pytest
from factories import tiny_settings, write_prepared
from scans import head, write
from trainings import trained

from alphagan.__main__ import main
from alphagan.errors import InputError
from alphagan.metrics.catalogue import FAULTY
from alphagan.preparation.prepare import prepare
from alphagan.settings.config import parse
from alphagan.settings.paths import Paths
from alphagan.volumes.prepared import Volumes
from alphagan.workbench.commands import _note_other_scans
from alphagan.workbench.provenance import (
    note_other_scans,
    of_changed_folder,
    of_changed_scans,
    of_other_scans,
    of_other_settings,
    of_other_weights,
)
from alphagan.workbench.results import keep_audit, keep_metrics
from alphagan.workbench.workspace import Workspace

PARAMS = {
    "cohorts": {"c": {"kind": "nifti", "source": "raw"}},
    "experiments": {"e": {"cohort": "c", "model": "alpha_wgan_gp"}},
}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("root"), tiny_settings(iterations=1))


def laid_out(root, folder, **cubes):
    """A project whose run was trained on one preparation, and whose cohort is another."""
    paths = Paths(folder)
    paths.run("c", "alpha_wgan_gp").parent.mkdir(parents=True)
    paths.run("c", "alpha_wgan_gp").symlink_to(root / "run")
    write_prepared(paths.prepared("c"), **cubes)
    return paths


def test_a_run_of_the_cohort_as_it_is_goes_unmentioned(root, tmp_path):
    assert of_other_scans([root / "run", tmp_path / "nowhere"], Volumes(root / "prepared"), same_size=True) == []


def test_scans_that_were_replaced_since_are_told(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    volumes = Volumes(prepared_scans(tmp_path))
    scan, made = tmp_path / "raw/sub-01.nii", (volumes.folder / "subjects.csv").stat().st_mtime
    os.utime(scan, (made + 10, made + 10))  # copied again, and the same
    assert of_changed_scans(volumes) == []
    write(scan, head(9))
    os.utime(scan, (made + 10, made + 10))
    (line,) = of_changed_scans(volumes)
    assert line.startswith("1 of 3 scans, such as raw/sub-01.nii, are others now than were prepared: prepare c")
    capsys.readouterr()
    note_other_scans([], volumes)
    assert capsys.readouterr().err == f"note: {line}\n"
    os.utime(scan, (made - 10, made - 10))  # no newer, and so not read
    assert of_changed_scans(volumes) == []
    scan.unlink()
    (line,) = of_changed_scans(volumes)
    assert line == "1 of 3 scans that were prepared, such as raw/sub-01.nii, are not there any more: prepare c again"
    shutil.rmtree(tmp_path / "raw")  # as on another machine
    assert of_changed_scans(volumes) == []


def test_scans_that_were_added_since_are_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    prepared_scans(tmp_path)
    assert of_changed_folder(parse(PARAMS), "c", Paths(tmp_path)) == []
    write(tmp_path / "raw/sub-07.nii", head(7))
    (line,) = of_changed_folder(parse(PARAMS), "c", Paths(tmp_path))
    assert line == "scans that came after c was prepared: 1, such as raw/sub-07.nii; prepare it again"


def test_masks_that_were_replaced_since_are_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number in range(3):
        write(tmp_path / f"raw/0{number}_T1w.nii", head(number))
        write(tmp_path / f"raw/0{number}_mask.nii", (head(number) > 0).astype(np.uint8))
    patterns = {"pattern": "{subject}_T1w.nii", "mask_pattern": "{subject}_mask.nii"}
    config = parse(PARAMS | {"cohorts": {"c": PARAMS["cohorts"]["c"] | patterns}})
    prepare("c", config, Paths(tmp_path), progress=False)
    assert of_changed_folder(config, "c", Paths(tmp_path)) == []
    write(tmp_path / "raw/01_mask.nii", (head(1) > 0.9 * head(1).max()).astype(np.uint8))
    (line,) = of_changed_folder(config, "c", Paths(tmp_path))
    assert line.startswith("brain masks of c are others now than those that it was prepared with: prepare c again")
    for mask in (tmp_path / "raw").glob("*_mask.nii"):  # moved away
        mask.unlink()
    assert of_changed_folder(config, "c", Paths(tmp_path)) == []


def prepared_scans(root):
    for number in range(3):
        write(root / f"raw/sub-0{number}.nii", head(number))
    return prepare("c", parse(PARAMS), Paths(root), progress=False)


def test_a_run_of_other_scans_is_told(root, tmp_path, capsys):
    paths = laid_out(root, tmp_path, n=24)
    _note_other_scans(parse(PARAMS), "c", paths)
    said = capsys.readouterr().err
    run, prepared = paths.run("c", "alpha_wgan_gp"), paths.prepared("c")
    assert said.startswith(f"note: {run} was trained on the cohort ") and f", and not on {prepared}: " in said
    assert said.count("note: ") == 2 and " was trained with other settings (" in said


def test_metrics_of_earlier_weights_are_told(root, tmp_path, monkeypatch, capsys):
    paths, config = laid_out(root, tmp_path), parse(PARAMS)
    assert of_other_weights(config, "c", paths) == []  # nothing is measured yet
    weights = json.loads((root / "run" / "config.json").read_text())["weights_sha256"]
    for path, content in ((paths.metrics("c"), {}), (paths.provenance("metrics", "c"), {"alpha_wgan_gp": weights})):
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(content))
    assert of_other_weights(config, "c", paths) == []
    paths.provenance("metrics", "c").write_text('{"alpha_wgan_gp": "0"}')
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(json.dumps(PARAMS))
    assert main(["collect"]) == 0
    said = "reports/metrics/c.json is of other weights than alpha_wgan_gp now has; run alphagan evaluate c again"
    assert f"note: {said}" in capsys.readouterr().err
    with pytest.warns(UserWarning, match=said):
        Workspace("full").metrics("c")


def test_models_that_params_no_longer_names_are_left_out_and_named(root, tmp_path, monkeypatch, capsys):
    paths = laid_out(root, tmp_path)
    weights = json.loads((root / "run" / "config.json").read_text())["weights_sha256"]
    own = ["alpha_wgan_gp", "alpha_wgan_gp_early", "alpha_wgan_gp_batch_statistics"]
    dropped = ["wgan_gp", "alpha_wgan_gp_seed1"]
    rows = {name: {"mmd_rbf": {"value": 1.0}} for name in ("real", *FAULTY, *own, *dropped)}
    told = {"alpha_wgan_gp": weights} | dict.fromkeys(dropped, "0")
    for path, content in ((paths.metrics("c"), rows), (paths.provenance("metrics", "c"), told)):
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(content))
    before = paths.metrics("c").read_bytes()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(json.dumps(PARAMS))
    assert main(["collect"]) == 0
    assert list(json.loads((tmp_path / "reports/metrics.json").read_text())["c"]) == ["real", *FAULTY, *own]
    says = "left out of reports/metrics.json: wgan_gp, alpha_wgan_gp_seed1 of c, which params.yaml no longer names"
    assert capsys.readouterr().err == f"note: {says}\n"
    assert paths.metrics("c").read_bytes() == before
    content = PARAMS | {"experiments": {"e": {"cohort": "c", "model": "wgan_gp"}}}
    (tmp_path / "params.yaml").write_text(json.dumps(content))
    (tmp_path / "models/c/wgan_gp").symlink_to(root / "run")
    assert main(["collect"]) == 0
    assert list(json.loads((tmp_path / "reports/metrics.json").read_text())["c"]) == ["real", *FAULTY, "wgan_gp"]
    assert f"{', '.join(own)}, alpha_wgan_gp_seed1 of c" in capsys.readouterr().err


def test_a_run_that_was_copied_under_another_name_is_not_measured_as_the_first(root, tmp_path):
    paths, config = laid_out(root, tmp_path), parse(PARAMS)
    copied = paths.run("c", "alpha_wgan_gp")
    told = json.loads((root / "run" / "config.json").read_text()) | {"name": "alpha_wgan_gp_seed1"}
    copied.unlink()
    shutil.copytree(root / "run", copied)
    (copied / "config.json").write_text(json.dumps(told))
    for measure in (keep_metrics, keep_audit):
        with pytest.raises(InputError, match='was trained as alpha_wgan_gp_seed1, .* set "name" in its config'):
            measure(config, "c", paths)


def test_a_run_of_the_cohort_as_it_was_before_is_told_as_such(root, tmp_path):
    volumes = Volumes(write_prepared(tmp_path / "prepared" / "c", n=24))
    copied = tmp_path / "models" / "c" / "copied"
    copied.mkdir(parents=True)
    told = json.loads((root / "run" / "config.json").read_text()) | {"cohort": "c"}
    (copied / "config.json").write_text(json.dumps(told))
    (line,) = of_other_scans([copied], volumes)
    assert line.startswith(f"{copied} was trained on {volumes.folder} as it was before (other scans, another")


def test_a_run_of_other_settings_is_told_and_what_decides_nothing_is_not(root, tmp_path):
    paths, settings = laid_out(root, tmp_path), tiny_settings(iterations=1)
    same = settings.model_dump(mode="json", include={"model", "train", "augment"})
    content = PARAMS | {"cohorts": {"c": PARAMS["cohorts"]["c"] | {"augment": same["augment"]}}}
    content |= {"prepare": {"size": settings.size}, "model": same["model"], "train": same["train"] | {"threads": 7}}
    assert of_other_settings(parse(content), "c", paths) == []
    before, content["model"]["lambda2"] = same["model"]["lambda2"], 99.0
    content["cohorts"]["c"]["augment"] = {"flip": not same["augment"]["flip"], "intensity": None}
    (line,) = of_other_settings(parse(content), "c", paths)
    assert "alpha_wgan_gp was trained with other settings (" in line
    assert f"model.lambda2 {before} -> 99.0" in line and "augment.flip" in line


def test_a_run_of_another_size_is_refused_where_it_cannot_be_used(root, tmp_path):
    paths = laid_out(root, tmp_path, size=32)
    with pytest.raises(InputError, match=r"alpha_wgan_gp: of 16 voxels along each side, .* has 32; train it again"):
        _note_other_scans(parse(PARAMS), "c", paths, same_size=True)


def test_reconstructions_of_held_out_people_say_so(root, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_prepared(tmp_path / "data" / "prepared" / tiny_settings().cohort, n=24)
    assert main(["reconstruct", str(root / "run"), "-o", str(tmp_path / "out")]) == 0
    assert "people whom it was trained on may be held out now" in capsys.readouterr().err


def test_reconstructions_of_another_cohort_say_so(root, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    other = write_prepared(tmp_path / "other", n=24)
    assert main(["reconstruct", str(root / "run"), "--prepared", str(other), "-o", str(tmp_path / "out")]) == 0
    assert "and not on" in (said := capsys.readouterr().err) and "some who are held out here" in said
    (other / "preparation.json").write_text('{"modality": "FLAIR"}')
    run = shutil.copytree(root / "run", tmp_path / "run")
    told = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps(told | {"modality": "T1w"}))
    assert main(["reconstruct", str(run), "--prepared", str(other), "-o", str(tmp_path / "out2")]) == 0
    assert f"was trained on T1w scans, and {other} holds FLAIR" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["evaluate", "audit", "lesions"])
def test_a_model_that_is_not_trained_yet_is_named_with_what_trains_it(tmp_path, monkeypatch, capsys, command):
    monkeypatch.chdir(tmp_path)
    write_prepared(tmp_path / "data/prepared/tiny")
    cohort = {"kind": "template", "source": "x", "lesion": "stroke"}
    experiments = {"tiny-one": {"cohort": "tiny", "model": "wgan_gp"}}
    (tmp_path / "params.yaml").write_text(json.dumps({"cohorts": {"tiny": cohort}, "experiments": experiments}))
    assert main([command, "tiny"]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.endswith("models/tiny/wgan_gp: not trained yet; run `alphagan train tiny-one`, or leave it out")
