"""Intensity histograms and power spectra against scipy and naive sums, and what they make of blur and patterns."""

import numpy as np
import pytest
import torch
from phantoms import blurred, brains, noisy
from scipy.ndimage import binary_fill_holes
from scipy.stats import wasserstein_distance

from alphagan.errors import InputError
from alphagan.metrics.histogram import LEVELS, brain_masks, intensity_distance, level_counts
from alphagan.metrics.spectrum import Spectra, compare_spectra
from alphagan.volumes.prepared import to_range, to_uint8


@pytest.fixture
def generator():
    return np.random.default_rng(0)


def distance(x, y, **options):
    options = {"n_bootstrap": 100, "generator": np.random.default_rng(0)} | options
    return intensity_distance(level_counts(x), level_counts(y), **options)


def spectra(x, y, **options):
    options = {"n_bootstrap": 100, "generator": np.random.default_rng(0)} | options
    return compare_spectra(Spectra(x), Spectra(y), **options)


def inside(x):
    return x.numpy()[brain_masks(x)]


# --- masks and histograms ---


def test_mask_is_the_brain_with_its_holes_filled():
    x = brains(6)
    x[:, 7:9, 7:9, 7:9] = -1
    mask = brain_masks(x)
    outline = np.stack([binary_fill_holes(volume) for volume in (x > -1).numpy()])
    assert np.array_equal(mask, outline) and mask[:, 8, 8, 8].all()
    assert 0.25 < mask.mean() < 0.55


def test_mask_ignores_brightness_and_faint_background(generator):
    x = brains(4)
    mask = brain_masks(x)
    assert np.array_equal(brain_masks((x + 1) * 0.7 - 1), mask)
    haze = torch.from_numpy(generator.uniform(0, 0.1, x.shape)).float()
    assert np.array_equal(brain_masks(torch.maximum(x, haze - 1)), mask)


def test_counts_round_to_the_nearest_of_256_levels():
    x = brains(3)
    cubes = to_uint8(x)
    counts = level_counts(x, brain_masks(x))
    expected = [
        np.bincount(cube[mask], minlength=256) for cube, mask in zip(cubes, brain_masks(to_range(cubes)), strict=True)
    ]
    np.testing.assert_array_equal(counts, expected)
    assert len(LEVELS) == 256 and LEVELS[[0, -1]].tolist() == [-1, 1]


def test_distance_equals_scipy():
    x, y = to_range(to_uint8(brains(5))), to_range(to_uint8(0.8 * brains(7, seed=1) - 0.2))
    assert distance(x, y).value == pytest.approx(wasserstein_distance(inside(x), inside(y)), rel=1e-5)
    x, y = brains(5), 0.9 * brains(7, seed=1) - 0.1  # between levels: off by a level at most
    assert distance(x, y).value == pytest.approx(wasserstein_distance(inside(x), inside(y)), abs=1 / 255)


def test_distance_properties():
    x, y = brains(12), brains(12, seed=1)
    assert distance(x, x.flip(0)).value == 0
    assert distance(x, y).value == pytest.approx(distance(y, x).value)
    assert distance(x, y.flip(1)).value == pytest.approx(distance(x, y).value)
    shifts = [distance(x, (y + 1) * scale - 1).value for scale in (1, 0.95, 0.9, 0.8)]
    assert shifts == sorted(shifts)
    blur = [distance(x, blurred(y, sigma)).value for sigma in (0, 0.5, 0.7, 1)]
    assert blur == sorted(blur) and blur[-1] > 5 * blur[0]
    noise = [distance(x, noisy(y, sd).clamp(-1, 1)).value for sd in (0, 0.1, 0.2)]
    assert noise == sorted(noise)


def test_distance_interval_covers_and_counts_people(generator):
    x, y = brains(40, size=8), brains(40, seed=1, size=8, ventricle=0.3)
    truth = distance(brains(400, seed=5, size=8), brains(400, seed=6, size=8, ventricle=0.3)).value
    estimate = distance(x, y, n_bootstrap=1000)
    assert estimate.low < truth < estimate.high and estimate.n == 40
    grouped = distance(torch.cat([x, x]), y, groups_x=list(range(40)) * 2, n_bootstrap=1000)
    assert grouped.n == 40 and grouped.value == pytest.approx(estimate.value)
    assert grouped.high - grouped.low == pytest.approx(estimate.high - estimate.low, rel=0.15)


def test_empty_volumes_are_named():
    x = brains(3)
    x[1] = -1
    with pytest.raises(InputError, match="number 1 is all background"):
        level_counts(x)
    with pytest.raises(InputError, match="number 1 is all background"):
        Spectra(x)
    with pytest.raises(InputError, match="even number"):
        Spectra(torch.zeros(2, 7, 7, 7))
    with pytest.raises(InputError, match="different sizes"):
        spectra(brains(2), brains(2, size=8))


# --- spectra ---


