"""Anatomy against what was drawn and what is known of people; effect sizes against scipy."""

import csv

import numpy as np
import pytest
import torch
from phantoms import blurred, brains, noisy
from scipy.stats import ks_2samp, mannwhitneyu, spearmanr
from sklearn.mixture import GaussianMixture

from alphagan.errors import InputError
from alphagan.metrics.anatomy import (
    anatomy,
    asymmetries,
    compare_anatomy,
    most_asymmetric,
    tissue_fractions,
    ventricle_shares,
)
from alphagan.metrics.effect_sizes import effect_sizes
from alphagan.metrics.histogram import LEVELS, brain_masks, level_counts
from alphagan.preparation.cohorts import find_scans
from alphagan.preparation.resample import prepare_scan
from alphagan.settings.cohorts import NiftiCohort
from alphagan.settings.sections import Prepare
from alphagan.volumes.prepared import to_range

MEASURES = {"brain_volume", "ventricle_volume", "asymmetry", "csf_fraction", "grey_fraction", "white_fraction"}


# --- the measures ---


def test_flip_and_brightness_change_nothing_that_they_should_not():
    x = brains(8, size=32)
    found, flipped, darker = (anatomy(volumes, "T1w") for volumes in (x, x.flip(1), (x + 1) * 0.7 - 1))
    assert found.keys() == MEASURES
    for name, values in found.items():
        assert values.shape == (8,) and np.isfinite(values).all()
        np.testing.assert_allclose(flipped[name], values, atol=1e-4)
        np.testing.assert_allclose(darker[name], values, atol=0.01)  # fewer levels for the histogram


@pytest.mark.parametrize(("level", "brighter"), [(-0.7, False), (1.0, True)])
def test_a_lesion_is_the_most_asymmetric_place(level, brighter):
    x, drawn = brains(3, size=32), np.array([[9, 16, 16], [20, 20, 14], [11, 18, 12]])
    for volume, (i, j, k) in zip(x, drawn, strict=True):
        volume[i - 2 : i + 3, j - 2 : j + 3, k - 2 : k + 3] = level
    assert np.abs(most_asymmetric(x, brighter) - drawn).max() <= 1


def test_where_nothing_lies_inside_on_both_sides_the_place_is_the_centre():
    x = torch.full((1, 16, 16, 16), -1.0)
    x[0, :5] = 0.5
    assert most_asymmetric(x, True).tolist() == [[8, 8, 8]]


def test_volumes_are_shares_of_the_cube_and_of_the_brain():
    x = brains(3, size=16)
    found, masks = anatomy(x, "T1w"), brain_masks(x)
    np.testing.assert_allclose(found["brain_volume"], masks.sum((1, 2, 3)) / 16**3)
    np.testing.assert_allclose(found["ventricle_volume"], ventricle_shares(x, masks))


def test_ventricles_as_they_were_drawn():
    found, drawn = [], []
    for ventricle in (0.1, 0.15, 0.2, 0.25):
        x = brains(8, seed=1, size=32, ventricle=ventricle, detail=0.02)
        masks = brain_masks(x)
        dark = ((x + 1) / 2 < 0.4).numpy()[:, 10:22, 10:22, 10:22]  # CSF at the surface is further out
        found.append(ventricle_shares(x, masks))
        drawn.append(dark.sum((1, 2, 3)) / masks.sum((1, 2, 3)))
    found, drawn = np.array(found), np.array(drawn)
    assert np.corrcoef(found.ravel(), drawn.ravel())[0, 1] > 0.95
    assert np.diff(found, axis=0).min() >= 0
    assert found.mean() == pytest.approx(drawn.mean(), rel=0.25)


def test_blur_fills_narrow_ventricles():
    x = brains(8, size=32)
    sizes = [ventricle_shares(soft, brain_masks(soft)).mean() for soft in (blurred(x, s) for s in (0, 1, 2))]
    assert sizes == sorted(sizes, reverse=True) and sizes[-1] < sizes[0] / 4


