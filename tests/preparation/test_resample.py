import gzip
from itertools import permutations

import nibabel
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scans import AFFINE, SHAPE, head, scan_of, text, truncated, write
from scipy.sparse import csr_array
from torch.nn import functional

from alphagan.preparation import resample
from alphagan.preparation.quality import QualityError
from alphagan.preparation.resample import area_resize, axis_weights, bounding_box, prepare_scan
from alphagan.settings.sections import Prepare

# ---- resampling


@pytest.mark.parametrize("size", [4, 8])
def test_area_is_average_pooling_when_it_divides(size):
    volume = np.random.default_rng(0).normal(size=(16, 24, 32))
    pooled = functional.avg_pool3d(torch.from_numpy(volume)[None, None], tuple(n // size for n in volume.shape))
    cube = area_resize(volume, np.zeros(3), np.array(volume.shape), size)
    np.testing.assert_allclose(cube, pooled[0, 0], atol=1e-12)


def test_enlarging_is_linear_interpolation():
    volume = np.random.default_rng(0).normal(size=(5, 7, 6))
    linear = functional.interpolate(torch.from_numpy(volume)[None, None], size=(16, 16, 16), mode="trilinear")
    np.testing.assert_allclose(area_resize(volume, np.zeros(3), np.array(volume.shape), 16), linear[0, 0], atol=1e-12)


@settings(deadline=None)
@given(
    n_in=st.integers(2, 40),
    n_out=st.integers(1, 20),
    start=st.floats(-10, 10),
    extra=st.floats(0.01, 30),
    seed=st.integers(0, 2**32 - 1),
)
def test_area_is_the_integral_over_each_interval(n_in, n_out, start, extra, seed):
    stop = start + n_out + extra
    signal_in = np.random.default_rng(seed).normal(size=n_in)
    edges = np.linspace(start, stop, n_out + 1)
    integral = np.interp(edges, np.arange(n_in + 1), np.concatenate([[0], np.cumsum(signal_in)]))
    expected = np.diff(integral) / ((stop - start) / n_out)
    np.testing.assert_allclose(axis_weights(n_in, start, stop, n_out) @ signal_in, expected, atol=1e-9)


def test_outside_is_zero_when_enlarging_too():
    weights = axis_weights(5, -5, 10, 40)
    centres = np.linspace(-5, 10, 81)[1::2]
    np.testing.assert_allclose(weights.sum(1), (centres >= 0) & (centres <= 5))


def test_padding_conserves_mass():
    volume = np.random.default_rng(0).uniform(size=(11, 13, 9))
    start, stop = np.array([-3.3, -1.1, -4.7]), np.array([14.2, 13.0, 15.9])
    cube = area_resize(volume, start, stop, 8)
    assert cube.sum() * np.prod((stop - start) / 8) == pytest.approx(volume.sum())


def one_axis_after_another(volume, start, stop, size):
    """The whole volume in float64, one sparse product for each axis."""
    for axis in range(3):
        weights = csr_array(axis_weights(volume.shape[0], start[axis], stop[axis], size))
        volume = (weights @ volume.reshape(volume.shape[0], -1)).reshape(size, *volume.shape[1:])
        volume = np.moveaxis(volume, 0, -1)
    return volume


@pytest.mark.parametrize("dtype", ["u1", "i2", ">i2", "f4", "f8"])
@pytest.mark.parametrize(
    ("start", "stop"), [((0, 0, 0), (21, 34, 27)), ((-4.5, 0.25, -3), (25.5, 30.25, 27)), ((5,) * 3, (9,) * 3)]
)
def test_plane_by_plane_is_the_whole_volume_to_the_bit(dtype, start, stop):
    rng = np.random.default_rng(0)
    volume = rng.uniform(1, 200, (21, 34, 27)).astype(dtype)
    inside = rng.uniform(size=volume.shape) < 0.7
    box = np.array(start, float), np.array(stop, float)
    expected = one_axis_after_another(volume.astype(np.float64), *box, 12)
    np.testing.assert_array_equal(area_resize(volume, *box, 12), expected)
    expected = one_axis_after_another(np.where(inside, volume.astype(np.float64) + 3.3, 0.0), *box, 12)
    np.testing.assert_array_equal(area_resize(volume, *box, 12, inside, -3.3), expected)


@pytest.mark.parametrize("axes", list(permutations(range(3))))
@pytest.mark.parametrize("turned", [(1, 1, 1), (-1, 1, -1)])
def test_bounding_box_in_any_memory_order(axes, turned):
    volume = np.zeros((5, 6, 7), np.int16).transpose(axes)[tuple(slice(None, None, step) for step in turned)]
    assert np.array_equal(bounding_box(volume), np.zeros((2, 3)))
    volume[1, 2, 3] = volume[3, 2, 1] = -1
    np.testing.assert_array_equal(bounding_box(volume), [[1, 2, 1], [4, 3, 4]])
    np.testing.assert_array_equal(bounding_box(volume != 0), [[1, 2, 1], [4, 3, 4]])


@settings(deadline=None)
@given(
    dtype=st.sampled_from(["u1", "i1", "u2", "i2", ">i2", "i4", "f4"]),
    n=st.integers(1, 400),
    seed=st.integers(0, 2**32 - 1),
)
def test_counted_percentiles_are_numpys_to_the_bit(dtype, n, seed):
    info = np.iinfo(dtype) if np.dtype(dtype).kind in "iu" else np.iinfo(np.int16)
    rng = np.random.default_rng(seed)
    values = rng.integers(info.min, info.max, n, endpoint=True).astype(dtype)
    percents = [0, *rng.uniform(0, 100, 50), 100]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resample, "COUNTED", 150)
        found = resample._percentiles(values, percents)
    np.testing.assert_array_equal(found, np.percentile(values.astype(np.float64), percents))


# ---- one scan


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


def test_intensity_is_linear_from_low_to_the_percentile(tmp_path):
    volume = head().astype(np.float32)
    brain = volume != 0
    volume[brain] -= 900.5  # as in z-scored scans, some of the brain is below zero
    prepared = prepare_scan(scan_of(write(tmp_path / "a.nii", volume)), Prepare(upper_percentile=99))
    low, high = np.percentile(volume[brain], [0.1, 99])
    assert prepared.intensity == pytest.approx((low, high))
    start, stop = bounding_box(brain)
    box = tuple(map(slice, start, stop))
    scaled = 255 * np.where(brain, volume - low, 0) / (high - low)
    expected = area_resize(scaled[box], np.zeros(3), stop - start, 32)
    np.testing.assert_allclose(prepared.cube, np.clip(expected, 0, 255), atol=0.51)


def test_stretch_fills_the_cube_and_pad_keeps_proportions(tmp_path):
    affine = AFFINE @ np.diag([1, 1, 1.25, 1])
    path = write(tmp_path / "a.nii", head(), affine)
    extent = np.array([len(np.unique(line)) for line in np.nonzero(head())])
    stretched = prepare_scan(scan_of(path), Prepare(size=16))
    assert all(len(np.unique(line)) == 16 for line in np.nonzero(stretched.cube))
    np.testing.assert_allclose(np.linalg.norm(stretched.affine[:3, :3], axis=0), extent * [4, 4, 5] / 16)

    for side in (None, 200.0):
        padded = prepare_scan(scan_of(path), Prepare(size=16, fit="pad", field_of_view_mm=side))
        width = (side or (extent * [4, 4, 5]).max()) / 16
        np.testing.assert_allclose(padded.affine[:3, :3], width * np.eye(3), atol=1e-6)
        assert padded.cube.sum(dtype=float) * width**3 == pytest.approx(
            stretched.cube.sum(dtype=float) * np.prod(extent * [4, 4, 5] / 16), rel=0.02
        )  # the same brain, not cut off
        middle = padded.affine @ [7.5, 7.5, 7.5, 1]
        np.testing.assert_allclose(middle, stretched.affine @ [7.5, 7.5, 7.5, 1], atol=1e-4)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), fit=st.sampled_from(["stretch", "pad"]))
