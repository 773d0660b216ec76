"""Metrics and audit give the same for arrays and tensors, uint8 and float, and count people by any labels."""

import numpy as np
import pandas as pd
import pytest
import torch

from alphagan import metrics
from alphagan.audit import Auditor
from alphagan.errors import InputError
from alphagan.volumes.prepared import to_range

N = 10
PEOPLE = [f"sub-{row // 2}" for row in range(N)]
METRICS = {
    "compare_anatomy": lambda x, y, **how: metrics.compare_anatomy(x, y, PEOPLE, n_bootstrap=50, **how),
    "compare_spectra": lambda x, y, **how: metrics.compare_spectra(x, y, PEOPLE, n_bootstrap=50, **how),
    "intensity_distance": lambda x, y, **how: metrics.intensity_distance(x, y, PEOPLE, n_bootstrap=50, **how),
    "mean_brain_difference": lambda x, y, **how: metrics.mean_brain_difference(x, y, PEOPLE, n_bootstrap=50, **how),
    "mmd_as_published": lambda x, y, **how: metrics.mmd_as_published(x, y, PEOPLE, batch=4, n_bootstrap=50, **how),
    "mmd_rbf": lambda x, y, **how: metrics.mmd_rbf(x, y, PEOPLE, n_bootstrap=50, n_permutations=50, **how),
    "ms_ssim_within": lambda x, y, **how: metrics.ms_ssim_within(x, PEOPLE, 20, **how),
    "voxelwise_sd": lambda x, y, **how: metrics.voxelwise_sd(x, PEOPLE),
}
FEATURES = {
    "feature_neighbours": lambda x, y, **how: metrics.feature_neighbours(x, y, PEOPLE, k=2, **how),
    "frechet_distance": lambda x, y, **how: metrics.frechet_distance(x, y, PEOPLE, n_bootstrap=50, **how),
}


@pytest.fixture(scope="module")
def scans():
    """Real and generated blobs, uint8."""
    rng = np.random.default_rng(0)
    inside = np.linalg.norm(np.indices((16, 16, 16)) - 7.5, axis=0) < rng.uniform(5, 7, (2, N, 1, 1, 1))
    return np.where(inside, rng.integers(80, 240, (2, N, 16, 16, 16)), 0).astype(np.uint8)


def numbers(found):
    """Value and ends of an estimate, or of several."""
    estimates = found.values() if isinstance(found, dict) else [found]
    return [number for e in estimates for number in (e.value, e.low, e.high, e.n)]


@pytest.mark.parametrize("name", METRICS)
def test_arrays_and_tensors_give_the_same(name, scans):
    expected = numbers(METRICS[name](*map(to_range, scans), generator=np.random.default_rng(0)))
    backwards = [np.ascontiguousarray(x[:, ::-1])[:, ::-1] for x in scans]
    for same in (scans, backwards, torch.from_numpy(scans), scans / 127.5 - 1, (scans / 127.5 - 1).astype(">f4")):
        assert numbers(METRICS[name](*same)) == pytest.approx(
            expected, rel=1e-4, abs=5e-4
        )  # ties of means are rounded otherwise


@pytest.mark.parametrize("name", FEATURES)
def test_features_may_be_arrays(name):
    x, y = np.random.default_rng(0).normal(size=(2, N, 3))
    expected = numbers(FEATURES[name](torch.from_numpy(x), torch.from_numpy(y), generator=np.random.default_rng(0)))
    assert numbers(FEATURES[name](x, y)) == expected
    people = [f"sub-{row}" for row in range(N)]
    labels = pd.Series(people, index=range(100, 100 + N))  # a slice of a table keeps its index
    by_list, by_table = (metrics.feature_neighbours(x, y, who, k=2) for who in (people, labels))
    assert numbers(by_table) == numbers(by_list)


