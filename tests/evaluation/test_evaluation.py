"""The evaluation of a whole cohort: every model, and what is left out with its reason."""

import json

import pandas as pd
import pytest
import torch
from factories import write_prepared

from alphagan.errors import InputError
from alphagan.evaluation import cohort
from alphagan.evaluation.cohort import collect, evaluate
from alphagan.evaluation.features.network import train_features
from alphagan.evaluation.samples import Sample, generated_samples, real_sample
from alphagan.files import write_json
from alphagan.metrics import catalogue
from alphagan.settings.cohorts import Augment
from alphagan.settings.config import parse
from alphagan.settings.paths import Paths
from alphagan.training.loop import fit
from alphagan.volumes.prepared import Volumes

CONTENT = {
    "cohorts": {"blobs": {"kind": "template", "source": "x"}},
    "experiments": {"run": {"cohort": "blobs", "model": "alpha_wgan_gp"}},
    "prepare": {"size": 16},
    "model": {"z_dim": 8, "width": 0.0625, "code_units": 16, "critic_norm": "none"},
    "train": {"iterations": 4, "batch_size": 4},
    "evaluate": {"n_generated": 16, "n_pairs": 20, "mmd_batch": 4, "mmd_repeats": 5, "n_bootstrap": 100},
    "features": {"iterations": 5, "batch_size": 8, "threads": 1},
}


def test_a_cohort_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="cohort 'nosuch' is not under cohorts"):
        evaluate(parse(CONTENT), "nosuch", Paths(tmp_path))


def test_evaluate_and_collect(tmp_path):
    config, paths = parse(CONTENT), Paths(tmp_path)
    write_prepared(paths.prepared("blobs"), n=40)
    with pytest.raises(InputError, match="train the feature network first"):
        evaluate(config, "blobs", paths)
    train_features(paths.prepared("blobs"), paths.features("blobs"), config.features)
    with pytest.raises(InputError, match=r"no config\.json"):
        evaluate(config, "blobs", paths)
    fit(config.settings("run"), paths.prepared("blobs"), paths.run("blobs", "alpha_wgan_gp"), paths.scratch("s"))
    found = evaluate(config, "blobs", paths)
    model = "alpha_wgan_gp"
    assert list(found.rows) == ["real", *catalogue.FAULTY, model, f"{model}_early", f"{model}_batch_statistics"]
    assert found.left_out == {}
    assert evaluate(config, "blobs", paths) == found
    write_json(found.as_dict(), paths.metrics("blobs"))
    assert json.loads(collect(config, paths).read_text())["blobs"].keys() == found.rows.keys()
    history = pd.read_csv(paths.run("blobs", model) / "history.csv", dtype=str)
    for term in history.columns.drop("iteration"):
        told = pd.read_csv(paths.reports() / "history" / term / f"blobs-{model}.csv", dtype=str)
        assert told.equals(history[["iteration", term]])


def test_a_model_that_makes_no_brains_is_named_and_the_others_are_measured(tmp_path, monkeypatch):
    config, paths = parse(CONTENT), Paths(tmp_path)
    write_prepared(paths.prepared("blobs"), n=24)
    train_features(paths.prepared("blobs"), paths.features("blobs"), config.features)
    fit(config.settings("run"), paths.prepared("blobs"), paths.run("blobs", "alpha_wgan_gp"), paths.scratch("s"))

    def with_one_that_failed(run, settings):
        for name, sample in generated_samples(run, settings):
            yield name, Sample(torch.full_like(sample.volumes, torch.nan)) if name.endswith("_early") else sample

    monkeypatch.setattr(cohort, "generated_samples", with_one_that_failed)
    found = evaluate(config, "blobs", paths)
    assert "not finite" in found.left_out["alpha_wgan_gp_early"] and "alpha_wgan_gp_early" not in found.rows
    assert {"alpha_wgan_gp", "alpha_wgan_gp_batch_statistics"} <= found.rows.keys()


def test_where_few_people_are_held_out_copies_are_left_out_with_the_reason(tmp_path):
    config, paths = parse(CONTENT), Paths(tmp_path)
    write_prepared(paths.prepared("blobs"), n=24)
    train_features(paths.prepared("blobs"), paths.features("blobs"), config.features)
    fit(config.settings("run"), paths.prepared("blobs"), paths.run("blobs", "alpha_wgan_gp"), paths.scratch("s"))
    found = evaluate(config, "blobs", paths)
    assert "9 people are held out, but a threshold needs 10" in found.left_out["copied, authentic, brain_like"]
    assert not any("copied" in row for row in found.rows.values())


def test_too_few_people_are_refused(tmp_path):
    volumes = Volumes(write_prepared(tmp_path / "p", n=5))
    with pytest.raises(InputError, match="1 people in test"):
        real_sample(volumes, ["test"], Augment(), 1, 0)


def test_a_floor_of_fewer_than_all_scans_is_not_of_the_first_names(tmp_path, monkeypatch):
    """Names begin with their site, so that the first of them would be those of one."""
    content = CONTENT | {"experiments": {}, "evaluate": CONTENT["evaluate"] | {"n_generated": 10}}
    config, paths, seen = parse(content), Paths(tmp_path), []
    folder = write_prepared(paths.prepared("blobs"), n=60)
    train_features(folder, paths.features("blobs"), config.features)
    measured = cohort.Yardstick
    monkeypatch.setattr(
        cohort, "Yardstick", lambda real, floor, *rest: seen.append(floor) or measured(real, floor, *rest)
    )
    evaluate(config, "blobs", paths)
    volumes = Volumes(folder)
    people = volumes.people(volumes.rows("train"))
    assert len(seen[0].people) == len(seen[0].volumes) == 10
    assert set(seen[0].people) <= set(people) and seen[0].people != people[:10]
    assert max(map(people.index, seen[0].people)) > len(people) // 2
