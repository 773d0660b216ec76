"""Names tell who, when and which contrast; what they leave open is said."""

from pathlib import PurePath

import layouts
import pytest
import yaml

from alphagan.__main__ import main
from alphagan.errors import InputError
from alphagan.preparation.cohorts import find_scans
from alphagan.preparation.cohorts.names import read
from alphagan.settings.cohorts import NiftiCohort

ADNI = "ADNI_002_S_0295_MR_MPR____N3__Scaled_Br_20060418193538123_S13408_I45108.nii"
PROCESSED = "FreeSurfer_Cross-Sectional_Processing_brainmask/2006-04-18_08_20_30.0/I45108"


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("sub-01/ses-2/anat/sub-01_ses-2_run-1_T1w.nii.gz", ("01", "2_run-1", "T1w")),
        ("sub-01/ses-2/anat/sub-01_rec-norm_T2w.nii.gz", ("01", "2_rec-norm", "T2w")),
        ("sub-01_space-T1w_desc-preproc_FLAIR.nii", ("01", "", "space-T1w_desc-preproc_FLAIR")),
        ("sub-01_desc-brain_mask.nii.gz", ("01", "", "desc-brain_mask")),
        ("sub-01_brain.nii.gz", ("01", "", "")),
        ("sub-01_ses-1_T1map.nii.gz", ("01", "1", "T1map")),
        ("sub-01_task-rest_boldref.nii.gz", ("01", "task-rest", "boldref")),
        ("sub-01_CT.nii.gz", ("01", "", "CT")),
        ("sub-01_T1w_pet.nii.gz", ("01", "", "T1w")),
        ("sub-01_UNIT1.nii.gz", ("01", "", "")),
        ("sub-01_ce-gd_T1w.nii.gz", ("01", "ce-gd", "T1wGd")),
        ("sub-01_ce-gd_T2w.nii.gz", ("01", "ce-gd", "T2w")),
        ("sub-01_part-phase_T1w.nii.gz", ("01", "part-phase", "part-phase")),
        ("sub-01_part-mag_T1w.nii.gz", ("01", "part-mag", "T1w")),
        (ADNI, ("002_S_0295", "2006-04-18_I45108", "T1w")),
        ("002_S_0295_m12.nii", ("002_S_0295", "m12", "")),
        (f"002_S_0295/{PROCESSED}/mri/brainmask.mgz", ("002_S_0295", "2006-04-18_I45108", "brainmask_T1w")),
        ("OAS1_0001_MR1_mpr-2_anon.nii", ("OAS1_0001", "MR1_mpr-2", "T1w")),
        ("OAS30001_MR_d0129/anat2/T1w.nii.gz", ("OAS30001", "d0129", "T1w")),
        ("IXI002-Guys-0828-T2.nii.gz", ("IXI002", "", "T2w")),
        ("IXI002_brain.nii.gz", ("IXI002", "", "")),
        ("ixi002-HH-0828-T1_bet.nii.gz", ("IXI002", "", "T1w")),
        ("IXI0023_brain.nii.gz", ("", "", "")),
        ("BraTS20_Training_001/BraTS20_Training_001_t1ce.nii", ("BraTS20_Training_001", "", "T1wGd")),
        ("BraTS-GLI-00000-000/BraTS-GLI-00000-000-seg.nii.gz", ("BraTS-GLI-00000", "000", "mask")),
        ("bert_visit2/mri/brainmask.mgz", ("bert", "visit2", "brainmask_T1w")),
        ("bert/mri/aseg.mgz", ("bert", "", "FreeSurfer's aseg")),
        ("fsaverage/mri/brainmask.mgz", ("fsaverage", "", "FreeSurfer's brainmask")),
        ("ann_T2_flair.nii", ("", "", "FLAIR")),
        ("OAS-like_masked.nii", ("", "", "")),
        ("PPMI_31_MR_SAG_T1_3D__br_raw_20110803104134_1_S1_I2.nii", ("PPMI_31", "20110803104134_1_S1_I2", "T1w")),
        ("AIBL_1_MR_MPRAGE_br_raw_20071101123456789_1_S1_I2.nii", ("AIBL_1", "20071101123456789_1_S1_I2", "T1w")),
        ("Sub0001_Ses1_Scan_01_ANAT1.nii.gz", ("Sub0001", "Ses1_Scan_01", "")),
        ("miriad_181_AD_M_01_MR_2.nii", ("miriad_181", "01_MR_2", "")),
        ("1000012_20252_2_0_T1_brain.nii.gz", ("1000012", "20252_2_0", "T1w")),
        ("1000012_20252_3_0/T1/T1_brain.nii.gz", ("1000012", "20252_3_0", "T1w")),
        ("NACC000037_mri2_ni.nii.gz", ("NACC000037", "mri2", "")),
        ("NDAR_INV00001EEF_2year_T1w_brain.nii.gz", ("NDAR_INV00001EEF", "2year", "T1w")),
        ("wmsub-01_ses-2_T1w.nii", ("01", "2", "wm_T1w")),
        ("mri/mwp1sub-01_T1w.nii", ("01", "", "SPM's mwp1")),
        ("p0sub-01.nii", ("01", "", "SPM's p0")),
        ("s8smwc2sub-01_T1w.nii", ("01", "", "SPM's s8smwc2")),
        ("y_sub-01_T1w.nii", ("01", "", "SPM's y")),
        ("Copy of sub-01_T1w.nii", ("01", "", "T1w")),
        ("sub-01_T1w_brain_pve_0.nii.gz", ("01", "", "tissue map")),
        ("sub-01_BrainExtractionMask.nii.gz", ("01", "", "mask")),
        ("sub-01_BrainSegmentationPosteriors01.nii.gz", ("01", "", "tissue map")),
        ("P01BrainExtractionMask.nii.gz", ("", "", "mask")),
        ("P01BrainSegmentationPosteriors2.nii.gz", ("", "", "tissue map")),
        *((f"P01_{name}.nii", ("", "", "T1wGd")) for name in "T1_Gd T1_gad MPRAGE_GD T1_CE T1+C T1w_KM".split()),
        *((f"P01_{name}.nii", ("", "", "T1wGd")) for name in ("T1_post_contrast", "T1_contrast", "T1_mit_KM")),
        *(
            (f"P01_{name}.nii", ("", "", "T1wGd"))
            for name in "T1_postGd postGd_T1 T1_C+ t1_mprage_C+ T1_Gadovist".split()
        ),
        *((f"P01_{name}.nii", ("", "", "T1wGd")) for name in "T1_enhanced T1_inj T1_CM T1_Magnevist".split()),
        *(
            (f"P01_{name}.nii", ("", "", "T1w"))
            for name in "T1_ohne_KM T1_sans_gado T1_preGd T1_bias_corrected".split()
        ),
        *(
            (f"P01_{name}.nii", ("", "", "T1wGd"))
            for name in "T1_con_contraste t1_mprage_sag_Gadavist T1_nach_KM".split()
        ),
        *((f"P01_{name}.nii", ("", "", "T1w")) for name in "T1_sin_contraste T1_vor_KM T1_avant_gado".split()),
        *((f"P01_{name}.nii", ("", "", "FLAIR")) for name in "t2_tirm_tra_dark-fluid darkfluid T2_dark_fluid".split()),
        *((f"P02_{name}.nii", ("", "", "")) for name in "PET_in_T1 CT_to_T1 PET_to_T1w".split()),
        *((f"P02_{name}.nii", ("", "", "FLAIR")) for name in "FLAIR_to_T1 FLAIR_brain_in_T1 FLAIR_in_T1_space".split()),
        *((f"P02_{name}.nii", ("", "", "T2w")) for name in "T2_to_FLAIR T2w_registered_to_T1w".split()),
        *(
            (f"P02_{name}.nii", ("", "", "T1w"))
            for name in "T1_in_FLAIR T1_to_T2 T1_brain_to_FLAIR T1_in_T2_space".split()
        ),
        *((f"P02_{name}.nii", ("", "", "T1w")) for name in "T1 T1_to_MNI T1w_in_MNI".split()),
        *((f"P02_{name}.nii", ("", "", "map")) for name in "T1_map T1-map QSM_to_T1".split()),
        *((f"sub-01_{name}_T1w.nii", ("01", name, "T1wGd")) for name in "acq-gd acq-postcontrast acq-CE ce-gd".split()),
        *((f"sub-01_{name}_T1w.nii", ("01", name, "T1w")) for name in "acq-preGd acq-mprage ce-none".split()),
        *((f"P01_{name}.nii", ("", "", "T1w")) for name in ("T1_pre_contrast", "T1_no_gd", "T1_post")),
        ("T1_fast_bias.nii.gz", ("", "", "field")),
        ("PD_007_T1.nii.gz", ("", "", "T1w")),
    ],
)
def test_what_a_name_tells(path, told):
    name = read(PurePath(path))
    assert (name.subject, name.session, name.what) == told


