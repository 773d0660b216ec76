"""Thresholds and shares against exact numbers: held-out people are flagged as often as is promised."""

import numpy as np
import pytest
from scipy import stats

from alphagan.audit.calibration import as_often, authentic, calibrate, closer, false_positives, people_needed
from alphagan.errors import InputError
from alphagan.metrics.bootstrap import share


@pytest.mark.parametrize(("k", "n"), [(0, 37), (1, 37), (26, 512), (37, 37)])
def test_shares_have_exact_binomial_intervals(k, n):
    expected = stats.binomtest(k, n).proportion_ci(0.95, "exact")
    found = share(k, n)
    np.testing.assert_allclose([found.value, found.low, found.high], [k / n, expected.low, expected.high], atol=1e-9)
    assert found.n == n


@pytest.mark.parametrize(("k", "n", "others", "m"), [(0, 5, 0, 5), (7, 50, 14, 97), (9, 50, 7, 70), (50, 50, 3, 129)])
def test_flagged_as_often_is_the_exact_test_of_fisher(k, n, others, m):
    expected = stats.fisher_exact([[k, n - k], [others, m - others]], alternative="greater").pvalue
    assert as_often(k, n, others, m) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("m", [19, 37, 55])
def test_thresholds_flag_as_many_new_people_as_they_promise(m, generator):
    level, rates = 0.05, []
    for _ in range(800):
        held_out, new = generator.exponential(size=m), generator.exponential(size=200)
        rates.append(calibrate(held_out, level).flagged(new).mean())
    expected = calibrate(generator.normal(size=m), level).rank / (m + 1)
    assert expected <= level < expected + 1 / (m + 1)
    assert np.mean(rates) == pytest.approx(expected, abs=4 * np.std(rates) / len(rates) ** 0.5)


def test_the_stricter_threshold_flags_one_in_a_thousand_normal_distances(generator):
    rates = [np.mean(generator.normal(size=4000) < calibrate(generator.normal(size=37)).strict) for _ in range(400)]
    assert np.mean(rates) == pytest.approx(0.001, abs=0.0003)
    # One far outlier makes the spread, not the threshold, meaningless: never laxer than the first tier.
    spread = np.append(np.zeros(36), 100.0)
    assert calibrate(spread).strict <= calibrate(spread).value


@pytest.mark.parametrize(("m", "sd", "most"), [(10, 0.15, 0.0015), (10, 0.25, 0.002), (15, 0.25, 0.002)])
def test_the_stricter_threshold_of_few_people_flags_exact_copies_and_few_others(m, sd, most, generator):
    """No distance, not even a copy's, is below a threshold of 0."""
    held_out = np.abs(generator.normal(1, sd, (2000, m)))
    strict = np.array([calibrate(distances, 0.1).strict for distances in held_out])
    margin = stats.t.ppf(0.999, m - 1) * (1 + 1 / m) ** 0.5
    normal = np.minimum(held_out.mean(1) - margin * held_out.std(1, ddof=1), held_out.min(1))
    assert (strict > 0).all() and (normal <= 0).any()
    assert (strict[normal > 0.4] == pytest.approx(normal[normal > 0.4])) and (strict >= normal - 1e-9).all()
    assert stats.norm.cdf(strict, 1, sd).mean() < most


def test_chance_allows_for_the_uncertainty_of_the_threshold(generator):
    m, n, k = 37, 50, 4
    hits = [calibrate(generator.normal(size=m)).flagged(generator.normal(size=n)).sum() >= k for _ in range(1000)]
    chance = calibrate(np.arange(m) / m).chance(k, n)
    assert np.mean(hits) == pytest.approx(chance, abs=4 * (chance / 1000) ** 0.5)
    assert calibrate(np.arange(m) / m).chance(0, n) == 1
    assert chance > stats.binom.sf(k - 1, n, 1 / 38)  # what it would be were the threshold known


@pytest.mark.parametrize("m", [20, 37, 38, 60])
def test_held_out_people_are_flagged_within_the_level(m, generator):
    found = false_positives(generator.normal(size=m), generator=generator)
    assert found.value <= 0.055 and found.n == m and found.low < found.value < found.high


def test_too_few_people_are_named(generator):
    assert people_needed(0.05) == 19 and people_needed(0.1) == 9
    with pytest.raises(InputError, match="held-out people: 18, but.*needs 19"):
        calibrate(np.arange(18.0))
    with pytest.raises(InputError, match="19, but cross-fitting at 5 % needs 20"):
        false_positives(np.arange(19.0), generator=generator)


def test_closer_is_the_mann_whitney_score(generator):
    for ties in (False, True):
        a, b = generator.normal(size=40), generator.normal(0.3, size=25)
        if ties:
            a, b = np.round(a), np.round(b)
        p = stats.mannwhitneyu(a, b, method="asymptotic", use_continuity=False).pvalue
        assert 2 * stats.norm.sf(abs(closer(a, b))) == pytest.approx(p)
    assert closer(np.zeros(30), np.ones(30)) < -5 < 5 < closer(np.ones(30), np.zeros(30))
    assert closer(np.ones(9), np.ones(9)) == 0


def test_authentic_volumes_are_farther_than_training_scans_from_each_other():
    found = authentic(np.array([0.5, 0.1, 0.9]), [0, 1, 1], np.array([0.4, 0.3]))
    assert (found.value, found.n) == (2 / 3, 3)
