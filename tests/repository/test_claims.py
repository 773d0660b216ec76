"""What results/README.md says in short of the claims, and its table beside the paper's, are as the files have them."""

import json

import pytest
from imports import ROOT
from quoted import bounds, said

from alphagan.figures.paper import TABLE_1

SEEDS = ("", "_seed1", "_seed2")
OURS, *BASELINES = "alpha_wgan_gp", "alpha_gan", "vae_gan", "wgan_gp"
SHORT, LONG = "alpha_wgan_gp_z100", "alpha_wgan_gp_z2048"
LOW = 0.25  # recall of what is called collapsed


def content(name):
    return json.loads((ROOT / "results" / name).read_text(encoding="utf-8"))


SIMULATED = content("thumbnail/seeds.json")
IXI = content("ixi_32/seeds.json") | content("ixi_32/metrics.json")["ixi"]
TEXT = said("results/README.md")


def values(rows, model, metric):
    return [rows[model + ending][metric]["value"] for ending in SEEDS if model + ending in rows]


def span(rows, model, metric, digits, factor=1):
    found = [factor * value for value in values(rows, model, metric)]
    low, high = (f"{value:.{digits}f}" for value in (min(found), max(found)))
    return low if low == high else f"{low} to {high}"


def collapsed(rows, model, real):
    """As the page defines it, of each seed."""
    similar, recall = (values(rows, model, metric) for metric in ("ms_ssim", "recall"))
    return [one > real["ms_ssim"]["high"] and other < LOW for one, other in zip(similar, recall, strict=True)]


@pytest.mark.parametrize(
    ("name", "model"),
    {
        "real scans": "real",
        "α-WGAN-GP": OURS,
        "α-GAN": "alpha_gan",
        "VAE-GAN": "vae_gan",
        "WGAN-GP": "wgan_gp",
        "α-WGAN-GP, a tenth of the code": SHORT,
        "α-WGAN-GP, twice the code": LONG,
        "mean brain": "mean_brain",
    }.items(),
)
def test_rows_of_the_papers_table_are_those_of_the_metrics(name, model):
    theirs = TABLE_1.get(model, (None, None, None))[1:]
    cells = [name, *("–" if value is None else f"{value:.3f}" for value in theirs)]
    for rows in (SIMULATED, IXI):
        cells += [span(rows, model, "mmd_as_published", 4), span(rows, model, "ms_ssim_as_published", 3)]
    assert f"| {' | '.join(cells)} |" in TEXT


def test_what_is_said_of_the_papers_estimators_is_so():
    mmd = {model: values(SIMULATED, model, "mmd_as_published") for model in (OURS, "wgan_gp")}
    assert sum(other < ours for ours, other in zip(*mmd.values(), strict=True)) == 2  # "in two of three seeds"
    for one, *others in zip(*(values(IXI, model, "mmd_as_published") for model in (OURS, *BASELINES)), strict=True):
        assert one < min(others) and one < IXI["real"]["mmd_as_published"]["value"]
    for rows in (SIMULATED, IXI):
        assert rows["mean_brain"]["mmd_as_published"]["value"] < min(values(rows, OURS, "mmd_as_published"))
    name, real = "ms_ssim_as_published", IXI["real"]["ms_ssim_as_published"]["value"]
    most = [max(values(SIMULATED, model, name) + values(IXI, model, name)) for model in ("wgan_gp", "vae_gan")]
    more = content("ixi_32/departures.json")
    steps, released = (more[f"wgan_gp_{what}"][name]["value"] for what in ("reversed_ratio", "released"))
    half = IXI["vae_gan_halved_learning_rate"][name]["value"]
    assert (
        f"at most {most[0]:.3f} and {most[1]:.3f}; one seed of WGAN-GP has {steps:.3f} with the released order of "
        f"steps, {released:.3f} with all that the released code does otherwise, one of VAE-GAN {half:.3f} at half"
        in TEXT
    )
    far = {model: [abs(value - real) for value in values(IXI, model, name)] for model in (OURS, *BASELINES)}
    nearer = {model: sum(one < ours for ours, one in zip(far[OURS], far[model], strict=True)) for model in BASELINES}
    assert (nearer["wgan_gp"], nearer["vae_gan"]) == (3, 2)


