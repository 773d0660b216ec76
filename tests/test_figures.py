import time

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex

from alphagan import figures, networks
from alphagan.config import Model
from alphagan.errors import InputError

AFFINE = np.array([[5.0, 0, 0, -40], [0, 6, 0, -50], [0, 0, 5, -30], [0, 0, 0, 1]])
SIZE = 16


@pytest.fixture
def volumes():
    return np.random.default_rng(1).integers(0, 256, (3, SIZE, SIZE, SIZE), dtype=np.uint8)


def drawn(figure):
    """Brightness of the rendered figure, row 0 at the bottom as in matplotlib's own pixel coordinates."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[::-1, :, :3].mean(axis=2)


def image_axes(figure):
    return [axes for axes in figure.axes if axes.images]


def pictures(figure):
    """Arrays that are shown, first row at the bottom."""
    shown = []
    for axes in image_axes(figure):
        for image in axes.images:
            array = np.asarray(image.get_array())
            shown.append(array if image.origin == "lower" else array[::-1])
    return shown


def boxes(figure):
    """Left, bottom, right, top of every drawn image, in pixels."""
    drawn(figure)
    for axes in image_axes(figure):
        for image in axes.images:
            left, right, bottom, top = image.get_extent()
            yield *axes.transData.transform((left, bottom)), *axes.transData.transform((right, top))


def labels(figure, text):
    """Centres in pixels of the texts that read so."""
    found = [item for axes in figure.axes for item in axes.texts if item.get_text().strip() == text]
    return sorted(tuple(np.mean(item.get_window_extent().get_points(), axis=0)) for item in found)


BRAINS = {
    "center_cuts": lambda volumes, affine: figures.center_cuts({"real": volumes}, affine),
    "montage": figures.montage,
    "brain_grid": figures.brain_grid,
    "mean_and_std_maps": lambda volumes, affine: figures.mean_and_std_maps({"real": volumes}, affine),
}


@pytest.mark.parametrize("name", BRAINS)
def test_right_is_right_and_up_is_up(name):
    volume = np.full((1, SIZE, SIZE, SIZE), -1.0)
    middle, far = slice(SIZE // 2, SIZE // 2 + 1), slice(12, 14)  # far: right, anterior or superior
    for across in range(3):
        volume[0, *(middle if axis == across else far for axis in range(3))] = 1
    figure = BRAINS[name](np.repeat(volume, 2, axis=0), AFFINE)
    brightness = drawn(figure)
    tiles = list(boxes(figure))
    for left, bottom, right, top in tiles[: len(tiles) // 2] if name == "mean_and_std_maps" else tiles:
        rows, columns = np.nonzero(
            brightness[round(bottom) + 2 : round(top) - 2, round(left) + 2 : round(right) - 2] > 200
        )
        height, width = top - bottom, right - left
        inside = rows < 0.85 * height  # letters stand above
        assert inside.any()
        assert np.all(columns[inside] > width / 2)
        assert np.all(rows[inside] > height / 2)
    lefts, rights = labels(figure, "L"), labels(figure, "R")
    assert len(lefts) == len(rights) >= 1
    assert all(left[0] < right[0] for left, right in zip(lefts, rights, strict=True))


@pytest.mark.parametrize("name", BRAINS)
def test_proportions_are_physical(name, volumes):
    planes = {5 * SIZE: 6 * SIZE, 6 * SIZE: 5 * SIZE}  # width to height in mm, axial and sagittal; coronal is square
    ratios = []
    for left, bottom, right, top in boxes(BRAINS[name](volumes, AFFINE)):
        ratios.append((top - bottom) / (right - left))
    expected = {"center_cuts": {5 / 6, 1, 6 / 5}, "montage": {5 / 6, 1, 6 / 5}, "brain_grid": {6 / 5}}
    expected = expected.get(name, {1, 6 / 5})
    assert planes[80] / 80 == 6 / 5
    for ratio in ratios:
        assert min(abs(ratio - value) for value in expected) < 0.02
    assert len({round(ratio, 2) for ratio in ratios}) == len(expected)


@pytest.mark.parametrize("angle", [0.0, 0.3])
def test_center_cuts_show_the_voxels_of_the_centre(volumes, angle):
    turn = np.eye(4)
    turn[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    figure = figures.center_cuts(
        {"real": volumes, "vae_gan": volumes[:1]}, {"real": turn @ AFFINE, "vae_gan": AFFINE}, 2
    )
    shown, scaled = pictures(figure), volumes.astype(np.float32) / 127.5 - 1
    assert len(shown) == 3 * (2 + 1)
    for index, volume in enumerate([scaled[0], scaled[1], scaled[0]]):
        cuts = volume[8].T, volume[:, 8].T, volume[:, :, 8].T
        for picture, cut in zip(shown[3 * index : 3 * index + 3], cuts, strict=True):
            np.testing.assert_allclose(picture, cut, atol=1e-6)
    assert {"Real", "VAE-GAN", "Sagittal", "Coronal", "Axial"} <= {text.get_text() for text in figure.texts}


def test_center_cuts_take_an_affine_per_subject(volumes):
    wide = AFFINE.copy()
    wide[0, 0] = 10
    axial = list(boxes(figures.center_cuts({"real": volumes[:2]}, np.array([AFFINE, wide]))))[2::3]
    widths = [right - left for left, _, right, _ in axial]
    assert widths[1] == pytest.approx(2 * widths[0])
    with pytest.raises(InputError, match="3 volumes, but 2 affines"):
        figures.center_cuts({"real": volumes}, np.array([AFFINE, wide]))
    with pytest.raises(InputError, match="'vae_gan'"):
        figures.center_cuts({"vae_gan": volumes}, {"real": AFFINE})


def test_all_slices_are_numbered_right():
    ramp = np.linspace(-1, 1, SIZE)
    volume = (ramp[:, None, None] + 3 * ramp[:, None] + 9 * ramp) / 13  # any voxel tells where it is
    figure = figures.all_slices(volume, AFFINE, "One subject", n_slices=SIZE)
    axes = image_axes(figure)
    assert len(axes) == 3 * SIZE
    for number, panel in enumerate(axes):
        plane, index = divmod(number, SIZE)
        assert str(index) in [text.get_text() for text in panel.texts]
        picture = np.asarray(panel.images[0].get_array())[::-1]
        np.testing.assert_allclose(picture, np.take(volume, index, axis=plane).T, atol=1e-6)
    assert {"SAG", "COR", "AXI"} <= {text.get_text() for text in figure.texts}


def test_montage_is_quick_and_right(volumes, tmp_path):
    scaled = volumes.astype(np.float32) / 127.5 - 1
    shown = pictures(figures.montage(scaled))
    assert len(shown) == 9
    np.testing.assert_array_equal(shown[3], scaled[1, 8].T)
    np.testing.assert_array_equal(shown[8], scaled[2, :, :, 8].T)
    eight = np.random.default_rng(0).uniform(-1, 1, (8, 32, 32, 32))
    before = time.process_time()
    path = figures.save_montage(eight, tmp_path / "samples" / "iteration-000500")
    assert time.process_time() - before < 0.5
    assert path == tmp_path / "samples" / "iteration-000500.png"
    assert plt.imread(path).ndim == 3


def test_brain_grid_fills_line_by_line(volumes):
    tiles = list(boxes(figures.brain_grid(volumes, AFFINE, n_columns=2)))
    assert len(tiles) == 3
    assert tiles[1][0] > tiles[0][2] and tiles[1][1] == tiles[0][1]
    assert tiles[2][3] < tiles[0][1]


def test_maps_show_mean_and_sd_on_shared_scales(volumes):
    scaled = volumes.astype(np.float32) / 127.5 - 1
    figure = figures.mean_and_std_maps(
        {"real": volumes, "wgan_gp": np.repeat(volumes[:1], 5, axis=0)}, AFFINE, "Cohort"
    )
    shown = pictures(figure)[:8]
    np.testing.assert_allclose(shown[0], scaled.mean(axis=0)[:, :, 8].T, atol=1e-6)
    np.testing.assert_allclose(shown[4], scaled.std(axis=0)[:, :, 8].T, atol=1e-6)
    assert np.all(shown[6] < 1e-6)  # one volume five times has no spread
    limits = {
        image.get_clim() for axes in figure.axes[:3] for image in axes.images if image.get_cmap().name == "inferno"
    }
    assert limits == {(0, pytest.approx(scaled.std(axis=0).max()))}
    with pytest.raises(InputError, match="differ in size"):
        figures.mean_and_std_maps({"real": volumes, "wgan_gp": volumes[:, ::2, ::2, ::2]})


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((16, 16, 16)),
        np.zeros((0, 16, 16, 16)),
        np.zeros((2, 16, 16, 12)),
        np.zeros((2, 1, 16, 16, 16)),
        np.full((2, 16, 16, 16), 255.0),
        np.full((2, 16, 16, 16), np.nan),
        np.full((2, 16, 16, 16), np.inf),
        np.zeros((2, 16, 16, 16), dtype=np.int16),
    ],
)
def test_bad_volumes_are_refused_in_one_line(bad):
    for name, draw in BRAINS.items():
        with pytest.raises(InputError) as error:
            draw(bad, AFFINE)
        assert "\n" not in str(error.value), name
    with pytest.raises(InputError):
        figures.intensity_histograms({"real": bad})


def test_bad_affines_are_refused(volumes):
    flipped, swapped, flat = AFFINE.copy(), AFFINE[[1, 0, 2, 3]], AFFINE.copy()
    flipped[0, 0], flat[2, 2] = -5, 0
    for affine in (flipped, swapped, flat, AFFINE[:3], AFFINE * np.nan):
        for draw in BRAINS.values():
            with pytest.raises(InputError):
                draw(volumes, affine)


def test_empty_rows_are_refused():
    for draw in (figures.intensity_histograms, figures.mean_and_std_maps, figures.metric_intervals):
        with pytest.raises(InputError, match="at least one"):
            draw({})


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


@pytest.mark.parametrize("smoothing", [1, 7, 51])
def test_loss_curves_are_grouped_and_smoothed(smoothing):
    values = np.random.default_rng(0).normal(size=(30, 5))
    history = pandas.DataFrame(values, columns=["L_G", "l1", "L_D", "penalty_D", "L_C"])
    history.insert(0, "iteration", np.arange(1, 31))
    panels = {axes.get_title(): axes for axes in figures.loss_curves(history, smoothing).axes}
    assert list(panels) == ["Generator G", "Other terms", "Discriminator D", "Code discriminator C"]
    lines = {line.get_label(): line for line in panels["Discriminator D"].lines}
    assert {"L_D", "penalty_D"} <= set(lines)
    expected = history["penalty_D"].rolling(smoothing, center=True, min_periods=1).mean()
    if smoothing > len(history):
        expected = expected * 0 + expected  # the whole history is shorter than the window
    else:
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
    drawn_lines = [(line.get_xdata().tolist(), line.get_ydata().tolist()) for line in mmd.lines]
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
    return {name: networks.describe(network, size) for name, network in built.items() if name not in without}


@pytest.mark.parametrize(("size", "without"), [(32, ""), (64, ""), (256, ""), (64, "C"), (64, "EC"), (16, "EC")])
def test_architecture_has_every_layer_and_nothing_overlaps(size, without):
    figure = figures.architecture(layers(size, without), f"Networks at {size}³")
    drawn(figure)
    (axes,) = figure.axes
    texts = [text for text in (*axes.texts, *axes.get_legend().get_texts()) if text.get_text()]
    read = [text.get_text() for text in texts]
    depth = int(np.log2(size)) - 1
    assert sum("k4 s2 p1" in text for text in read) == (depth - 1) * (1 if "E" in without else 2)
    assert sum("k3 s1 p1" in text for text in read) == depth - 1
    assert f"n 1\nk3 s1 p1\n{size}³" in read
    assert ("n 1000\nk4 s1 p0" in read) == ("E" not in without)
    assert read.count("n 4096") == (0 if "C" in without else 2)
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


def test_save_gives_the_same_bytes_each_time_and_leaves_nothing_else(volumes, tmp_path):
    def draw():
        yield "cuts", figures.center_cuts({"real": volumes[:1]}, AFFINE, title="Simulated, N = 1")
        yield "loss", figures.loss_curves({"iteration": [1, 2, 3], "L_D": [3.0, 2.0, 1.0]}, title="α")

    first, again = dict(draw()), dict(draw())
    for name, figure in first.items():
        a = figures.save(figure, tmp_path / "a" / f"{name}.v1")
        b = figures.save(figure, tmp_path / "b" / f"{name}.v1")
        c = figures.save(again[name], tmp_path / "c" / f"{name}.v1")
        assert [path.name for path in a] == [f"{name}.v1.png", f"{name}.v1.pdf"]
        for kind in range(2):
            assert a[kind].read_bytes() == b[kind].read_bytes() == c[kind].read_bytes()
        assert b"Matplotlib" not in a[0].read_bytes()
        assert b"CreationDate" not in a[1].read_bytes()
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [
        "cuts.v1.pdf", "cuts.v1.png", "loss.v1.pdf", "loss.v1.png",
    ]  # fmt: skip


def test_a_failed_save_keeps_the_old_file(volumes, tmp_path, monkeypatch):
    figure = figures.montage(volumes)
    png, _ = figures.save(figure, tmp_path / "figure")
    before = png.read_bytes()

    def fail(path, **_):
        path.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(figure, "savefig", fail)
    with pytest.raises(OSError, match="disk full"):
        figures.save(figure, tmp_path / "figure")
    assert png.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 2


def test_nothing_is_left_behind_in_pyplot(volumes):
    settings, open_figures = dict(matplotlib.rcParams), plt.get_fignums()
    for draw in BRAINS.values():
        draw(volumes[:1], AFFINE)
    figures.pca_scatter({"real": np.eye(2)}, [0.6, 0.4])
    figures.metric_intervals({"vae_gan": {"mmd": {"value": 1, "low": 0, "high": 2, "n": 3}}})
    assert plt.get_fignums() == open_figures
    assert dict(matplotlib.rcParams) == settings


def test_colour_map_runs_from_black_over_blue_to_yellow():
    assert to_hex(figures.YELLOW_BLUE(0.0)) == "#000000"
    lightness = figures.YELLOW_BLUE(np.linspace(0, 1, 64))[:, :3] @ [0.2126, 0.7152, 0.0722]
    assert np.all(np.diff(lightness) > 0)
    dark, bright = figures.YELLOW_BLUE(0.25), figures.YELLOW_BLUE(0.85)
    assert dark[2] > dark[0] and bright[0] > bright[2]
