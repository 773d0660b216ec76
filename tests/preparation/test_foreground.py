"""What is brain, whatever the background is made of: the same cubes as with a background of 0, or a true reason."""

import nibabel
import numpy as np
import pytest
from scans import AFFINE, SHAPE, config_for, head, rows_of, scan_of, write
from scipy import ndimage

from alphagan.preparation.foreground import find_foreground
from alphagan.preparation.prepare import prepare
from alphagan.preparation.quality import QualityError
from alphagan.preparation.resample import prepare_scan
from alphagan.settings.paths import Paths
from alphagan.settings.sections import Prepare

SETTINGS = Prepare(size=16)
BRAIN = head() != 0
SIX_MM = np.full(3, 6.0)


def prepared(path, volume, mask=None, **told):
    return prepare_scan(scan_of(write(path, volume), mask, **told), SETTINGS)


@pytest.fixture
def clean(tmp_path):
    return prepared(tmp_path / "clean.nii", head())


def noise(sd, seed=1):
    return np.random.default_rng(seed).normal(0, sd, SHAPE)


def near(found, clean, grey_levels=4.0):
    """Whether a brain fills its cube as the clean one does."""
    return abs(found.cube.astype(float) - clean.cube).mean() < grey_levels


def test_noise_around_a_brain_is_told_from_it_whatever_the_array_s_shape(tmp_path):
    """Of this shape every 324th voxel, by which its brightness might be guessed, lies in one plane beside the brain."""
    fine = np.kron(head(), np.ones((2, 2, 2))).astype(np.float32)
    shape = (86, 93, 81)
    assert (1 + np.prod(shape) // 2000) % shape[2] == 0
    padded = np.pad(fine, [(0, want - there) for want, there in zip(shape, fine.shape, strict=True)])
    spread = np.random.default_rng(0).normal(0, 0.01 * padded.max(), shape)
    affine = AFFINE @ np.diag([0.5, 0.5, 0.5, 1])
    found, expected = (
        prepare_scan(scan_of(write(tmp_path / f"{number}.nii", volume.astype(np.float32), affine)), SETTINGS)
        for number, volume in enumerate((padded + spread, padded))
    )
    assert near(found, expected)


@pytest.mark.parametrize("background", [-1000, -1, 3, 700])
def test_a_constant_background_is_as_good_as_zero(tmp_path, clean, background):
    found = prepared(tmp_path / "a.nii", np.where(BRAIN, head(), background).astype(np.float32))
    assert found.background == background and found.brain_ml == pytest.approx(clean.brain_ml, rel=1e-3)
    np.testing.assert_array_equal(found.affine, clean.affine)
    assert f"the background is {background}, not 0" in found.note


@pytest.mark.parametrize("sd", [5.0, 20.0, 60.0])
@pytest.mark.parametrize("clipped", [False, True])
@pytest.mark.parametrize("level", [0.0, -2000.0])
def test_noise_around_the_brain_is_background(tmp_path, clean, sd, clipped, level):
    volume = head() + noise(sd)
    volume = (volume.clip(0) if clipped else volume) + level
    found = prepared(tmp_path / "a.nii", volume.astype(np.float32))
    assert near(found, clean) and found.threshold > 0 and "the background is not even" in found.note
    assert found.brain_ml == pytest.approx(clean.brain_ml, rel=0.05)


def test_what_interpolation_leaves_around_the_brain_is_background(tmp_path, clean):
    splined = ndimage.zoom(head().astype(float), 1.25, order=3).astype(np.float32)
    write(tmp_path / "a.nii", splined, AFFINE @ np.diag([0.8, 0.8, 0.8, 1]))
    assert prepare_scan(scan_of(tmp_path / "a.nii"), SETTINGS).brain_ml == pytest.approx(clean.brain_ml, rel=0.2)
    smoothed = ndimage.gaussian_filter(head().astype(float), 1.0).astype(np.float32)
    assert prepared(tmp_path / "b.nii", smoothed).brain_ml == pytest.approx(clean.brain_ml, rel=0.3)


def test_rounding_by_an_integer_header_changes_next_to_nothing(tmp_path):
    z = np.where(BRAIN, (head() - head()[BRAIN].mean()) / head()[BRAIN].std(), 0)
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.int16)
    nibabel.save(nibabel.Nifti1Image(z, AFFINE, header), tmp_path / "a.nii")
    rounded = prepare_scan(scan_of(tmp_path / "a.nii"), SETTINGS)
    assert near(rounded, prepared(tmp_path / "b.nii", z.astype(np.float32)), 2)
    assert rounded.background != 0