def test_what_collapses_is_told_by_one_rule():
    real, departures = SIMULATED["real"], content("ixi_32/departures.json")
    assert not any(any(collapsed(SIMULATED, model, real)) for model in (OURS, *BASELINES, SHORT, LONG))
    real = IXI["real"]
    assert all(collapsed(IXI, "vae_gan", real)) and all(collapsed(IXI, "alpha_gan", real))
    assert not any(any(collapsed(IXI, model, real)) for model in (OURS, "alpha_wgan_gp_detail", "wgan_gp", SHORT, LONG))
    found = {model for model in departures if model != "real" and any(collapsed(departures, model, real))}
    vae_gan = {"", "_halved_learning_rate", "_pixel_reconstruction", "_one_real_batch"}
    kinds = {f"vae_gan{name}" for name in vae_gan} | {"wgan_gp_reversed_ratio", "wgan_gp_released", "mean_brain"}
    assert {model for model in found if "_seed" not in model} == kinds


def test_what_is_said_in_short_has_its_numbers():
    def both(model, metric, digits, factor=1):
        return [span(rows, model, metric, digits, factor) for rows in (SIMULATED, IXI)]

    mmd, wgan_gp = (both(model, "mmd_rbf", 3) for model in (OURS, "wgan_gp"))
    assert f"lowest in each seed, {mmd[0]}, but WGAN-GP's {wgan_gp[0]} overlap" in TEXT
    firsts = zip(*(values(SIMULATED, model, "mmd_rbf") for model in (OURS, *BASELINES)), strict=True)
    assert all(one < min(others) for one, *others in firsts)
    assert f"no: {mmd[1]}, WGAN-GP {wgan_gp[1]}; α-GAN" in TEXT
    similar, people = both(OURS, "ms_ssim", 3), [rows["real"]["ms_ssim"]["value"] for rows in (SIMULATED, IXI)]
    assert f"{similar[0]}, people {people[0]:.3f}; so is α-GAN's" in TEXT
    nearer = span(IXI, "wgan_gp", "ms_ssim", 3)
    assert f"{similar[1]}, people {people[1]:.3f}; WGAN-GP is nearer, {nearer} |" in TEXT
    recall = {model: both(model, "recall", 2) for model in (*BASELINES, SHORT, LONG)}
    assert f"no: recall {recall['wgan_gp'][0]} | no: recall {recall['wgan_gp'][1]}." in TEXT
    half = IXI["vae_gan_halved_learning_rate"]["recall"]["value"]
    assert f"no: recall {recall['vae_gan'][0]} | yes: recall {recall['vae_gan'][1]}, and {half:.2f} at half" in TEXT
    assert f"So does α-GAN, {recall['alpha_gan'][1]} |" in TEXT
    short = IXI[SHORT]["ms_ssim"]["value"]
    assert f"half: recall {recall[SHORT][0]} (3 numbers" in TEXT
    assert f"recall {recall[SHORT][1]}, MS-SSIM {short:.3f} |" in TEXT
    assert max(values(SIMULATED, SHORT, "ms_ssim")) < people[0] and short < people[1]
    detail = {model: both(model, "brain_like", 0, 100) for model in (OURS, LONG)}
    usual = f"{detail[LONG][0]} % have the detail of a brain, {detail[OURS][0]} % with the usual length"
    assert f"no (66): recall {recall[LONG][0]}, {usual} |" in TEXT
    assert f"no (one seed, 131): {detail[LONG][1]} %, {detail[OURS][1]} % |" in TEXT
    everyone = span(IXI, OURS, "spectrum_distance", 2), span(IXI, "alpha_gan", "spectrum_distance", 2)
    assert f"ours too (spectra {everyone[0].split()[0]} to {everyone[1].split()[-1]} away)" in TEXT
    intervals = [bounds(rows["real"]["ms_ssim"], 3) for rows in (SIMULATED, IXI)]
    assert f"(simulated {intervals[0]}, IXI {intervals[1]}) and recall below {LOW}" in TEXT


