"""A hole that is put into one side of a brain is found there, at its size, and counted as often as it was put."""

import numpy as np
import pytest

from alphagan.errors import InputError
from alphagan.metrics.bootstrap import share
from alphagan.metrics.checks import check_volumes
from alphagan.metrics.histogram import brain_masks
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


def mixed():
    """Three people with a hole on the left, of several sizes, one with a hole on the right, and four without."""
    holes = [with_holes(1, (slice(5, 5 + side), slice(10, 16), slice(9, 14)), side) for side in (4, 5, 6)]
    return np.concatenate([*holes, with_holes(1, OPPOSITE, seed=1), brains(4, seed=2)])


def test_people_with_one_scan_each_are_counted_to_the_last_digit_as_scans_are():
    volumes = mixed()
    patches = lesion_patches(volumes)
    sizes, values = patches.sum((1, 2, 3)), check_volumes("volumes", volumes).numpy() + 1
    contrast = [
        abs((v - v[::-1])[patch].mean()) / v[mask].mean()
        for v, patch, mask in zip(values[:4], patches, brain_masks(volumes), strict=False)
    ]
    for groups in (None, list("hgfedcba")):
        found = lesions(volumes, 0, 0.1, groups=groups)
        assert found.share == share(4, 8) and found.left == share(3, 4)
        assert found.quartiles == tuple(np.quantile(sizes[:4] * 0.1, (0.25, 0.5, 0.75)))
        assert found.contrast == tuple(np.quantile(contrast, (0.25, 0.5, 0.75)))
        np.testing.assert_array_equal(found.frequency, patches.sum(0) / 8)
        assert smallest_lesion(volumes, groups=groups) == np.quantile(sizes, 0.95)


def test_more_scans_of_everybody_tell_nothing_new():
    volumes, voxel_ml = mixed(), np.linspace(0.1, 0.2, 8)
    once = lesions(volumes, 0, voxel_ml)
    who = np.tile(np.arange(8), 3)
    thrice = lesions(np.concatenate(3 * [volumes]), 0, np.tile(voxel_ml, 3), groups=who)
    assert (thrice.share, thrice.left) == (once.share, once.left)
    assert thrice.quartiles == pytest.approx(once.quartiles) and thrice.contrast == pytest.approx(once.contrast)
    np.testing.assert_array_equal(thrice.frequency, once.frequency)
    assert smallest_lesion(np.concatenate(3 * [volumes]), groups=who) == smallest_lesion(volumes)


def test_a_person_counts_once_however_many_scans_there_are():
    always, once = with_holes(1), with_holes(1, (slice(15, 19), *PLACE[1:]), seed=1)
    volumes = np.concatenate([always, always, always, always, once, brains(3, seed=2)])
    who = ["anna"] * 4 + ["bert"] * 2 + ["carl", "dora"]
    found = lesions(volumes, 0, 0.1, groups=who)
    assert found.share == share(1.5, 4)  # of Bert one of two scans has a hole
    assert found.left == share(1, 2)
    sizes = 0.1 * lesion_patches(np.concatenate([always, once])).sum((1, 2, 3))
    assert found.quartiles[1] == pytest.approx(sizes.mean()) and sizes[0] > 1.2 * sizes[1]
    assert found.frequency[7, 12, 11] == 1 / 4 and found.frequency[16, 12, 11] == 1 / 8


def test_of_healthy_people_the_largest_patch_of_any_visit_says_what_counts():
    holes = [with_holes(1, (slice(5, 5 + side), slice(10, 16), slice(9, 14)), side)[0] for side in (3, 4, 5, 6)]
    volumes = np.stack([*brains(36, seed=4), *holes])  # of 20 people, two each, of whom four have a hole at one visit
    who = np.arange(40) % 20
    smallest = smallest_lesion(volumes, groups=who)
    sizes = lesion_patches(volumes).sum((1, 2, 3))
    assert len(set(who[sizes > smallest])) == 1
    assert lesions(volumes, smallest, 0.1, groups=who).share == share(0.5, 20)


def test_there_is_a_label_for_each_scan():
    with pytest.raises(InputError, match="groups: shape"):
        lesions(brains(3), 0, 0.1, groups=["anna", "bert"])
