"""Masks that count probabilities in integers are cut half-way, and maps of labels are taken whole."""

import numpy as np
import pytest
from scans import SHAPE, head, scan_of, write
from scipy import ndimage

from alphagan.preparation.graded import Taken, taken_for
from alphagan.preparation.resample import prepare_scan
from alphagan.settings.sections import Prepare

BRAIN = head() > 0
ASEG = (
    *(2, 3, 4, 5, 7, 8, 10, 11, 12, 13, 14, 15, 16, 17, 18, 24, 26, 28, 30, 31, 41, 42, 43, 44, 46, 47, 49, 50, 51),
    *(52, 53, 54, 58, 60, 62, 63, 77, 80, 85),
)
LABELS = {
    "aseg": ASEG,
    "aseg with corpus callosum": (*ASEG, *range(251, 256)),
    "cortex of both hemispheres": (*range(1001, 1036), *range(2001, 2036)),
    "many": range(1, 201),
    "mostly large ones": (*range(1, 9), *range(90, 101)),
}


def soft(largest, blur, dtype=np.uint8):
    """Percent, say, of a mask with soft edges."""
    return np.round(largest * ndimage.gaussian_filter(BRAIN.astype(float), blur)).astype(dtype)


def parcels(labels, depth=99):
    """The brain, or its outer voxels, in regions around random points."""
    rng = np.random.default_rng(len(labels))
    points = np.zeros(SHAPE, int)
    points[tuple(rng.permutation(np.argwhere(BRAIN))[: len(labels)].T)] = rng.permutation(labels)
    nearest = ndimage.distance_transform_edt(points == 0, return_distances=False, return_indices=True)
    return np.where(BRAIN & (ndimage.distance_transform_edt(BRAIN) <= depth), points[tuple(nearest)], 0)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16])
@pytest.mark.parametrize(("largest", "blur"), [(100, 0.5), (100, 1), (255, 0.7), (10, 0.7)])
def test_probabilities_in_integers_are_cut_half_way(tmp_path, largest, blur, dtype):
    mask = soft(largest, blur, dtype)
    found = prepare_scan(
        scan_of(write(tmp_path / "a.nii", head() + 40), write(tmp_path / "mask.nii", mask)), Prepare(size=16)
    )
    assert found.brain_ml == pytest.approx(64 * BRAIN.sum() / 1000, rel=0.02)
    assert f"the mask is graded from 0 to {largest}" in found.note


@pytest.mark.parametrize("depth", [1.5, 3, 99])
@pytest.mark.parametrize("name", LABELS)
def test_labels_are_not_taken_for_probabilities(name, depth):
    assert taken_for(parcels(LABELS[name], depth)) is not Taken.PROBABILITIES


@pytest.mark.parametrize(
    "mask", [BRAIN * 1, BRAIN * 255, BRAIN * 1 + 1, BRAIN * 2 - 1, BRAIN * -1, BRAIN * 0, head(), BRAIN * 0.7, BRAIN]
)
def test_masks_of_few_values_and_scans_are_not_taken_for_probabilities(mask):
    assert taken_for(mask) is Taken.REGIONS


def test_a_map_of_labels_is_taken_whole_without_a_note(tmp_path):
    mask = write(tmp_path / "mask.nii", parcels(ASEG).astype(np.int16))
    found = prepare_scan(scan_of(write(tmp_path / "a.nii", head() + 40), mask), Prepare(size=16))
    assert found.brain_ml == pytest.approx(64 * BRAIN.sum() / 1000) and "graded" not in found.note


@pytest.mark.parametrize("largest", [1, 100, 255])
@pytest.mark.parametrize("cut", [0.001, 0.1, 0.3])
@pytest.mark.parametrize("blur", [0.7, 1])
def test_soft_masks_whose_small_values_were_removed_are_cut_half_way(tmp_path, largest, cut, blur):
    mask = ndimage.gaussian_filter(BRAIN.astype(np.float32), blur)
    mask = np.where(mask > cut, largest * mask, 0)
    paths = write(tmp_path / "a.nii", head() + 40), write(tmp_path / "mask.nii", mask.astype(np.float32))
    found = prepare_scan(scan_of(*paths), Prepare(size=16))
    assert found.brain_ml == pytest.approx(64 * (mask > mask.max() / 2).sum() / 1000, rel=5e-3)
    assert cut < 0.1 or "taken for probabilities" in found.note


def test_labels_and_scans_in_floating_point_are_taken_whole():
    for mask in (parcels(ASEG), head(), BRAIN * 0.7, parcels(LABELS["many"]) / 200):
        assert taken_for(mask.astype(np.float32)) is Taken.REGIONS


