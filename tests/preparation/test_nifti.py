import pytest

from alphagan.errors import InputError
from alphagan.preparation.cohorts import find_scans
from alphagan.preparation.cohorts.nifti import find
from alphagan.settings.cohorts import NiftiCohort


def cohort(folder, **keys):
    return NiftiCohort(kind="nifti", source=str(folder), **keys)


def tree(folder, *files):
    for file in files:
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def names(scans):
    return {scan.image.name: (scan.subject, scan.session) for scan in scans}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("sub-{subject}_T1w.nii.gz", {"sub-01_T1w.nii.gz": ("01", "")}),
        ("{subject}/{session}/*.mgz", {"brain.mgz": ("ann", "m12")}),
        ("**/sub-{subject}_ses-{session}_*T1w.nii.gz", {"sub-02_ses-a_run-1_T1w.nii.gz": ("02", "a")}),
        ("**/*/sub-{subject}_ses-{session}_*.nii.gz", {"sub-02_ses-a_run-1_T1w.nii.gz": ("02", "a")}),
        ("{subject}-*212_T1.nii", {f"IXI01{n}-HH-1212_T1.nii": (f"IXI01{n}", "") for n in (3, 4)}),
        ("{subject}/{subject}_T1.nii", {"bob_T1.nii": ("bob", "")}),  # both places must agree
        ("IXI01[!4]-HH-????_{subject}.nii", {"IXI013-HH-1212_T1.nii": ("T1", "")}),
    ],
)
def test_pattern_names_subject_and_session(tmp_path, pattern, expected):
    tree(
        tmp_path,
        *("sub-01_T1w.nii.gz", "sub-01_acq-fast_T1w.nii.gz", "ann/m12/brain.mgz", "bob/bob_T1.nii", "bob/ann_T1.nii"),
        *("x/y/sub-02_ses-a_run-1_T1w.nii.gz", "IXI013-HH-1212_T1.nii", "IXI014-HH-1212_T1.nii"),
    )
    assert names(find(cohort(tmp_path, pattern=pattern))) == expected


def test_without_a_pattern_names_follow_bids_then_the_file(tmp_path):
    tree(
        tmp_path,
        *("sub-01/ses-2/anat/sub-01_ses-2_T1w.nii.gz", "sub-03/mri/brain.mgz", "scan 7.nii", "IXI013.v2.nii.gz"),
        *("participants.tsv", "._scan 7.nii", ".git/annex/a.nii.gz"),
    )
    assert names(find(cohort(tmp_path))) == {
        "sub-01_ses-2_T1w.nii.gz": ("01", "2"),
        "brain.mgz": ("03", ""),
        "scan 7.nii": ("scan 7", ""),
        "IXI013.v2.nii.gz": ("IXI013.v2", ""),
    }


def test_same_name_in_many_folders_does_not_make_one_subject_of_all(tmp_path):
    tree(tmp_path, "ann/T1.nii.gz", "bob/T1.nii.gz")
    with pytest.raises(InputError, match=r"bob/T1\.nii\.gz.*pattern such as \{subject\}/T1\.nii\.gz"):
        find(cohort(tmp_path))
    assert {scan.subject for scan in find(cohort(tmp_path, pattern="{subject}/T1.nii.gz"))} == {"ann", "bob"}


@pytest.mark.parametrize(
    ("files", "cure", "sessions"),
    [
        (
            ("ann/1/T1", "ann/2/T1", "bob/1/T1"),
            "{subject}/{session}/T1.nii.gz if folders are people and then",
            ["1", "2", "1"],
        ),
        (("ann/1/x/T1", "ann/2/x/T1", "bob/1/x/T1"), "{subject}/{session}/*/T1.nii.gz if", ["1", "2", "1"]),
        (("ann/1/T1", "ann/1/T1_b", "bob/1/T1"), "{subject}/{session}/*.nii.gz if", ["1", "1", "1"]),
        (("ann/T1", "ann/2/T1", "bob/1/T1"), "{subject}/**/T1.nii.gz if", ["", "", ""]),
        (("ann/1", "ann/2", "bob/1"), "{subject}/{session}.nii.gz if folders are people, or {sess", ["1", "2", "1"]),
        (
            ("1/ann", "2/ann", "1/bob"),
            "{session}/{subject}.nii.gz if equal names are one person; else",
            ["1", "2", "1"],
        ),
    ],
)
def test_the_cure_keeps_people_apart_and_visits_together(tmp_path, files, cure, sessions):
    tree(tmp_path, *(f"{file}.nii.gz" for file in files))
    with pytest.raises(InputError) as error:
        find(cohort(tmp_path))
    assert cure in str(error.value) and "\n" not in str(error.value)
    scans = find_scans(cohort(tmp_path, pattern=cure.partition(" ")[0]))
    assert [scan.subject for scan in scans] == ["ann", "ann", "bob"]
    assert [scan.session for scan in scans] == sessions