def test_other_modalities_have_classes_but_no_ventricles():
    found = anatomy(brains(3), "FLAIR")
    assert found.keys() == {"brain_volume", "asymmetry", "dark_fraction", "middle_fraction", "bright_fraction"}


def test_asymmetry_of_what_was_made_symmetric(generator):
    x = brains(5)
    mirrored = (x + x.flip(1)) / 2
    np.testing.assert_allclose(asymmetries(mirrored), 0, atol=1e-7)
    one_sided = torch.full((1, 8, 8, 8), -1.0)
    one_sided[:, :4] = 0.5
    assert asymmetries(one_sided) == pytest.approx([1])
    skewed = [asymmetries(noisy(mirrored, sd)).mean() for sd in (0, 0.1, 0.2)]
    assert skewed == sorted(skewed)


def test_mixture_equals_scikit_learn(generator):
    for means, sd, weights in (([-0.5, 0.1, 0.5], 0.1, [0.2, 0.4, 0.4]), ([-0.3, 0.1, 0.4], 0.12, [0.1, 0.6, 0.3])):
        values = np.concatenate([generator.normal(m, sd, round(6000 * w)) for m, w in zip(means, weights, strict=True)])
        levels = np.rint((values + 1) * 127.5).clip(0, 255).astype(int)
        values = LEVELS[levels][:, None]
        start = np.quantile(values, [1 / 6, 3 / 6, 5 / 6])
        reference = GaussianMixture(
            3,
            covariance_type="tied",
            weights_init=[1 / 3] * 3,
            means_init=start[:, None],
            precisions_init=[[9 / values.var()]],
            tol=1e-9,
            max_iter=2000,
        ).fit(values)
        expected = reference.weights_[reference.means_[:, 0].argsort()]
        found = tissue_fractions(np.bincount(levels, minlength=256)[None])
        np.testing.assert_allclose(found[0], expected, atol=2e-3)
        np.testing.assert_allclose(found[0], weights, atol=0.05)


def test_mixture_of_one_brain_does_not_depend_on_the_others():
    counts = level_counts(brains(6))
    together = tissue_fractions(counts)
    np.testing.assert_allclose(together.sum(1), 1)
    np.testing.assert_allclose(tissue_fractions(counts[2:3]), together[2:3], rtol=1e-12)
    single = np.zeros((1, 256), int)
    single[0, 100] = 50
    np.testing.assert_allclose(tissue_fractions(single), 1 / 3)


def test_empty_volumes_are_named():
    with pytest.raises(InputError, match="number 0 is all background"):
        anatomy(torch.full((2, 8, 8, 8), -1.0), "T1w")


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("size", [32, 64])
def test_real_brains_age_as_they_should(real_scans, size):
    """Ventricles and CSF grow with age and grey matter shrinks: known of people, and found in coarse cubes too."""
    with open(real_scans / "ixi" / "participants.tsv", newline="") as file:
        ages = {row["participant_id"]: row["age"] for row in csv.DictReader(file, delimiter="\t")}
    cohort = NiftiCohort(kind="nifti", source=str(real_scans / "ixi"), pattern="{subject}_T1w.nii.gz")
    scans = [scan for scan in find_scans(cohort) if ages.get(scan.subject, "n/a") not in ("", "n/a")]
    cubes = np.stack([prepare_scan(scan, Prepare(size=size)).cube for scan in scans])
    found = anatomy(to_range(cubes), "T1w")
    age = [float(ages[scan.subject]) for scan in scans]
    correlation = {name: spearmanr(values, age)[0] for name, values in found.items()}
    assert correlation["ventricle_volume"] > 0.6
    assert correlation["csf_fraction"] > 0.5
    assert correlation["grey_fraction"] < -0.5
    assert 0.42 < found["brain_volume"].mean() < 0.52
    assert 0.008 < found["ventricle_volume"].mean() < 0.03
    assert 0.05 < found["asymmetry"].mean() < 0.15