def test_a_landmark_is_found_at_its_place_in_the_scanner(tmp_path_factory, seed, fit):
    rng = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))  # any rotation, with or without a flip
    affine = np.eye(4)
    affine[:3, :3] = rotation @ np.diag(rng.uniform(3.5, 4.5, 3))
    affine[:3, 3] = rng.uniform(-200, 200, 3)
    volume = np.where(head() > 0, 100 + rng.integers(0, 20, SHAPE), 0).astype(np.int16)
    centre = rng.integers(14, 20, 3)
    volume[tuple(slice(c - 1, c + 2) for c in centre)] = 20_000
    path = tmp_path_factory.mktemp("landmark") / "a.nii"
    nibabel.Nifti1Image(volume, affine).to_filename(path)
    prepared = prepare_scan(scan_of(path), Prepare(size=32, fit=fit, upper_percentile=100))
    bright = np.where(prepared.cube > 20, prepared.cube, 0).astype(float)
    found = np.array([(bright * axis).sum() for axis in np.indices(bright.shape)]) / bright.sum()
    expected = np.linalg.inv(prepared.affine) @ affine @ [*centre, 1]
    assert np.abs(found - expected[:3]).max() < 0.5


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


def nan(path):
    volume = head().astype(np.float32)
    volume[20, 20, 20] = np.nan
    write(path, volume)