def test_links_are_followed_and_loops_end(tmp_path):
    tree(tmp_path / "disk", "sub-01/T1.nii.gz")
    source = tmp_path / "raw"
    source.mkdir()
    (source / "site").symlink_to(tmp_path / "disk")
    (tmp_path / "disk" / "back").symlink_to(source)
    scans = find(cohort(source))
    assert [scan.image for scan in scans] == [source / "site" / "sub-01" / "T1.nii.gz"]


def test_masks_are_paired_and_never_taken_as_images(tmp_path):
    tree(tmp_path, "1_T1.nii", "12_T1.nii", "1_mask_v1.nii", "12_mask_v2.nii", "3_T1.nii")
    for pattern in (None, "{subject}_*.nii"):
        mask_pattern = "{subject}_mask*.nii" if pattern else "{subject}*_mask*.nii"
        scans = find(cohort(tmp_path, pattern=pattern, mask_pattern=mask_pattern))
        assert [scan.image.name for scan in scans] == ["12_T1.nii", "1_T1.nii", "3_T1.nii"]
    by_subject = {scan.subject: scan.mask for scan in scans}
    assert by_subject["1"] == tmp_path / "1_mask_v1.nii"
    assert by_subject["12"] == tmp_path / "12_mask_v2.nii"
    assert not by_subject["3"].exists()


def test_one_mask_may_serve_all(tmp_path):
    tree(tmp_path, "a.nii", "b.nii", "template_mask.nii")
    scans = find(cohort(tmp_path, mask_pattern="template_mask.nii"))
    assert {scan.mask for scan in scans} == {tmp_path / "template_mask.nii"}
    assert [scan.subject for scan in scans] == ["a", "b"]


def test_special_characters_of_a_name_are_taken_literally(tmp_path):
    tree(tmp_path, "a[1]_T1.nii", "a[1]_mask.nii", "a1_T1.nii", "a1_mask.nii")
    scans = find(cohort(tmp_path, pattern="{subject}_T1.nii", mask_pattern="{subject}_mask.nii"))
    assert {scan.subject: scan.mask.name for scan in scans} == {"a[1]": "a[1]_mask.nii", "a1": "a1_mask.nii"}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"pattern": "*.nii"}, "has no {subject}"),
        ({"pattern": "{subject.nii"}, "broken placeholder"),
        ({"pattern": "{subject}_{visit}.nii"}, "broken placeholder"),
        ({"pattern": "{subject}_[z-a].nii"}, "means nothing"),
        ({"pattern": "{subject}.nii", "mask_pattern": "{}.nii"}, "mask_pattern: broken placeholder"),
        ({"pattern": "{subject}_T1.nii", "mask_pattern": "{subject}_mask*.nii"}, "more than one mask"),
        ({"pattern": "{subject}_T1.nii", "mask_pattern": "{subject}_{session}.nii"}, "in both or in neither"),
    ],
)
def test_bad_patterns_are_refused(tmp_path, keys, message):
    tree(tmp_path, "a_T1.nii", "a_mask1.nii", "a_mask2.nii")
    with pytest.raises(InputError) as error:
        find(cohort(tmp_path, **keys))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_folder_says_how_to_link_it(tmp_path):
    with pytest.raises(InputError, match=r"raw/adni: no such folder; .*ln -s /path/to/scans .*raw/adni"):
        find(cohort(tmp_path / "raw" / "adni"))


def test_order_is_by_subject_then_session(tmp_path):
    tree(tmp_path, "sub-02_ses-1.nii", "sub-01_ses-2.nii", "sub-01_ses-1.mgz")
    scans = find_scans(cohort(tmp_path))
    assert [(scan.subject, scan.session) for scan in scans] == [("01", "1"), ("01", "2"), ("02", "1")]