SOFT = ndimage.gaussian_filter(BRAIN.astype(np.float64), 0.7)
CUT = np.where(SOFT < 1e-3, 0, SOFT)


def taken(tmp_path, mask):
    """Volume and note of a head that a mask of some numbers cuts out."""
    paths = write(tmp_path / "a.nii", head() + 40), write(tmp_path / "mask.nii", mask)
    found = prepare_scan(scan_of(*paths), Prepare(size=16))
    return round(found.brain_ml * 1000 / 64), found.note


@pytest.mark.parametrize(
    "mask",
    [
        (3e-4 + 0.9994 * CUT).astype(np.float32),
        (1 / (1 + np.exp(-np.clip(20 * (SOFT - 0.5), -9.2, 9.2)))).astype(np.float32),
        (1 / (1 + np.exp(-np.clip(20 * (SOFT - 0.5), -9.2, 9.2)))),
        (0.1 + 0.9 * CUT).astype(np.float32),
        (16 * (CUT - 0.5)).astype(np.float32),
        np.round(3 + 249 * CUT).astype(np.uint8),
        np.round(100 * CUT - 50).astype(np.int16),
        np.round(65535 * CUT).astype(np.uint16),
    ],
    ids=["floor", "clipped sigmoid", "in float64", "rescaled", "logits", "8 bits", "below 0", "16 bits"],
)
def test_probabilities_whose_outside_is_not_0_are_cut_half_way(tmp_path, mask):
    assert taken(tmp_path, mask)[0] == pytest.approx((SOFT > 0.5).sum(), rel=0.01)


@pytest.mark.parametrize("corner", [0.0, np.nan])
def test_a_floor_with_corners_that_a_rotation_left_empty_is_cut_half_way(tmp_path, corner):
    mask = (3e-4 + 0.9994 * CUT).astype(np.float32)
    mask[:3, :3] = corner
    assert taken(tmp_path, mask)[0] == pytest.approx((SOFT > 0.5).sum(), rel=0.01)


@pytest.mark.parametrize("floor", [0, 1e-12, 1e-3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_hole_of_a_soft_mask_stays_a_hole(tmp_path, dtype, floor):
    """As of ventricles or of a resected tumour."""
    hole = ndimage.distance_transform_edt(np.pad(BRAIN, 1))[1:-1, 1:-1, 1:-1] > 8
    mask = ndimage.gaussian_filter((BRAIN & ~hole).astype(np.float64), 0.7)
    assert hole.sum() > 100
    n, _ = taken(tmp_path, np.where(mask < floor, 0, mask).astype(dtype))
    assert n == (mask > 0.5).sum()


@pytest.mark.parametrize("n_raters", [2, 3, 5, 10])
def test_shares_of_votes_are_cut_half_way(tmp_path, n_raters, generator):
    votes = np.mean([ndimage.shift(BRAIN * 1, generator.integers(-1, 2, 3)) for _ in range(n_raters)], 0)
    n, note = taken(tmp_path, votes.astype(np.float32))
    assert n == pytest.approx((votes > 0.5).sum()) and "taken for probabilities" in note


def test_numbers_of_votes_may_be_regions_and_that_is_said(tmp_path):
    votes = BRAIN * 1 + ndimage.binary_erosion(BRAIN)
    n, note = taken(tmp_path, votes.astype(np.uint8))
    assert n == BRAIN.sum()
    assert "the mask is graded from 0 to 2, taken for regions: inside is what is not 0, and if they are votes" in note


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_what_interpolation_overshot_is_not_inside(tmp_path, dtype):
    weights = np.sinc(np.arange(-5, 6) + 0.37) * np.sinc((np.arange(-5, 6) + 0.37) / 5)
    mask = BRAIN.astype(np.float64)
    for axis in range(3):
        mask = ndimage.correlate1d(mask, weights / weights.sum(), axis)
    assert taken(tmp_path, np.round(1000 * mask).astype(dtype))[0] == pytest.approx(BRAIN.sum(), rel=0.01)


def test_labels_below_0_are_outside_and_that_is_said(tmp_path):
    labels = parcels(range(1, 30)).astype(np.int16)
    labels[0, 0, :4] = -1
    n, note = taken(tmp_path, labels)
    assert n == BRAIN.sum() and "what the mask has below 0 is taken for outside: 4 of its voxels" in note


@pytest.mark.parametrize("inside", [-1, 2, 1, 255])
def test_plain_masks_of_any_two_numbers_are_taken_as_they_are(tmp_path, inside):
    for outside in {0, 1, -1} - {inside}:
        n, note = taken(tmp_path, np.where(BRAIN, inside, outside).astype(np.int16))
        assert n == BRAIN.sum() and "mask" not in note
