"""Numbers that documents quote of three seeds of the paper's models on IXI are those of the files beside them."""

import json

import pytest
import quoted
from imports import ROOT
from quoted import row_of, said

MODELS = {shown: model for model, shown in quoted.MODELS.items()}
IXI = ROOT / "results/ixi_32"


def content(name):
    return json.loads((IXI / name).read_text(encoding="utf-8"))


FIRST, MORE = content("metrics.json")["ixi"], content("seeds.json")


def values(metric, *models):
    """Of seeds 2019, 1 and 2 of each model."""
    rows = [row for model in models for row in (FIRST[model], MORE[f"{model}_seed1"], MORE[f"{model}_seed2"])]
    return [row[metric]["value"] for row in rows]


def listed(metric, digits, model, factor=1, last=", "):
    *before, end = (f"{factor * value:.{digits}f}" for value in values(metric, model))
    return f"{', '.join(before)}{last}{end}"


def span(metric, digits, *models, factor=1):
    found = values(metric, *models)
    return " to ".join(f"{factor * value:.{digits}f}" for value in (min(found), max(found)))


@pytest.mark.parametrize("name", MODELS)
def test_rows_of_three_seeds_are_those_of_their_metrics(name):
    model = MODELS[name]
    digits = {"mmd_rbf": 3, "mmd_rbf_p": 3, "spectrum_distance": 2}
    row = [f"{name}, three seeds", *(listed(metric, n, model) for metric, n in digits.items())]
    row.append(listed("brain_like", 0, model, 100) + " %")
    row += [listed(metric, n, model) for metric, n in {"ms_ssim": 3, "recall": 2, "asymmetry_cohens_d": 2}.items()]
    assert f"| {' | '.join(row)} |" in (IXI / "README.md").read_text(encoding="utf-8")


def test_both_files_are_of_the_same_people_and_yardstick():
    for metric in ("mmd_rbf", "mmd_rbf_p", "ms_ssim", "spectrum_distance", "asymmetry_cohens_d"):
        assert (
            FIRST["real"][metric] == MORE["real"][metric]
            and FIRST["gaussian_noise"][metric] == MORE["gaussian_noise"][metric]
        )


def test_what_is_said_of_three_seeds_on_ixi_is_so():
    text, ours, wgan_gp = said("results/ixi_32/README.md"), "alpha_wgan_gp", "wgan_gp"
    mmd = [listed("mmd_rbf", 3, model, last=" and ") for model in (ours, wgan_gp)]
    assert f"WGAN-GP: {mmd[0]} against {mmd[1]}" in text
    assert [sum(p < 0.05 for p in values("mmd_rbf_p", model)) for model in MODELS.values()] == [1, 3, 3, 2]
    apart = [span(name, 2, model) for name in ("asymmetry_cohens_d", "recall") for model in (ours, wgan_gp)]
    assert f"(d {apart[0]} against {apart[1]}" in text and f"(recall {apart[2]} against {apart[3]};" in text
    people, spread = FIRST["real"]["voxelwise_sd"]["value"], {f"{sd:.3f}" for sd in values("voxelwise_sd", wgan_gp)}
    assert f"(SD {spread.pop()}, people {people:.3f}, the proposed model {span('voxelwise_sd', 3, ours)})" in text
    assert not spread
    effects = [name for name in FIRST["real"] if name.endswith("_cohens_d")]
    assert f"{max(abs(value) for name in effects for value in values(name, ours)):.2f} of people's" in text
    small = listed("ventricle_volume_cohens_d", 2, "alpha_gan", last=" and ")
    large = listed("brain_volume_cohens_d", 2, "vae_gan", last=" and ")
    assert f"ventricles are too small (d {small}) and VAE-GAN's brains too large (d {large})" in text
    few = [span("recall", 2, model) for model in ("vae_gan", "alpha_gan")]
    assert f"recall is {few[0]} and {few[1]}, real people's {FIRST['real']['recall']['value']:.2f}" in text


