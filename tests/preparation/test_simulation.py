"""Simulated heads: their tissue, their warps, and the scans of them."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphagan.preparation.cohorts import mni152, simulation

VOXEL = 4.0  # coarse, for speed


def anatomy(seed=0):
    return simulation.draw_anatomy(np.random.default_rng(seed))


def unchanged():
    """The template as it is."""
    shape = mni152.template().free.shape
    return simulation.Anatomy(np.zeros(3), np.zeros((3, 3)), 0.0, np.zeros((3, *shape), np.float32), np.zeros(shape))


@pytest.fixture(scope="module")
def heads():
    return [anatomy(seed) for seed in range(60)]


def test_fractions_sum_to_one_and_intensities_order_as_in_t1w():
    fractions = simulation.tissues(anatomy(), VOXEL)
    total = fractions.sum(0)
    assert fractions.min() >= -1e-6
    np.testing.assert_allclose(total[total > 0], 1, atol=1e-5)
    rng = np.random.default_rng(0)
    image = simulation.scan(fractions, simulation.draw_acquisition(rng), VOXEL, rng)
    csf, grey, white = (image[fraction > 0.75].mean() for fraction in fractions)
    assert csf < grey < white
    np.testing.assert_array_equal(image > 0, total > 0)


def test_anatomy_does_not_depend_on_the_voxel_size():
    one = anatomy(4)
    fine, coarse = simulation.tissues(one, 3.0), simulation.tissues(one, 6.0)
    n = coarse.shape[1]
    pooled = fine.reshape(3, n, 2, n, 2, n, 2).mean((2, 4, 6))
    assert np.corrcoef(pooled.ravel(), coarse.ravel())[0, 1] > 0.97


def test_only_points_near_the_brain_need_sampling(monkeypatch):
    one = anatomy(5)
    quick = simulation.tissues(one, VOXEL)
    shared = mni152.template()
    everywhere = dataclasses.replace(shared, outside_mm=np.zeros_like(shared.outside_mm))
    monkeypatch.setattr(simulation, "template", lambda: everywhere)
    np.testing.assert_array_equal(simulation.tissues(one, VOXEL), quick)


def test_heads_are_invertible(heads):
    for head in heads:
        assert mni152.smallest_jacobian(head.displacement_mm) >= mni152.MIN_JACOBIAN


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.5, 20.0))
def test_smallest_jacobian_bounds_the_trilinear_map_from_below(seed, amplitude):
    rng = np.random.default_rng(seed)
    corners = amplitude * rng.standard_normal((3, 2, 2, 2))
    at = rng.random((200, 3))
    # Derivative of trilinear interpolation, written out: along one axis a difference, along the others an average.
    weight = np.stack([1 - at, at], axis=-1)
    slope = np.broadcast_to(np.array([-1.0, 1.0]) / mni152.GRID_MM, weight.shape)
    jacobian = np.stack(
        [
            np.einsum("cijk,ni,nj,nk->nc", corners, *[(slope if k == axis else weight)[:, k] for k in range(3)])
            for axis in range(3)
        ],
        axis=-1,
    )
    determinants = np.linalg.det(np.eye(3) + jacobian)
    assert mni152.smallest_jacobian(corners) <= determinants.min() + 1e-9


def test_smallest_jacobian_of_a_linear_map_is_its_determinant():
    matrix = np.array([[0.1, 0.2, 0.0], [0.0, -0.3, 0.1], [0.05, 0.0, 0.2]])
    points = mni152.GRID_MM * np.stack(np.meshgrid(*[np.arange(4.0)] * 3, indexing="ij"))
    displacement = np.einsum("ab,bxyz->axyz", matrix, points)
    assert mni152.smallest_jacobian(displacement) == pytest.approx(np.linalg.det(np.eye(3) + matrix))


def test_make_invertible_mends_a_fold_and_leaves_the_rest():
    rng = np.random.default_rng(0)
    gentle = mni152.smooth_noise(rng, (3, 12, 12, 12), 12.0)
    np.testing.assert_array_equal(mni152.make_invertible(gentle), gentle)
    assert mni152.smallest_jacobian(30 * gentle) < 0
    mended = mni152.make_invertible(30 * gentle)
    assert mni152.smallest_jacobian(mended) >= mni152.MIN_JACOBIAN
    assert np.corrcoef(mended.ravel(), gentle.ravel())[0, 1] == pytest.approx(1)


def test_pull_towards_the_ventricles_enlarges_them():
    def central_csf_ml(pull):
        displacement = pull * mni152.template().ventricle_pull
        csf = simulation.tissues(dataclasses.replace(unchanged(), displacement_mm=displacement), VOXEL)[0]
        from_centre = (np.indices(csf.shape) - (csf.shape[0] - 1) / 2) * VOXEL
        return csf[np.linalg.norm(from_centre, axis=0) < 45].sum() * VOXEL**3 / 1000

    small, usual, large = map(central_csf_ml, (-4.0, 0.0, 4.0))
    assert small < usual - 3
    assert large > usual + 5


def test_heads_are_not_symmetric():
    def asymmetry(one):
        fractions = simulation.tissues(dataclasses.replace(one, rotation_deg=np.zeros(3)), VOXEL)
        return np.abs(fractions - fractions[:, ::-1]).sum() / fractions.sum()

    assert asymmetry(anatomy(6)) > 3 * asymmetry(unchanged())


def test_pitch_lifts_the_chin():
    """At positive pitch the front of the brain is higher than at none, and the back lower."""
    one = anatomy(7)

    def height(pitch):
        brain = simulation.tissues(dataclasses.replace(one, rotation_deg=np.array([pitch, 0, 0])), VOXEL).sum(0)
        half = brain.shape[1] // 2
        levels = np.arange(brain.shape[2])
        return [(part.sum((0, 1)) * levels).sum() / part.sum() for part in (brain[:, half:], brain[:, :half])]

    (front, back), (front_up, back_up) = height(0.0), height(15.0)
    assert front_up > front + 0.5
    assert back_up < back - 0.5


def test_pitch_is_spread_like_ixi(heads):
    """IXI, 184 subjects registered to MNI152: mean 12.7 degrees, SD 6.8; the tolerances are three standard errors."""
    pitch = np.array([head.rotation_deg[0] for head in heads])
    assert pitch.mean() == pytest.approx(12.7, abs=3 * 6.8 / 60**0.5)
    assert pitch.std(ddof=1) == pytest.approx(6.8, rel=3 / 120**0.5)
