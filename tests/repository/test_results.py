"""Numbers that documents quote are those of the files beside them."""

import json

import pytest
from imports import ROOT
from quoted import bounds, said, shown

from alphagan.workbench.lesions import table

IXI = ROOT / "results/ixi_32"
SEEDS = {"2019": "alpha_wgan_gp_detail", "1": "alpha_wgan_gp_detail_seed1", "2": "alpha_wgan_gp_detail_seed2"}
CRITIC = "the critic's score"
PAPERS = "alpha_wgan_gp", "vae_gan", "alpha_gan", "wgan_gp"
ROWS = {  # how rows of the table begin, and whose they are
    "| real (training people)": "real",
    "| **α-WGAN-GP, detail**, seed 2019": "alpha_wgan_gp_detail",
    "| seed 1 ": "alpha_wgan_gp_detail_seed1",
    "| seed 2 ": "alpha_wgan_gp_detail_seed2",
    "| noise model": "gaussian_noise",
    "| memoriser": "memoriser",
    "| α-WGAN-GP |": "alpha_wgan_gp",
    "| α-GAN |": "alpha_gan",
    "| VAE-GAN |": "vae_gan",
    "| WGAN-GP |": "wgan_gp",
}


def content(name):
    return json.loads((IXI / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("start", ROWS)
def test_rows_of_ixi_are_those_of_its_metrics(start):
    found = content("metrics.json")["ixi"][ROWS[start]]
    lines = (IXI / "README.md").read_text(encoding="utf-8").splitlines()
    (row,) = [line for line in lines if line.startswith(start)]
    cells = [cell.strip().replace("**", "") for cell in row.split("|")[2:-1]]
    assert cells[0] == shown(found["mmd_rbf"], 3)
    p = found["mmd_rbf_p"]["value"]
    assert cells[1] == f"{p:.{2 if p > 0.01 else 3}f}"
    assert cells[2] == shown(found["spectrum_distance"], 3)
    for cell, name in zip(cells[3:5], ("brain_like", "copied"), strict=True):
        share, _, interval = cell.partition(" % ")
        digits = len(share.partition(".")[2])
        assert share == f"{100 * found[name]['value']:.{digits}f}", name
        assert interval == bounds(found[name], 0, 100), name
    assert cells[5] == shown(found["ms_ssim"], 3)


def test_anatomy_membership_and_copies_of_ixi_are_those_of_its_files():
    metrics, audit, text = content("metrics.json")["ixi"], content("audit.json"), said("results/ixi_32/README.md")

    def three(values, digits=2):
        one, two, last = (f"{value:.{digits}f}" for value in values)
        return f"{one}, {two} and {last}"

    effects = {name: [metrics[m][f"{name}_cohens_d"]["value"] for m in SEEDS.values()] for name in _measures(metrics)}
    assert f"(d {three(effects.pop('asymmetry'))})" in text
    assert f"CSF is {three(effects.pop('csf_fraction'))}, all others within ±0.22" in text
    assert max(abs(value) for values in effects.values() for value in values) < 0.22
    real = metrics["real"]["ms_ssim"]["value"]
    above = [metrics[model]["ms_ssim"]["value"] - real for model in SEEDS.values()]
    assert f"MS-SSIM is {min(above):.3f} to {max(above):.3f} above theirs" in text

    (features,) = {space for space in audit[SEEDS["2019"]]["spaces"] if space != "voxels"}
    flagged = [audit[model]["spaces"][features]["criteria"]["relative"]["flagged"]["value"] for model in SEEDS.values()]
    assert f"{three([100 * share for share in flagged], 1)} % [8, 15] stand out" in text
    others = [audit[model]["spaces"][features]["criteria"]["relative"] for model in PAPERS]
    share = [f"{100 * found['flagged']['value']:.1f} %" for found in others]
    p = [f"{found['chance']:.{3 if found['chance'] < 0.01 else 2}f}" for found in others]
    assert (
        "α-WGAN-GP has {} (p = {}), VAE-GAN {} (p = {}), α-GAN {} (p = {}) and WGAN-GP {}.".format(
            *(word for pair in zip(share[:3], p[:3], strict=True) for word in pair), share[3]
        )
        in text
    )
    critics = [audit[model]["membership"][CRITIC]["value"] for model in SEEDS.values()]
    assert f"area under the ROC curve {three(critics)} [0.52, 0.73] from the critic's score" in text

    names = ("vae_gan", "alpha_gan", "alpha_wgan_gp", "wgan_gp")
    known = [f"{audit[model]['membership'][CRITIC]['value']:.2f}" for model in names]
    assert known[2] == known[3]
    assert f"curve {known[0]} and {known[1]}; α-WGAN-GP and WGAN-GP {known[2]})" in text

    first = audit[SEEDS["2019"]]["membership"]
    words = f"{shown(first['the error of reconstruction'], 2)} from the error of reconstruction"
    assert words in said("docs/evaluation.md")


def test_the_table_of_another_site_is_that_of_its_file():
    found, lines = content("other_site.json"), (IXI / "README.md").read_text(encoding="utf-8").splitlines()
    rows = {
        "IXI's training people": "real",
        "IXI's noise model": "gaussian_noise",
        "α-WGAN-GP, detail, seed 2019": "generated",
    }
    digits = {"mmd_rbf": 2, "spectrum_distance": 2, "ms_ssim": 3, "frechet": 0}
    digits |= {f"{measure}_cohens_d": 1 for measure in ("asymmetry", "csf_fraction", "white_fraction")}
    for name, key in rows.items():
        cells = [shown(found[key][metric], places) for metric, places in digits.items()]
        if key == "real":  # whose MS-SSIM is that of the people compared with
            assert f"MS-SSIM (other site: {found[key]['ms_ssim']['value']:.3f})" in said("results/ixi_32/README.md")
            cells[2] = "–"
        assert f"| {name} | {' | '.join(cells)} |" in lines


def _measures(metrics):
    return [name.removesuffix("_cohens_d") for name in metrics["real"] if name.endswith("_cohens_d")]


@pytest.mark.parametrize(("seed", "file"), [("2019", ""), ("1", "_seed1"), ("2", "_seed2")])
def test_ages_read_back_are_those_of_the_files(seed, file):
    found, text = content(f"covariates{file}.json"), said("docs/generate.md")
    for row, of in (("held-out people", "real"), (f"generated, seed {seed}", "generated")):
        age, sex = found["age"][of], found["sex"][of]["accuracy"]
        assert (
            f"| {row} | {shown(age['r'], 2)} | {shown(age['slope'], 2)} | {shown(age['mae'], 1)} | "
            f"{100 * sex['value']:.0f} % {bounds(sex, 0, 100)} |"
        ) in text


@pytest.mark.parametrize("place", [".", "ixi_32"])
def test_what_generated_brains_are_worth_is_as_the_files_have_it(place):
    folder = ROOT / "results" / "utility"
    readme = (folder / "README.md").read_text(encoding="utf-8")
    found, table = ((folder / place / name).read_text(encoding="utf-8") for name in ("utility.json", "table.md"))
    found = json.loads(found)
    assert table in readme
    rows = [row.split(" | ") for row in table.splitlines()[2:] if row.startswith("|")]
    arms = [told for n in found["design"]["utility"]["people"] for told in found["findings"][str(n)].values()]
    assert len(rows) == len(arms)
    if place == "ixi_32":
        guess = shown(found["guess"]["error"], 2)
        assert f"errs by {guess} years" in table and f"errs by {found['guess']['error']['value']:.1f}." in readme
    for row, told in zip(rows, arms, strict=True):
        assert row[2] == shown(told["error"], 2)
        assert row[3] == (shown(told["difference"], 2) if "difference" in told else "")
        assert row[6].removesuffix(" |") == told.get("verdict", "")


def test_the_table_of_strokes_is_that_of_its_numbers():
    folder = ROOT / "results" / "semisynthetic_stroke_32"
    found = json.loads((folder / "lesions.json").read_text(encoding="utf-8"))["found"]
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert table(found) in text
    names = "alpha_wgan_gp", "alpha_wgan_gp_detail", "people, training"
    ours, detailed, people = (f"{100 * found[name]['left']['value']:.0f}" for name in names)
    assert f"{ours} and {detailed} % against {people} % of training people" in " ".join(text.split())
    claims = (ROOT / "results" / "README.md").read_text(encoding="utf-8")
    shares = [f"{100 * found[name]['share']['value']:.0f}" for name in names]
    carried = f"{shares[0]} and {shares[1]} % (with detail) carry a plain stroke, training people {shares[2]} %"
    assert f"real masks in IXI: {carried}" in claims


def test_the_table_of_strokes_at_64_cubed_is_that_of_its_numbers():
    folder = ROOT / "results" / "semisynthetic_stroke_64"
    found = json.loads((folder / "lesions.json").read_text(encoding="utf-8"))["found"]
    assert table(found) in (folder / "README.md").read_text(encoding="utf-8")
    ours, people, others = (found[name] for name in ("alpha_wgan_gp", "people, training", "people, held out"))
    text, claims = said("results/semisynthetic_stroke_64/README.md"), said("results/README.md")
    share, of_people = (f"{100 * each['share']['value']:.0f} %" for each in (ours, people))
    assert f"width, {share} of generated brains carry a plain stroke, where {of_people} of training people do" in text
    r = [f"{each['map_correlation']:.2f}" for each in (ours, others)]
    assert f"(r of the maps {r[0]}, of held-out people {r[1]})" in text
    said_there = f"semisynthetic_stroke_64/README.md), one seed, {share} of 256 do, training people {of_people}"
    assert said_there in claims and f"at 64³ {share}, people {of_people} |" in claims


def test_numbers_of_ds002748_are_those_of_its_files():
    folder = ROOT / "results" / "ds002748_32"
    metrics, audit = (
        json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in ("metrics", "audit")
    )
    lines = (folder / "README.md").read_text(encoding="utf-8").splitlines()
    rows = {"| real ": "real", "| noise model ": "gaussian_noise", "| α-WGAN-GP, detail ": "alpha_wgan_gp_detail"}
    for start, name in rows.items():
        (row,) = [line for line in lines if line.startswith(start)]
        found, cells = metrics[name], [cell.strip() for cell in row.split("|")[2:-1]]
        expected = [shown(found["mmd_rbf"], 3), f"{found['mmd_rbf_p']['value']:.2f}"]
        expected += [shown(found[key], 3) for key in ("spectrum_distance", "ms_ssim")]
        shares = [found[key] for key in ("brain_like", "copied")]
        assert cells == expected + [f"{100 * each['value']:.0f} % {bounds(each, 0, 100)}" for each in shares]
    known, text = audit["alpha_wgan_gp_detail"]["membership"], said("results/ds002748_32/README.md")
    assert (
        shown(known["the error of the best code"], 2) in text and shown(known["the error of reconstruction"], 2) in text
    )
