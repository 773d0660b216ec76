"""Figures of the evaluation show the numbers that they are given, and say what they mean."""

import matplotlib.colors
import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg

from alphagan import figures
from alphagan.errors import InputError
from alphagan.evaluation.references import gaussian_noise
from alphagan.metrics import catalogue
from alphagan.metrics.spectrum import Spectra


def estimate(value, spread=0.1, **more):
    return {"value": value, "low": value - spread, "high": value + spread, "n": 32, **more}


ROWS = {
    "alpha_wgan_gp": {"frechet": estimate(1096.4, basis="a network"), "ms_ssim": estimate(0.75)},
    "memoriser": {"precision": estimate(0.95), "high_frequencies": estimate(-0.5), "frechet": estimate(80.0)},
    "real": {
        "frechet": estimate(80.02, basis="a network"),
        "precision": estimate(0.5),
        "high_frequencies": estimate(-0.00123),
        "ms_ssim": estimate(0.7),
    },
}


def cells(figure):
    """Texts by column and line, and fills by both."""
    (axes,) = figure.axes
    texts = {(text.get_position()[0] - 0.5, text.get_position()[1] - 0.5): text.get_text() for text in axes.texts}
    fills = {patch.get_xy(): matplotlib.colors.to_hex(patch.get_facecolor()) for patch in axes.patches}
    return texts, fills


def line_of(figure, name):
    texts = {text.get_text(): text.get_position()[1] - 0.5 for text in figure.axes[0].texts}
    return texts[catalogue.metric(name).label]


def test_scoreboard_shows_value_and_verdict_of_every_metric_and_model():
    figure = figures.scoreboard(ROWS, "Simulated")
    texts, fills = cells(figure)
    found = {
        (column, name): texts.get((column, line_of(figure, name)))
        for column in range(3)
        for name in ("frechet", "precision", "high_frequencies", "ms_ssim")
    }
    assert found == {
        (0, "frechet"): "80",
        (0, "precision"): "0.5",
        (0, "high_frequencies"): "−0.00123",
        (0, "ms_ssim"): "0.7",
        (1, "frechet"): "▼ 1100",
        (1, "precision"): None,
        (1, "high_frequencies"): None,
        (1, "ms_ssim"): "= 0.75",
        (2, "frechet"): "= 80",
        (2, "precision"): "▲ 0.95",
        (2, "high_frequencies"): "▼ −0.5",
        (2, "ms_ssim"): None,
    }
    assert set(fills) == {(column, line_of(figure, name)) for (column, name), text in found.items() if text}
    by_sign = {texts[place][0]: fill for place, fill in fills.items() if place[0]}
    assert len(set(by_sign.values())) == 3
    key = {text.get_text()[0]: text.get_text() for text in figure.legends[0].get_texts()}
    assert key["▼"].startswith("▼ worse") and key["="].startswith("= like") and key["▲"].startswith("▲ better")
    assert key["?"].startswith("? no verdict: too few")
    heads = [text.get_text() for text in figure.axes[0].texts if text.get_position()[1] < 0]
    assert heads == ["Real", "α-WGAN-GP", "Memoriser", "best"]
    assert "n = 32" in (note := figure.axes[0].get_xlabel()) and "Fréchet distance: a network" in note


def test_every_metric_of_the_catalogue_has_a_place_under_its_heading_and_texts_fit():
    names = [*catalogue.METRICS, *(f"{name}_med3d" for name in ("frechet", "precision", "recall"))]
    models = [*figures.MODELS, "alpha_wgan_gp_early", "alpha_wgan_gp_batch_statistics"]
    figure = figures.scoreboard({model: {name: estimate(-0.000789) for name in names} for model in models})
    FigureCanvasAgg(figure).draw()
    texts = figure.axes[0].texts
    labels = [text.get_text() for text in texts]
    for name in names:
        assert (catalogue.metric(name).label in labels) != name.endswith("_cliffs_delta"), name
    assert labels.index("Features") < labels.index("Recall (Med3D)") < labels.index("Sharpness and intensities")
    spans = np.array([text.get_window_extent().extents for text in texts])
    overlap = (spans[:, None, :2] < spans[None, :, 2:]).all(2) & (spans[None, :, :2] < spans[:, None, 2:]).all(2)
    assert overlap.sum() == len(texts)  # each with itself
    assert spans.min() >= 0 and (spans[:, 2:] <= figure.bbox.max).all()


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        ({}, "nothing to draw"),
        ({"wgan_gp": ROWS["real"]}, "no entry named real"),
        ({"real": ROWS["real"]}, "no model"),
        ({"real": {}, "wgan_gp": {}}, "no model"),
        ({"real": {"speed": estimate(1)}, "wgan_gp": {}}, "no metric is called speed"),
    ],
)
def test_scoreboard_refuses_what_it_cannot_compare(rows, match):
    with pytest.raises(InputError, match=match):
        figures.scoreboard(rows)