def cohort(folder, **keys):
    return NiftiCohort(kind="nifti", source=str(folder), **keys)


def checked(folder, capsys, **keys):
    """Exit status of `alphagan cohort check` of a folder, and what it says."""
    path = folder.parent / "params.yaml"
    section = {"kind": "nifti", "source": str(folder)} | keys
    path.write_text(yaml.safe_dump({"cohorts": {"mine": section}, "experiments": {}}))
    return main(["cohort", "check", "mine", "--params", str(path)]), capsys.readouterr().out


def test_other_contrasts_and_masks_are_passed_over_and_counted(tmp_path, capsys):
    files = ("T1w", "run-2_T1w", "T2w", "desc-brain_mask")
    raw = layouts.tree(tmp_path / "raw", *(f"sub-0{k}/sub-0{k}_{file}.nii.gz" for k in (1, 2) for file in files))
    status, said = checked(raw, capsys)
    assert status == 0
    assert "4 T1w scans of 2 people in 4 sessions" in said and "contrast: T1w 4" in said
    assert "passed over, as their names tell no T1w: 2 T2w, 2 desc-brain_mask" in said
    assert {scan.image.name for scan in find_scans(cohort(raw, modality="T2w"))} == {
        "sub-01_T2w.nii.gz",
        "sub-02_T2w.nii.gz",
    }
    with pytest.raises(InputError, match="no FLAIR found, but names tell 4 T1w, 2 T2w, .*; set the modality, or"):
        find_scans(cohort(raw, modality="FLAIR"))


