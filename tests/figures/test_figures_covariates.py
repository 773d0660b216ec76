"""Figures of age show the means and readings that they are given."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from alphagan import figures
from alphagan.errors import InputError


def brains(k, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (k, 8, 8, 8)).astype(np.float32)


def test_maps_show_means_and_how_they_differ_from_the_youngest():
    means, counts = {"real": brains(3), "generated": brains(3, 1)}, {"real": [9, 8, 7], "generated": [64, 64, 64]}
    figure = figures.ageing_maps([25, 45, 80], means, counts)
    FigureCanvasAgg(figure).draw()
    tiles = [np.asarray(image.get_array()) for image in figure.axes[0].images]
    assert len(tiles) == 2 * (3 + 2) * 2  # sets, means and changes since the first age, planes
    np.testing.assert_array_equal(tiles[2], means["real"][1][:, :, 4].T)
    np.testing.assert_allclose(tiles[6], (means["real"][1] - means["real"][0])[:, :, 4].T)
    np.testing.assert_allclose(tiles[8], (means["real"][2] - means["real"][0])[:, :, 4].T)
    texts = [text.get_text().strip() for text in figure.axes[0].texts]
    assert {"25 years", "45 years", "80 years", "n = 9", "n = 7", "n = 64"} <= set(texts)
    assert texts.count("differences from\nthe mean at 25") == 2
    assert "Change since 25" in figure.axes[1].get_ylabel()


def test_maps_need_a_volume_for_each_of_two_ages():
    for ages, n in (([25], 1), ([25, 45], 3)):
        with pytest.raises(InputError, match="one volume for each of at least two ages"):
            figures.ageing_maps(ages, {"real": brains(n)}, {"real": [1] * n})


def test_readings_are_drawn_with_their_line():
    told = np.array([20.0, 50, 80])
    sets = {"real": (told, told), "generated": (told, 30 + 0.5 * told)}
    figure = figures.read_ages(sets, {"real": "slope 1", "generated": "slope 0.5"})
    FigureCanvasAgg(figure).draw()
    lines = figure.axes[0].get_lines()
    np.testing.assert_allclose(lines[1].get_ydata(), [40, 70])
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["Real: slope 1", "Generated: slope 0.5"]
    with pytest.raises(InputError, match="nothing to draw"):
        figures.read_ages({}, {})
