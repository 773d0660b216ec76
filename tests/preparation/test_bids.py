import layouts
import nibabel
import pytest
from likeness import likeness

from alphagan.errors import InputError
from alphagan.preparation.cohorts import find_scans
from alphagan.preparation.cohorts.bids import find, missing, parse
from alphagan.preparation.cohorts.check import check
from alphagan.settings.cohorts import BidsCohort

MNI = "space-MNI152NLin2009cAsym"


def bids(folder, **keys):
    return BidsCohort(kind="bids", source=str(folder), **keys)


def found(scans):
    """Name of each scan's image: subject, session, name of the mask."""
    return {scan.image.name: (scan.subject, scan.session, scan.mask and scan.mask.name) for scan in scans}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sub-01_T1w.nii.gz", ({"sub": "01"}, "T1w")),
        ("sub-01_ses-pre_run-02_FLAIR.nii", ({"sub": "01", "ses": "pre", "run": "02"}, "FLAIR")),
        (f"sub-A1_{MNI}_res-2_T1w.nii.gz", ({"sub": "A1", "space": "MNI152NLin2009cAsym", "res": "2"}, "T1w")),
        ("sub-01_T1w_brain.nii.gz", None),
        ("sub-01_T1w.json", None),
        ("T1w.nii.gz", None),
        ("ses-1_sub-01_T1w.nii.gz", None),
    ],
)
def test_names_are_parsed(name, expected):
    assert parse(name) == expected


def test_raw_data_and_its_masks_among_the_derivatives(tmp_path):
    layouts.tree(
        tmp_path,
        *("sub-01/anat/sub-01_T1w.nii.gz", "sub-01/anat/sub-01_T1w.json", "sub-01/anat/sub-01_T2w.nii.gz"),
        *("sub-02/ses-1/anat/sub-02_ses-1_T1w.nii", "sub-02/ses-2/anat/sub-02_ses-2_T1w.nii.gz"),
        *("sub-01/func/sub-01_task-rest_bold.nii.gz", "participants.tsv", ".git/sub-09_T1w.nii.gz"),
        *("derivatives/synthstrip/sub-01/anat/sub-01_desc-brain_mask.nii.gz",),
        *("derivatives/synthstrip/sub-02/ses-2/anat/sub-02_ses-2_desc-brain_mask.nii.gz",),
        *("derivatives/lesions/sub-01/anat/sub-01_label-lesion_mask.nii.gz", "sourcedata/raw/sub-07_T1w.nii.gz"),
        "derivatives/fmriprep/sub-01/anat/sub-01_desc-preproc_T1w.nii.gz",
    )
    assert found(find(bids(tmp_path))) == {
        "sub-01_T1w.nii.gz": ("01", "", "sub-01_desc-brain_mask.nii.gz"),
        "sub-02_ses-1_T1w.nii": ("02", "1", None),
        "sub-02_ses-2_T1w.nii.gz": ("02", "2", "sub-02_ses-2_desc-brain_mask.nii.gz"),
    }
    assert missing(bids(tmp_path)) == [f"no brain mask: {tmp_path / 'sub-02/ses-1/anat/sub-02_ses-1_T1w.nii'}"]
    assert found(find(bids(tmp_path, modality="T2w"))).keys() == {"sub-01_T2w.nii.gz"}


def test_space_desc_and_resolution_choose_the_images_and_masks_follow(tmp_path):
    anat = "derivatives/fmriprep/sub-01/anat"
    for entities in ("", f"{MNI}_", f"{MNI}_res-2_", "space-MNI152NLin6Asym_"):
        layouts.tree(
            tmp_path, *(f"{anat}/sub-01_{entities}desc-{what}.nii.gz" for what in ("preproc_T1w", "brain_mask"))
        )
    layouts.tree(tmp_path, f"{anat}/sub-01_dseg.nii.gz", f"{anat}/sub-01_label-GM_probseg.nii.gz")
    assert found(find(bids(tmp_path, desc="preproc"))) == {
        "sub-01_desc-preproc_T1w.nii.gz": ("01", "", "sub-01_desc-brain_mask.nii.gz")
    }
    standard = bids(tmp_path, desc="preproc", space="MNI152NLin2009cAsym", res="2")
    assert found(find(standard)) == {
        f"sub-01_{MNI}_res-2_desc-preproc_T1w.nii.gz": ("01", "", f"sub-01_{MNI}_res-2_desc-brain_mask.nii.gz")
    }
    with pytest.raises(InputError, match="subject 01 has another T1w.*set the cohort's space, res or desc"):
        find(bids(tmp_path, desc="preproc", space="MNI152NLin2009cAsym"))