def test_what_is_said_of_wgan_gp_with_as_many_steps_of_g_is_so():
    longer = "wgan_gp_longer"
    mmd, few, many = (
        span(SIMULATED, *row)
        for row in ((longer, "mmd_rbf", 3), ("wgan_gp", "spectrum_distance", 2), (longer, "spectrum_distance", 2))
    )
    detail, recall = span(SIMULATED, longer, "brain_like", 0, 100), span(SIMULATED, longer, "recall", 2)
    assert f"and are {mmd} once its generator takes as many steps" in TEXT and f"WGAN-GP is as near: {mmd}." in TEXT
    others = [value for model in (OURS, *BASELINES[:2]) for value in values(SIMULATED, model, "spectrum_distance")]
    short = (
        f"spectra {few} away, the others {min(others):.2f} to {max(others):.2f}. With as many steps of G it is as sharp"
    )
    ours = span(SIMULATED, OURS, "brain_like", 0, 100)
    assert f"{short} ({many}), and {detail} % have the detail of a brain (ours {ours} %) |" in TEXT
    assert f"with as many, spectra are {many} away" in TEXT and f"{detail} % have the detail of a brain, its" in TEXT
    asymmetry, ours = (span(SIMULATED, model, "asymmetry_cohens_d", 2) for model in (longer, OURS))
    assert f"(asymmetry d {asymmetry}, α-WGAN-GP's at most {ours.split()[-1]})" in TEXT and f"(recall {recall})" in TEXT
    assert not any(collapsed(SIMULATED, longer, SIMULATED["real"]))


def test_the_noise_model_is_told_by_its_anatomy():
    measures = "brain_volume_cohens_d", "csf_fraction_cohens_d"
    noise, ours = (
        [max(values(SIMULATED, model, measure)) for measure in measures] for model in ("gaussian_noise", OURS)
    )
    assert "d {:.2f} and CSF d {:.2f} of the noise model, at most {:.2f} and {:.2f} of".format(*noise, *ours) in TEXT


def test_intervals_of_recall_and_ranges_of_ms_ssim_are_those_of_the_files():
    words = ["{value:.2f} [{low:.2f}, {high:.2f}]".format(**IXI[model]["recall"]) for model in (OURS, "wgan_gp")]
    words.append("{value:.2f} [{low:.2f}, {high:.2f}]".format(**IXI["vae_gan"]["recall"]))
    assert "first seed has {}, WGAN-GP's {}, VAE-GAN's {}.".format(*words) in TEXT
    ranges = [span(SIMULATED, model, "ms_ssim", 3) for model in BASELINES]
    assert "α-GAN {}, VAE-GAN {}, WGAN-GP {}, in three seeds each".format(*ranges) in TEXT
    few = span(IXI, "alpha_gan", "ms_ssim", 3), span(IXI, "alpha_gan", "recall", 2)
    assert f"α-GAN {few[0]} and {few[1]}." in TEXT


def test_sizes_and_places_of_lesions_are_those_of_the_files():
    found = [content(f"thumbnail/lesions_{cohort}.json") for cohort in ("tumour_flair", "tumour_t2", "stroke")]
    assert [each["healthy"] for each in found] == [None, None, "normal"]
    assert found[2]["found"]["people, healthy"]["share"]["n"] == 320

    def medians(who):
        return [each["found"][who]["quartiles_ml"][1] for each in found]

    ours, people = medians(OURS), medians("people, training")
    assert "medians of {:.0f}, {:.0f} and {:.0f} ml where".format(*ours) in TEXT
    assert "training people have {:.0f}, {:.0f} and {:.0f};".format(*people) in TEXT
    maps = [[each["found"][who]["map_correlation"] for each in found] for who in (OURS, "people, held out")]
    assert (
        "(r of the maps {:.2f}, {:.2f} and {:.2f}, of held-out people {:.2f}, {:.2f} and {:.2f})".format(
            *maps[0], *maps[1]
        )
        in TEXT
    )
    contrast = [[each["found"][who]["contrast_quartiles"][1] for who in (OURS, "people, training")] for each in found]
    assert max(abs(one - other) for one, other in contrast) < 0.045
    left = [found[0]["found"][who]["left"] for who in (OURS, "people, training")]
    sides = [
        "{:.0f} % [{:.0f}, {:.0f}]".format(*(100 * each[end] for end in ("value", "low", "high"))) for each in left
    ]
    assert f"in FLAIR {sides[0]} on the left, in people {sides[1]}" in TEXT
