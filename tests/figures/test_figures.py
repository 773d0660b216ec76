import time
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from alphagan import figures
from alphagan.errors import InputError

AFFINE = np.array([[5.0, 0, 0, -40], [0, 6, 0, -50], [0, 0, 4, -30], [0, 0, 0, 1]])
SIZE = 16


@pytest.fixture
def volumes():
    return np.random.default_rng(1).integers(0, 256, (3, SIZE, SIZE, SIZE), dtype=np.uint8)


def drawn(figure):
    """Brightness of the rendered figure, row 0 at the bottom as in matplotlib's own pixel coordinates."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[::-1, :, :3].mean(axis=2)


def images(figure):
    """Every slice that is shown; the black ground that nilearn lays under its own is in colour, hence not 2D."""
    found = [(axes, image) for axes in figure.axes for image in axes.images]
    return [(axes, image) for axes, image in found if image.get_array().ndim == 2]


def pictures(figure):
    """Arrays that are shown, first row at the bottom."""
    arrays = [(image.origin, np.asarray(image.get_array())) for _, image in images(figure)]
    return [array if origin == "lower" else array[::-1] for origin, array in arrays]


def boxes(figure):
    """Left, bottom, right, top of every drawn image, in pixels."""
    drawn(figure)
    for axes, image in images(figure):
        left, right, bottom, top = image.get_extent()
        yield *axes.transData.transform((left, bottom)), *axes.transData.transform((right, top))


def labels(figure, text):
    """Pixel coordinates of the centres of the texts that read so, line by line."""
    found = [item for axes in figure.axes for item in axes.texts if item.get_text().strip() == text]
    centres = [item.get_window_extent().get_points().mean(axis=0) for item in found]
    return sorted(centres, key=lambda centre: (round(centre[1]), centre[0]))


BRAINS = {
    "center_cuts": lambda volumes, affine: figures.center_cuts({"real": volumes}, affine, n_columns=1),
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
        tile = brightness[round(bottom) + 2 : round(top) - 2, round(left) + 2 : round(right) - 2]
        rows, columns = np.nonzero(tile > 200)
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
    expected = {"brain_grid": {6 / 5}, "mean_and_std_maps": {4 / 5, 6 / 5}}.get(name, {4 / 6, 4 / 5, 6 / 5})
    tiles = list(boxes(BRAINS[name](volumes, AFFINE)))
    if name == "mean_and_std_maps":
        tiles = tiles[:4]  # without the colour bars
    ratios = {round((top - bottom) / (right - left), 2) for left, bottom, right, top in tiles}
    assert ratios == {round(value, 2) for value in expected}


@pytest.mark.parametrize("angle", [0.0, 0.3])
def test_center_cuts_show_the_voxels_of_the_centre(volumes, angle):
    turn = np.eye(4)
    turn[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    rows, affines = {"real": volumes, "vae_gan": volumes[:1]}, {"real": turn @ AFFINE, "vae_gan": AFFINE}
    figure = figures.center_cuts(rows, affines, n_columns=2)
    shown, scaled = pictures(figure), volumes.astype(np.float32) / 127.5 - 1
    assert len(shown) == 3 * (2 + 1)
    for index, volume in enumerate([scaled[0], scaled[1], scaled[0]]):
        cuts = volume[8].T, volume[:, 8].T, volume[:, :, 8].T
        for picture, cut in zip(shown[3 * index : 3 * index + 3], cuts, strict=True):
            np.testing.assert_allclose(picture, cut, atol=1e-6)
    assert {"Real", "VAE-GAN", "Sagittal", "Coronal", "Axial"} <= {text.get_text() for text in figure.texts}


@pytest.mark.parametrize("n_columns", [1, 2, 8])
def test_long_names_of_rows_are_drawn_whole(n_columns):
    names = ("real", "alpha_wgan_gp_detail_seed1", "alpha_wgan_gp_detail_batch_statistics")
    brains = np.zeros((n_columns, 16, 16, 16), np.uint8)
    figure = figures.center_cuts(dict.fromkeys(names, brains), AFFINE, n_columns=n_columns)
    drawn(figure)
    beside = [text.get_window_extent() for text in figure.texts if text.get_rotation() == 90]
    assert len(beside) == 3 and min(box.x0 for box in beside) >= 0
    assert max(box.x1 for box in beside) <= min(left for left, *_ in boxes(figure))
    assert all(above.y0 >= below.y1 for above, below in pairwise(beside))


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
    figure = figures.all_slices({"real": volume}, AFFINE, "One subject", n_slices=SIZE // 2)
    shown = images(figure)
    assert len(shown) == 3 * SIZE // 2
    for number, ((axes, _), picture) in enumerate(zip(shown, pictures(figure), strict=True)):
        plane, index = divmod(2 * number + 1, SIZE)
        assert str(index) in [text.get_text() for text in axes.texts]
        np.testing.assert_allclose(picture, np.take(volume, index, axis=plane).T, atol=1e-6)
    assert {"SAG", "COR", "AXI"} <= {text.get_text() for text in figure.texts}


def test_montage_is_quick_and_right(volumes, tmp_path):
    scaled = volumes.astype(np.float32) / 127.5 - 1
    shown = pictures(figures.montage(scaled))
    assert len(shown) == 9
    np.testing.assert_array_equal(shown[3], scaled[1, 8].T)
    np.testing.assert_array_equal(shown[8], scaled[2, :, :, 8].T)
    eight = np.random.default_rng(0).uniform(-1, 1, (8, 32, 32, 32))
    times = []
    for _ in range(3):  # the first one loads what matplotlib loads late
        before = time.process_time()
        path = figures.save_montage(eight, tmp_path / "samples" / "iteration-000500")
        times.append(time.process_time() - before)
    assert min(times) < 0.5
    assert path == tmp_path / "samples" / "iteration-000500.png"
    assert plt.imread(path).ndim == 3


def test_brain_grid_fills_line_by_line(volumes):
    tiles = list(boxes(figures.brain_grid(volumes, AFFINE, n_columns=2)))
    assert len(tiles) == 3
    assert tiles[1][0] > tiles[0][2] and tiles[1][1] == tiles[0][1]
    assert tiles[2][3] < tiles[0][1]


def test_maps_show_mean_and_sd_on_shared_scales(volumes):
    scaled = volumes.astype(np.float32) / 127.5 - 1
    rows = {"real": volumes, "wgan_gp": np.repeat(volumes[:1], 5, axis=0)}
    figure = figures.mean_and_std_maps(rows, AFFINE, "Cohort")
    shown = [picture for picture in pictures(figure) if picture.shape == (SIZE, SIZE)]
    np.testing.assert_allclose(shown[0], scaled.mean(axis=0)[:, :, 8].T, atol=1e-6)
    np.testing.assert_allclose(shown[4], scaled.std(axis=0)[:, :, 8].T, atol=1e-6)
    assert np.all(shown[6] < 1e-6)  # one volume five times has no spread
    limits = {image.get_clim() for _, image in images(figure) if image.get_cmap().name == "inferno"}
    assert len(limits) == 1
    assert limits.pop() == (0, pytest.approx(scaled.std(axis=0).max()))
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