def test_claims_that_ixi_was_asked_about_have_its_numbers():
    text, people = said("results/README.md"), {name: row["value"] for name, row in FIRST["real"].items()}
    ours, alpha_gan, vae_gan, wgan_gp = MODELS.values()
    mmd = [f"{listed('mmd_rbf', 3, model)} (p {listed('mmd_rbf_p', 2, model)})" for model in (ours, wgan_gp)]
    far = [span("mmd_rbf", 3, model) for model in (alpha_gan, vae_gan)]
    assert f"IXI: {mmd[0]}, WGAN-GP {mmd[1]}, α-GAN {far[0]} and VAE-GAN {far[1]} (p 0.002 in all)" in text
    assert {round(p, 3) for p in values("mmd_rbf_p", alpha_gan, vae_gan)} == {0.002}
    alike = [span("ms_ssim", 3, model) for model in (ours, wgan_gp, alpha_gan, vae_gan)]
    real = f"{people['ms_ssim']:.3f}"
    assert "IXI: {0}, real people {4}; WGAN-GP {1}, α-GAN {2}, VAE-GAN {3};".format(*alike, real) in text
    assert f"IXI: WGAN-GP {alike[1]}, more diverse than people ({real}), recall" in text
    recall = [span("recall", 2, model) for model in (vae_gan, ours, wgan_gp)]
    assert f"({real}), recall {recall[2]}; VAE-GAN {alike[3]}" in text
    assert f"few kinds of people (recall {recall[0]}, the proposed model {recall[1]})" in text
    blurred = [span("spectrum_distance", 2, wgan_gp), span("brain_like", 0, wgan_gp, factor=100)]
    others = [
        span("spectrum_distance", 2, *(ours, alpha_gan, vae_gan)),
        span("brain_like", 0, *(ours, alpha_gan, vae_gan), factor=100),
    ]
    assert f"On IXI WGAN-GP has {blurred[0]} and {blurred[1]} %, the others {others[0]} and {others[1]} %" in text


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("short code (6)", "alpha_wgan_gp_z100"),
        ("long code (131)", "alpha_wgan_gp_z2048"),
        ("the paper's own settings", "alpha_wgan_gp_published"),
        ("half the learning rate", "vae_gan_halved_learning_rate"),
    ],
)
def test_rows_of_other_codes_and_settings_are_those_of_their_metrics(name, model):
    assert row_of(model, f"{name}, seed 2019", MORE[model]) in (IXI / "README.md").read_text(encoding="utf-8")


def test_what_is_said_of_other_lengths_of_the_code_is_so():
    text, page = said("results/README.md"), said("results/ixi_32/README.md")
    short, long = ({key: row["value"] for key, row in MORE[f"alpha_wgan_gp_{z}"].items()} for z in ("z100", "z2048"))
    usual, detail = span("recall", 2, "alpha_wgan_gp"), span("brain_like", 0, "alpha_wgan_gp", factor=100)
    said_of_short = f"recall {short['recall']:.2f} instead of {usual}, {100 * short['brain_like']:.0f} %"
    assert f"{said_of_short} have the detail of a brain instead of {detail} %" in text
    said_of_long = f"{100 * long['brain_like']:.0f} % ({detail} % with 64), MS-SSIM {long['ms_ssim']:.3f}"
    assert f"{said_of_long}, recall {long['recall']:.2f}" in text
    few = f"recall falls to {short['recall']:.2f} and {100 * short['brain_like']:.0f} % have the detail of a brain"
    assert few in page and f"(d {long['asymmetry_cohens_d']:.2f})" in page


def test_what_is_said_of_vae_gan_at_half_the_learning_rate_is_so():
    found = {key: row["value"] for key, row in MORE["vae_gan_halved_learning_rate"].items()}
    far = span("mmd_rbf", 3, "vae_gan")
    said_of_it = f"with half of it, MMD² is {found['mmd_rbf']:.3f} in place of {far}, and recall {found['recall']:.2f}"
    assert said_of_it in said("results/ixi_32/README.md")
    assert f"VAE-GAN at half the learning rate {found['mmd_rbf']:.3f}, one seed" in said("results/README.md")