def test_bids_s_other_suffixes_and_agents_are_passed_over_and_counted(tmp_path, capsys):
    suffixes = "pet CT FA cbf T1map R1map T2map MTsat boldref T1rho".split()
    files = ["T1w", "rec-norm_T1w", "ce-gd_T1w", "part-phase_T1w", *suffixes]
    raw = layouts.tree(tmp_path / "raw", *(f"sub-01_{file}.nii.gz" for file in files))
    status, said = checked(raw, capsys)
    assert status == 0 and "2 T1w scans of 1 person" in said and "contrast: T1w 2" in said
    (line,) = (line for line in said.splitlines() if line.startswith("passed over"))
    assert all(f"1 {what}" in line for what in ("T1wGd", "part-phase", *suffixes))
    (scan,) = find_scans(cohort(raw, modality="T1wGd"))
    assert scan.session == "ce-gd"


def test_scans_rid_of_a_bias_field_may_be_called_after_it(tmp_path, capsys):
    raw = layouts.tree(tmp_path / "raw", *(f"UCSF-PDGM-000{k}_T1_bias.nii.gz" for k in (4, 5)))
    status, said = checked(raw, capsys, pattern="UCSF-PDGM-{subject}_T1_bias.nii.gz")
    assert status == 0 and "2 T1w scans of 2 people" in said
    assert "2 names, such as UCSF-PDGM-0004_T1_bias.nii.gz, may be of bias fields; if they are, and not scans" in said


def test_mixed_contrasts_are_no_cohort(tmp_path, capsys):
    raw = layouts.tree(tmp_path / "raw", "ann_T1w.nii", "ann_FLAIR.nii", "bob_T1w.nii")
    status, said = checked(raw, capsys, pattern="{subject}_*.nii")
    assert status == 1 and "contrasts are mixed: 2 T1w, 1 FLAIR; give a pattern that fits one" in said
    status, said = checked(raw, capsys, pattern="{subject}_FLAIR.nii")
    assert status == 1 and "names tell 1 FLAIR, the modality is T1w; set the modality" in said
    raw = layouts.tree(tmp_path / "two", "sub-01_T1w.nii", "sub-01_desc-preproc_T1w.nii")
    status, said = checked(raw, capsys)
    assert status == 1 and "contrasts are mixed: 1 T1w, 1 desc-preproc_T1w; " in said and "kind: bids" in said


def test_of_freesurfer_s_volumes_the_brain_is_taken(tmp_path):
    volumes = ("T1", "aseg", "brainmask", "norm")
    files = [f"{name}/mri/{volume}.mgz" for name in ("bert", "ernie", "fsaverage") for volume in volumes]
    scans = find_scans(cohort(layouts.tree(tmp_path / "raw", *files)))
    assert [(scan.subject, scan.image.name) for scan in scans] == [
        ("bert", "brainmask.mgz"),
        ("ernie", "brainmask.mgz"),
    ]


