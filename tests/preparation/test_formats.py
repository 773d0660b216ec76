"""One scan, whatever it is stored as: pairs, .mgh, packed or not, with axes of length 1 in front or behind."""

import gzip

import nibabel
import numpy as np
import pytest
from scans import AFFINE, SHAPE, head, scan_of, write

from alphagan.errors import InputError
from alphagan.preparation.cohorts.doubts import doubts
from alphagan.preparation.cohorts.nifti import find
from alphagan.preparation.cohorts.tree import files, unread
from alphagan.preparation.quality import QualityError
from alphagan.preparation.reading import MOST_VOXELS
from alphagan.preparation.resample import prepare_scan
from alphagan.settings.cohorts import NiftiCohort
from alphagan.settings.sections import Prepare

SETTINGS = Prepare(size=16)


def found(folder, pattern=None, **keys):
    cohort = NiftiCohort(kind="nifti", source=str(folder), pattern=pattern, **keys)
    return [(scan.image.name, scan.subject) for scan in find(cohort)]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.img", nibabel.Nifti1Pair),
        ("a.img", nibabel.Spm99AnalyzeImage),
        ("a.img", nibabel.Nifti2Pair),
        ("a.nii", nibabel.Nifti2Image),
        ("a.mgh", nibabel.MGHImage),
        ("a.mgz", nibabel.MGHImage),
    ],
)
@pytest.mark.parametrize("extra", [(), (None,)])
def test_every_format_gives_the_same_cube(tmp_path, name, kind, extra):
    extra = () if kind is nibabel.MGHImage else extra  # which writes no fourth axis of length 1
    nibabel.save(kind(head()[(..., *extra)], AFFINE), tmp_path / name)
    expected = prepare_scan(scan_of(write(tmp_path / "expected.nii", head())), SETTINGS)
    told = {"orientation": "RAS"} if kind is nibabel.Spm99AnalyzeImage else {}  # which Analyze cannot say
    assert np.array_equal(prepare_scan(scan_of(tmp_path / name, **told), SETTINGS).cube, expected.cube)
    (tmp_path / "expected.nii").unlink()
    assert found(tmp_path) == [(name, "a")]


def test_an_image_without_its_header_is_told(tmp_path):
    nibabel.save(nibabel.Nifti1Pair(head(), AFFINE), tmp_path / "a.img")
    (tmp_path / "a.hdr").unlink()
    with pytest.raises(QualityError, match="a.img has no header beside it; copy a.hdr too"):
        prepare_scan(scan_of(tmp_path / "a.img"), SETTINGS)


@pytest.mark.parametrize("shape", [(1, *SHAPE), (*SHAPE, 1), (1, 1, *SHAPE), (*SHAPE, 1, 1), (1, *SHAPE, 1)])
def test_axes_of_length_one_are_dropped_wherever_they_are(tmp_path, shape):
    nibabel.save(nibabel.Nifti1Image(head().reshape(shape), AFFINE), tmp_path / "a.nii")
    expected = prepare_scan(scan_of(write(tmp_path / "b.nii", head())), SETTINGS)
    np.testing.assert_array_equal(prepare_scan(scan_of(tmp_path / "a.nii"), SETTINGS).cube, expected.cube)


def test_unpacked_copies_count_once(tmp_path):
    for name in ("a.nii.gz", "a.nii", "b.nii.gz", "c.img", "c.hdr", "m_a.nii", "m_a.nii.gz"):
        (tmp_path / name).touch()
    assert found(tmp_path, mask_pattern="m_{subject}.nii*") == [("a.nii", "a"), ("b.nii.gz", "b"), ("c.img", "c")]
    assert found(tmp_path, "[ab]{subject}.nii.gz") == []
    assert found(tmp_path, "{subject}.nii.gz") == [("a.nii.gz", "a"), ("b.nii.gz", "b"), ("m_a.nii.gz", "m_a")]
    assert found(tmp_path, "{subject}.*")[2] == ("c.img", "c") and len(found(tmp_path, "{subject}.*")) == 4


@pytest.mark.parametrize("name", ["a.nrrd", "a.mha", "a.dcm"])
def test_what_is_not_read_is_told_how_to_be_converted(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(InputError, match=rf"{name}: .* that is not read; convert to NIfTI"):
        found(tmp_path)


def test_what_is_not_read_is_told_beside_what_is(tmp_path):
    read = ("a.nii.gz", "b.img", "b.hdr", "c.mgz")
    others = ("d.nrrd", "e+orig.BRIK.gz", "f.nii (1).gz", "g.nii.gz.1", "h.nii.bz2", "i.IMA", "j.hdr")
    for name in (*read, *others, "a.nii.gz.md5", "a.json", "notes.txt", "a.nii.gz.json"):
        (tmp_path / name).touch()
    assert [path.name for path in unread(files(tmp_path))] == sorted(others)
    cohort = NiftiCohort(kind="nifti", source=str(tmp_path))
    said = " ".join(doubts(cohort, find(cohort)).unsure)
    assert "7 files of formats or endings that are not read, such as d.nrrd: convert to NIfTI" in said
    for name in others:
        (tmp_path / name).unlink()
    assert not doubts(cohort, find(cohort)).unsure


def test_a_header_that_asks_for_terabytes_is_refused_before_they_are_reserved(tmp_path):
    header = nibabel.Nifti1Header()
    header.set_data_shape((30_000, 30_000, 30_000))
    header.set_data_dtype(np.float64)
    header["vox_offset"] = 352
    for path in (tmp_path / "a.nii", tmp_path / "a.nii.gz"):
        content = header.binaryblock + bytes(1000)
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
        with pytest.raises(QualityError, match=f"too large: .* 30000 x 30000 x 30000, above {MOST_VOXELS} voxels"):
            prepare_scan(scan_of(path), SETTINGS)


def test_freesurfer_s_folders_give_a_skull_stripped_volume_of_each_person(tmp_path):
    for person in ("ann", "bob"):
        for volume in ("T1", "aseg", "brainmask"):
            (tmp_path / person / "mri").mkdir(parents=True, exist_ok=True)
            (tmp_path / person / "mri" / f"{volume}.mgz").touch()
    expected = [("brainmask.mgz", "ann"), ("brainmask.mgz", "bob")]
    assert found(tmp_path) == expected


def test_where_folders_tell_who_is_who_the_pattern_that_works_is_told(tmp_path):
    for person in ("carl", "dora"):
        (tmp_path / "x" / person).mkdir(parents=True)
        (tmp_path / "x" / person / "t1.nii").touch()
    with pytest.raises(InputError, match=r"one with \{subject\} at the folder that is a person"):
        found(tmp_path)
    assert [subject for _, subject in found(tmp_path, "*/{subject}/t1.nii")] == ["carl", "dora"]
