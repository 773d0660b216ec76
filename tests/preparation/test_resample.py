"""Cubes against averages that are computed another way, and where their voxels lie."""

from itertools import permutations

import nibabel
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scans import AFFINE, SHAPE, head, scan_of, write
from scipy.sparse import csr_array
from torch.nn import functional

from alphagan.preparation import resample
from alphagan.preparation.outline import bounding_box
from alphagan.preparation.resample import area_resize, axis_weights, prepare_scan
from alphagan.settings.sections import Prepare


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