def test_what_is_there_is_told_when_nothing_fits(tmp_path):
    names = (f"sub-01_{MNI}_desc-preproc_T1w", f"sub-02_{MNI}_desc-preproc_T1w", "sub-01_desc-brain_mask")
    layouts.tree(tmp_path, *(f"{name}.nii.gz" for name in names))
    with pytest.raises(InputError, match=f"no desc-preproc_T1w found, but 2 {MNI}_desc-preproc_T1w; set"):
        find(bids(tmp_path, desc="preproc"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty: no FLAIR found, but no image that is named as in BIDS"):
        find(bids(tmp_path / "empty", modality="FLAIR"))
    with pytest.raises(InputError, match="nowhere: no such folder"):
        find(bids(tmp_path / "nowhere"))


def test_runs_and_acquisitions_are_sessions_with_masks_of_their_own(tmp_path):
    anat = "sub-01/ses-a/anat/sub-01_ses-a"
    layouts.tree(tmp_path, *(f"{anat}_run-{k}_{what}.nii.gz" for k in (1, 2) for what in ("T1w", "desc-brain_mask")))
    layouts.tree(tmp_path, "sub-02/anat/sub-02_acq-fast_run-1_T1w.nii.gz")
    assert found(find(bids(tmp_path))) == {
        "sub-01_ses-a_run-1_T1w.nii.gz": ("01", "a_run-1", "sub-01_ses-a_run-1_desc-brain_mask.nii.gz"),
        "sub-01_ses-a_run-2_T1w.nii.gz": ("01", "a_run-2", "sub-01_ses-a_run-2_desc-brain_mask.nii.gz"),
        "sub-02_acq-fast_run-1_T1w.nii.gz": ("02", "acq-fast_run-1", None),
    }


def test_with_an_agent_it_is_another_contrast(tmp_path):
    raw = layouts.tree(tmp_path, *(f"sub-01_{what}T1w.nii.gz" for what in ("", "ce-gd_", "part-phase_", "desc-x_")))
    assert found(find(bids(raw))).keys() == {"sub-01_T1w.nii.gz"}
    assert found(find(bids(raw, modality="T1wGd"))).keys() == {"sub-01_ce-gd_T1w.nii.gz"}
    (line,) = check(bids(raw)).doubts
    assert "tell no T1w: 1 T1wGd, 1 part-phase; modality chooses one" in line
    (raw / "sub-01_T1w.nii.gz").unlink()
    with pytest.raises(InputError, match="no T1w found, but 1 T1wGd, 1 desc-x_T1w, 1 part-phase; set"):
        find(bids(raw))


def test_brain_only_files_need_no_mask_and_preprocessed_heads_do(tmp_path):
    layouts.tree(tmp_path, "sub-01_desc-brain_T1w.nii.gz", "sub-01_desc-preproc_T1w.nii.gz")
    assert found(find(bids(tmp_path, desc="brain"))) == {"sub-01_desc-brain_T1w.nii.gz": ("01", "", None)}
    assert missing(bids(tmp_path, desc="brain")) == []
    assert missing(bids(tmp_path, desc="preproc")) == [f"no brain mask: {tmp_path / 'sub-01_desc-preproc_T1w.nii.gz'}"]


def test_two_pipelines_are_not_mixed(tmp_path):
    raw = layouts.tree(tmp_path, "sub-01/anat/sub-01_T1w.nii.gz")
    for name in ("fmriprep", "smriprep"):
        anat = f"derivatives/{name}/sub-01/anat"
        layouts.tree(raw, f"{anat}/sub-01_desc-preproc_T1w.nii.gz", f"{anat}/sub-01_desc-brain_mask.nii.gz")
    with pytest.raises(InputError, match="sub-01_T1w.nii.gz: has more than one brain mask.*source at one pipeline"):
        find(bids(raw))
    with pytest.raises(InputError, match="has another T1w.*or point source at one of the folders"):
        find(bids(raw, desc="preproc"))
    (scan,) = find(bids(raw / "derivatives" / "smriprep", desc="preproc"))
    assert scan.mask.parent == scan.image.parent


def test_links_are_followed_and_loops_end(tmp_path):
    layouts.tree(tmp_path / "disk", "sub-01/anat/sub-01_T1w.nii.gz")
    source = tmp_path / "raw"
    source.mkdir()
    (source / "site").symlink_to(tmp_path / "disk")
    (tmp_path / "disk" / "back").symlink_to(source)
    assert [scan.image for scan in find(bids(source))] == [source / "site/sub-01/anat/sub-01_T1w.nii.gz"]


def test_an_uncompressed_copy_is_the_same_scan(tmp_path):
    layouts.tree(tmp_path, *(f"sub-01_{what}.nii{gz}" for what in ("T1w", "desc-brain_mask") for gz in ("", ".gz")))
    assert found(find(bids(tmp_path))) == {"sub-01_T1w.nii": ("01", "", "sub-01_desc-brain_mask.nii")}


@pytest.mark.parametrize(("derivative", "modality"), [(True, "T1w"), (False, "T1w"), (False, "FLAIR")])
def test_heads_with_masks_come_out_the_right_way_up(tmp_path, derivative, modality):
    section = layouts.bids(tmp_path / "raw", n=2, derivative=derivative, modality=modality)
    scans = find_scans(layouts.cohort(section))
    assert len(scans) == 2 and all(scan.mask for scan in scans)
    assert nibabel.aff2axcodes(nibabel.load(scans[0].image).affine) == ("P", "S", "R")
    right, turned = likeness(scans[0], 0)
    assert right > 0.97 and right > turned + 0.02