# --- effect sizes ---


def test_effect_sizes_equal_scipy(generator):
    x, y = generator.normal(size=40).round(1), generator.normal(0.5, 2, size=30).round(1)
    found = effect_sizes(x, y, generator=generator)
    pooled = np.sqrt((x.var(ddof=1) + y.var(ddof=1)) / 2)
    assert found["cohens_d"].value == pytest.approx((y.mean() - x.mean()) / pooled)
    assert found["cliffs_delta"].value == pytest.approx(2 * mannwhitneyu(y, x).statistic / (40 * 30) - 1)
    assert found["kolmogorov_smirnov"].value == pytest.approx(ks_2samp(x, y).statistic)
    assert all(estimate.low < estimate.value < estimate.high and estimate.n == 30 for estimate in found.values())


def test_effect_size_properties(generator):
    x, y = generator.normal(size=50), generator.normal(1, 1, size=50)
    found, back = effect_sizes(x, y, generator=generator), effect_sizes(y, x, generator=generator)
    same = effect_sizes(x, x[::-1], generator=generator)
    moved = effect_sizes(3 * x + 7, 3 * y + 7, generator=generator)
    for name, estimate in found.items():
        assert same[name].value == pytest.approx(0, abs=1e-12)
        assert abs(back[name].value) == pytest.approx(estimate.value)
        assert moved[name].value == pytest.approx(estimate.value)
    assert back["cohens_d"].value < 0 and back["cliffs_delta"].value < 0
    narrow = effect_sizes(x, np.full(50, np.median(x)), generator=generator)
    assert narrow["kolmogorov_smirnov"].low > 0.3 and abs(narrow["cliffs_delta"].value) < 0.05


def test_effect_intervals_cover_the_truth(generator):
    truth = {"cohens_d": 0.5, "cliffs_delta": 0.2763, "kolmogorov_smirnov": 0.1974}  # N(0, 1) against N(0.5, 1)
    held = {name: [] for name in truth}
    for _ in range(100):
        x = np.repeat(generator.normal(size=60), 2)  # two scans of each person
        found = effect_sizes(
            x, generator.normal(0.5, 1, 60), np.repeat(np.arange(60), 2), n_bootstrap=200, generator=generator
        )
        for name in truth:
            held[name].append(found[name].low < truth[name] < found[name].high)
    assert np.mean(held["cohens_d"]) >= 0.88 and np.mean(held["cliffs_delta"]) >= 0.88
    assert np.mean(held["kolmogorov_smirnov"]) >= 0.75, "its value is biased upwards"


def test_every_measure_is_compared(generator):
    real, found = anatomy(brains(20), "T1w"), anatomy(brains(20, seed=1, ventricle=0.3), "T1w")
    effects = compare_anatomy(real, found, n_bootstrap=200, generator=generator)
    names = ("cohens_d", "cliffs_delta", "kolmogorov_smirnov")
    assert effects.keys() == {f"{measure}_{name}" for measure in MEASURES for name in names}
    assert effects["ventricle_volume_cohens_d"].low > 0
    assert effects["ventricle_volume_kolmogorov_smirnov"].value > effects["brain_volume_kolmogorov_smirnov"].value
    with pytest.raises(InputError, match="measured in one sample"):
        compare_anatomy(real, anatomy(brains(2), "T2w"), generator=generator)


def test_what_cannot_be_compared_is_named(generator):
    with pytest.raises(InputError, match="no number differs from 1 in x or 2 in y"):
        effect_sizes(np.ones(3), np.full(3, 2.0), generator=generator)
    with pytest.raises(InputError, match="not finite"):
        effect_sizes(np.array([1, np.nan]), np.ones(3), generator=generator)
    with pytest.raises(InputError, match="fewer than two subjects"):
        effect_sizes(np.ones(3), np.arange(3), groups_x=["a"] * 3, generator=generator)
