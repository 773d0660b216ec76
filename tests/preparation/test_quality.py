"""What is no skull-stripped brain is refused with a reason."""

import nibabel
import numpy as np
import pytest
from scans import AFFINE, SHAPE, head, scan_of, text, truncated, write

from alphagan.preparation.quality import QualityError
from alphagan.preparation.resample import prepare_scan
from alphagan.settings.sections import Prepare


def nan(path):
    volume = head().astype(np.float32)
    volume[20, 20, 20] = np.nan
    write(path, volume)


def saturated(path):
    write(path, np.minimum(head(), 1600))


def whole_head(path):
    write(path, np.random.default_rng(0).integers(1, 500, SHAPE).astype(np.int16), np.diag([3.5, 3.5, 3.5, 1]))


def large_head(path):
    write(path, head(), np.diag([6.0, 6, 6, 1]))


def colour(path):
    rgb = np.zeros(SHAPE, dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    nibabel.Nifti1Image(rgb, AFFINE).to_filename(path)


def flat_affine(path):
    image = nibabel.Nifti1Image(head(), None)
    image.header.set_sform(np.diag([4.0, 4, 0, 1]), 1)
    nibabel.Nifti1Image(head(), None, image.header).to_filename(path)


FAULTS = {
    "unreadable: ": [truncated, text, lambda path: None],
    "not finite: 1 voxels of the image": [nan],
    "wrong dimensionality: the image is 34 x 42 x 36 x 2": [lambda p: write(p, np.stack([head()] * 2, -1))],
    "wrong dimensionality: the image is 34 x 42 x 1": [lambda p: write(p, head()[..., :1])],
    "wrong data type: ": [colour],
    "unusable affine: ": [flat_affine],
    "empty: every voxel is zero": [lambda p: write(p, head() * 0)],
    "too few brain voxels: 11.8 ml, below min_brain_ml of 500": [lambda p: write(p, head(), np.diag([1.0, 1, 1, 1]))],
    "clipped: ": [saturated],
    "not skull-stripped: ": [whole_head, large_head],
    "looks like a mask: only 2 values": [lambda p: write(p, (head() > 0).astype(np.uint8))],
    "looks like a mask: only 4 values": [lambda p: write(p, np.clip(head() // 800, 0, 2) + (head() > 0))],
}


@pytest.mark.parametrize(
    ("reason", "fault"), [(reason, fault) for reason, faults in FAULTS.items() for fault in faults]
)
def test_faulty_files_are_refused_with_a_reason(tmp_path, reason, fault):
    path = tmp_path / "a.nii.gz"
    fault(path)
    with pytest.raises(QualityError) as refusal:
        prepare_scan(scan_of(path), Prepare())
    assert str(refusal.value).startswith(reason)
    assert "\n" not in str(refusal.value)


def test_faulty_masks_are_refused_with_a_reason(tmp_path):
    image = write(tmp_path / "a.nii", head())
    far = write(tmp_path / "far.nii", np.ones((9, 9, 9), np.uint8), AFFINE + 4000 * np.eye(4, k=3))
    corner = write(tmp_path / "corner.nii", (np.indices(SHAPE).max(0) < 3).astype(np.uint8))
    everything = write(tmp_path / "all.nii", np.ones(SHAPE, np.uint8))
    for mask, reason in [
        (tmp_path / "none.nii", f"mask not found: {tmp_path / 'none.nii'}"),
        (far, "mask does not overlap: "),
        (corner, "looks like a mask: "),
        (everything, "not skull-stripped: "),
    ]:
        with pytest.raises(QualityError) as refusal:
            prepare_scan(scan_of(image, mask), Prepare())
        assert str(refusal.value).startswith(reason)


def test_a_brain_larger_than_the_field_of_view_is_refused(tmp_path):
    path = write(tmp_path / "a.nii", head())
    with pytest.raises(QualityError, match="larger than the field of view: 136 mm long, field_of_view_mm is 130"):
        prepare_scan(scan_of(path), Prepare(fit="pad", field_of_view_mm=130.0))


@pytest.mark.data
def test_whole_head_with_its_mask_is_the_stripped_scan(real_scans):
    image = real_scans / "messy" / "IXI013-HH-1212_T1_wholehead_PSR_uint8_scaled.nii.gz"
    mask = real_scans / "messy" / "IXI013-HH-1212_brainmask_2mm_cropped.nii.gz"
    masked = prepare_scan(scan_of(image, mask), Prepare(fit="pad"))
    stripped = prepare_scan(scan_of(real_scans / "ixi" / "IXI013-HH-1212_T1w.nii.gz"), Prepare(fit="pad"))
    np.testing.assert_allclose(masked.affine, stripped.affine, atol=2)  # the grids differ by up to half a voxel
    assert np.corrcoef(masked.cube.ravel(), stripped.cube.ravel())[0, 1] > 0.99
