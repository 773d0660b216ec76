"""Packed files are read as zlib reads them, whatever packed them, and written as before."""

import gzip
import zlib

import nibabel
import numpy as np
import pytest
from isal import igzip
from nibabel.openers import Opener

from alphagan.preparation import packed, unreadable
from alphagan.preparation.cohorts import Scan


@pytest.fixture
def image(generator):
    return nibabel.Nifti1Image(generator.integers(0, 200, (20, 30, 25)).astype(np.int16), np.diag([2, 2, 2, 1]))


def members(plain, n):
    """As bgzip and pigz -i pack: several streams one after another."""
    return b"".join(gzip.compress(plain[begin : begin + n]) for begin in range(0, len(plain), n))


@pytest.mark.parametrize(
    "pack",
    [
        gzip.compress,
        lambda plain: gzip.compress(plain, 0),
        lambda plain: members(plain, 7000),
        lambda plain: gzip.compress(plain) + bytes(512),
    ],
    ids=["as usual", "stored", "several members", "zeros behind it"],
)
def test_whatever_packed_it(image, pack, tmp_path):
    (tmp_path / "scan.nii.gz").write_bytes(pack(image.to_bytes()))
    opened = packed.load(tmp_path / "scan.nii.gz")
    with nibabel.openers.ImageOpener(tmp_path / "scan.nii.gz") as file:
        assert isinstance(getattr(file.fobj, "raw", file.fobj), igzip.IGzipFile)
    assert np.array_equal(opened.dataobj, image.dataobj) and np.array_equal(opened.affine, image.affine)


def test_damage_is_told_in_words(image, tmp_path):
    path, plain = tmp_path / "scan.nii.gz", image.to_bytes()
    whole = gzip.compress(plain)
    told = {}
    for name, content in {
        "cut": whole[: len(whole) // 2],
        "no block": whole[:200] + b"\xff" * 200 + whole[400:],
        "not packed": plain,
    }.items():
        path.write_bytes(content)
        with pytest.raises(Exception) as raised:
            np.asanyarray(packed.load(path).dataobj)
        told[name] = unreadable.of_files(Scan("01", "", "T1w", path), raised.value)
    assert told["cut"] == "unreadable: is cut short; copy or download it again"
    assert told["no block"].startswith("unreadable: the image scan.nii.gz is damaged (")
    assert told["not packed"].startswith("unreadable: the image scan.nii.gz is not packed, despite its name")
    with pytest.raises(zlib.error):  # which the second one is
        zlib.decompress(whole[:200] + b"\xff" * 200 + whole[400:], 31)


def test_what_is_written_is_packed_by_zlib(image, tmp_path):
    nibabel.save(image, tmp_path / "scan.nii.gz")
    with Opener(tmp_path / "other.nii.gz", "wb", compresslevel=1, mtime=0) as file:
        image.to_stream(file)
    assert gzip.decompress((tmp_path / "scan.nii.gz").read_bytes()) == image.to_bytes()
    assert (tmp_path / "scan.nii.gz").read_bytes()[10:] == (tmp_path / "other.nii.gz").read_bytes()[10:]
