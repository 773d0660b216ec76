"""A walk starts and ends where it is told, turns by equal angles, and keeps to the length of its ends."""

import numpy as np
import pytest

from alphagan.errors import InputError
from alphagan.generation.walk import walk


def test_both_ends_equal_angles_and_lengths_between():
    z_from, z_to = np.random.default_rng(0).standard_normal((2, 50))
    codes = walk(z_from, z_to, 7)
    assert codes.shape == (7, 50) and codes.dtype == np.float32
    np.testing.assert_allclose(codes[[0, -1]], [z_from, z_to], rtol=1e-5)
    lengths = np.linalg.norm(codes, axis=1)
    np.testing.assert_allclose(lengths, np.linspace(lengths[0], lengths[-1], 7), rtol=1e-5)
    cosines = (codes[1:] * codes[:-1]).sum(1) / lengths[1:] / lengths[:-1]
    np.testing.assert_allclose(cosines, cosines[0], rtol=1e-5)
    assert lengths[3] > 1.2 * np.linalg.norm((z_from + z_to) / 2)  # than on the straight line


def test_codes_in_one_direction_are_joined_by_a_line():
    np.testing.assert_allclose(walk([1.0, 0.0], [3.0, 0.0], 3), [[1, 0], [2, 0], [3, 0]])
    np.testing.assert_allclose(walk([1.0, 0.0], [-1.0, 0.0], 3), [[1, 0], [0, 0], [-1, 0]], atol=1e-6)


@pytest.mark.parametrize(("z_to", "n"), [(np.zeros(3), 4), (np.zeros((1, 2)), 4), (np.ones(2), 1)])
def test_odd_input_is_refused(z_to, n):
    with pytest.raises(InputError):
        walk(np.ones(2), z_to, n)
