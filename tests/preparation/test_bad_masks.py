"""A mask that cannot be one of the scan is refused in one line with the cure; any way to mark a brain is understood."""

import nibabel
import numpy as np
import pytest
import yaml
from refusals import refused
from scans import AFFINE, SHAPE, head, rows_of, text, write

from alphagan.__main__ import main

INSIDE = head() > 0
MASK = INSIDE.astype(np.uint8)
FAR = AFFINE + 4000 * np.eye(4, k=3)
COPY = "copy or download it again"


def whole_head():
    """The brain in a head whose brightness says nothing of where it ends."""
    return np.where(INSIDE, head(), np.random.default_rng(1).integers(20, 900, SHAPE)).astype(np.int16)


def stored(volume, affine=AFFINE, **how):
    return lambda path: write(path, volume, affine, **how)


def plain(volume, affine):
    return lambda path: nibabel.Nifti1Image(volume, affine).to_filename(path)


def ellipsoids(*all_of_them):
    """A mask of ellipsoids, each with this middle along x and these half-axes."""
    x, y, z = np.indices(SHAPE) - np.array([0, 21, 18])[:, None, None, None]
    return sum(
        (((x - middle) / a) ** 2 + (y / b) ** 2 + (z / c) ** 2 < 1).astype(np.uint8) for middle, a, b, c in all_of_them
    )


def flat(path):
    """A mask whose third axis has no length."""
    image = nibabel.Nifti1Image(MASK, None)
    image.header.set_sform(np.diag([4.0, 4, 0, 1]), 1)
    nibabel.Nifti1Image(MASK, None, image.header).to_filename(path)


def cut_short(path):
    write(path, np.random.default_rng(0).integers(0, 2, SHAPE).astype(np.uint8))
    path.write_bytes(path.read_bytes()[:-1000])


def giant(path):
    """The mask of a scan whose header, as the mask's, has voxels of twice their length."""
    for name, volume in (("ann_T1w.nii.gz", whole_head()), (path.name, MASK)):
        write(path.with_name(name), volume, np.diag([8.0, 8, 8, 1]))


# How the mask is written, and words of the line.
REFUSED = {
    "missing": (lambda path: None, "mask not found: raw/ann_mask.nii.gz", "check mask_pattern"),
    "a link to nothing": (lambda path: path.symlink_to("annex"), "the mask's content is not here", "datalad get"),
    "empty file": (lambda path: path.write_bytes(b""), "the mask ann_mask.nii.gz is empty", COPY),
    "text": (text, "the mask ann_mask.nii.gz is not packed", COPY),
    "cut short": (cut_short, "the mask is cut short", COPY),
    "nothing marked": (stored(MASK * 0), "mask is empty: raw/ann_mask.nii.gz marks no voxel", "make it anew"),
    "all NaN": (stored(np.full(SHAPE, np.nan, np.float32)), "mask is empty", "make it anew"),
    "NaN inside": (stored(np.where(INSIDE, np.nan, 0).astype(np.float32)), "mask is empty", "make it anew"),
    "everything marked": (stored(np.ones(SHAPE, np.uint8)), "not skull-stripped", "check mask_pattern"),
    "a giant's": (giant, "or too large voxels", "correct the header's voxel size, or check mask_pattern"),
    "the outside marked": (stored((~INSIDE).astype(np.uint8)), "inside the mask", "check mask_pattern"),
    "somebody else's, far away": (stored(np.ones((9, 9, 9), np.uint8), FAR), "mask does not overlap", "in its space"),
    "the same, moved out of the head": (stored(MASK, AFFINE + 200 * np.eye(4, k=3)), "mask does not overlap", "space"),
    "two brains": (stored(ellipsoids((8, 7, 15, 13), (25, 7, 15, 13))), "in 2 pieces", "remove what is not brain"),
    "a lesion": (stored(ellipsoids((12, 4, 4, 4))), "too few brain voxels: 16.1 ml", "voxel size or the mask"),
    "half a brain": (
        stored(np.where(np.arange(SHAPE[0])[:, None, None] < 17, MASK, 0)),
        "too few brain voxels",
        "mask",
    ),
    "four dimensions": (
        stored(np.stack([MASK] * 2, -1)),
        "the mask is 34 x 42 x 36 x 2, not one volume",
        "take one out",
    ),
    "two dimensions": (plain(MASK[:, :, 9], AFFINE), "the mask is 34 x 42, not one volume", "convert all its slices"),
    "complex numbers": (plain(MASK.astype(np.complex64), AFFINE), "the mask holds complex64", "convert it"),
    "an affine without volume": (flat, "unusable affine: voxels of the mask have no volume", "header"),
}
USED = {
    "another grid": stored(MASK[::2, ::2, ::2], AFFINE @ np.diag([2, 2, 2, 1])),
    "axes stored otherwise": stored(MASK, axes="PSR"),
    "several labels": stored(np.where(INSIDE, np.digitize(head(), [1000, 1500, 2000]) + 1, 0).astype(np.uint8)),
    "marked with 255": stored(MASK * 255),
    "marked with -1": stored(-MASK.astype(np.int16)),
    "probabilities": stored((MASK * 0.7).astype(np.float32)),
    "NaN outside": stored(np.where(INSIDE, 1, np.nan).astype(np.float32)),
    "the stripped scan": stored(head()),
    "no orientation of its own": plain(MASK, None),
}
N_CASES = len(REFUSED) + len(USED) + 1