@pytest.mark.parametrize("name", sorted((METRICS | FEATURES).keys() - {"feature_neighbours", "voxelwise_sd"}))
def test_the_seed_decides_what_is_drawn(name, scans):
    x, y = np.random.default_rng(0).normal(size=(2, N, 3)) if name in FEATURES else scans
    metric = (METRICS | FEATURES)[name]
    assert numbers(metric(x, y)) == numbers(metric(x, y, generator=0))
    assert numbers(metric(x, y)) != numbers(metric(x, y, generator=1))


def test_the_audit_takes_what_a_run_and_a_table_give(scans):
    real, generated = scans
    people = pd.Series([f"sub-{row}" for row in range(N)], index=range(100, 100 + N))
    attacks = {"a network of float32": lambda x: (x @ torch.eye(16)).mean((1, 2, 3, 4))}
    arrays = Auditor(real[:6], people[:6], real[6:], people[6:], n_copies=2).audit(generated, attacks)
    floats = torch.from_numpy(real / 127.5 - 1)  # float64, beside float32 as a run samples
    names = list(people)
    tensors = Auditor(floats[:6], names[:6], floats[6:], names[6:], n_copies=2).audit(
        to_range(generated).numpy(), attacks
    )
    found, expected = (audit.comparisons["voxels"].generated.similarity for audit in (arrays, tensors))
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("name", METRICS | FEATURES)
def test_tensors_may_carry_gradients(name, scans):
    rows = np.random.default_rng(0).normal(size=(2, N, 3))
    x, y = torch.from_numpy(rows) if name in FEATURES else map(to_range, scans)
    metric = (METRICS | FEATURES)[name]
    assert numbers(metric(x.clone().requires_grad_(), y.clone().requires_grad_())) == numbers(metric(x, y))


@pytest.mark.parametrize(
    ("name", "how", "message"),
    [
        ("mmd_rbf", {"bandwidth": -1}, "bandwidth: -1; give a distance above 0, or None"),
        ("mmd_rbf", {"bandwidth": 0}, "bandwidth: 0; give a distance above 0, or None"),
        ("mmd_rbf", {"bandwidth": float("nan")}, "bandwidth: nan; give a distance above 0, or None"),
        ("mmd_rbf", {"n_bootstrap": 0}, "n_bootstrap: 0; give a whole number of at least 2"),
        ("mmd_rbf", {"n_permutations": 2.5}, "n_permutations: 2.5; give a whole number of at least 1"),
        ("compare_spectra", {"n_bootstrap": 1}, "n_bootstrap: 1; give a whole number of at least 2"),
        ("mmd_as_published", {"batch": 0}, "batch: 0; give a whole number of at least 1"),
        ("mmd_as_published", {"repeats": 0}, "repeats: 0; give a whole number of at least 1"),
        ("ms_ssim_within", {"n_pairs": 0}, "n_pairs: 0; give a whole number of at least 2"),
        ("feature_neighbours", {"k": 2.5}, "k: 2.5; give a whole number of at least 1"),
        ("frechet_distance", {"n_bootstrap": "9"}, "n_bootstrap: '9'; give a whole number of at least 2"),
    ],
)
def test_options_that_are_no_such_numbers_are_named(name, how, message, scans):
    x, y = np.eye(N)[None].repeat(2, 0) if name in FEATURES else scans
    with pytest.raises(InputError, match=message):
        getattr(metrics, name)(x, y, **how) if name != "ms_ssim_within" else metrics.ms_ssim_within(x, **how)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.zeros((4, 16, 16, 16), np.int16), "x: int16; give an array of uint8"),
        ([[[[0.0]]]], "x: list; give an array"),
        (np.zeros((16, 16, 16), np.uint8), r"x: expected volumes of shape \(n, S, S, S\), found \(16, 16, 16\)"),
    ],
)
def test_what_is_no_stack_of_cubes_is_refused(wrong, message, scans):
    with pytest.raises(InputError, match=message):
        metrics.mmd_rbf(wrong, scans[1])
