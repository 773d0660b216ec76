"""A scan that is damaged or no brain is refused in one line with the cure; one that is mended is noted."""

import contextlib
import gzip
import struct

import nibabel
import numpy as np
import pytest
import yaml
from refusals import as_nobody, refused
from scans import AFFINE, SHAPE, head, rows_of, text, truncated, write

from alphagan.__main__ import main

# Where the fields of a NIfTI-1 header stand, and how they are packed.
FIELDS = {
    "sizeof_hdr": "0 i",
    "dim": "40 4h",
    "datatype": "70 h",
    "pixdim": "80 3f",
    "vox_offset": "108 f",
    "codes": "252 2h",
    "quatern": "256 3f",
    "magic": "344 4s",
}


def header(**fields):
    """Write a head whose header has these fields instead of its own."""

    def make(path):
        plain = write(path.with_suffix(""), head())
        content = bytearray(plain.read_bytes())
        for name, values in fields.items():
            place, packed = FIELDS[name].split()
            struct.pack_into(packed, content, int(place), *values)
        plain.unlink()
        path.write_bytes(gzip.compress(content))

    return make


def stored(volume, affine=AFFINE):
    return lambda path: nibabel.Nifti1Image(volume, affine).to_filename(path)


def affine(*rows):
    """Write a head whose sform has these rows."""

    def make(path):
        image = nibabel.Nifti1Image(head(), None)
        image.header.set_sform(np.array([*rows, (0, 0, 0, 1)]), 1)
        nibabel.Nifti1Image(head(), None, image.header).to_filename(path)

    return make


def content(data):
    return lambda path: path.write_bytes(data)


def changed(change, dtype=np.float32):
    volume = head().astype(dtype)
    return stored(change(volume))


def hole(volume):
    volume[20, 20, 20] = np.nan
    return volume