@pytest.fixture(scope="module")
def spectra():
    generator = torch.Generator().manual_seed(0)
    real = 2 * torch.rand(6, 8, 8, 8, generator=generator) - 1
    noise = gaussian_noise(real, 3, generator=generator)
    return {"wgan_gp": Spectra(noise), "real": Spectra(real), "wgan_gp_early": Spectra(-real)}


def test_power_spectra_have_a_line_per_set_and_its_difference_from_real(spectra):
    power, difference = figures.power_spectra(spectra, "Simulated").axes
    lines = {line.get_label(): line for line in power.lines}
    labels = ["Real (n = 6)", "WGAN-GP (n = 3)", "WGAN-GP, early in training (n = 6)"]
    assert list(lines) == [*labels, "Nyquist frequency of an axis"]
    real = spectra["real"].log_power
    for label, found, changed in zip(labels, ("real", "wgan_gp", "wgan_gp_early"), difference.lines, strict=False):
        mean = spectra[found].log_power.mean(0)[1:]
        for line, y in ((lines[label], mean), (changed, mean - real.mean(0)[1:])):
            np.testing.assert_allclose(line.get_xdata(), spectra["real"].cycles_per_voxel[1:])
            np.testing.assert_allclose(line.get_ydata(), y, atol=1e-12)
    assert len({line.get_linestyle() for line in (lines[labels[1]], lines[labels[2]])}) == 2
    assert [axes.lines[-1].get_xdata()[0] for axes in (power, difference)] == [0.5, 0.5]
    (band,) = power.collections
    vertices = band.get_paths()[0].vertices
    low, high = np.quantile(real[:, 1:], [0.05, 0.95], axis=0)
    assert (vertices[:, 1].min(), vertices[:, 1].max()) == pytest.approx((low.min(), high.max()))


def test_spectra_that_cannot_be_compared_are_refused(spectra):
    with pytest.raises(InputError, match="spectra: nothing to draw"):
        figures.power_spectra({})
    with pytest.raises(InputError, match="no entry named real"):
        figures.power_spectra({"wgan_gp": spectra["wgan_gp"]})
    with pytest.raises(InputError, match=r"spectra\['big'\]"):
        figures.power_spectra(spectra | {"big": Spectra(torch.zeros(1, 10, 10, 10))})


def test_anatomy_has_a_panel_per_measure_with_real_on_top():
    rng = np.random.default_rng(0)
    names = ["brain_volume", "asymmetry", "grey_fraction", "white_fraction"]
    measured = {model: {name: rng.normal(size=40) for name in names} for model in ("vae_gan", "real")}
    measured["mean_brain"] = {name: np.full(5, 0.2) for name in names}
    panels = figures.anatomy_distributions(measured, "Simulated").axes
    assert [axes.get_xlabel() for axes in panels] == [
        "Brain volume (share of the cube)", "Left-right asymmetry (0 to 1)", "Grey fraction (share of the brain)",
        "White fraction (share of the brain)",
    ]  # fmt: skip
    labels = [label.get_text() for label in panels[0].get_yticklabels()]
    assert labels == ["Real (n = 40)", "VAE-GAN (n = 40)", "Mean brain (n = 5)"]
    assert panels[0].yaxis_inverted()
    for axes, name in zip(panels, names, strict=True):
        assert axes.lines[0].get_xdata()[0] == np.median(measured["real"][name])
        boxes = [patch.get_path().vertices for patch in axes.patches]
        for place, (box, model) in enumerate(zip(boxes, ("real", "vae_gan", "mean_brain"), strict=True)):
            ends = np.quantile(measured[model][name], [0.25, 0.75])
            np.testing.assert_allclose([box[:, 0].min(), box[:, 0].max()], ends)
            assert (box[:, 1].min() + box[:, 1].max()) / 2 == pytest.approx(place)


@pytest.mark.parametrize(
    ("measured", "match"),
    [
        ({}, "nothing to draw"),
        ({"wgan_gp": {"asymmetry": [1.0]}}, "no entry named real"),
        ({"real": {}}, "found none"),
        ({"real": {"height": [1.0]}}, "height"),
        ({"real": {"asymmetry": [1.0]}, "wgan_gp": {"brain_volume": [1.0]}}, r"\['wgan_gp'\]: brain_volume, but"),
        ({"real": {"asymmetry": []}}, r"\['real'\]\['asymmetry'\]"),
        ({"real": {"asymmetry": [np.nan]}}, "finite"),
    ],
)
def test_anatomy_that_cannot_be_compared_is_refused(measured, match):
    with pytest.raises(InputError, match=match):
        figures.anatomy_distributions(measured)


def test_reference_generators_are_grey_and_models_keep_their_colours():
    looks = {name: matplotlib.colors.to_rgb(colour) for name, (_, colour, _) in figures.MODELS.items()}
    assert {name for name, rgb in looks.items() if len(set(rgb)) == 1} == set(figures.REFERENCES)
    assert set(figures.REFERENCES) == {"real", *catalogue.FAULTY}
    assert min(np.diff(sorted(looks[name][0] for name in figures.REFERENCES))) > 0.15
    assert len({marker for name, (_, _, marker) in figures.MODELS.items() if name in catalogue.FAULTY}) == 3
