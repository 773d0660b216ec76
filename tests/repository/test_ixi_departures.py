"""Numbers that documents quote of the released code's departures on IXI are those of the file beside them."""

import json

import pytest
import quoted
from imports import ROOT
from quoted import row_of, said

from alphagan.settings.config import family, load
from alphagan.settings.departures import DEPARTURES

FOUND = json.loads((ROOT / "results/ixi_32/departures.json").read_text(encoding="utf-8"))
WORDS = {
    "": "no departure",
    "dead_code_gradient": "C learns nothing from E",
    "no_augmentation": "no augmentation",
    "one_real_batch": "one batch of real scans",
    "halved_learning_rate": "half the learning rate",
    "saturating_loss": "saturating loss",
    "pixel_reconstruction": "error in voxels",
    "averaged_kl": "divergence averaged over the code",
    "dense_encoder": "dense encoder",
    "per_voxel_penalty": "penalty on each voxel",
    "patch_critic": "D scores patches",
    "reversed_ratio": "five steps of G for one of D",
    "released": "all of these",
}


def value(model, metric, digits, factor=1):
    return quoted.value(FOUND[model][metric], digits, factor)


def test_every_departure_was_tried_with_the_preset_and_has_a_row():
    tried = {experiment.model for experiment in load(ROOT / "presets/ixi_32_departures.yaml").experiments.values()}
    assert tried == FOUND.keys() - {"real", "mean_brain", "gaussian_noise", "memoriser"}
    wanted = {f"{model}_{name}" for model, names in DEPARTURES.items() for name in names}
    several = {f"{model}_released" for model, names in DEPARTURES.items() if len(names) > 1}
    assert tried == wanted | several | DEPARTURES.keys()


@pytest.mark.parametrize("model", FOUND.keys() - {"real", "mean_brain", "gaussian_noise", "memoriser"})
def test_rows_are_those_of_the_metrics(model):
    what = WORDS[model.removeprefix(family(model)).strip("_")]
    assert row_of(model, what, FOUND[model]) in (ROOT / "results/ixi_32/README.md").read_text(encoding="utf-8")


def test_what_is_said_of_departures_is_so():
    page, claims = said("results/ixi_32/README.md"), said("results/README.md")

    def change(metric, digits, family, departure, factor=1):
        after, before = (value(model, metric, digits, factor) for model in (f"{family}_{departure}", family))
        return f"{after} instead of {before}"

    collapsed = [change(metric, n, "wgan_gp", "reversed_ratio") for metric, n in {"ms_ssim": 3, "recall": 2}.items()]
    assert f"MS-SSIM {collapsed[0]} (people {value('real', 'ms_ssim', 3)}), recall {collapsed[1]}" in page
    others = [FOUND[f"wgan_gp_{name}"]["recall"]["value"] for name in ("per_voxel_penalty", "patch_critic")]
    assert min(others) > 0.4  # nothing else makes it collapse
    steps = value("wgan_gp_reversed_ratio", "ms_ssim", 3), value("wgan_gp_reversed_ratio", "recall", 2)
    assert f"five steps of G for one of D: MS-SSIM {steps[0]}, recall {steps[1]}, one seed" in claims
    code = [
        change(*row[:2], "alpha_wgan_gp", "dead_code_gradient")
        for row in (("recall", 2), ("asymmetry_cohens_d", 2), ("mmd_rbf", 3))
    ]
    detail = [value(f"alpha_wgan_gp{name}", "brain_like", 0, 100) for name in ("_dead_code_gradient", "")]
    less = f"less detail ({detail[0]} instead of {detail[1]} %) and symmetry (d {code[1]})"
    assert f"(recall {code[0]}, with intervals that overlap), {less}" in page
    assert f"MMD² ({code[2]}) hardly" in page
    assert f"augmented (MMD² {change('mmd_rbf', 3, 'alpha_gan', 'no_augmentation')})" in page
    assert f"saturating loss (MMD² {change('mmd_rbf', 3, 'vae_gan', 'saturating_loss')};" in page
    mended = [value(f"vae_gan_{name}", "mmd_rbf", 3) for name in ("halved_learning_rate", "pixel_reconstruction")]
    similar = value("vae_gan_pixel_reconstruction", "ms_ssim", 3)
    assert f"brings it nearer ({mended[0]})" in page and f"nearer too ({mended[1]}; MS-SSIM {similar})" in page
    broken = [value(f"vae_gan{name}", "brain_like", 0, 100) for name in ("_saturating_loss", "")]
    assert f"{broken[0]} instead of {broken[1]} % have the detail of a brain" in page
    assert value("vae_gan_released", "mmd_rbf", 3) == value("vae_gan", "mmd_rbf", 3) == "0.091"
    assert f"counts background ({value('wgan_gp_reversed_ratio', 'ms_ssim_as_published', 3)} here)" in page
