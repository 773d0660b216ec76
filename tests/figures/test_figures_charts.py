import numpy as np
import pandas
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.patches import FancyBboxPatch

from alphagan import figures
from alphagan.errors import InputError
from alphagan.models import networks
from alphagan.models.description import describe
from alphagan.settings.sections import Model


@pytest.fixture
def volumes():
    return np.random.default_rng(1).integers(0, 256, (3, 16, 16, 16), dtype=np.uint8)


def test_pca_scatter_labels_axes_and_keeps_real_on_top():
    rng = np.random.default_rng(0)
    sets = {"real": rng.normal(size=(30, 2)), "wgan_gp": rng.normal(size=(40, 2)), "mine": rng.normal(size=(5, 2))}
    (axes,) = figures.pca_scatter(sets, [0.1825, 0.07], "Simulated").axes
    assert axes.get_xlabel() == "Principal component 1 (18.2 % of variance)"
    assert axes.get_ylabel() == "Principal component 2 (7.0 % of variance)"
    real, *others = axes.collections
    assert all(real.zorder > other.zorder for other in others)
    np.testing.assert_allclose(others[0].get_offsets(), sets["wgan_gp"])
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert texts == ["Real (n = 30)", "WGAN-GP (n = 40)", "mine (n = 5)"]
    with pytest.raises(InputError, match="'real'"):
        figures.pca_scatter({"real": np.zeros((5, 3))}, [0.1, 0.1])
    with pytest.raises(InputError, match="explained_variance_ratio"):
        figures.pca_scatter(sets, [0.1])


@pytest.mark.parametrize("smoothing", [1, 7, 29])
def test_loss_curves_are_grouped_and_smoothed(smoothing):
    values = np.random.default_rng(0).normal(size=(30, 5))
    history = pandas.DataFrame(values, columns=["L_G", "l1", "L_D", "penalty_D", "L_C"])
    history.insert(0, "iteration", np.arange(1, 31))
    panels = {axes.get_title(): axes for axes in figures.loss_curves(history, smoothing).axes}
    assert list(panels) == ["Generator G", "Other terms", "Discriminator D", "Code discriminator C"]
    lines = {line.get_label(): line for line in panels["Discriminator D"].lines}
    assert {"L_D", "penalty_D"} <= set(lines)
    expected = history["penalty_D"].rolling(smoothing, center=True, min_periods=1).mean()
    np.testing.assert_allclose(lines["penalty_D"].get_ydata(), expected)
    np.testing.assert_array_equal(lines["penalty_D"].get_xdata(), history["iteration"])


@pytest.mark.parametrize("bad", [{}, {"iteration": [1]}, {"L_D": [1.0]}, {"iteration": [1, 2], "L_D": [1.0]}])
def test_bad_histories_are_refused(bad):
    with pytest.raises(InputError, match="iteration"):
        figures.loss_curves(bad)


def test_metric_intervals_show_values_intervals_and_the_floor():
    def estimate(value):
        return {"value": value, "low": value - 0.1, "high": value + 0.3, "n": 512}

    results = {
        "real": {"mmd": estimate(0.5)},
        "alpha_wgan_gp": {"mmd": estimate(1.0), "ms_ssim": estimate(0.8)},
        "vae_gan": {"mmd": estimate(2.0)},
    }
    figure = figures.metric_intervals(results, {"mmd": "MMD (lower is better)"})
    mmd, ms_ssim = figure.axes
    assert mmd.get_xlabel() == "MMD (lower is better)" and ms_ssim.get_xlabel() == "ms_ssim"
    assert [label.get_text() for label in mmd.get_yticklabels()] == ["α-WGAN-GP", "VAE-GAN"]
    drawn_lines = [(list(line.get_xdata()), list(line.get_ydata())) for line in mmd.lines]
    assert ([0.9, 1.3], [0, 0]) in drawn_lines and ([1.9, 2.3], [1, 1]) in drawn_lines
    band = mmd.patches[0].get_extents().transformed(mmd.transData.inverted())
    assert (band.x0, band.x1) == (pytest.approx(0.4), pytest.approx(0.8))
    assert not ms_ssim.patches
    assert [text.get_text() for text in mmd.texts] == ["n = 512"] * 2
    with pytest.raises(InputError, match="lacks high"):
        figures.metric_intervals({"vae_gan": {"mmd": {"value": 1, "low": 0, "n": 3}}})
    with pytest.raises(InputError, match="no model"):
        figures.metric_intervals({"real": {"mmd": estimate(0.5)}})


