"""Numbers that documents quote of IXI at 64 cubed, from a processor, are those of the file beside them."""

import json

import pytest
from imports import ROOT
from quoted import said, shown, value

FOUND = json.loads((ROOT / "results/ixi_64/metrics.json").read_text(encoding="utf-8"))
ROWS = {
    "real (training people)": "real",
    "α-WGAN-GP, seed 2019": "alpha_wgan_gp",
    "α-WGAN-GP, seed 1": "alpha_wgan_gp_seed1",
    "α-WGAN-GP, detail, seed 2019": "alpha_wgan_gp_detail",
    "WGAN-GP, seed 2019": "wgan_gp",
    "WGAN-GP, seed 1": "wgan_gp_seed1",
    "noise model": "gaussian_noise",
    "mean brain": "mean_brain",
}
PAGE = "results/ixi_64/README.md"
OURS, WGAN_GP, DETAIL = "alpha_wgan_gp", "wgan_gp", "alpha_wgan_gp_detail"


@pytest.mark.parametrize("name", ROWS)
def test_rows_are_those_of_the_metrics(name):
    found = FOUND[ROWS[name]]
    row = [name, shown(found["mmd_rbf"], 3), value(found["mmd_rbf_p"], 3), shown(found["spectrum_distance"], 2)]
    row += [f"{value(found['brain_like'], 0, 100)} %", shown(found["ms_ssim"], 3)]
    row += [value(found[metric], 2) for metric in ("recall", "asymmetry_cohens_d")] + [shown(found["frechet"], 0)]
    assert f"| {' | '.join(row)} |" in (ROOT / "results/ixi_64/README.md").read_text(encoding="utf-8")


def test_what_is_said_of_them_is_so():
    text, claims = said("results/ixi_64/README.md"), said("results/README.md")

    def seeds(model, metric, digits):
        return " and ".join(value(FOUND[name][metric], digits) for name in (model, f"{model}_seed1"))

    mmd, frechet, d, recall = (
        [seeds(model, metric, digits) for model in (OURS, WGAN_GP)]
        for metric, digits in (("mmd_rbf", 3), ("frechet", 0), ("asymmetry_cohens_d", 2), ("recall", 2))
    )
    assert f"({mmd[0]} for α-WGAN-GP, {mmd[1]} for WGAN-GP, with intervals that overlap)" in text
    assert FOUND[OURS]["mmd_rbf"]["high"] > FOUND[WGAN_GP]["mmd_rbf"]["low"]
    assert f"symmetry (d {d[0]}, {d[1]})" in text and f"Recall is {recall[0]}, {recall[1]}." in text
    assert f"({frechet[0]}, {frechet[1]}, people {value(FOUND['real']['frechet'], 0)}) do" in text
    sharp = value(FOUND[DETAIL]["spectrum_distance"], 2), seeds(OURS, "spectrum_distance", 2)
    assert f"are {sharp[0]} away instead of {sharp[1]}," in text
    price = [value(FOUND[DETAIL][name], digits) for name, digits in (("asymmetry_cohens_d", 2), ("frechet", 0))]
    assert f"symmetry (d {price[0]}) and of the Fréchet distance ({price[1]})" in text
    noise = [
        value(FOUND["gaussian_noise"][name], digits) for name, digits in (("frechet", 0), ("spectrum_distance", 2))
    ]
    assert f"has {noise[0]}, and spectra {noise[1]} away" in text
    p = [FOUND[name]["mmd_rbf_p"]["value"] for name in ROWS.values() if "wgan_gp" in name]
    assert f"(p {min(p):.3f} to {max(p):.3f})" in text
    assert f"64³, two seeds, short: Fréchet distance by features {frechet[0]}, for WGAN-GP {frechet[1]}" in claims


def test_what_is_said_of_the_audit_is_so():
    audit, text = json.loads((ROOT / "results/ixi_64/audit.json").read_text(encoding="utf-8")), said(PAGE)
    models = [audit[name] for name in ROWS.values() if "wgan_gp" in name]
    (features,) = models[0]["spaces"].keys() - {"voxels"}
    nearest = {
        space: [each["spaces"][space]["criteria"]["relative"] for each in models] for space in (features, "voxels")
    }
    shares = [100 * found["flagged"]["value"] for found in nearest[features]]
    assert f"by features {min(shares):.1f} to {max(shares):.1f} % of a model's volumes" in text
    assert f"(p at least {min(found['chance'] for found in nearest[features]):.2f})" in text
    assert f"in voxels {max(100 * found['flagged']['value'] for found in nearest['voxels']):.1f} % at most" in text
    for found in (*nearest[features], *nearest["voxels"]):
        power = {copies["kind"]: copies["found"]["value"] for copies in found["power"] if copies["level"] == 0}
        assert power == dict.fromkeys(("exact", "flipped", "rescaled", "shifted", "blurred"), 1)
    critic, error = (
        [each["membership"][what]["value"] for each in models if what in each["membership"]]
        for what in ("the critic's score", "the error of reconstruction")
    )
    assert f"curve {min(critic):.2f} to {max(critic):.2f} from the critic's score" in text
    assert f"{min(error):.2f} to {max(error):.2f} from the error of reconstruction (with detail" in text
    assert f"(with detail {audit[DETAIL]['membership']['the error of reconstruction']['value']:.2f})" in text