def test_equals_a_naive_spectrum():
    x = brains(2, size=8).double()
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(8) / 8)
    windowed = (x.numpy() + 1) * window[:, None, None] * window[:, None] * window
    power = np.abs(np.fft.fftn(windowed, axes=(1, 2, 3))) ** 2
    power /= power.sum((1, 2, 3), keepdims=True)
    frequency = np.stack(np.meshgrid(*3 * [np.fft.fftfreq(8)], indexing="ij"))
    shell = np.rint(8 * np.sqrt((frequency**2).sum(0))).astype(int)
    expected = [[volume[shell == i].mean() for i in range(shell.max() + 1)] for volume in power]
    found = Spectra(x.float())
    np.testing.assert_allclose(found.log_power, np.log10(expected), atol=1e-3)
    near = np.sqrt((np.minimum(np.abs(frequency), 0.5 - np.abs(frequency)) ** 2).sum(0)) < 0.07
    radius = np.sqrt((frequency**2).sum(0))
    here, others = near & (radius > 0.3), ~near & (radius > 0.436)
    ratio = power[:, here].mean(1) / power[:, others].mean(1)
    np.testing.assert_allclose(found.alternation, np.log10(ratio), atol=1e-3)


def test_parseval():
    found = Spectra(brains(3))
    radius = np.sqrt((np.stack(np.meshgrid(*3 * [np.fft.fftfreq(16)], indexing="ij")) ** 2).sum(0))
    n_coefficients = np.bincount(np.rint(16 * radius).astype(int).ravel())
    np.testing.assert_allclose((10**found.log_power) @ n_coefficients, 1, rtol=1e-5)


def test_a_wave_peaks_at_its_frequency():
    phase = torch.arange(32) / 8  # one cycle in 8 voxels
    wave = (0.5 * torch.sin(2 * torch.pi * phase)[:, None, None]).expand(1, 32, 32, 32)
    found = Spectra(wave, voxel_size_mm=2.0)
    peak = found.log_power[0, 3:].argmax() + 3  # the constant, windowed, reaches to shell 2
    assert found.frequencies[peak] == pytest.approx(1 / 16)
    assert found.cycles_per_voxel[peak] == pytest.approx(1 / 8)
    assert found.frequencies[-1] == pytest.approx(0.5 / 2 * np.sqrt(3), rel=0.03)


def test_spectrum_properties():
    x, y = brains(10), brains(10, seed=1)
    same = spectra(x, x.flip(0))
    assert all(estimate.value == pytest.approx(0, abs=1e-6) for estimate in same.values())
    there, back = spectra(x, y), spectra(y, x)
    assert there["spectrum_distance"].value == pytest.approx(back["spectrum_distance"].value)
    assert there["high_frequencies"].value == pytest.approx(-back["high_frequencies"].value)
    darker = spectra(x, (y + 1) * 0.7 - 1)
    for name, estimate in there.items():
        assert darker[name].value == pytest.approx(estimate.value, abs=1e-4)
        assert estimate.low < estimate.value < estimate.high and estimate.n == 10


def test_blur_is_seen_and_measured():
    x, y = brains(16, size=32), brains(16, seed=1, size=32)
    found = [spectra(x, blurred(y, sigma)) for sigma in (0, 0.5, 0.7, 1, 1.5)]
    lost = [estimates["high_frequencies"].value for estimates in found]
    assert lost == sorted(lost, reverse=True) and lost[1] < -0.3
    far = [estimates["spectrum_distance"].value for estimates in found]
    assert far == sorted(far)
    assert all(abs(estimates["checkerboard"].value) < 0.4 for estimates in found)
    mean = spectra(x, y.mean(0).expand(16, -1, -1, -1))
    assert mean["high_frequencies"].high < -0.3
    noise = [spectra(x, noisy(y, sd))["high_frequencies"].value for sd in (0, 0.02, 0.05, 0.1)]
    assert noise == sorted(noise) and noise[-1] > noise[0] + 0.1


@pytest.mark.parametrize("axes", [(0,), (0, 1), (0, 1, 2)])
def test_checkerboards_are_seen_at_their_frequency(axes):
    x, y = brains(16, size=32), brains(16, seed=1, size=32)
    pattern = (-1.0) ** torch.from_numpy(np.indices((32, 32, 32))[list(axes)].sum(0))
    strength = (0, 0.03, 0.06, 0.12)
    found = [spectra(x, y + (y + 1) * amplitude * pattern)["checkerboard"] for amplitude in strength]
    values = [estimate.value for estimate in found]
    assert values == sorted(values) and found[-1].low > 0.5
    softened = blurred(y, 0.7)
    hidden = spectra(x, softened + (softened + 1) * 0.05 * pattern)
    assert hidden["high_frequencies"].value < spectra(x, y)["high_frequencies"].value
    assert hidden["checkerboard"].low > 0.5, "blur does not hide the pattern"
    excess = (Spectra(y + (y + 1) * 0.12 * pattern).log_power - Spectra(y).log_power).mean(0)
    peak = Spectra(y).cycles_per_voxel[excess.argmax()]
    assert peak == pytest.approx(0.5 * np.sqrt(len(axes)), abs=0.04)


def test_voxels_in_blocks_are_seen():
    x, y = brains(16, size=32), brains(16, seed=1, size=32)
    blocks = y[:, ::2, ::2, ::2]
    for axis in (1, 2, 3):
        blocks = blocks.repeat_interleave(2, axis)
    assert spectra(x, blocks)["checkerboard"].low > 0.3
