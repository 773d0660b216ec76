"""The simulated cohort: what it lists and draws, and how close its spread is to real scans."""

import nibabel
import numpy as np
import pytest

from alphagan.errors import InputError
from alphagan.evaluation.spread import IXI_REFERENCE, spread
from alphagan.preparation.cohorts import find_scans
from alphagan.preparation.resample import prepare_scan
from alphagan.settings.cohorts import NiftiCohort, TemplateCohort
from alphagan.settings.sections import Prepare

VOXEL = 4.0  # coarse, for speed


def cohort(**changes):
    return TemplateCohort(
        kind="template", source="alphagan.preparation.cohorts.template", **{"voxel_size_mm": VOXEL, **changes}
    )


def voxels(scan):
    return np.asanyarray(scan.load()[0].dataobj)


def prepared(scans):
    parts = [prepare_scan(scan, Prepare()) for scan in scans]
    sizes = [np.linalg.norm(part.affine[:3, :3], axis=0) for part in parts]
    return np.stack([part.cube for part in parts]), np.stack(sizes), np.stack([part.brain_ml for part in parts])


def test_scans_are_listed_by_name_and_differ():
    scans = find_scans(cohort(n_subjects=12))
    assert [s.subject for s in scans] == [f"sub-{k:04d}" for k in range(1, 13)]
    assert scans[6].source == "template:sub-0007"
    assert not np.array_equal(voxels(scans[0]), voxels(scans[1]))


def test_a_subject_depends_on_seed_and_index_alone():
    third = find_scans(cohort(n_subjects=3))[2]
    again = find_scans(cohort(n_subjects=50))[2]
    assert third == again
    assert third.fingerprint() == again.fingerprint()
    before = voxels(third).tobytes()
    find_scans(cohort(n_subjects=3))[0].load()
    assert voxels(again).tobytes() == before
    assert voxels(find_scans(cohort(n_subjects=3, seed=1))[2]).tobytes() != before


@pytest.mark.parametrize("changes", [{"seed": 1}, {"voxel_size_mm": 3.0}])
def test_fingerprint_changes_with_the_settings(changes):
    before, after = find_scans(cohort(n_subjects=2)), find_scans(cohort(n_subjects=2, **changes))
    assert before[0].fingerprint() != after[0].fingerprint()
    assert before[0].fingerprint() != before[1].fingerprint()


def test_unknown_modality_is_refused():
    with pytest.raises(InputError, match=r"modality.*'PDw'.*T1w"):
        find_scans(cohort(modality="PDw"))


def test_image_is_a_brain_in_ras_millimetres_and_zero_around_it():
    for scan in find_scans(cohort(n_subjects=5)):
        image, mask = scan.load()
        assert mask is None
        assert image.get_data_dtype() == np.float32
        assert nibabel.aff2axcodes(image.affine) == ("R", "A", "S")
        np.testing.assert_allclose(image.header.get_zooms(), VOXEL)
        data = voxels(scan)
        centre = image.affine[:3, :3] @ ((np.array(data.shape) - 1) / 2) + image.affine[:3, 3]
        np.testing.assert_allclose(centre, 0, atol=1e-6)
        faces = [np.take(data, end, axis) for axis in range(3) for end in (0, -1)]
        assert not any(face.any() for face in faces), "the brain reaches the edge of the field of view"
        assert data.min() == 0
        assert 900 < (data > 0).sum() * VOXEL**3 / 1000 < 2200


def test_spread_of_known_boxes():
    volumes = np.zeros((3, 16, 16, 16), np.uint8)
    volumes[:, 4:12, :, :] = 255
    sizes = np.array([[5.0, 10.0, 5.0], [5.0, 12.5, 6.0], [5.0, 15.0, 7.0]])
    ml = np.array([500.0, 750.0, 1050.0])
    measured = spread(volumes, sizes, ml)
    assert measured["n"] == 3
    assert measured["brain_ml_mean"] == pytest.approx(ml.mean())
    assert measured["brain_ml_cv"] == pytest.approx(ml.std(ddof=1) / ml.mean())
    assert measured["ap_lr_mean"] == pytest.approx(2.5)
    assert measured["ap_lr_sd"] == pytest.approx(0.5)
    assert measured["si_lr_mean"] == pytest.approx(1.2)
    assert measured["si_lr_sd"] == pytest.approx(0.2)
    assert measured["ms_ssim"] == pytest.approx(1)
    assert measured["voxel_sd"] == 0
    assert measured["intensity_mean"] == 1


@pytest.mark.parametrize(
    ("volumes", "sizes", "ml", "named"),
    [
        (np.zeros((3, 16, 16, 16)), np.ones((3, 3)), np.ones(3), "volumes"),
        (np.zeros((3, 16, 16, 16), np.uint8), np.ones((2, 3)), np.ones(3), "voxel_sizes_mm"),
        (np.zeros((3, 16, 16, 16), np.uint8), np.ones((3, 3)), np.ones((3, 1)), "brain_ml"),
    ],
)
def test_spread_refuses_what_does_not_fit(volumes, sizes, ml, named):
    with pytest.raises(InputError, match=named):
        spread(volumes, sizes, ml)


@pytest.mark.slow
def test_simulated_subjects_vary_as_real_ones_do():
    """With 40 subjects a standard deviation is known to 11 %, hence 30 % for these and 5 % for means."""
    measured = spread(*prepared(find_scans(cohort(n_subjects=40, voxel_size_mm=3.0))))
    for name, expected in IXI_REFERENCE.items():
        if name != "n":
            loose = name.endswith(("_cv", "lr_sd"))
            assert measured[name] == pytest.approx(expected, rel=0.3 if loose else 0.1), name
    for name in ("ap_lr_mean", "si_lr_mean", "intensity_mean", "brain_ml_mean"):
        assert measured[name] == pytest.approx(IXI_REFERENCE[name], rel=0.05), name


@pytest.mark.data
@pytest.mark.slow
def test_reference_is_what_the_real_scans_give(real_scans):
    measured = spread(*prepared(find_scans(NiftiCohort(kind="nifti", source=str(real_scans / "ixi")))))
    assert measured == pytest.approx(IXI_REFERENCE, rel=2e-3)