def test_histograms_are_densities_of_the_brain_alone(volumes):
    volumes[:, :8] = 0
    (axes,) = figures.intensity_histograms({"real": volumes}).axes
    density, edges, _ = axes.patches[0].get_data()
    assert np.sum(density * np.diff(edges)) == pytest.approx(1)
    inside = volumes[:, 8:] / 127.5 - 1
    first = np.mean(inside[inside > -0.95] < edges[1]) / (edges[1] - edges[0])
    assert density[0] == pytest.approx(first, rel=1e-3)


def layers(size, without=""):
    with torch.device("meta"):
        built = {
            "G": networks.Generator(size, 1000),
            "E": networks.Encoder(size, 1000),
            "D": networks.Critic(size),
            "C": networks.CodeCritic(1000, Model().code_units),
        }
    return {name: describe(network, size) for name, network in built.items() if name not in without}


@pytest.mark.parametrize(("size", "without"), [(32, ""), (256, ""), (64, "C"), (16, "EC")])
def test_architecture_has_every_layer_and_nothing_overlaps(size, without):
    figure = figures.architecture(layers(size, without), f"Networks at {size}³")
    FigureCanvasAgg(figure).draw()
    (axes,) = figure.axes
    texts = [text for text in (*axes.texts, *axes.get_legend().get_texts()) if text.get_text()]
    read = [text.get_text() for text in texts]
    depth = int(np.log2(size)) - 1
    assert sum("k4 s2 p1" in text for text in read) == (depth - 1) * (1 if "E" in without else 2)
    assert sum("k3 s1 p1" in text for text in read) == depth - 1
    assert f"n 1\nk3 s1 p1\n{size}³" in read
    assert ("n 1000\nk4 s1 p0" in read) == ("E" not in without)
    assert read.count("n 4096") == (0 if "C" in without else 2)
    frames = [patch.get_window_extent() for patch in axes.patches if isinstance(patch, FancyBboxPatch)]
    captions = [text.get_window_extent() for text in axes.texts if text.get_text().startswith("n ")]
    assert captions and all(
        any(np.all(frame.count_contains(span.corners()) == 4) for frame in frames) for span in captions
    )
    spans = [text.get_window_extent() for text in texts]
    for index, (span, text) in enumerate(zip(spans, read, strict=True)):
        assert figure.bbox.x0 <= span.x0 and span.x1 <= figure.bbox.x1, text
        assert figure.bbox.y0 <= span.y0 and span.y1 <= figure.bbox.y1, text
        for other, words in zip(spans[:index], read, strict=False):
            assert not span.overlaps(other), f"{text!r} over {words!r}"


def test_bad_networks_are_refused():
    good = {name: list(found) for name, found in layers(32).items()}
    for bad, match in [
        ({"G": good["G"]}, "lacks D"),
        (good | {"Q": good["G"]}, "'Q'"),
        (good | {"E": []}, "'E'"),
        (good | {"D": [{"op": "pool", "n": 1}]}, r"\['D'\]\[0\]"),
        (good | {"D": [*good["D"][:2], {"op": "conv", "n": 1}]}, r"\['D'\]\[2\]"),
    ]:
        with pytest.raises(InputError, match=match):
            figures.architecture(bad)


def test_colour_map_runs_from_black_over_blue_to_yellow():
    assert to_hex(figures.YELLOW_BLUE(0.0)) == "#000000"
    lightness = figures.YELLOW_BLUE(np.linspace(0, 1, 64))[:, :3] @ [0.2126, 0.7152, 0.0722]
    assert np.all(np.diff(lightness) > 0)
    dark, bright = figures.YELLOW_BLUE(0.25), figures.YELLOW_BLUE(0.85)
    assert dark[2] > dark[0] and bright[0] > bright[2]