@pytest.fixture
def path(tmp_path, monkeypatch):
    """Where the mask of a whole head goes."""
    monkeypatch.chdir(tmp_path)
    section = {"kind": "nifti", "source": "raw", "pattern": "{subject}_T1w.nii.gz"}
    section["mask_pattern"] = "{subject}_mask*.nii.gz"
    settings = {"cohorts": {"mine": section}, "experiments": {}, "prepare": {"size": 16, "workers": 1}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(settings).replace("mask*", "mask"))
    write(tmp_path / "raw" / "ann_T1w.nii.gz", whole_head())
    return tmp_path / "raw" / "ann_mask.nii.gz"


@pytest.mark.parametrize("case", REFUSED)
def test_bad_masks_are_refused_in_one_line(path, capfd, case):
    make, *says = REFUSED[case]
    make(path)
    line = refused(["prepare", "mine"], path.parents[1], capfd, says, but=["scratch"])
    assert "raw/ann_T1w.nii.gz: " in line and "qc.csv" in line


def test_a_mask_that_marks_all_around_a_stripped_brain_is_named(path, capfd):
    write(path.with_name("ann_T1w.nii.gz"), np.where(INSIDE, head(), 0).astype(np.int16))
    stored(np.ones(SHAPE, np.uint8))(path)
    says = "looks like labels", "or a mask that marks no more than the brain (mask_pattern)"
    refused(["prepare", "mine"], path.parents[1], capfd, says, but=["scratch"])


def test_two_masks_of_one_scan_are_refused(path, capfd):
    params = path.parents[1] / "params.yaml"
    params.write_text(params.read_text().replace("mask.nii", "mask*.nii"))
    for name in ("ann_mask.nii.gz", "ann_mask2.nii.gz"):
        write(path.with_name(name), MASK)
    says = ["ann_T1w.nii.gz has more than one mask, ann_mask.nii.gz and ann_mask2.nii.gz", "make the pattern fit one"]
    refused(["prepare", "mine"], path.parents[1], capfd, says)


@pytest.mark.parametrize("case", USED)
def test_every_way_to_mark_a_brain_is_understood(path, case):
    USED[case](path)
    assert main(["prepare", "mine"]) == 0
    prepared = path.parents[1] / "data" / "prepared" / "mine"
    (row,) = rows_of(prepared / "subjects.csv")
    assert float(row["brain_ml"]) == pytest.approx(64 * INSIDE.sum() / 1000, rel=0.06)
    assert rows_of(prepared / "qc.csv")[0]["kept"] == "yes"
