"""Figures of the audit show its numbers."""

from types import SimpleNamespace

import numpy as np
import pytest
from audits import power

from alphagan.audit.controls import NOISE_SD
from alphagan.errors import InputError
from alphagan.figures.audit import distance_histograms, pair_pages, power_curves


def test_every_pair_is_drawn_beside_its_original(found, subjects):
    train, _, new = subjects
    pairs = found["slipped"].comparisons["voxels"].pairs[:2]
    many = [*pairs, *(SimpleNamespace(**vars(pairs[0]) | {"generated": i}) for i in range(9))]
    pages = list(pair_pages(new.numpy(), train.numpy(), many, title="Pairs"))
    assert len(pages) == 2
    assert [len(page.axes[0].images) for page in pages] == [8 * 6, 3 * 6]
    left, right, difference = (image.get_array() for image in pages[0].axes[0].images[:3])
    scan = train[pairs[0].scan].numpy()
    scan = scan[::-1] if pairs[0].mirrored else scan
    volume = new[pairs[0].generated].numpy()
    np.testing.assert_allclose(left, volume[:, :, 8].T)
    bright = np.clip((scan + 1) * (volume + 1).mean() / (scan + 1).mean() - 1, -1, 1)
    np.testing.assert_allclose(right, bright[:, :, 8].T, atol=1e-5)
    np.testing.assert_allclose(difference, np.abs(left - right), atol=1e-5)
    assert f"scan {pairs[0].scan}" in " ".join(text.get_text() for text in pages[0].axes[0].texts)
    assert not list(pair_pages(new.numpy(), train.numpy(), []))
    with pytest.raises(InputError, match="no scan"):
        list(pair_pages(new.numpy(), train[:1].numpy(), many))


def test_power_and_distances_are_drawn(found):
    comparisons = found["slipped"].comparisons
    noise, other = power_curves(comparisons, "Power").axes
    line = noise.lines[0]
    np.testing.assert_allclose(line.get_xdata(), [0, *NOISE_SD])
    np.testing.assert_allclose(line.get_ydata(), [1, *power(comparisons["voxels"], "noise")])
    assert [tick.get_text() for tick in other.get_xticklabels()][:3] == ["exact", "flipped", "rescaled"]
    (axes,) = distance_histograms(comparisons).axes
    held_out = axes.patches[0].get_data().values
    assert held_out.sum() == pytest.approx(1)
    assert axes.lines[0].get_xdata()[0] == comparisons["voxels"].criteria["relative"].threshold.value
    with pytest.raises(InputError, match="comparisons"):
        power_curves({})
