"""What headers leave open is said, and taken from where it is known."""

import gzip

import nibabel
import numpy as np
import pytest
from scans import head, scan_of, write

from alphagan.preparation.resample import prepare_scan
from alphagan.settings.config import parse
from alphagan.settings.sections import Prepare

SETTINGS = Prepare(size=16, min_brain_ml=0)
LPS = head()[::-1, ::-1]


def unsaid(path, volume, kind=nibabel.Nifti1Image):
    """A file whose header has neither qform nor sform."""
    image = kind(volume, None)
    if kind is nibabel.Nifti1Image:
        image.header.set_zooms((4, 4, 4))
        image = kind(volume, None, image.header)
    nibabel.save(image, path)
    return path


def laundered(path, volume):
    """As nibabel writes a volume without qform and sform once it has been read."""
    before = nibabel.load(unsaid(path.with_stem("before"), volume))
    nibabel.save(nibabel.Nifti1Image(np.asanyarray(before.dataobj), before.affine), path)
    return path


def unplaced(path, volume):
    nibabel.save(nibabel.MGHImage(volume.astype(np.float32), np.diag([4.0, 4, 4, 1])), path)
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[28:30] = bytes(2)
    path.write_bytes(gzip.compress(content))
    return path


@pytest.mark.parametrize(
    ("name", "save", "why"),
    [
        ("a.nii.gz", lambda path: unsaid(path, LPS), "neither qform nor sform"),
        ("a.nii", lambda path: write(path, LPS, np.eye(4)), "its affine only scales"),
        ("a.nii", lambda path: write(path, LPS, np.diag([4.0, 4, 4, 1])), "its affine only scales"),
        ("a.nii", lambda path: write(path, LPS, np.diag([-4.0, -4, 4, 1])), "turns some round"),  # SimpleITK's
        ("a.nii", lambda path: laundered(path, LPS), "what nibabel fills in"),
        ("a.mgz", lambda path: unplaced(path, LPS), "goodRASFlag"),
        ("a.img", lambda path: unsaid(path, LPS, nibabel.Spm99AnalyzeImage), "Analyze"),
    ],
)
def test_unknown_directions_are_noted_and_can_be_named(tmp_path, name, save, why):
    save(tmp_path / name)
    found = prepare_scan(scan_of(tmp_path / name), SETTINGS)
    assert "orientation unknown" in found.note and why in found.note and "left and right cannot be told" in found.note
    named = prepare_scan(scan_of(tmp_path / name, orientation="LPS"), SETTINGS)
    expected = prepare_scan(scan_of(write(tmp_path / "known.nii", head())), SETTINGS)
    np.testing.assert_array_equal(named.cube, expected.cube)
    assert named.axes == "LPS" and "orientation" not in named.note


def test_a_header_that_tells_is_not_doubted(tmp_path):
    assert "orientation" not in prepare_scan(scan_of(write(tmp_path / "a.nii", head(), axes="PSR")), SETTINGS).note


def test_an_image_and_its_mask_tell_each_other(tmp_path):
    inside = (LPS > 0).astype(np.uint8)
    to_lps = np.diag([-4.0, -4, 4, 1])
    to_lps[:3, 3] = 70, 90, -60
    known, unknown = write(tmp_path / "known.nii", LPS, to_lps), unsaid(tmp_path / "unknown.nii", LPS)
    masks = {
        "known": write(tmp_path / "mask.nii", inside, to_lps),
        "unknown": write(tmp_path / "mask-eye.nii", inside, np.eye(4)),
        "of SimpleITK": write(tmp_path / "mask-itk.nii", inside, np.diag([-1.0, -1, 1, 1])),
        "of nibabel": laundered(tmp_path / "mask-none.nii", inside),
    }
    expected = prepare_scan(scan_of(write(tmp_path / "ras.nii", head())), SETTINGS).cube
    from_mask = prepare_scan(scan_of(unknown, masks["known"]), SETTINGS)
    np.testing.assert_array_equal(from_mask.cube, expected)
    assert "taken from its mask" in from_mask.note
    for telling_nothing in ("unknown", "of SimpleITK", "of nibabel"):
        found = prepare_scan(scan_of(known, masks[telling_nothing]), SETTINGS)
        np.testing.assert_array_equal(found.cube, expected)
        assert "orientation" not in found.note and "the mask" not in found.note


def test_the_orientation_of_a_cohort_reaches_its_scans(tmp_path):
    from alphagan.preparation.cohorts import find_scans

    write(tmp_path / "a.nii", LPS, np.eye(4))
    told = {"kind": "nifti", "source": str(tmp_path), "orientation": "LPS", "background": 0.5}
    (scan,) = find_scans(parse({"cohorts": {"mine": told}, "experiments": {}}).cohort("mine"))
    assert (scan.orientation, scan.background) == ("LPS", 0.5)
