"""Scans whose contrast names leave open, or images that a pattern leaves, are told."""

import layouts
import pytest

from alphagan.preparation.cohorts import words
from alphagan.preparation.cohorts.check import check
from alphagan.settings.cohorts import NiftiCohort


def lines(tmp_path, *files, **keys):
    """Everything that is said of a folder, and whether it is a cohort as it is."""
    report = check(NiftiCohort(kind="nifti", source=str(layouts.tree(tmp_path, *files)), **keys))
    return "\n".join(report.doubts), report.as_expected


def test_names_that_tell_nothing_beside_others_are_told(tmp_path):
    files = [f"P0{k}_{what}.nii.gz" for k in range(4) for what in ("T1", "space3d")]
    said, _ = lines(tmp_path, *files)
    assert "4 of 8 names tell no contrast, such as P00_space3d.nii.gz, where others do (4 T1w): if" in said
    for way in (0, 1):
        assert "no contrast" not in lines(tmp_path / f"{way}", *files[way::2])[0]


@pytest.mark.parametrize("folder", ["T2", "FLAIR", "P01/T2w", "masks", "raw/flair/x"])
def test_folders_that_are_called_after_another_contrast_are_told(tmp_path, folder):
    said, _ = lines(tmp_path, "T1/P03.nii", f"{folder}/P04.nii")
    assert (
        "1 scan lies in a folder whose name tells " in said
        and f"such as {folder}/P04.nii, and the modality is T1w" in said
    )
    said, _ = lines(tmp_path / "own", "T1/P03.nii", "T1w/P04.nii", "anat/P05.nii")
    assert "lies in a folder" not in said


def test_contrasts_that_stand_for_visits_are_told(tmp_path):
    files = [f"{what}/P0{k}.nii.gz" for k in range(4) for what in ("T1", "FLAIR")]
    said, _ = lines(tmp_path, *files, pattern="{session}/{subject}.nii.gz")
    assert "4 scans lie in folders that tell 4 FLAIR, such as FLAIR/P00.nii.gz" in said


@pytest.mark.parametrize("ends", [("T1", "T2"), ("t1w", "flair"), ("T1", "FLAIR", "PD")])
def test_contrasts_at_the_end_of_an_id_are_told(tmp_path, ends):
    said, _ = lines(tmp_path, *(f"P0{k}{end}.nii.gz" for k in range(4) for end in ends))
    assert "names are one but for their ending (4 of them), such as P00" in said
    assert "one but for their ending" not in lines(tmp_path / "one", *(f"P0{k}T1.nii.gz" for k in range(4)))[0]
    assert "one but for their ending" not in lines(tmp_path / "word", *(f"patient{k}.nii.gz" for k in range(4)))[0]


def test_images_that_a_pattern_leaves_are_told(tmp_path):
    stems = ["01", "02", "03_run-1", "03_run-2", "04_acq-mprage", "05_ses-1", "06", "07_rec-norm"]
    files = [f"sub-{stem}_T1w.nii.gz" for stem in stems]
    said, good = lines(tmp_path, *files, pattern="sub-{subject}_T1w.nii.gz")
    assert good
    assert (
        "passed over, as the pattern 'sub-{subject}_T1w.nii.gz' does not fit them, though their names tell T1w: 5,"
        in said
    )
    assert "does not fit them" not in lines(tmp_path / "all", *files, pattern="sub-{subject}_*T1w.nii.gz")[0]
    said, _ = lines(tmp_path / "spelled", "ann_T1w.nii", "dora_t1w.nii", "ed_T1W.nii", pattern="{subject}_T1w.nii")
    assert "does not fit them, though their names tell T1w: 2, such as" in said


