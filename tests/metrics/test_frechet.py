"""Fréchet distance against the matrix square root, closed forms, and its own sampling spread."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from phantoms import blurred, brains, noisy
from scipy.linalg import sqrtm

from alphagan.errors import InputError
from alphagan.metrics.frechet import frechet_distance


def value(x, y):
    x, y = (torch.as_tensor(features) for features in (x, y))
    return frechet_distance(x, y, n_bootstrap=10, generator=np.random.default_rng(0)).value


def with_moments(n, mean, sd, generator):
    """A sample whose mean and (diagonal) covariance are exactly these."""
    x = generator.normal(size=(n, len(mean)))
    x -= x.mean(0)
    return x @ np.linalg.inv(np.linalg.cholesky(np.cov(x.T))).T * sd + mean


@pytest.mark.parametrize(("n", "m", "d"), [(50, 40, 6), (12, 40, 20), (40, 12, 20), (12, 15, 30)])
def test_equals_the_matrix_square_root(n, m, d, generator):
    x = generator.normal(size=(n, d)) @ generator.normal(size=(d, d))
    y = 0.3 + generator.normal(size=(m, d)) @ generator.normal(size=(d, d))
    a, b, shift = np.cov(x.T), np.cov(y.T), x.mean(0) - y.mean(0)
    expected = shift @ shift + np.trace(a + b) - 2 * np.trace(sqrtm(a @ b)).real
    assert value(x, y) == pytest.approx(expected, rel=1e-5)


def test_closed_form_for_diagonal_covariances(generator):
    mean_x, mean_y = np.array([0.0, 1, 2]), np.array([1.0, 1, 0])
    sd_x, sd_y = np.array([1.0, 2, 0.5]), np.array([2.0, 1, 0.5])
    expected = ((mean_x - mean_y) ** 2).sum() + ((sd_x - sd_y) ** 2).sum()
    x, y = with_moments(30, mean_x, sd_x, generator), with_moments(20, mean_y, sd_y, generator)
    assert value(x, y) == pytest.approx(expected, rel=1e-9)


def test_a_constant_sample_leaves_the_variance(generator):
    x = generator.normal(size=(30, 50))
    collapsed = np.tile(x.mean(0), (25, 1))
    assert value(x, collapsed) == pytest.approx(np.trace(np.cov(x.T)), rel=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 20), st.integers(3, 20), st.integers(1, 25), st.integers(0, 2**32 - 1))
def test_metric_properties(n, m, d, seed):
    generator = np.random.default_rng(seed)
    x, y = generator.normal(size=(n, d)), generator.normal(0.5, 2, size=(m, d))
    distance, scale = value(x, y), (x**2).sum() / n + (y**2).sum() / m
    assert value(x, x[::-1].copy()) <= 1e-9 * scale
    assert value(y, x) == pytest.approx(distance, abs=1e-9 * scale)
    turn = np.linalg.qr(generator.normal(size=(d, d)))[0]
    assert value(x @ turn - 5, y @ turn - 5) == pytest.approx(distance, abs=1e-9 * (scale + 100))
    assert value(3 * x, 3 * y) == pytest.approx(9 * distance, abs=1e-8 * scale)


def test_bias_falls_with_the_sample_size(generator):
    few, many = (value(generator.normal(size=(n, 40)), generator.normal(size=(n, 40))) for n in (60, 600))
    assert few > 5 * many > 0


def test_grows_with_blur_noise_and_lost_modes():
    real, others = brains(60, seed=1, size=8), brains(60, seed=2, size=8)
    pixels = [value(real.flatten(1), blurred(others, sigma).flatten(1)) for sigma in (0, 0.5, 0.8, 1.2)]
    assert pixels == sorted(pixels) and pixels[-1] > 2 * pixels[0]
    noise = [value(real.flatten(1), noisy(others, sd).flatten(1)) for sd in (0, 0.1, 0.2, 0.4)]
    assert noise == sorted(noise) and noise[-1] > 2 * noise[0]
    size = others.mean((1, 2, 3)).argsort()  # drop the larger brains
    dropped = [value(real.flatten(1), others[size[:n]].repeat(60 // n, 1, 1, 1).flatten(1)) for n in (60, 30, 15, 5)]
    assert dropped == sorted(dropped)


@pytest.mark.parametrize(("d", "shift"), [(4, 0.5), (60, 0.3), (4, 0.0)])
def test_interval_is_no_narrower_than_the_spread_over_samples(d, shift, generator):
    estimates = [
        frechet_distance(
            torch.from_numpy(generator.normal(size=(50, d))),
            torch.from_numpy(generator.normal(shift, 1.2, size=(40, d))),
            n_bootstrap=300,
            generator=generator,
        )
        for _ in range(60)
    ]
    spread = 2 * 1.96 * np.std([estimate.value for estimate in estimates])
    width = np.mean([estimate.high - estimate.low for estimate in estimates])
    assert 0.95 < width / spread < 1.6


def test_sessions_of_a_person_are_one_unit(generator):
    x, y = torch.from_numpy(generator.normal(size=(30, 5))), torch.from_numpy(generator.normal(1, 1, size=(40, 5)))
    twice = torch.cat([x, x])
    once = frechet_distance(x, y, generator=np.random.default_rng(1))
    grouped = frechet_distance(twice, y, list(range(30)) * 2, generator=np.random.default_rng(1))
    taken_for_others = frechet_distance(twice, y, generator=np.random.default_rng(1))
    assert (once.n, grouped.n, taken_for_others.n) == (30, 30, 40)
    assert grouped.high - grouped.low == pytest.approx(once.high - once.low, rel=0.05)
    assert taken_for_others.high - taken_for_others.low < 0.95 * (grouped.high - grouped.low)


def test_bad_input_is_named(generator):
    x = torch.zeros(4, 3)
    with pytest.raises(InputError, match="one network"):
        frechet_distance(x, torch.zeros(4, 2), generator=generator)
    with pytest.raises(InputError, match="y: expected finite"):
        frechet_distance(x, x / 0, generator=generator)
    with pytest.raises(InputError, match="fewer than two subjects"):
        frechet_distance(x, x[:1], generator=generator)
