"""Masks that count probabilities in integers are cut half-way, and maps of labels are taken whole."""

import numpy as np
import pytest
from scans import SHAPE, head, scan_of, write
from scipy import ndimage

from alphagan.preparation.graded import is_graded
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
    assert not is_graded(parcels(LABELS[name], depth))


@pytest.mark.parametrize(
    "mask", [BRAIN * 1, BRAIN * 255, BRAIN * 1 + 1, BRAIN * 2 - 1, BRAIN * -1, BRAIN * 0, head(), BRAIN * 0.7, BRAIN]
)
def test_masks_of_few_values_and_scans_are_not_taken_for_probabilities(mask):
    assert not is_graded(mask)


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
        assert not is_graded(mask.astype(np.float32))
