"""Options that are said to have no effect on a model have none on its weights, and all others have one."""

import pytest
import torch
from factories import write_prepared

from alphagan.errors import InputError
from alphagan.settings.config import parse
from alphagan.settings.departures import UNUSED
from alphagan.settings.sections import Model
from alphagan.training import fit

SMALL = {"z_dim": 8, "width": 0.0625, "code_units": 16, "critic_norm": "none"}
OTHER = {
    "code_units": 24,
    "critic_norm": "group",
    "penalty": "either",
    "penalty_every": 2,
    "lambda1": 3.0,
    "lambda2": 3.0,
    "reconstruction": "balanced",
    "generator_steps": 1,
    "codes": "normalised",
    "joint_batch": True,
    "augmentation": "both",
    "critic_shift": 1,
    "critic_cutout": 0.4,
    "detail_weight": 3.0,
    "head": "haar",
}


def content(model, **changes):
    return {
        "cohorts": {"tiny": {"kind": "template", "source": "x"}},
        "experiments": {"run": {"cohort": "tiny", "model": model}},
        "prepare": {"size": 16},
        "model": SMALL | changes,
        "train": {"iterations": 2, "batch_size": 4},
    }


def test_every_option_is_tried():
    assert OTHER.keys() == Model.model_fields.keys() - {"z_dim", "width"}


@pytest.mark.slow
@pytest.mark.parametrize("model", UNUSED)
def test_unused_options_change_no_weight_and_others_change_some(model, tmp_path):
    prepared = write_prepared(tmp_path / "prepared")

    def weights(name, **changes):
        settings, run = parse(content(model, **changes)).settings("run"), tmp_path / name
        fit(settings, prepared, run, tmp_path / "scratch", progress=False)
        networks = torch.load(run / "weights.pt", weights_only=True)
        states = [networks[key] for key in sorted(networks) if isinstance(networks[key], dict)]
        return [tensor for state in states for tensor in state.values() if torch.is_tensor(tensor)]

    published = weights("published")
    without = set()
    for option, value in OTHER.items():
        found = weights(option, **{option: value})
        if len(found) == len(published) and all(map(torch.equal, found, published)):
            without.add(option)
    assert without == set(UNUSED[model])


@pytest.mark.parametrize("model", [model for model in UNUSED if UNUSED[model]])
def test_an_override_without_effect_is_refused_unless_it_says_what_was_published(model):
    told = content(model)
    for option in UNUSED[model]:
        told["experiments"]["run"]["overrides"] = {"model": {option: OTHER[option]}}
        with pytest.raises(InputError, match=f"experiments.run.overrides.model.{option}: has no effect on {model}"):
            parse(told)
        told["experiments"]["run"]["overrides"] = {"model": {option: Model.model_fields[option].default}}
        parse(told)
