"""Numbers that documents quote of IXI at 64 cubed, from a processor, are those of the file beside them."""

import json

import pytest
from imports import ROOT
from quoted import said, shown, value

FOUND = json.loads((ROOT / "results/ixi_64/metrics.json").read_text(encoding="utf-8"))
ROWS = {
    "real (training people)": "real",
    "α-WGAN-GP": "alpha_wgan_gp",
    "WGAN-GP": "wgan_gp",
    "noise model": "gaussian_noise",
    "mean brain": "mean_brain",
}


@pytest.mark.parametrize("name", ROWS)
def test_rows_are_those_of_the_metrics(name):
    found = FOUND[ROWS[name]]
    row = [name, shown(found["mmd_rbf"], 3), value(found["mmd_rbf_p"], 3), shown(found["spectrum_distance"], 2)]
    row += [f"{value(found['brain_like'], 0, 100)} %", shown(found["ms_ssim"], 3)]
    row += [value(found[metric], 2) for metric in ("recall", "asymmetry_cohens_d")]
    assert f"| {' | '.join(row)} |" in (ROOT / "results/ixi_64/README.md").read_text(encoding="utf-8")


def test_what_is_said_of_them_is_so():
    text, claims = said("results/ixi_64/README.md"), said("results/README.md")

    def both(metric, digits):
        return " and ".join(value(FOUND[model][metric], digits) for model in ("alpha_wgan_gp", "wgan_gp"))

    assert f"tells that ({both('mmd_rbf', 3)}, with intervals that overlap)" in text
    assert FOUND["alpha_wgan_gp"]["mmd_rbf"]["high"] > FOUND["wgan_gp"]["mmd_rbf"]["low"]
    assert f"symmetry (d {both('asymmetry_cohens_d', 2)})" in text
    frechet = both("frechet", 0)
    assert (
        f"by features ({frechet}, people {value(FOUND['real']['frechet'], 0)}) and recall ({both('recall', 2)}) do"
        in text
    )
    assert f"**64³**, one seed, short: Fréchet distance by features {frechet}".replace("**", "") in claims
