"""FreeSurfer's folders: whom they show, and which of their volumes is taken."""

import layouts
import nibabel
import numpy as np
import pytest
from layouts import freesurfer, who
from likeness import likeness
from scans import head, write
from scipy import ndimage

from alphagan.errors import InputError
from alphagan.preparation.cohorts import Scan, find_scans, nifti
from alphagan.preparation.cohorts.check import of_missing
from alphagan.preparation.cohorts.freesurfer import FreesurferScan, find, missing
from alphagan.preparation.reading import read
from alphagan.preparation.resample import prepare_scan
from alphagan.settings.cohorts import NiftiCohort
from alphagan.settings.sections import Prepare


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("bert", ("bert", "")),
        ("sub-01", ("01", "")),
        ("sub-01_ses-m06", ("01", "m06")),
        ("OAS1_0001_MR1", ("OAS1_0001", "MR1")),
        ("OAS30001_MR_d0129", ("OAS30001", "d0129")),
        ("bert_visit2", ("bert", "visit2")),
        ("bert-2006-04-18", ("bert", "2006-04-18")),
        ("002_S_0295", ("002_S_0295", "")),
        ("002_S_0295_m12", ("002_S_0295", "m12")),
        ("002_S_0295_2006-04-18_I45108", ("002_S_0295", "2006-04-18_I45108")),
        ("002_S_0295_m12.long.002_S_0295", ("002_S_0295", "m12")),
        ("first.long.bert_base", ("bert", "first")),
        ("control_m01", ("control_m01", "")),  # the first man among the controls
        ("site_0012", ("site_0012", "")),
    ],
)
def test_a_folder_s_name_says_who_and_when(tmp_path, folder, expected):
    layouts.tree(tmp_path, f"{folder}/mri/brainmask.mgz")
    assert who(find(freesurfer(tmp_path))) == {expected}


def test_a_whole_subjects_dir_as_nifti_is_its_stripped_volumes(tmp_path):
    inner = (
        "orig/001.mgz",
        "orig/T2raw.mgz",
        "transforms/synthmorph.affine.mgz",
        "T1.mgz",
        "aseg.mgz",
        "brainmask.mgz",
    )
    for name in ("bert", "anna_ses-2"):
        layouts.tree(tmp_path, *(f"{name}/mri/{file}" for file in inner), f"{name}/surf/lh.w-g.pct.mgh")
    cohort = NiftiCohort(kind="nifti", source=str(tmp_path))
    assert who(find_scans(cohort)) == {("bert", ""), ("anna", "ses-2")}
    assert nifti.passed_over(cohort)["FreeSurfer's mri/orig"] == 4


def test_what_is_missing_is_told_when_the_rest_is_prepared(tmp_path):
    layouts.tree(tmp_path, "bert/mri/brainmask.mgz", "anna/mri/T1.mgz")
    (line,) = of_missing(freesurfer(tmp_path))
    assert line.startswith("missing: 1, such as no brainmask: ") and line.endswith("alphagan cohort check names all")
    (tmp_path / "anna/mri/T1.mgz").rename(tmp_path / "anna/mri/brainmask.mgz")
    assert of_missing(freesurfer(tmp_path)) == []


def test_a_longitudinal_stream_is_counted_once_and_by_person(tmp_path):
    for name in ("bert_tp1", "bert_tp2", "bert_tp1.long.bert_base", "bert_base", "anna_tp1.long.anna", "anna"):
        layouts.tree(tmp_path, f"{name}/mri/brainmask.mgz")
    layouts.tree(tmp_path, "carl/mri/brainmask.mgz", "carl/base-tps")  # an average whose visits were moved away
    scans = find(freesurfer(tmp_path))
    assert who(scans) == {("bert", "tp1"), ("bert", "tp2"), ("anna", "tp1")}
    assert {scan.image.parts[-3] for scan in scans} == {"bert_tp1", "bert_tp2", "anna_tp1.long.anna"}


def test_freesurfer_s_own_subjects_are_no_people(tmp_path):
    own = ("fsaverage", "fsaverage5", "fsaverage_sym", "cvs_avg35_inMNI152", "V1_average")
    layouts.tree(tmp_path / "home", *(f"{name}/mri/brainmask.mgz" for name in own))
    source = layouts.tree(tmp_path / "subjects", "bert/mri/brainmask.mgz", "QA/bert.txt", "link.log")
    for name in own:
        (source / name).symlink_to(tmp_path / "home" / name)
    (source / "average").symlink_to(tmp_path / "home" / "fsaverage")
    (source / "lh.EC_average").symlink_to(tmp_path / "home" / "V1_average")
    (source / "rh.EC_average").symlink_to(tmp_path / "nowhere")
    (source / "anna").symlink_to(tmp_path / "disk" / "anna")
    layouts.tree(tmp_path, "disk/anna/mri/brainmask.mgz")
    assert who(find(freesurfer(source))) == {("anna", ""), ("bert", "")}


