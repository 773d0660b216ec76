"""params.yaml and the presets fit the schema; what does not is refused with the key's path."""

from pathlib import Path

import pytest
import yaml
from factories import tiny_settings

from alphagan.errors import InputError
from alphagan.settings import config
from alphagan.settings.departures import DEPARTURES

ROOT = Path(__file__).parents[2]
SMALL = {
    "cohorts": {"a": {"kind": "template", "source": "x"}},
    "experiments": {"run": {"cohort": "a", "model": "alpha_wgan_gp"}},
}


@pytest.mark.parametrize(
    "path", [ROOT / "params.yaml", *sorted((ROOT / "presets").glob("*.yaml"))], ids=lambda p: p.stem
)
def test_shipped_files_are_valid_and_complete(path):
    loaded = config.load(path)
    for experiment in loaded.experiments:
        loaded.settings(experiment)
    for cohort in loaded.cohorts:
        assert any(experiment.cohort == cohort for experiment in loaded.experiments.values())
    # dvc tracks these by name, so that they must stand in the file even where they equal the default
    written = yaml.safe_load(path.read_text())
    assert {"cohorts", "experiments", "prepare", "model", "train", "evaluate", "paper"} <= set(written)
    assert "size" in written["prepare"]


@pytest.mark.parametrize(
    "path", [ROOT / "params.yaml", *sorted((ROOT / "presets").glob("*.yaml"))], ids=lambda p: p.stem
)
def test_departures_can_be_set_from_the_command_line(path):
    """`dvc exp run -S` changes keys that are there, in the experiments of notebook 04's advice."""
    for experiment in yaml.safe_load(path.read_text())["experiments"].values():
        if experiment["model"] in DEPARTURES and experiment["cohort"] not in ("tumour_flair", "tumour_t2", "stroke"):
            assert {"variant", "departures"} <= set(experiment)


def test_defaults_are_the_paper():
    model, train = config.Model(), config.Train()
    assert (model.z_dim, model.width, model.code_units, model.critic_norm) == (1000, 1.0, 4096, "batch")
    assert (model.lambda1, model.lambda2, model.generator_steps) == (10.0, 10.0, 2)
    assert (train.batch_size, train.lr, train.betas, train.iterations) == (4, 0.0002, [0.9, 0.999], 12000)


def test_overrides_change_one_experiment():
    overrides = {"model": {"z_dim": 7}, "train": {"lr": 0.5}}
    content = {**SMALL, "experiments": {"run": SMALL["experiments"]["run"] | {"overrides": overrides}}}
    settings = config.parse(content).settings("run")
    assert (settings.model.z_dim, settings.train.lr) == (7, 0.5)
    with pytest.raises(InputError, match=r"experiment 'other' is not under experiments .* \(known: run\)"):
        config.parse(content).settings("other")


def test_fingerprint_changes_with_results_and_not_with_the_device():
    reference = tiny_settings().fingerprint()
    assert tiny_settings(device="cpu").fingerprint() == reference
    assert tiny_settings(lr=0.1).fingerprint() != reference
    assert tiny_settings(model={"z_dim": 9}).fingerprint() != reference


@pytest.mark.parametrize(
    "name",
    ["adni_1.5T", "2019", 2019, "1e5", "1_000", "yes", True, None, "null", "../x", "a/b", "a b", "-x", ""],
)
@pytest.mark.parametrize("section", ["cohorts", "experiments"])
def test_names_that_the_pipeline_cannot_carry_are_refused(section, name):
    cohort = {"kind": "nifti", "source": "x"}
    content = {"cohorts": {"mine": cohort}, "experiments": {}}
    content[section] = {name: cohort if section == "cohorts" else {"cohort": "mine", "model": "wgan_gp"}}
    with pytest.raises(InputError, match="is no name that DVC can hand on: use letters, digits"):
        config.parse(content)


@pytest.mark.parametrize("ending", ["early", "batch_statistics", "seed1_early"])
def test_models_have_no_name_of_another_models_rows(ending):
    content = {
        "cohorts": {"c": {"kind": "nifti", "source": "x"}},
        "experiments": {"e": {"cohort": "c", "model": f"alpha_wgan_gp_{ending}"}},
    }
    with pytest.raises(InputError, match="experiments.e.model: .* another model's metrics have rows of that name"):
        config.parse(content)


@pytest.mark.parametrize("name", ["mine", "3T", "7e", "adni-2_b", "nan", "inf", "none"])
def test_names_that_it_can_carry_are_taken(name):
    assert name in config.parse({"cohorts": {name: {"kind": "nifti", "source": "x"}}, "experiments": {}}).cohorts
