"""Precision, recall, density and coverage against scikit-learn, a case done by hand, and closed forms."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from phantoms import brains, noisy
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors

from alphagan.errors import InputError
from alphagan.metrics import neighbours as module
from alphagan.metrics.bootstrap import subject_index
from alphagan.metrics.neighbours import _Balls, neighbours, squared_distances

NAMES = ("precision", "recall", "density", "coverage")


def compare(x, y, k=5, **groups):
    return neighbours(*squared_distances(torch.as_tensor(x), torch.as_tensor(y)), k=k, **groups)


def values(x, y, k=5, **groups):
    return [compare(x, y, k, **groups)[name].value for name in NAMES]


def reference(x, y, k):
    radius_x, radius_y = (NearestNeighbors(n_neighbors=k + 1).fit(z).kneighbors(z)[0][:, -1] for z in (x, y))
    distance = cdist(x, y)
    inside = distance <= radius_x[:, None]
    recall = (distance <= radius_y).any(1).mean()
    return [inside.any(0).mean(), recall, inside.sum(0).mean() / k, inside.any(1).mean()]


@pytest.mark.parametrize(("n", "m", "d", "k"), [(60, 50, 5, 5), (40, 90, 30, 3), (30, 30, 2, 1)])
def test_equals_scikit_learn(n, m, d, k, generator):
    x, y = generator.normal(size=(n, d)), generator.normal(0.4, 1.2, size=(m, d))
    assert values(x, y, k) == pytest.approx(reference(x, y, k))


def test_a_case_done_by_hand():
    # Radii with k = 1: reals at 0, 1, 3, 10 reach 1, 1, 2, 7; generated at 0.5, 4, 30, 31 reach 3.5, 3.5, 1, 1.
    x, y = (np.array(points, float)[:, None] for points in ([0, 1, 3, 10], [0.5, 4, 30, 31]))
    expected = [2 / 4, 3 / 4, 4 / 4, 4 / 4]  # 0.5 lies in the balls of 0 and 1, 4 in those of 3 and 10; 10 in none
    assert values(x, y, k=1) == pytest.approx(expected)


def test_distances_equal_scipy(generator, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 16)
    x, y = generator.normal(3, 1, size=(9, 40)), generator.normal(3, 1, size=(7, 40))
    found = squared_distances(torch.from_numpy(x), torch.from_numpy(y))
    for distances, (a, b) in zip(found, ((x, x), (x, y), (y, y)), strict=True):
        np.testing.assert_allclose(distances, cdist(a, b, "sqeuclidean"), atol=1e-10)


@pytest.mark.parametrize(("n", "m"), [(30, 30), (30, 12)])
def test_expectations_for_equal_distributions(n, m, generator):
    k = 5
    draws = [values(generator.normal(size=(n, 3)), generator.normal(size=(m, 3)), k) for _ in range(100)]
    density, coverage = np.mean(draws, axis=0)[2:]
    steps = np.arange(k)
    expected = 1 - np.prod((n - 1 - steps) / (n + m - 1 - steps))
    assert coverage == pytest.approx(expected, abs=4 * np.std(draws, axis=0)[3] / 10)
    assert density == pytest.approx(1, abs=4 * np.std(draws, axis=0)[2] / 10)


@settings(max_examples=15, deadline=None)
@given(st.integers(9, 20), st.integers(9, 20), st.integers(1, 6), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_metric_properties(n, m, d, k, seed):
    generator = np.random.default_rng(seed)
    x, y = generator.normal(size=(n, d)), generator.normal(0.5, 1, size=(m, d))
    found = values(x, y, k)
    assert values(x, x, k)[:2] == [1, 1] and values(x, x, k)[3] == 1
    assert values(y, x, k)[:2] == [found[1], found[0]]
    order = generator.permutation(m)
    assert values(7 * x[::-1].copy() + 2, 7 * y[order] + 2, k) == pytest.approx(found)
    for estimate in compare(x, y, k).values():
        assert 0 <= estimate.low <= estimate.value <= estimate.high
    assert all(compare(x, y, k)[name].high <= 1 for name in ("precision", "recall", "coverage"))


def test_what_each_of_them_sees():
    real, others = brains(80, seed=1, size=8).flatten(1), brains(80, seed=2, size=8).flatten(1)
    equal = dict(zip(NAMES, values(real, others), strict=True))
    assert all(value > 0.8 for value in equal.values())
    noise = [values(real, noisy(others, sd)) for sd in (0, 0.08, 0.12, 0.16)]
    precision, density = np.transpose(noise)[[0, 2]]
    assert sorted(precision)[::-1] == precision.tolist() and sorted(density)[::-1] == density.tolist()
    assert precision[0] - precision[-1] > 0.5
    size = others.mean(1).argsort()
    kept = [values(real, others[size[:n]]) for n in (80, 40, 20, 10)]
    recall, coverage = np.transpose(kept)[[1, 3]]
    assert sorted(recall)[::-1] == recall.tolist() and sorted(coverage)[::-1] == coverage.tolist()
    assert min(precision for precision, *_ in kept) > 0.75 and coverage[0] - coverage[-1] > 0.3
    assert values(real, real)[0] == 1, "copies are as precise as can be"
    one_typical_brain = values(real, others[:1].repeat(80, 1))
    assert one_typical_brain[1] == 0


def test_copies_of_a_person_are_not_their_own_neighbours(generator):
    x, y = generator.normal(size=(40, 3)), generator.normal(size=(40, 3))
    copies = np.concatenate([x, x + generator.normal(0, 1e-3, x.shape)])
    labels = list(range(40)) * 2
    labelled, unlabelled = (values(copies, y, 1, **groups) for groups in ({"groups_x": labels}, {}))
    assert unlabelled[0] < 0.2 < 0.9 * values(x, y, 1)[0] < labelled[0]
    estimate = compare(copies, y, 1, groups_x=labels)["recall"]
    assert estimate.n == 40
    once = compare(x, y, 1)["recall"]
    assert estimate.high - estimate.low == pytest.approx(once.high - once.low, rel=0.2)


def test_leaving_out_equals_starting_anew(generator):
    subject_x, subject_y = np.repeat(np.arange(8), 2), np.array([0, 0, 0, *range(1, 12)])
    x, y = torch.from_numpy(generator.normal(size=(16, 2))), torch.from_numpy(generator.normal(size=(14, 2)))
    within, across, _ = squared_distances(x, y)
    balls = _Balls(within, across, subject_x, subject_y, 3)
    for left_out in range(8):
        keep = subject_x != left_out
        rest = subject_index(subject_x[keep], keep.sum())
        anew = _Balls(within[np.ix_(keep, keep)], across[keep], rest, subject_y, 3)
        assert balls._without_centres(left_out) == pytest.approx(anew.values())
    for left_out in range(12):
        keep = subject_y != left_out
        rest = subject_index(subject_y[keep], keep.sum())
        anew = _Balls(within, across[:, keep], subject_x, rest, 3)
        assert balls._without_points()[left_out] == pytest.approx(anew.values())


@pytest.mark.parametrize(("d", "shift"), [(4, 0.0), (16, 0.3)])
def test_intervals_cover_the_expectation(d, shift, generator):
    found = [compare(generator.normal(size=(40, d)), generator.normal(shift, 1, size=(40, d))) for _ in range(60)]
    for name in NAMES:
        expectation = np.mean([estimates[name].value for estimates in found])
        held = np.mean([estimates[name].low <= expectation <= estimates[name].high for estimates in found])
        assert held >= 0.9, name


def test_bad_input_is_named(generator):
    x = torch.zeros(6, 3)
    with pytest.raises(InputError, match="k: neighbour 5 asked for among 6 volumes"):
        compare(x, x)
    with pytest.raises(InputError, match="k: 0; give a whole number of at least 1"):
        compare(x, x, k=0)
    with pytest.raises(InputError, match="k: neighbour 2 asked for among 6"):
        compare(x, x, k=2, groups_x=[0, 0, 0, 0, 1, 1])
    with pytest.raises(InputError, match="do not fit"):
        neighbours(np.zeros((6, 6)), np.zeros((5, 6)), np.zeros((6, 6)), k=1)
    with pytest.raises(InputError, match="expected shapes"):
        squared_distances(x, torch.zeros(6, 2))
    with pytest.raises(InputError, match="not finite"):
        squared_distances(x, x / 0)
