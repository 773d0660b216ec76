"""Numbers that documents quote of the thumbnail are those of the files beside them, of one seed and of three."""

import json

import pytest
from imports import ROOT
from quoted import said, shown

THUMBNAIL = {
    "simulated people (training)": "real",
    "α-WGAN-GP": "alpha_wgan_gp",
    "α-GAN": "alpha_gan",
    "VAE-GAN": "vae_gan",
    "WGAN-GP": "wgan_gp",
    "α-WGAN-GP, short code (3)": "alpha_wgan_gp_z100",
    "α-WGAN-GP, long code (66)": "alpha_wgan_gp_z2048",
    "noise model": "gaussian_noise",
    "mean brain": "mean_brain",
}


@pytest.mark.parametrize("name", THUMBNAIL)
def test_rows_of_the_thumbnail_are_those_of_its_metrics(name):
    metrics = json.loads((ROOT / "results/thumbnail/metrics.json").read_text(encoding="utf-8"))["normal"]
    found = metrics[THUMBNAIL[name]]
    row = [
        name,
        shown(found["mmd_as_published"], 4),
        shown(found["mmd_rbf"], 3),
        f"{found['mmd_rbf_p']['value']:.2f}",
        shown(found["spectrum_distance"], 2),
        shown(found["ms_ssim"], 3),
        *(f"{100 * found[share]['value']:.0f} %" for share in ("brain_like", "copied")),
    ]
    assert f"| {' | '.join(row)} |" in (ROOT / "results/README.md").read_text(encoding="utf-8")


def _of_seeds(name):
    found = json.loads((ROOT / "results/thumbnail/seeds.json").read_text(encoding="utf-8"))
    return [found[name + ending] for ending in ("", "_seed1", "_seed2")] if name != "real" else [found["real"]]


SEEDS = {name: model for name, model in THUMBNAIL.items() if model not in ("gaussian_noise", "mean_brain")}


@pytest.mark.parametrize(("name", "model"), {**SEEDS, "WGAN-GP, 4 800 iterations": "wgan_gp_longer"}.items())
def test_rows_of_three_seeds_are_those_of_their_metrics(name, model):
    seeds, row = _of_seeds(model), [name]
    for metric, digits in {
        "mmd_as_published": 4,
        "mmd_rbf": 3,
        "mmd_rbf_p": 2,
        "spectrum_distance": 2,
        "ms_ssim": 3,
    }.items():
        row.append(", ".join(f"{seed[metric]['value']:.{digits}f}" for seed in seeds))
    row += [
        ", ".join(f"{100 * seed[share]['value']:.0f}" for seed in seeds) + " %" for share in ("brain_like", "copied")
    ]
    row.append(", ".join(f"{seed['recall']['value']:.2f}" for seed in seeds))
    assert f"| {' | '.join(row)} |" in (ROOT / "results/README.md").read_text(encoding="utf-8")


def test_claims_about_three_seeds_have_their_numbers():
    def span(metric, digits, *models, factor=1):
        values = [factor * seed[metric]["value"] for model in models for seed in _of_seeds(model)]
        low, high = (f"{value:.{digits}f}" for value in (min(values), max(values)))
        return low if low == high else f"{low} to {high}"

    text, ours, baselines = said("results/README.md"), "alpha_wgan_gp", ("alpha_gan", "vae_gan", "wgan_gp")
    mmd = [span("mmd_rbf", 3, model) for model in (ours, *baselines)]
    assert f"{mmd[0]} in three seeds; α-GAN {mmd[1]}, VAE-GAN {mmd[2]}, WGAN-GP {mmd[3]}." in text
    told = {model: [seed["mmd_rbf_p"]["value"] < 0.05 for seed in _of_seeds(model)] for model in (ours, *baselines)}
    assert [sum(told[model]) for model in (ours, *baselines)] == [0, 3, 3, 0]
    people = f"{_of_seeds('real')[0]['ms_ssim']['value']:.3f}"
    assert f"{span('ms_ssim', 3, ours)}, people {people}; α-GAN {span('ms_ssim', 3, 'alpha_gan')}, VAE-GAN" in text
    diverse = [span("ms_ssim", 3, model) for model in ("wgan_gp", "vae_gan")]
    recall = [span("recall", 2, model) for model in ("wgan_gp", "vae_gan", ours)]
    words = f"{diverse[0]} and {diverse[1]}, people {people}; recall {recall[0]} and {recall[1]}, the proposed model "
    assert words + recall[2] in text
    others = (ours, "alpha_gan", "vae_gan")
    blurred = (
        f"spectra {span('spectrum_distance', 2, 'wgan_gp')} away, {span('brain_like', 0, 'wgan_gp', factor=100)} %"
    )
    assert blurred + " have the detail" in text
    rest = span("spectrum_distance", 2, *others), span("brain_like", 0, *others, factor=100)
    assert f"the others {rest[0]}, {rest[1]} %" in text
    short, long = "alpha_wgan_gp_z100", "alpha_wgan_gp_z2048"
    assert f"recall {span('recall', 2, short)} instead of {recall[2]} in three seeds" in text
    assert f"MMD² ({span('mmd_rbf', 3, short)}) and MS-SSIM ({span('ms_ssim', 3, short)}) hardly" in text
    like = [span("brain_like", 0, model, factor=100) for model in (long, ours)]
    assert f"{like[0]} % have the detail of a brain ({like[1]} % with 32), MS-SSIM {span('ms_ssim', 3, long)}" in text
    assert f"recall {span('recall', 2, long)}, three seeds" in text


def test_lesions_of_the_thumbnail_are_those_of_its_files():
    found = {
        cohort: json.loads((ROOT / f"results/thumbnail/lesions_{cohort}.json").read_text(encoding="utf-8"))["found"]
        for cohort in ("tumour_flair", "tumour_t2", "stroke")
    }
    ours, people = (
        [f"{100 * each[name]['share']['value']:.0f}" for each in found.values()]
        for name in ("alpha_wgan_gp", "people, training")
    )
    text = said("results/README.md")
    assert (
        f"{ours[0]} % (FLAIR), {ours[1]} % (T2w) and {ours[2]} % (strokes) of 256 samples carry a plain lesion" in text
    )
    assert f"training people {people[0]}, {people[1]} and {people[2]} %" in text
    metrics = json.loads((ROOT / "results/thumbnail/metrics.json").read_text(encoding="utf-8"))
    p = [metrics[cohort]["alpha_wgan_gp"]["mmd_rbf_p"]["value"] for cohort in found]
    assert f"(p {p[0]:.3f}), with tumours in T2w ({p[1]:.2f}) and strokes ({p[2]:.2f}) not" in text