def test_the_volume_is_chosen_and_its_absence_reported(tmp_path):
    layouts.tree(tmp_path, "anna/mri/brainmask.mgz", "anna/mri/norm.mgz", "bert/mri/norm.mgz", "carl/mri/orig.mgz")
    assert [scan.image.name for scan in find(freesurfer(tmp_path, volume="norm"))] == ["norm.mgz"] * 2
    assert who(find(freesurfer(tmp_path))) == {("anna", "")}
    assert missing(freesurfer(tmp_path)) == [f"no brainmask: {tmp_path / name}" for name in ("bert", "carl")]
    with pytest.raises(InputError, match=r"no <subject>/mri/brain\.mgz and no .*SUBJECTS_DIR"):
        find(freesurfer(tmp_path, volume="brain"))
    with pytest.raises(InputError, match="nowhere: no such folder"):
        find(freesurfer(tmp_path / "nowhere"))


def test_what_was_deleted_by_hand_is_background(tmp_path):
    folder = tmp_path / "bert"
    layouts.write_conformed(folder / "mri" / "brainmask.mgz", 0)
    (before,) = find_scans(freesurfer(tmp_path))
    expected = prepare_scan(before, Prepare(size=16)).cube
    image = nibabel.load(before.image)
    voxels = np.asarray(image.dataobj).copy()
    voxels[voxels == 0] = 1  # as if the rest of the head had been erased in the editor
    nibabel.MGHImage(voxels, image.affine).to_filename(before.image)
    (after,) = find_scans(freesurfer(tmp_path))
    np.testing.assert_array_equal(prepare_scan(after, Prepare(size=16)).cube, expected)


def test_a_volume_is_the_same_by_whichever_kind_of_cohort_it_is_found(tmp_path):
    path = tmp_path / "bert/mri/brainmask.mgz"
    layouts.write_conformed(path, 0)
    image = nibabel.load(path)
    voxels = np.asarray(image.dataobj).copy()
    bright = np.flatnonzero(voxels > 50)
    voxels.ravel()[bright[::50]] = 1  # tissue as dark as that comes in single voxels, and is none that was deleted
    nibabel.MGHImage(voxels, image.affine).to_filename(path)
    (scan,) = find_scans(freesurfer(tmp_path))
    by_kind, plain = (prepare_scan(one, Prepare(size=16)) for one in (scan, Scan("bert", "", "T1w", path)))
    np.testing.assert_array_equal(by_kind.cube, plain.cube)
    assert by_kind.brain_ml == plain.brain_ml and by_kind.note == plain.note


def test_a_volume_of_freesurfer_s_may_be_edited_whatever_its_name(tmp_path):
    path = write(tmp_path / "image.nii", head())
    assert read(FreesurferScan("bert", "", "T1w", path)).edited
    assert not read(Scan("bert", "", "T1w", path)).edited


@pytest.mark.parametrize("name", ["brainmask.mgz", "brainmask.nii.gz", "stripped.mgz"])
def test_what_was_deleted_by_hand_is_outside_of_a_mask_too(tmp_path, name):
    brain = head() > 0
    deleted = ndimage.binary_dilation(brain, iterations=2) & ~brain
    stripped = np.where(brain, np.clip(head() // 16, 2, 255), deleted).astype(np.uint8)
    scan = Scan("bert", "", "T1w", write(tmp_path / "T1.nii", head() + 40), write(tmp_path / name, stripped))
    found = read(scan)
    np.testing.assert_array_equal(found.mask, brain)
    assert f"{deleted.sum()} voxels have the value 1 of FreeSurfer's deleted voxels, left out" in found.words
    plain = Scan("bert", "", "T1w", scan.image, write(tmp_path / "plain.mgz", brain.astype(np.uint8)))
    np.testing.assert_array_equal(read(plain).mask, brain)
    labels = np.where(brain & (np.indices(brain.shape)[0] > 16), 1, brain * 2).astype(np.uint8)
    regions = Scan("bert", "", "T1w", scan.image, write(tmp_path / "regions.mgz", labels))
    np.testing.assert_array_equal(read(regions).mask, brain)


@pytest.mark.parametrize("layout", [layouts.subjects_dir, layouts.adni])
def test_conformed_volumes_come_out_the_right_way_up(tmp_path, layout):
    scans = find_scans(layouts.cohort(layout(tmp_path / "raw", n=2)))
    assert nibabel.aff2axcodes(nibabel.load(scans[0].image).affine) == ("L", "I", "A")
    right, turned = likeness(scans[0], 0)
    assert right > 0.97 and right > turned + 0.02


@pytest.mark.slow
def test_a_volume_of_the_real_size(tmp_path):
    (scan,) = find_scans(layouts.cohort(layouts.subjects_dir(tmp_path, n=1, scale=1)))
    image = nibabel.load(scan.image)
    assert image.shape == (256, 256, 256) and image.get_data_dtype() == np.uint8
    assert likeness(scan, 0)[0] > 0.97