def saturated(path):
    write(path, np.minimum(head(), 1600))


def whole_head(path):
    write(path, np.random.default_rng(0).integers(1, 500, SHAPE).astype(np.int16), np.diag([3.5, 3.5, 3.5, 1]))


def large_head(path):
    write(path, head(), np.diag([6.0, 6, 6, 1]))


def colour(path):
    rgb = np.zeros(SHAPE, dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    nibabel.Nifti1Image(rgb, AFFINE).to_filename(path)


def flat_affine(path):
    image = nibabel.Nifti1Image(head(), None)
    image.header.set_sform(np.diag([4.0, 4, 0, 1]), 1)
    nibabel.Nifti1Image(head(), None, image.header).to_filename(path)


FAULTS = {
    "unreadable: ": [truncated, text, lambda path: None],
    "not finite: 1 voxels of the image": [nan],
    "wrong dimensionality: the image is 34 x 42 x 36 x 2": [lambda p: write(p, np.stack([head()] * 2, -1))],
    "wrong dimensionality: the image is 34 x 42 x 1": [lambda p: write(p, head()[..., :1])],
    "wrong data type: ": [colour],
    "unusable affine: ": [flat_affine],
    "empty: every voxel is zero": [lambda p: write(p, head() * 0)],
    "too few brain voxels: 11.8 ml, below min_brain_ml of 500": [lambda p: write(p, head(), np.diag([1.0, 1, 1, 1]))],
    "clipped: ": [saturated],
    "not skull-stripped: ": [whole_head, large_head],
    "looks like a mask: only 2 values": [lambda p: write(p, (head() > 0).astype(np.uint8))],
    "looks like a mask: only 4 values": [lambda p: write(p, np.clip(head() // 800, 0, 2) + (head() > 0))],
}


@pytest.mark.parametrize(
    ("reason", "fault"), [(reason, fault) for reason, faults in FAULTS.items() for fault in faults]
)
def test_faulty_files_are_refused_with_a_reason(tmp_path, reason, fault):
    path = tmp_path / "a.nii.gz"
    fault(path)
    with pytest.raises(QualityError) as refusal:
        prepare_scan(scan_of(path), Prepare())
    assert str(refusal.value).startswith(reason)
    assert "\n" not in str(refusal.value)


def test_faulty_masks_are_refused_with_a_reason(tmp_path):
    image = write(tmp_path / "a.nii", head())
    far = write(tmp_path / "far.nii", np.ones((9, 9, 9), np.uint8), AFFINE + 4000 * np.eye(4, k=3))
    corner = write(tmp_path / "corner.nii", (np.indices(SHAPE).max(0) < 3).astype(np.uint8))
    everything = write(tmp_path / "all.nii", np.ones(SHAPE, np.uint8))
    for mask, reason in [
        (tmp_path / "none.nii", f"mask not found: {tmp_path / 'none.nii'}"),
        (far, "mask does not overlap: "),
        (corner, "looks like a mask: "),
        (everything, "not skull-stripped: "),
    ]:
        with pytest.raises(QualityError) as refusal:
            prepare_scan(scan_of(image, mask), Prepare())
        assert str(refusal.value).startswith(reason)


def test_a_brain_larger_than_the_field_of_view_is_refused(tmp_path):
    path = write(tmp_path / "a.nii", head())
    with pytest.raises(QualityError, match="larger than the field of view: 136 mm long, field_of_view_mm is 130"):
        prepare_scan(scan_of(path), Prepare(fit="pad", field_of_view_mm=130.0))


@pytest.mark.data
def test_whole_head_with_its_mask_is_the_stripped_scan(real_scans):
    image = real_scans / "messy" / "IXI013-HH-1212_T1_wholehead_PSR_uint8_scaled.nii.gz"
    mask = real_scans / "messy" / "IXI013-HH-1212_brainmask_2mm_cropped.nii.gz"
    masked = prepare_scan(scan_of(image, mask), Prepare(fit="pad"))
    stripped = prepare_scan(scan_of(real_scans / "ixi" / "IXI013-HH-1212_T1w.nii.gz"), Prepare(fit="pad"))
    np.testing.assert_allclose(masked.affine, stripped.affine, atol=2)  # the grids differ by up to half a voxel
    assert np.corrcoef(masked.cube.ravel(), stripped.cube.ravel())[0, 1] > 0.99
