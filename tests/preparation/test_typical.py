"""Which brains are least like the others."""

import numpy as np
import pytest

from alphagan.errors import TooFewError
from alphagan.preparation.typical import likeness


def brains(n: int = 6) -> np.ndarray:
    x, y, z = np.indices((12, 12, 12))
    pattern = 100 + 5 * x + 3 * y - 4 * z
    return (pattern + np.random.default_rng(1).normal(0, 4, (n, 12, 12, 12))).clip(0, 255).astype(np.uint8)


def test_it_is_the_correlation_with_the_mean_of_the_others_when_each_counts_as_much():
    volumes = brains()
    flat = volumes.reshape(len(volumes), -1).astype(float)
    alike = (flat - flat.mean(1, keepdims=True)) / flat.std(1, keepdims=True)
    expected = [np.corrcoef(alike[i], np.delete(alike, i, 0).mean(0))[0, 1] for i in range(len(alike))]
    np.testing.assert_allclose(likeness(volumes), expected, rtol=1e-9)


def test_a_turned_brain_comes_first_and_a_brighter_one_does_not():
    volumes = brains().astype(float)
    volumes[4] = volumes[4, :, ::-1]
    volumes[1] *= 3.0
    found = likeness(volumes)
    assert found.argmin() == 4
    np.testing.assert_allclose(found[1], likeness(np.stack([v / (1 + 2 * (i == 1)) for i, v in enumerate(volumes)]))[1])


def test_an_empty_cube_is_like_nothing_and_breaks_nothing():
    volumes = brains()
    volumes[0] = 0
    found = likeness(volumes)
    assert found[0] == 0 and np.isfinite(found).all()


def test_one_brain_has_no_others():
    with pytest.raises(TooFewError, match="1 brains.*add scans"):
        likeness(brains(1))
