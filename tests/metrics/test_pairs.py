"""Which pairs are drawn, and the interval of the mean over them."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alphagan.metrics.pairs import mean_over_pairs, random_pairs


@given(
    groups=st.lists(st.integers(0, 6), min_size=2, max_size=40).filter(lambda labels: len(set(labels)) > 1),
    n_pairs=st.integers(1, 60),
    seed=st.integers(0, 99),
)
@settings(deadline=None)
def test_pairs_are_of_different_subjects_and_distinct(groups, n_pairs, seed):
    labels = np.array(groups)
    pairs = random_pairs(len(groups), n_pairs, groups, generator=np.random.default_rng(seed))
    assert (labels[pairs[:, 0]] != labels[pairs[:, 1]]).all()
    assert len(np.unique(np.sort(pairs, axis=1), axis=0)) == len(pairs)
    counts = np.bincount(labels)
    possible = (len(labels) ** 2 - (counts**2).sum()) // 2
    assert len(pairs) == min(n_pairs, possible)


def test_pairs_are_disjoint_where_volumes_suffice():
    generator = np.random.default_rng(0)
    pairs = random_pairs(2000, 1000, generator=generator)
    assert sorted(pairs.ravel()) == list(range(2000))
    sessions = np.repeat(np.arange(10), 3)
    assert len(np.unique(random_pairs(30, 15, sessions, generator=generator))) == 30


def test_every_pair_is_equally_likely():
    generator = np.random.default_rng(0)
    seen = np.zeros((6, 6))
    for _ in range(3000):
        np.add.at(seen, tuple(np.sort(random_pairs(6, 3, generator=generator), axis=1).T), 1)
    upper = seen[np.triu_indices(6, 1)] / 3000
    np.testing.assert_allclose(upper, 1 / 5, atol=0.03)


@pytest.mark.parametrize(("n", "n_pairs"), [(100, 50), (60, 200), (30, 435)])
def test_interval_of_the_mean_over_pairs_covers_the_truth(n, n_pairs):
    """Pair value = effect of one subject + effect of the other + noise of its own; its mean is 0."""
    generator = np.random.default_rng(1)
    covered = []
    for _ in range(400):
        pairs = random_pairs(n, n_pairs, generator=generator)
        effect = generator.normal(size=n)
        values = effect[pairs].sum(1) + generator.normal(size=len(pairs))
        estimate = mean_over_pairs(torch.from_numpy(values), pairs)
        covered.append(estimate.low < 0 < estimate.high)
    assert 0.90 <= np.mean(covered) <= 0.98


def test_repeated_scans_do_not_narrow_the_interval():
    generator = np.random.default_rng(2)
    pairs = random_pairs(40, 20, generator=generator)
    values = torch.from_numpy(generator.normal(size=20))
    once = mean_over_pairs(values, pairs)
    # Every subject scanned twice, every pair of people seen twice with the same value.
    twice = mean_over_pairs(values.repeat(2), np.concatenate([pairs, pairs + 40]), groups=list(range(40)) * 2)
    assert twice.n == once.n == 40
    assert twice.high - twice.low == pytest.approx(once.high - once.low)
