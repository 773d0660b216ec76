"""A hole that is put into one side of a brain is found there, at its size, and counted as often as it was put."""

import numpy as np
import pytest

from alphagan.errors import InputError
from alphagan.metrics.lesions import lesion_patches, lesions, smallest_lesion

SIZE = 24
PLACE = (slice(5, 10), slice(10, 16), slice(9, 14))  # on the left, away from the middle and the edge
OPPOSITE = (slice(14, 19), *PLACE[1:])


def brains(n, seed=0):
    """Ellipsoids of one brightness with smooth noise, background 0, uint8."""
    grid = (np.indices((SIZE,) * 3) - (SIZE - 1) / 2) / (SIZE / 2)
    inside = (grid**2 / np.array([0.8, 1, 0.9])[:, None, None, None] ** 2).sum(0) < 1
    noise = np.random.default_rng(seed).normal(0, 6, (n, *inside.shape))
    return np.where(inside, 160 + noise, 0).clip(0, 255).astype(np.uint8)


def with_holes(n, place=PLACE, seed=0):
    volumes = brains(n, seed)
    volumes[(slice(None), *place)] = 40
    return volumes


def test_a_hole_is_found_where_it_is_and_its_mirror_image_where_that_is():
    (found,) = lesion_patches(with_holes(1))
    inside = np.zeros_like(found)
    inside[PLACE] = True
    assert 2 * (found & inside).sum() / (found.sum() + inside.sum()) > 0.8  # Dice
    np.testing.assert_array_equal(lesion_patches(with_holes(1)[:, ::-1])[0], found[::-1])
    assert not lesion_patches(brains(3)).any()


@pytest.mark.parametrize("gain", [0.5, 1.2])
def test_brightness_changes_nothing(gain):
    volumes = with_holes(2)
    np.testing.assert_array_equal(lesion_patches((volumes * gain).astype(np.uint8)), lesion_patches(volumes))


def test_what_lies_alike_on_both_sides_or_is_brighter_is_not_seen():
    volumes = with_holes(1)
    volumes[(slice(None), *OPPOSITE)] = 40
    brighter = brains(1)
    brighter[(slice(None), *PLACE)] = 40
    assert not lesion_patches(volumes).any()
    brighter[(slice(None), *PLACE)], brighter[(slice(None), *OPPOSITE)] = 250, 160
    found = lesion_patches(brighter)
    assert not found[(slice(None), *PLACE)].any()  # the other side is the darker one of a bright lesion


@pytest.mark.parametrize("modality", ["T2w", "FLAIR"])
def test_other_contrasts_have_bright_lesions(modality):
    bright = brains(2)
    bright[(slice(None), *PLACE)] = 250
    found = lesion_patches(bright, modality)
    assert all(patch[PLACE].mean() > 0.2 and not patch[OPPOSITE].any() for patch in found)
    assert not lesion_patches(with_holes(2), modality).any()  # the side opposite a hole is brighter, and healthy
    assert lesions(bright, 0, 0.1, modality).contrast == pytest.approx([(250 - 160) / 160] * 3, rel=0.15)


def test_a_contrast_in_which_lesions_look_otherwise_is_refused():
    with pytest.raises(InputError, match="not in PDw"):
        lesion_patches(brains(1), "PDw")


def test_lesions_are_counted_measured_and_mapped():
    volumes = np.concatenate([with_holes(6), with_holes(2, OPPOSITE, seed=1), brains(8, seed=2)])
    smallest = smallest_lesion(brains(20, seed=3))
    found = lesions(volumes, smallest, voxel_ml=0.1)
    assert smallest == 0 and (found.share.value, found.share.n) == (0.5, 16)
    assert found.share.low < 0.5 < found.share.high
    assert (found.left.value, found.left.n) == (0.75, 8)
    hole_ml = 0.1 * 5 * 6 * 5  # a patch is what lies so deep in it that a window is dark
    assert 0.4 * hole_ml < found.quartiles[1] < hole_ml
    assert found.contrast == pytest.approx([(160 - 40) / 160] * 3, rel=0.15)
    assert found.frequency[7, 12, 11] == 6 / 16 and found.frequency[16, 12, 11] == 2 / 16
    none = lesions(brains(4), smallest, 0.1)
    assert none.share.value == 0 and none.left is None and np.isnan(none.quartiles).all()


def test_healthy_people_say_what_counts():
    holes = [with_holes(1, (slice(5, 5 + side), slice(10, 16), slice(9, 14)), side)[0] for side in range(2, 6)]
    healthy = np.stack([*brains(16, seed=4), *holes])
    found = lesions(healthy, smallest_lesion(healthy), 0.1)
    assert found.share.value == pytest.approx(0.05)  # one of twenty is larger than 95 % of them