RGB = np.zeros(SHAPE, dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
# Numbers of 100 regions as an atlas has them, in no order.
REGIONS = np.random.default_rng(0).permutation(600)[np.tensordot([100, 10, 1], np.indices(SHAPE) // 7, 1)]
REGIONS = (REGIONS * (head() > 0)).astype(np.int16)
NOISE = np.random.default_rng(0).integers(1, 500, SHAPE).astype(np.int16)
COPY = "copy or download it again"

# How the scan is written, and words of the line.
REFUSED = {
    "empty file": (content(b""), "ann_T1w.nii.gz is empty", COPY),
    "nothing, packed": (content(gzip.compress(b"")), "ann_T1w.nii.gz cannot be read", COPY),
    "cut short": (truncated, "the image is cut short", COPY),
    "cut short before it was packed": (header(vox_offset=(1e9,)), "the image is cut short", COPY),
    "text": (text, "is not packed, despite its name", COPY),
    "not packed": (lambda path: write(path.with_suffix(""), head()).rename(path), "is not packed", "remove .gz"),
    "a web page": (content(b"<!DOCTYPE html><html>"), "is a web page", "download it again, logged in"),
    "a pointer of Git LFS": (content(b"version https://git-lfs.github.com/spec/v1\n"), "Git LFS", "git lfs pull"),
    "a pointer of git-annex": (content(b"/annex/objects/MD5E-s1--a.nii.gz\n"), "git-annex", "datalad get"),
    "wrong magic": (header(magic=(b"abc",)), "Cannot work out file type", COPY),
    "a type of voxel that is none": (header(datatype=(999,)), "data code 999 not recognized", COPY),
    "an offset that is no number": (header(vox_offset=(np.nan,)), "cannot be read", COPY),
    "a rotation that is none": (header(codes=(1, 0), quatern=(5, 5, 5)), "cannot be read", "convert it anew"),
    "a link to nothing": (lambda path: path.symlink_to("annex"), "link to nothing", "datalad get"),
    "a link to itself": (lambda path: path.symlink_to(path), "link to nothing", "remove the link"),
    "not permitted": (lambda path: write(path, head()).chmod(0), "may not be read by you", "chmod u+r ann_T1w.nii.gz"),
    "two dimensions": (stored(head()[:, :, 9]), "the image is 34 x 42, not one volume", "convert all its slices again"),
    "one slice": (stored(head()[..., :1]), "the image is 34 x 42 x 1, not one volume", "convert all its slices"),
    "four dimensions": (stored(np.stack([head()] * 2, -1)), "34 x 42 x 36 x 2, not one volume", "take one out of it"),
    "five dimensions": (stored(np.stack([np.stack([head()] * 2, -1)] * 2, -1)), "not one volume", "take one out"),
    "no dimension": (header(dim=(0, 0, 0, 0)), "wrong dimensionality: the image is 0", "convert all its slices"),
    "nine dimensions": (header(dim=(9, 34, 42, 36)), "cannot be read", COPY),
    "a dimension below 0": (header(dim=(3, -34, 42, 36)), "the image is -34 x 42 x 36", "convert all its slices"),
    "a dimension of 0": (header(dim=(3, 34, 0, 36)), "the image is 34 x 0 x 36", "convert all its slices"),
    "a header that asks for terabytes": (
        header(dim=(3, 30000, 30000, 30000)),
        "too large",
        "copy it again, or crop it",
    ),
    "a header that asks for more than there is": (header(dim=(3, 400, 400, 400)), "more than the file can hold", COPY),
    "colours": (stored(RGB), "wrong data type: the image holds colours", "convert it, or leave it out"),
    "complex numbers": (changed(lambda x: x, np.complex64), "holds complex64", "convert it, or leave it out"),
    "all zero": (stored(head() * 0), "empty: every voxel is zero", "make it anew, or leave it out"),
    "all NaN": (changed(lambda x: x * np.nan), "not finite: every voxel", "make it anew, or leave it out"),
    "all infinite": (changed(lambda x: x + np.inf), "not finite: every voxel", "make it anew, or leave it out"),
    "NaN inside the brain": (changed(hole), "not finite: 1 voxels of the image", "write numbers there"),
    "constant": (stored(np.full(SHAPE, 7, np.int16)), "looks like a mask: only 2 values", "give the scan"),
    "a mask": (stored((head() > 0).astype(np.uint8)), "looks like a mask: only 2 values", "give the scan"),
    "a segmentation": (
        stored((np.clip(head() // 800, 0, 2) + (head() > 0)).astype(np.uint8)),
        "looks like a mask: only 4 values",
        "give the scan",
    ),
    "regions": (stored(REGIONS), "looks like labels: 8", "give the scan itself"),
    "regions of few values": (stored(REGIONS % 12 + (REGIONS > 0)), "looks like labels: 8", "give the scan itself"),
    "each voxel repeated": (stored(np.kron(head()[::4, ::4, ::4], np.ones((4, 4, 4), np.int16))), "repeated", "itself"),
    "clipped": (stored(np.minimum(head(), 1600)), "clipped: ", "raise prepare.max_saturated"),
    "an axis without length": (affine((4, 0, 0, 0), (0, 4, 0, 0), (0, 0, 0, 0)), "unusable affine", "fslorient"),
    "two axes that are one": (affine((4, 4, 0, 0), (4, 4, 0, 0), (0, 0, 4, 0)), "unusable affine", "fslorient"),
    "an affine that is no number": (affine((4, 0, 0, 0), (0, 4, 0, 0), (0, 0, np.nan, 0)), "unusable affine", "header"),
    "an affine beyond all measure": (affine((4e30, 0, 0, 0), (0, 4, 0, 0), (0, 0, 4, 0)), "unusable affine", "header"),
    "voxels of no size": (header(pixdim=(0, 0, 0), codes=(1, 0)), "too few brain voxels: 11.8 ml", "voxel size"),
    "voxels of NaN mm": (header(pixdim=(4, 4, np.nan), codes=(1, 0)), "unusable affine", "put voxel sizes"),
    "centimetres for millimetres": (stored(head(), np.diag([0.4, 0.4, 0.4, 1])), "too few brain voxels", "voxel size"),
    "a mouse": (stored(head(), np.diag([1.0, 1, 1, 1])), "11.8 ml, below min_brain_ml of 500", "prepare.min_brain_ml"),
    "a whole head": (
        stored(NOISE, np.diag([3.5, 3.5, 3.5, 1])),
        "not skull-stripped",
        "strip it, or give mask_pattern",
    ),
    "a giant": (
        stored(head(), np.diag([6.0, 6, 6, 1])),
        "not skull-stripped, or too large voxels",
        "correct the header's voxel size, or strip it, or give mask_pattern",
    ),
}
NOTED = {
    "a header of another length": (header(sizeof_hdr=(123,)), "nibabel mended the header: sizeof_hdr should be 348"),
    "voxels of less than no size": (header(pixdim=(4, -4, 4), codes=(0, 0)), "pixdim[1,2,3] should be positive"),
}
N_CASES = len(REFUSED) + len(NOTED) + 1


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    section = {"kind": "nifti", "source": "raw", "pattern": "{subject}_T1w.nii.gz"}
    settings = {"cohorts": {"mine": section}, "experiments": {}, "prepare": {"size": 16, "workers": 1}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(settings))
    (tmp_path / "raw").mkdir()
    return tmp_path / "raw" / "ann_T1w.nii.gz"


@pytest.mark.parametrize("case", REFUSED)
def test_bad_scans_are_refused_in_one_line(path, capfd, case):
    make, *says = REFUSED[case]
    make(path)
    with as_nobody(path.parents[1]) if case == "not permitted" else contextlib.nullcontext():
        line = refused(["prepare", "mine"], path.parents[1], capfd, says, but=["scratch"])
    assert "all 1 scans were refused" in line and "raw/ann_T1w.nii.gz: " in line and "qc.csv" in line


def test_a_folder_with_the_name_of_a_scan_is_none(path, capfd):
    path.mkdir()
    says = ["raw: no scans found", "check the folder and the cohort's pattern"]
    refused(["prepare", "mine"], path.parents[1], capfd, says)


def test_one_bad_scan_among_good_ones_is_told_and_left_out(path, capfd):
    truncated(path)
    write(path.with_name("bob_T1w.nii.gz"), head())
    assert main(["prepare", "mine"]) == 0
    assert (
        "note: 1 of 2 scans refused, such as ann_T1w.nii.gz: unreadable: the image is cut short"
        in capfd.readouterr().err
    )
    kept = {row["subject"]: row["kept"] for row in rows_of(path.parents[1] / "data" / "prepared" / "mine" / "qc.csv")}
    assert kept == {"ann": "no", "bob": "yes"}


@pytest.mark.parametrize("case", NOTED)
def test_what_was_mended_is_noted(path, capfd, case):
    make, says = NOTED[case]
    make(path)
    assert main(["prepare", "mine"]) == 0
    told = capfd.readouterr().err
    assert says in told and all(
        line.startswith("note: ") for line in told.splitlines() if "%|" not in line and "held out" not in line
    )