@pytest.mark.parametrize(
    ("pattern", "taken", "left"),
    [
        ("P{subject}_brain.nii.gz", ["P00_brain", "P01_brain"], ["p02_brain", "P03_bet"]),
        ("P{subject}.nii.gz", ["P00", "P01"], ["p02", "Q00"]),
        ("{subject}_T1.nii.gz", ["ann_T1", "bob_T1"], ["cleo", "dora_anat"]),
        ("sub-{subject}_T1w.nii.gz", ["sub-01_T1w"], ["sub-02_brain"]),
        ("{subject}/brain.nii.gz", ["P0/brain", "P1/brain"], ["P2/anat/brain"]),
        ("HC{subject}.nii.gz", ["HC01", "HC02"], ["MDD01", "MDD02"]),
    ],
)
def test_people_whom_a_pattern_leaves_are_told_where_names_tell_no_contrast(tmp_path, pattern, taken, left):
    files = [f"{name}.nii.gz" for name in (*taken, *left)]
    said, good = lines(tmp_path, *files, pattern=pattern)
    assert f"does not fit them: {len(left)} images whose names begin as nobody's do" in said and good
    others = [f"{name}_seen.nii.gz" for name in taken]  # of people whom it takes a scan of
    others += [f"masks/{name.split('/')[0]}_lesion.nii.gz" for name in taken]
    others += [f"{name}_FLAIR.nii.gz" for name in left]
    said, _ = lines(tmp_path / "none", *(f"{name}.nii.gz" for name in taken), *others, pattern=pattern)
    assert "begin as nobody's" not in said


def test_images_of_another_kind_are_left_without_a_word(tmp_path):
    brain, raw = "sub-01_desc-brain_T1w.nii.gz", "sub-01_T1w.nii.gz"
    mask = "sub-01_desc-brain_mask.nii.gz"
    files = (brain, raw, mask, "sub-01_T2w.nii.gz", "sub-01_T1w.json")
    assert "does not fit them" not in lines(tmp_path, *files, pattern="sub-{subject}_desc-brain_T1w.nii.gz")[0]
    keys = {"pattern": "sub-{subject}_T1w.nii.gz", "mask_pattern": "sub-{subject}_desc-brain_mask.nii.gz"}
    assert "does not fit them" not in lines(tmp_path, *files, **keys)[0]
    copies = ("ann_T1w.nii", "ann_T1w.nii.gz", "bob_T1w.nii")
    assert "does not fit them" not in lines(tmp_path / "copies", *copies, pattern="{subject}_T1w.nii")[0]


@pytest.mark.parametrize(
    ("volume", "modality", "good"),
    [("T1", "T1w", True), ("nu", "T1w", True), ("T2", "T1w", False), ("aseg", "T1w", False)],
)
def test_freesurfer_s_whole_heads_are_of_their_contrast_where_a_pattern_takes_them(tmp_path, volume, modality, good):
    files = [f"P0{k}/mri/{name}.mgz" for k in range(4) for name in (volume, "brainmask")]
    patterns = {"pattern": f"{{subject}}/mri/{volume}.mgz", "mask_pattern": "{subject}/mri/brainmask.mgz"}
    said, as_expected = lines(tmp_path, *files, modality=modality, **patterns)
    assert as_expected == good and ("set the modality" in said) != good


@pytest.mark.parametrize(
    ("contrast", "names"),
    [
        ("T1w", "T1_reg_T2 T1_warped_to_T2 T1_in_FLAIR_space T1_wo_contrast T1_vor_KM"),
        ("T1wGd", "T1_ProHance T1_apres_injection T1_Omniscan T1_mit_Kontrastmittel"),
        ("T2starw", "T2_star t2_fl2d_tra_hemo T2_GRE t2_medic"),
        ("FLAIR", "t2_spc_da-fl_sag T2_fluid_attenuated T2_FLAIR"),
        ("T2w", "t2_tse_tra T2_to_T1 T1_T2 T2_T2"),
        ("T1w", "T2_T1 T1_T1 T2_T1_brain"),  # the second time point
        ("mask", "T1_Maske T1_masque"),
    ],
)
def test_what_scanners_and_clinics_call_a_contrast(contrast, names):
    assert {name: words.contrast(f"P01_{name}") for name in names.split()} == dict.fromkeys(names.split(), contrast)