@pytest.mark.parametrize(
    ("files", "warns"),
    [
        (("ann-bl", "ann-fu", "bob-bl", "bob-fu"), True),
        (("scan-1", "scan-2", "scan-3"), False),
        (("ann", "bob"), False),
        ([f"site{site}_{k:03d}" for site in "AB" for k in range(20)], False),
    ],
)
def test_names_that_begin_alike_may_be_one_person(tmp_path, capsys, files, warns):
    raw = layouts.tree(tmp_path / "raw", *(f"{file}.nii" for file in files))
    status, said = checked(raw, capsys)
    assert status == 0 and ("although names begin alike: ann-bl.nii and ann-fu.nii" in said) == warns


@pytest.mark.parametrize(
    ("files", "pattern"),
    [
        (("ann-bl.nii", "ann-fu.nii", "bob-bl.nii", "bob-fu.nii"), "{subject}-{session}.nii"),
        ([f"case_{k}_{v}.nii.gz" for k in (1, 2) for v in "xy"], "case_{subject}_{session}.nii.gz"),
        ([f"case_{k}_000{channel}.nii.gz" for k in (1, 2) for channel in (0, 1)], "case_{subject}_0000.nii.gz"),
        ([f"{visit}_{name}.nii" for visit in ("pre", "post") for name in ("P1", "P2")], "{session}_{subject}.nii"),
        ([f"S{visit}_{name}.nii" for visit in "abc" for name in ("P1", "P2", "P3", "P4")], "{session}_{subject}.nii"),
    ],
)
def test_the_pattern_that_is_advised_joins_who_is_alike(tmp_path, capsys, files, pattern):
    raw = layouts.tree(tmp_path / "raw", *files)
    assert f"if they are of one person, give a pattern such as {pattern}\n" in checked(raw, capsys)[1]
    status, said = checked(raw, capsys, pattern=pattern)
    people = 4 if len(files) == 12 else 2
    assert status == 0 and f"scans of {people} people" in said and "may be" not in said


def test_no_pattern_is_advised_where_none_joins_them(tmp_path, capsys):
    files = [f"{name}_{visit}.nii" for name in ("a_1", "a_2", "b_1") for visit in ("x", "y")]
    said = checked(layouts.tree(tmp_path / "raw", *files), capsys)[1]
    assert "although names begin alike" in said and "if they are of one person, rename them" in said


def test_copies_by_spm_are_told(tmp_path, capsys):
    raw = layouts.tree(tmp_path / "raw", *(f"{made}ann{k}_T1.nii" for made in ("", "m", "wm", "c1") for k in (1, 2)))
    said = checked(raw, capsys)[1]
    assert "4 scans are called as others are but for a prefix of SPM's, such as mann1_T1.nii beside ann1_T1.nii" in said
    assert "passed over, as their names tell no T1w: 2 SPM's c1" in said
    for names in ("OAS1_000{k}_MR1_mpr-1_anon.nii", "IXI00{k}-Guys-0828-T1.nii", "P0{k}_T1.nii"):
        shown = [names.format(k=k) for k in (1, 2)]
        made = (f"mri/{prefix}{name}" for name in shown for prefix in ("mwp1", "p0", "c2", "y_"))
        source = layouts.tree(tmp_path / names[:3], *shown, *made)
        assert "2 T1w scans of 2 people" in checked(source, capsys)[1]
    people = layouts.tree(tmp_path / "people", "ann_T1.nii", "joann_T1.nii", "1.nii", "c11.nii")
    assert "prefix" not in checked(people, capsys)[1]
    bids = layouts.tree(tmp_path / "bids", *(f"{made}sub-0{k}_T1w.nii" for made in ("", "wm", "c1") for k in (1, 2)))
    status, said = checked(bids, capsys)
    assert (
        status == 1 and "4 T1w scans of 2 people" in said and "passed over, as their names tell no T1w: 2 SPM" in said
    )


def test_people_of_one_name_in_two_folders_are_told(tmp_path, capsys):
    raw = layouts.tree(tmp_path / "raw", *(f"site{site}/sub-01_T1w.nii" for site in "AB"), "siteA/sub-02_T1w.nii")
    said = checked(raw, capsys)[1]
    assert "2 scans have person and session of another, such as siteA/sub-01_T1w.nii and siteB/sub-01_T1w.nii" in said
    assert "if they are two people of one name, rename one of them" in said


def test_two_files_of_one_session_are_told(tmp_path, capsys):
    raw = layouts.tree(tmp_path / "raw", "ann_1.nii", "ann_2.nii", "bob_1.nii")
    status, said = checked(raw, capsys, pattern="{subject}_*.nii")
    assert status == 0 and "2 scans have person and session of another, such as ann_1.nii and ann_2.nii" in said
    assert "person  session  file\n" in said and f"  bob     -        {raw / 'bob_1.nii'}" in said
