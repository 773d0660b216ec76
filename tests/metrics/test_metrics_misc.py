"""Voxel-wise metrics, joint PCA and the shared bootstrap."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from alphagan.errors import InputError, TooFewError
from alphagan.metrics.bootstrap import (
    Estimate,
    FewWarning,
    TwoSamples,
    centred_interval,
    subject_counts,
    subject_index,
)
from alphagan.metrics.neighbours import feature_neighbours
from alphagan.metrics.pca import joint_pca
from alphagan.metrics.permutation import mmd_rbf
from alphagan.metrics.voxelwise import mean_brain_difference, voxelwise_sd


def volumes(n, generator, mean=0.0, sd=0.3, side=4):
    """Smooth in one direction, so that neighbouring voxels are correlated as in a brain."""
    noise = np.repeat(generator.normal(size=(n, side, side, 1)), side, axis=3)
    return torch.from_numpy(mean + sd * (noise + 0.5 * generator.normal(size=(n, side, side, side)))).float()


def full_bootstrap(statistic, x, groups, generator, n_bootstrap=2000):
    """Resample subjects, take all their volumes, compute the statistic anew."""
    members = [np.flatnonzero(np.array(groups) == label) for label in sorted(set(groups))]
    draws = generator.integers(len(members), size=(n_bootstrap, len(members)))
    return np.array([statistic(x[np.concatenate([members[i] for i in row])]) for row in draws])


def test_mean_brain_difference_value(generator):
    x, y = volumes(9, generator), volumes(7, generator, mean=0.2)
    expected = np.abs(x.numpy().mean(0) - y.numpy().mean(0)).mean()
    estimate = mean_brain_difference(x, y, generator=generator)
    assert estimate.value == pytest.approx(expected, rel=1e-5)
    assert estimate.low < estimate.value < estimate.high
    assert estimate.n == 7


def test_sd_value_and_background(generator):
    x = volumes(9, generator)
    x[:, :2] = -1
    estimate = voxelwise_sd(x)
    assert estimate.value == pytest.approx(x.numpy().std(0, ddof=1).mean(), rel=1e-5)
    flat = voxelwise_sd(torch.full((4, 4, 4, 4), -1.0))
    assert (flat.value, flat.low, flat.high) == (0, 0, 0)
    same = voxelwise_sd(torch.from_numpy(generator.uniform(-1, 1, (1, 4, 4, 4))).float().repeat(12, 1, 1, 1))
    assert (same.value, same.low, same.high) == (0, 0, 0)


def test_copies_of_people_vary_as_much_as_the_people(generator):
    x = volumes(5, generator)
    copies, people = x.repeat(4, 1, 1, 1), list(range(5)) * 4
    assert voxelwise_sd(copies, people).value == pytest.approx(voxelwise_sd(x).value, rel=1e-5)


def test_the_interval_of_the_sd_is_that_of_the_jackknife_over_people(generator):
    x, people = volumes(12, generator).numpy(), np.repeat(np.arange(6), 2)
    value, factor = x.std(0).mean(), (6 / 5) ** 0.5
    left = np.array([x[people != person].std(0).mean() for person in range(6)]) * (5 / 4) ** 0.5
    centre = 6 * factor * value - 5 * left.mean()
    half = stats.t.ppf(0.975, 5) * (5 / 6 * ((left - left.mean()) ** 2).sum()) ** 0.5
    found = voxelwise_sd(x, people)
    assert (found.value, found.low, found.high) == pytest.approx(
        (factor * value, centre - half, centre + half), rel=1e-4
    )


def test_the_interval_of_the_sd_of_few_people_covers_that_of_many():
    """Where a voxel is brain in few of them, as at an edge, few people vary too little."""
    rng = np.random.default_rng(0)
    share = rng.uniform(0.02, 0.3, (6, 6, 6))
    truth = 1.6 * np.sqrt(share * (1 - share)).mean()

    def people(n):  # who share how large their brains are
        size = np.exp(0.8 * rng.normal(size=(n, 1, 1, 1)) - 0.32)
        return np.where(rng.random((n, 6, 6, 6)) < share * size, 0.6, -1)

    many = people(20_000).std(0).mean()
    assert many == pytest.approx(truth, rel=0.05)
    found = [voxelwise_sd(people(12)) for _ in range(200)]
    assert np.mean([each.low < many < each.high for each in found]) > 0.85


def test_linearised_intervals_match_resampling_the_volumes(generator):
    x, y = volumes(60, generator), volumes(60, generator, mean=0.5)
    groups = list(np.repeat(np.arange(30), 2))
    x[1::2] = 0.8 * x[::2] + 0.2 * x[1::2]  # two similar sessions of 30 subjects
    sd = voxelwise_sd(x, groups)
    draws = full_bootstrap(lambda sample: sample.std(0).mean().item(), x, groups, generator)
    assert sd.high - sd.low == pytest.approx(np.ptp(np.quantile(draws, [0.025, 0.975])), rel=0.15)

    difference = mean_brain_difference(x, y, groups, n_bootstrap=4000, generator=generator)
    of_x = full_bootstrap(lambda sample: (sample.mean(0) - y.mean(0)).abs().mean().item(), x, groups, generator)
    of_y = full_bootstrap(lambda sample: (x.mean(0) - sample.mean(0)).abs().mean().item(), y, range(60), generator)
    expected = np.ptp(np.quantile(of_x - of_x.mean() + of_y - of_y.mean(), [0.025, 0.975]))
    assert difference.high - difference.low == pytest.approx(expected, rel=0.15)
    as_if_independent = mean_brain_difference(x, y, n_bootstrap=4000, generator=generator)
    assert difference.high - difference.low > 1.1 * (as_if_independent.high - as_if_independent.low)


def test_voxelwise_intervals_cover_the_truth(generator):
    sd = 0.3 * np.sqrt(1.25)
    covered = []
    for _ in range(150):
        x, y = volumes(50, generator), volumes(50, generator, mean=0.5)
        difference = mean_brain_difference(x, y, n_bootstrap=200, generator=generator)
        spread = voxelwise_sd(x)
        covered.append((difference.low < 0.5 < difference.high, spread.low < sd < spread.high))
    assert all(0.88 <= rate <= 0.99 for rate in np.mean(covered, axis=0)), np.mean(covered, axis=0)


def test_voxelwise_refuses_what_cannot_be_compared(generator):
    with pytest.raises(InputError, match="one size"):
        mean_brain_difference(volumes(4, generator), volumes(4, generator, side=5), generator=generator)
    with pytest.raises(InputError, match="at least 2"):
        voxelwise_sd(volumes(1, generator))


def test_pca_equals_the_exact_decomposition_of_all_sets_together(generator):
    shape = generator.normal(size=(2, 216))
    sets = {
        name: torch.from_numpy(
            generator.normal(mean, 1, size=(n, 2)) * [3, 1.5] @ shape + generator.normal(size=(n, 216))
        )
        .float()
        .reshape(n, 6, 6, 6)
        for name, n, mean in (("real", 40, 0), ("alpha_gan", 25, 1))
    }
    scores, ratio = joint_pca(sets)
    flat = np.concatenate([x.flatten(1).numpy() for x in sets.values()])
    centred = flat - flat.mean(0)
    _, singular, axes = np.linalg.svd(centred, full_matrices=False)
    expected = centred @ axes[:2].T
    together = np.concatenate([scores["real"], scores["alpha_gan"]])
    assert [len(part) for part in scores.values()] == [40, 25]
    np.testing.assert_allclose(np.abs(together), np.abs(expected), atol=1e-3 * np.abs(expected).max())
    np.testing.assert_allclose(ratio, (singular**2 / (singular**2).sum())[:2], rtol=1e-3)


def test_pca_shows_a_shift_that_separate_fits_would_hide(generator):
    x = volumes(30, generator)
    given = x.clone()
    scores, _ = joint_pca({"real": x, "shifted": x + 1})
    distance = np.linalg.norm(scores["real"].mean(0) - scores["shifted"].mean(0))
    assert distance == pytest.approx(np.sqrt(64), rel=1e-3)
    assert torch.equal(x, given), "the caller's volumes were changed"


def test_pca_refuses_mixed_sizes_and_too_few(generator):
    with pytest.raises(InputError, match="one size"):
        joint_pca({"real": volumes(4, generator), "fake": volumes(4, generator, side=5)})
    with pytest.raises(InputError, match="more volumes"):
        joint_pca({"real": volumes(2, generator)})


def test_estimate_goes_to_json():
    estimate = Estimate(0.5, 0.4, 0.6, 12)
    assert json.loads(json.dumps(estimate.as_dict())) == {"value": 0.5, "low": 0.4, "high": 0.6, "n": 12}


def test_subjects_are_numbered_and_counted(generator):
    assert subject_index(["b", "a", "b"], 3).tolist() == [1, 0, 1]
    counts = subject_counts(20, 500, generator)
    assert (counts.sum(1) == 20).all()
    np.testing.assert_allclose(counts.mean(0), 1, atol=0.25)


@pytest.mark.parametrize("unknown", [None, float("nan"), "", pd.NA, pd.NaT])
def test_volumes_of_nobody_are_refused(unknown):
    labels = ["b", unknown, "a"]
    for given in (labels, pd.Series(labels, dtype=object), np.array([1.0, np.nan, 2.0])):
        with pytest.raises(InputError, match="^groups: a volume without a label; say whom it shows$"):
            subject_index(given, 3)
    features = np.eye(12)
    with pytest.raises(InputError, match="^groups: a volume without a label"):
        feature_neighbours(features, features, [unknown, *"abcdefghijk"], k=1)


def test_two_samples_are_resampled_one_after_the_other(generator):
    groups = ["b", "a", "b", "c"]
    samples = TwoSamples(4, 2, groups)
    x, y = samples.resample(50, generator)
    again = np.random.default_rng(0)
    np.testing.assert_array_equal(x, subject_counts(3, 50, again)[:, [1, 0, 1, 2]])
    np.testing.assert_array_equal(y, subject_counts(2, 50, again))
    values = np.arange(4.0)
    found = samples.compare(lambda x, y: x @ values / x.sum(1) - y @ values[:2] / y.sum(1), [x, y])
    assert (found.value, found.n) == (1.0, 2)
    assert (found.low, found.high) == centred_interval(1.0, x @ values / x.sum(1) - y @ values[:2] / y.sum(1), 2)


def test_python_is_told_that_an_interval_of_few_is_too_narrow(generator):
    x, y = generator.uniform(-1, 1, (2, 12, 8, 8, 8))
    with warnings.catch_warnings(action="error"):
        mmd_rbf(x, y), voxelwise_sd(x)
    for n in (3, 9):
        with pytest.warns(FewWarning, match=f"interval of {n} people or volumes: of fewer than 10"):
            mmd_rbf(x, y[:n])
        with pytest.warns(FewWarning, match=f"interval of {n} people"):
            voxelwise_sd(x[:n])
    with pytest.raises(TooFewError, match="needs three"):
        voxelwise_sd(x[:2])


def test_interval_is_about_the_value_and_drops_undefined_draws():
    draws = np.append(np.linspace(10, 12, 1001), np.nan)
    low, high = centred_interval(5.0, draws, 10)
    assert (low, high) == pytest.approx((4.05, 5.95))