def test_specks_do_not_move_the_box(tmp_path, clean):
    dirty = head()
    dirty[0, 0, 0] = dirty[-1, -1, -1] = 7
    found = prepared(tmp_path / "a.nii", dirty)
    np.testing.assert_array_equal(found.cube, clean.cube)
    assert found.n_specks == 2 and "specks: 2 voxels lie apart" in found.note
    mask = BRAIN.copy()
    mask[0, 0, 0] = mask[-1, -1, -1] = True
    masked = prepared(tmp_path / "b.nii", head() + 40, write(tmp_path / "mask.nii", mask.astype(np.uint8)))
    assert masked.n_specks == 2 and near(masked, clean)


def test_two_pieces_of_which_neither_is_a_speck_are_no_brain(tmp_path):
    volume = np.zeros((80, 42, 36), np.int16)
    volume[:34] = volume[-34:] = head()
    with pytest.raises(QualityError, match="in 2 pieces: 50% of what is not background lies apart.*mask_pattern"):
        prepared(tmp_path / "a.nii", volume)


def test_nan_around_the_brain_is_background_and_inside_it_a_fault(tmp_path, clean):
    volume = np.where(BRAIN, head(), np.nan).astype(np.float32)
    found = prepared(tmp_path / "a.nii", volume)
    np.testing.assert_array_equal(found.cube, clean.cube)
    assert f"{np.count_nonzero(~BRAIN)} voxels outside the brain are NaN" in found.note
    mask = write(tmp_path / "mask.nii", BRAIN.astype(np.uint8))
    np.testing.assert_array_equal(prepared(tmp_path / "b.nii", volume, mask).cube, clean.cube)
    volume[16, 20, 18] = np.inf
    for given in (None, mask):
        with pytest.raises(QualityError, match="not finite: 1 voxels of the image are NaN or infinite, inside"):
            prepared(tmp_path / "c.nii", volume, given)


def test_nan_in_place_of_every_zero_is_zero_inside_the_brain_too(tmp_path):
    volume = np.where(BRAIN, head(), 0).astype(np.float32)
    volume[[15, 16], 20, 18] = 0
    lost = np.where(volume == 0, np.nan, volume)
    found = prepared(tmp_path / "a.nii", lost)
    np.testing.assert_array_equal(found.cube, prepared(tmp_path / "b.nii", volume).cube)
    assert "and so were 2 of them inside it, as no voxel is 0" in found.note
    mask = write(tmp_path / "mask.nii", BRAIN.astype(np.uint8))
    lost[0, 0, 0], many = 0, np.where(np.indices(BRAIN.shape).sum(0) % 7, volume, 0)  # some 0 left, or a seventh lost
    for volume, given in ((lost, None), (np.where(many == 0, np.nan, many), None), (lost, mask)):
        with pytest.raises(QualityError, match="not finite: .* inside the brain"):
            prepared(tmp_path / "c.nii", volume, given)


@pytest.mark.parametrize("name", ["brainmask.mgz", "brainmask.nii.gz"])
def test_what_was_deleted_by_hand_in_freesurfer_is_background(tmp_path, name):
    brain = np.where(BRAIN, 20 + head() / 40, 0).astype(np.uint8)
    patched = brain.copy()
    patched[12:20, 16:24, :4] = np.where(BRAIN[12:20, 16:24, :4], patched[12:20, 16:24, :4], 1)
    found = prepared(tmp_path / "edited" / name, patched)
    np.testing.assert_array_equal(found.cube, prepared(tmp_path / "whole" / name, brain).cube)
    assert "value 1 of FreeSurfer's deleted voxels" in found.note


