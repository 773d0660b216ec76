"""Scans are read alike however they are stored, and their masks too."""

import gzip

import nibabel
import numpy as np
import pytest
from scans import AFFINE, SHAPE, head, scan_of, write

from alphagan.preparation.quality import QualityError
from alphagan.preparation.reading import read
from alphagan.preparation.resample import prepare_scan
from alphagan.settings.sections import Prepare


@pytest.mark.parametrize("axes", ["RAS", "PSR", "LPI", "LIA", "SAL"])
@pytest.mark.parametrize("suffix", ["nii", "nii.gz", "mgz"])
def test_every_storage_order_gives_the_same_cube_right_way_up(tmp_path, axes, suffix):
    prepared = prepare_scan(scan_of(write(tmp_path / f"a.{suffix}", head(), axes=axes)), Prepare(size=16))
    reference = prepare_scan(scan_of(write(tmp_path / "ras.nii", head())), Prepare(size=16))
    np.testing.assert_array_equal(prepared.cube, reference.cube)
    np.testing.assert_allclose(prepared.affine, reference.affine, atol=1e-4)
    cube = prepared.cube.astype(float)
    assert cube[:8].sum() > 1.2 * cube[8:].sum()  # brighter on the left
    assert cube[:, 8:].sum() > 1.2 * cube[:, :8].sum()  # and in front
    assert cube[:, :, 8:].sum() > cube[:, :, :8].sum()
    assert 240 < cube.max() <= 255
    assert cube[0, 0, 0] == 0


def test_scaled_and_singleton_and_float_files_are_the_same_scan(tmp_path):
    plain = prepare_scan(scan_of(write(tmp_path / "plain.nii", head())), Prepare())
    scaled = prepare_scan(scan_of(write(tmp_path / "scaled.nii.gz", head(), slope=2.5)), Prepare())
    fourth = prepare_scan(scan_of(write(tmp_path / "fourth.nii", head()[..., None], axes="RAS")), Prepare())
    as_float = prepare_scan(scan_of(write(tmp_path / "float.nii", head(), dtype=np.float32)), Prepare())
    for other in (scaled, fourth, as_float):
        np.testing.assert_array_equal(other.cube, plain.cube)
    assert scaled.intensity[1] == pytest.approx(2.5 * plain.intensity[1])
    assert plain.brain_ml == pytest.approx(np.count_nonzero(head()) * 64 / 1000)


@pytest.mark.parametrize("dtype", ["u1", "i2", "i4", "f4"])
@pytest.mark.parametrize("pieces", [1, 2])
def test_mgz_is_read_as_nibabel_reads_it(tmp_path, dtype, pieces):
    path = write(tmp_path / "a.mgz", head(), axes="LIA", dtype=dtype)
    content = gzip.decompress(path.read_bytes())
    middle = len(content) // pieces
    path.write_bytes(b"".join(gzip.compress(part) for part in (content[:middle], content[middle:]) if part))
    (image, _), expected = scan_of(path).load(), nibabel.load(path)
    np.testing.assert_array_equal(np.asanyarray(image.dataobj), np.asanyarray(expected.dataobj))
    np.testing.assert_array_equal(image.affine, expected.affine)
    path.write_bytes(path.read_bytes()[:-4000])
    with pytest.raises(QualityError, match="unreadable: "):
        prepare_scan(scan_of(path), Prepare())


@pytest.mark.parametrize("step", [(2, 2, 2), (1, 1, 2), (1, 1, 1)])
def test_a_mask_on_a_coarser_or_cropped_grid_keeps_its_outermost_voxels(tmp_path, step):
    coarse = head()[tuple(slice(None, None, n) for n in step)] > 0
    corner = np.argwhere(coarse).min(0)
    cropped = coarse[
        tuple(slice(first, last) for first, last in zip(corner, np.argwhere(coarse).max(0) + 1, strict=True))
    ]
    to_image = np.diag([*step, 1.0])
    to_image[:3, 3] = corner * step + np.subtract(step, 1) / 2
    mask = write(tmp_path / "mask.nii.gz", cropped.astype(np.uint8), AFFINE @ to_image)
    found = read(scan_of(write(tmp_path / "head.nii", head() + 40), mask))
    expected = coarse.repeat(step[0], 0).repeat(step[1], 1).repeat(step[2], 2)
    np.testing.assert_array_equal(found.mask, expected)


def test_a_mask_on_another_grid_cuts_out_the_brain(tmp_path):
    brain = head() > 0
    noise = np.random.default_rng(3).integers(500, 4000, SHAPE).astype(np.int16)
    image = write(tmp_path / "head.nii.gz", np.where(brain, head(), noise), axes="PSR")
    finer = brain.repeat(2, 0).repeat(2, 1).repeat(2, 2)[4:-2, 4:-2, 4:-4].astype(np.uint8)
    to_image = np.diag([0.5, 0.5, 0.5, 1])
    to_image[:3, 3] = 2 - 0.25
    mask = write(tmp_path / "mask.nii.gz", finer, AFFINE @ to_image, axes="LIA")
    expected = prepare_scan(scan_of(write(tmp_path / "brain.nii", head())), Prepare())
    found = prepare_scan(scan_of(image, mask), Prepare())
    np.testing.assert_array_equal(found.cube, expected.cube)
    np.testing.assert_allclose(found.affine, expected.affine, atol=1e-4)
