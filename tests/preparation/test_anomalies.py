"""What is unusual about a scan that is kept is said, and what would be wrong without a word is refused."""

import nibabel
import numpy as np
import pytest
from scans import scan_of, write
from scipy.ndimage import distance_transform_edt, gaussian_filter, zoom
from small_t1w import AFFINE, INSIDE, brain, prepared

from alphagan.preparation.cohorts import find_scans
from alphagan.preparation.lookalikes import Details, look_alikes
from alphagan.preparation.quality import QualityError
from alphagan.preparation.resample import prepare_scan
from alphagan.settings.cohorts import NiftiCohort
from alphagan.settings.sections import Prepare

LENGTHS = np.diag([1e-3, 1e-3, 1e-3, 1])


def turned(degrees):
    angle = np.radians(degrees)
    about_x = np.eye(4)
    about_x[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return about_x @ AFFINE


def sheared():
    shear = np.eye(4)
    shear[0, 1] = 0.3
    return AFFINE @ shear


def test_a_usual_brain_has_no_note(tmp_path):
    assert prepared(tmp_path, brain()).note == ""


def test_a_shell_that_was_left_around_a_brain_is_told(tmp_path):
    depth, values = distance_transform_edt(INSIDE), brain()
    values[(depth > 0) & (depth <= 1)] = 1100  # skull and fat
    values[(depth > 1) & (depth <= 2.3)] = 150  # bone, or CSF
    assert "as where skull, fat or dura was left around it" in prepared(tmp_path, values).note
    values[:16] = brain()[:16]  # a lesion at the surface of one side is none
    assert "left around" not in prepared(tmp_path, values).note


@pytest.mark.parametrize("background", [-1, -1024, 0.5])
def test_a_mask_that_marks_another_background_than_0_is_told(tmp_path, background):
    values = np.where(INSIDE, brain() + 10, background).astype(np.float32)
    for marked, telling in ((INSIDE, False), (np.roll(INSIDE, 5, axis=1), True)):
        mask = write(tmp_path / f"mask{telling}.nii.gz", marked.astype(np.uint8), AFFINE)
        note = prepared(tmp_path, values, mask=mask).note
        assert (f"has the value {background} of what is around a brain" in note) == telling and "negated" not in note


@pytest.mark.parametrize("size", [16, 32])
def test_a_brain_below_its_background_is_told(tmp_path, size):
    said = "the brain is darker than its background, 0, as if it had been negated"
    assert said in prepared(tmp_path, -brain(), size=size).note
    assert said not in prepared(tmp_path, np.where(INSIDE, brain() - 900.5, 0).astype(np.float32), size=size).note


def test_a_mask_that_marks_what_is_around_the_brain_is_told(tmp_path):
    own, moved = INSIDE.astype(np.uint8), np.roll(INSIDE, 5, axis=1).astype(np.uint8)
    said = "it may be the mask of another scan"
    for voxels, telling in ((own, False), (moved, True)):
        mask = write(tmp_path / f"mask{telling}.nii.gz", voxels, AFFINE)
        assert (said in prepared(tmp_path, brain(), mask=mask).note) == telling
    assert said not in prepared(tmp_path, brain()).note


@pytest.mark.parametrize(("dtype", "limit"), [(np.uint8, 255), (np.uint16, 65535)])
def test_unsigned_integers_that_wrapped_are_told(tmp_path, dtype, limit):
    fits = brain() * (limit / brain().max())
    assert "counted from 0 again" not in prepared(tmp_path, fits.astype(dtype)).note
    for too_large in (1.15, 1.6, 3):
        wrapped = (fits * too_large).astype(np.int64).astype(dtype)
        assert f"as far apart as {np.dtype(dtype)} allows" in prepared(tmp_path, wrapped).note


@pytest.mark.parametrize("size", [32, 64])
def test_a_contrast_that_is_not_of_t1w_is_told(tmp_path, size):
    assert "not that of a T1w" in prepared(tmp_path, brain(inverted=True), size=size).note


def test_the_contrast_of_a_brain_of_few_voxels_is_not_doubted(tmp_path):
    path, said = write(tmp_path / "t2.nii", brain(inverted=True), AFFINE), "the contrast is not that of a T1w scan"
    for field_of_view_mm, told in ((None, True), (300.0, False)):
        settings = Prepare(size=32, fit="pad", field_of_view_mm=field_of_view_mm)
        assert (said in prepare_scan(scan_of(path), settings).note) == told


@pytest.mark.data
@pytest.mark.parametrize(("size", "field_of_view_mm"), [(16, 256.0), (32, 224.0), (32, 256.0), (64, 256.0)])
def test_nothing_untrue_is_said_of_real_people_in_a_large_field(real_scans, size, field_of_view_mm):
    scans = find_scans(NiftiCohort(kind="nifti", source=str(real_scans / "ixi")))[:: 1 if size < 64 else 3]
    settings = Prepare(size=size, fit="pad", field_of_view_mm=field_of_view_mm)
    found = [prepare_scan(scan, settings) for scan in scans]
    assert not [each.note for each in found if "contrast" in each.note or "brighter at its surface" in each.note]
    assert look_alikes(Details(np.stack([each.cube for each in found])), [str(row) for row in range(len(found))]) == []


def test_values_far_from_the_background_are_told(tmp_path):
    volume = brain()
    volume[volume == 0] = -20000
    assert "little of the contrast is left" in prepared(tmp_path, volume).note


@pytest.mark.parametrize(
    ("affine", "words"),
    [(turned(20), ""), (turned(40), "40 degrees from those of the scanner"), (sheared(), "right angles")],
)
def test_axes_that_lie_askew_are_told(tmp_path, affine, words):
    note = prepared(tmp_path, brain(), affine).note
    assert words in note if words else note == ""


@pytest.mark.parametrize("length", [LENGTHS, np.linalg.inv(LENGTHS)])
def test_metres_and_micrometres_are_taken_for_what_they_are(tmp_path, length):
    found = prepared(tmp_path, brain(), length @ AFFINE)
    assert found.brain_ml == pytest.approx(prepared(tmp_path, brain()).brain_ml)
    assert "metres" in found.note


def test_forms_that_disagree_are_told(tmp_path):
    image = nibabel.Nifti1Image(brain(), AFFINE)
    image.set_qform(np.diag([-1, 1, 1, 1]) @ AFFINE, 1)
    image.set_sform(AFFINE, 1)
    nibabel.save(image, tmp_path / "sub-01.nii")
    found = prepare_scan(scan_of(tmp_path / "sub-01.nii"), Prepare(size=32))
    assert found.note == "qform says LAS and sform RAS: the second was taken"


@pytest.mark.parametrize(("scale", "told"), [(1.01, False), (1.03, True)])
def test_sizes_that_disagree_between_forms_are_told(tmp_path, scale, told):
    image = nibabel.Nifti1Image(brain(), AFFINE)
    image.set_qform(AFFINE, 1)
    image.set_sform(AFFINE @ np.diag([scale, 1, 1, 1]), 1)
    nibabel.save(image, tmp_path / "sub-01.nii")
    note = prepare_scan(scan_of(tmp_path / "sub-01.nii"), Prepare(size=32)).note
    assert ("pixdim has voxels of 4.6 x 4.6 x 4.6 mm and sform 4.74 x" in note) == told


def test_a_voxel_size_that_was_changed_without_the_affine_is_told(tmp_path):
    header = nibabel.Nifti1Image(brain(), AFFINE).header
    header.set_zooms((4, 4, 4))
    nibabel.save(nibabel.Nifti1Image(brain(), AFFINE, header), tmp_path / "sub-01.nii")
    note = prepare_scan(scan_of(tmp_path / "sub-01.nii"), Prepare(size=32)).note
    assert "pixdim has voxels of 4 x 4 x 4 mm and sform 4.6 x 4.6 x 4.6 mm: the second was taken" in note


@pytest.mark.parametrize(("blur", "told"), [(0.0, False), (1.7, True)])
def test_a_halo_that_was_rounded_is_told(tmp_path, blur, told):
    fine = gaussian_filter(zoom(np.pad(brain() / 8, 4), 2, order=1), blur)
    found = prepared(tmp_path, np.rint(fine).astype(np.int16), AFFINE @ np.diag([0.5, 0.5, 0.5, 1]))
    assert ("as rings of splines or a blur leave it" in found.note) == told


def test_an_orientation_that_overrules_a_header_is_told(tmp_path):
    flipped, said = AFFINE @ np.diag([-1, 1, 1, 1]), "the axes were taken for RAS, as orientation names them, and not "
    found = prepared(tmp_path, brain(), flipped, orientation="RAS")
    assert found.note.startswith(f"{said}for LAS, as the header says")
    assert prepared(tmp_path, brain(), flipped, orientation="LAS").note == ""
    assert prepared(tmp_path, brain(), np.diag([4.6, 4.6, 4.6, 1]), orientation="RAS").note == ""


@pytest.mark.parametrize("n_levels", [9, 16, 24])
def test_a_scan_of_few_values_is_kept(tmp_path, n_levels):
    levels = np.ceil(brain() / brain().max() * n_levels).astype(np.uint8)
    prepare_scan(scan_of(write(tmp_path / "few.nii", levels, AFFINE)), Prepare(size=32, max_saturated=1.0))


def test_voxels_at_the_highest_value_are_no_labels(tmp_path):
    saturated = np.minimum(brain(), 600)  # of a generator, at 1; what differs does so from voxel to voxel
    assert prepare_scan(scan_of(write(tmp_path / "s.nii", saturated, AFFINE)), Prepare(size=32, max_saturated=1.0))


def test_unsigned_integers_that_were_taken_for_signed_are_refused(tmp_path):
    wrapped = (brain().astype(np.uint16) * 50).view(np.int16)
    with pytest.raises(QualityError, match="overflowed.*uint16"):
        prepared(tmp_path, wrapped)


@pytest.mark.parametrize(("outside", "inside"), [(-1, 1), (1, 2), (-1.0, 1.0)])
def test_masks_without_a_zero_are_read(tmp_path, outside, inside):
    values = np.where(INSIDE, inside, outside)
    mask = write(tmp_path / "mask.nii.gz", values, AFFINE, dtype="int8" if values.dtype.kind == "i" else "float32")
    whole = np.where(INSIDE, brain(), 700).astype(np.int16)
    np.testing.assert_array_equal(prepared(tmp_path, whole, mask=mask).cube, prepared(tmp_path, brain()).cube)


def test_a_mask_that_lies_elsewhere_on_the_same_grid_is_told(tmp_path):
    moved = AFFINE.copy()
    moved[0, 3] += 20
    mask = write(tmp_path / "mask.nii.gz", (INSIDE).astype(np.uint8), moved)
    assert "lies 20 mm from it" in prepared(tmp_path, np.where(INSIDE, brain(), 5).astype(np.int16), mask=mask).note


def test_a_mask_whose_header_was_rounded_is_not_resampled(tmp_path):
    whole = np.where(INSIDE, brain(), 5).astype(np.int16)
    mask = write(tmp_path / "mask.nii.gz", INSIDE.astype(np.uint8), AFFINE + 0.005)
    found = prepared(tmp_path, whole, mask=mask)
    np.testing.assert_array_equal(found.cube, prepared(tmp_path, brain()).cube)
    assert found.note == ""


def test_two_brains_are_refused_as_pieces(tmp_path):
    with pytest.raises(QualityError, match="in 2 pieces"):
        prepared(tmp_path, np.concatenate([brain()] * 2, axis=0), AFFINE)


@pytest.mark.parametrize(
    ("written", "called", "cure"), [("a.nii", "b.nii.gz", "remove .gz"), ("a.nii.gz", "b.nii", "to end in .gz")]
)
def test_a_name_that_is_wrong_about_packing_is_told(tmp_path, written, called, cure):
    path = write(tmp_path / written, brain()).rename(tmp_path / called)
    with pytest.raises(QualityError, match=f"unreadable: .*packed, despite its name; .*{cure}"):
        prepare_scan(scan_of(path), Prepare(size=32))


def test_what_is_open_about_a_header_stands_beside_a_refusal(tmp_path):
    with pytest.raises(QualityError, match="too few brain voxels: .*; orientation unknown"):
        prepared(tmp_path, brain(), np.eye(4))


@pytest.mark.parametrize(("hot", "share"), [(5, 0.01), (10, 0.01), (1000, 0.003), (-10, 0.005)])
def test_voxels_that_set_the_scale_of_all_others_are_told(tmp_path, hot, share):
    volume = brain().astype(np.float32)
    rows = np.random.default_rng(1).choice(np.flatnonzero(volume), round(share * (volume > 0).sum()), replace=False)
    volume.ravel()[rows] = hot * np.quantile(volume[volume > 0], 0.99)
    found = prepared(tmp_path, volume)
    assert "voxels far from the others may set the scale" in found.note
    assert not 0.3 < np.median(found.cube[found.cube > 0]) / 255 < 0.95


def test_a_brain_that_is_lost_in_its_field_of_view_is_refused(tmp_path):
    path = write(tmp_path / "sub-01.nii.gz", brain(), np.diag([1.0, 1.0, 1.0, 1.0]))  # as without a header
    settings = Prepare(size=32, fit="pad", field_of_view_mm=192, min_brain_ml=0)
    with pytest.raises(QualityError, match="too small for the cube: the brain of .* header's voxel size"):
        prepare_scan(scan_of(path, None), settings)