@pytest.mark.parametrize("change", [lambda m: m, lambda m: m * 255.0, lambda m: ndimage.zoom(m, 1.0) + noise(0.01)])
def test_masks_may_be_soft_or_noisy(tmp_path, clean, change):
    mask = write(tmp_path / "mask.nii", change(BRAIN.astype(float)).astype(np.float32))
    found = prepared(tmp_path / "a.nii", head() + 40, mask)
    assert found.brain_ml == pytest.approx(clean.brain_ml, rel=0.02) and near(found, clean)


def test_a_background_that_cannot_be_told_is_refused_and_a_named_one_is_taken(tmp_path, clean):
    volume = np.where(BRAIN, head(), 0) + noise(250)
    with pytest.raises(QualityError, match="noisy background|not skull-stripped.*background"):
        prepared(tmp_path / "a.nii", volume.astype(np.float32))
    named = prepared(tmp_path / "a.nii", volume.astype(np.float32), background=750.0)
    assert named.brain_ml == pytest.approx(clean.brain_ml, rel=0.15) and named.background == 750


def test_a_named_background_below_all_that_is_around_the_brain_is_told(tmp_path):
    with pytest.raises(QualityError, match=r"not skull-stripped: .* 100% of the bounding box, are away from -1;"):
        prepared(tmp_path / "a.nii", np.where(BRAIN, head(), 0).astype(np.float32), background=-1.0)


def test_a_whole_head_stays_a_head():
    head_and_skull = ndimage.binary_dilation(BRAIN, iterations=4)
    assert find_foreground(head_and_skull * 100.0, SIX_MM).fault.startswith("not skull-stripped")
    assert find_foreground(head_and_skull * 100.0 + noise(2), SIX_MM).fault.startswith("not skull-stripped")


def test_qc_says_in_numbers_and_words_what_was_done(tmp_path):
    for person in range(3):
        volume = head(person)
        volume[0, 0, 0] = 9 * (person == 1)
        write(tmp_path / f"raw/{person}.nii", volume)
    first, second, _ = rows_of(prepare("study", config_for(tmp_path / "raw"), Paths(tmp_path)) / "qc.csv")
    assert (first["n_specks"], second["n_specks"]) == ("0", "1") and first["threshold"] == "0"
    assert 0.55 < float(first["fill"]) < 0.56 and "757 ml, where those of adults have 1000 to 2000" in first["note"]
    assert second["note"].startswith("specks: 1 voxel lies apart") and second["reason"] == ""


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
def test_a_brain_that_was_centred_keeps_what_has_the_value_of_the_background(tmp_path, dtype):
    """Integers less their median, 0 around the brain: 0 is a grey then."""
    brain, values = head() > 0, head() // 40
    centred = np.where(brain, values - int(np.median(values[brain])), 0)
    enclosed = ndimage.binary_fill_holes(centred != 0)  # at the surface it cannot be told
    assert enclosed.sum() > (centred != 0).sum() + 50
    found = prepare_scan(scan_of(write(tmp_path / "a.nii", centred.astype(dtype))), Prepare(size=16))
    expected = prepare_scan(scan_of(write(tmp_path / "b.nii", np.where(brain, values, 0))), Prepare(size=16))
    assert found.brain_ml == pytest.approx(0.064 * enclosed.sum())
    inner = ndimage.binary_erosion(expected.cube > 0, iterations=2)
    assert np.corrcoef(found.cube[inner].astype(float), expected.cube[inner])[0, 1] > 0.998


@pytest.mark.parametrize("outer", [0, np.nan, 5])
def test_one_background_within_another_is_told(tmp_path, clean, outer):
    scaled = np.where(BRAIN, head() / head().max() * 2 - 1, -1).astype(np.float32)
    found = prepared(tmp_path / "a.nii", np.pad(scaled, 6, constant_values=outer))
    assert found.background == -1 and found.brain_ml == pytest.approx(clean.brain_ml, rel=1e-3)
    assert "the background is -1, not 0" in found.note and near(found, clean)
