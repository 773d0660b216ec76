"""MMD against naive loops, closed forms and the paper's own definition."""

from itertools import combinations

import numpy as np
import pytest
import torch

from alphagan.errors import InputError
from alphagan.metrics import mmd
from alphagan.metrics.mmd import MMD, mmd_as_published
from alphagan.workbench.bench import metrics as bench


def normal(n, generator, mean=0.0, sd=1.0, side=2):
    """N(mean, sd^2) in every voxel."""
    return torch.from_numpy(generator.normal(mean, sd, size=(n, side, side, side))).float()


def naive_unbiased(x, y, kernel):
    x, y = x.flatten(1).double().numpy(), y.flatten(1).double().numpy()
    n, m = len(x), len(y)
    total = sum(kernel(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    total += sum(kernel(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return total - 2 * sum(kernel(a, b) for a in x for b in y) / (n * m)


@pytest.fixture
def generator():
    return np.random.default_rng(0)


def test_unbiased_equals_naive_loops(generator, monkeypatch):
    monkeypatch.setattr(mmd, "BLOCK", 100)  # 216 voxels: a whole block, another, and a rest
    x, y = normal(9, generator, side=6), normal(7, generator, mean=0.3, side=6)
    pooled = torch.cat([x, y]).flatten(1).double()
    width = np.median(torch.pdist(pooled).numpy())
    assert MMD(x, y).unbiased_value("linear") == pytest.approx(naive_unbiased(x, y, np.dot), rel=1e-5)

    def rbf(a, b):
        return np.exp(-np.sum((a - b) ** 2) / (2 * width**2))

    assert MMD(x, y).unbiased_value("rbf") == pytest.approx(naive_unbiased(x, y, rbf), rel=1e-5)
    assert MMD(x, y).median_distance == pytest.approx(width)


def test_as_published_is_the_squared_distance_of_batch_means(generator):
    x, y = normal(8, generator, side=4), normal(8, generator, mean=0.1, side=4)
    expected = (x.mean(0) - y.mean(0)).square().sum().item()
    assert mmd_as_published(x, y, batch=8, repeats=3, generator=generator).value == pytest.approx(expected, rel=1e-5)


def test_as_published_averages_batches_of_the_whole_set(generator):
    """Every split of 4 + 6 volumes into batches of 2, enumerated."""
    x, y = normal(4, generator), normal(6, generator, mean=1)
    expected = np.mean(
        [
            (x[list(i)].mean(0) - y[list(j)].mean(0)).square().sum().item()
            for i in combinations(range(4), 2)
            for j in combinations(range(6), 2)
        ]
    )
    assert mmd_as_published(x, y, batch=2, repeats=4000, generator=generator).value == pytest.approx(expected, rel=0.02)


def test_as_published_is_what_a_loop_over_batches_finds(generator):
    x, y = normal(17, generator, side=4), normal(24, generator, mean=0.1, side=4)
    loop = bench.textbook_mmd(x, y, 5, np.random.default_rng(3))
    assert mmd_as_published(x, y, batch=8, repeats=5, generator=np.random.default_rng(3)).value == pytest.approx(
        loop, rel=1e-4
    )


def test_expectations_on_gaussians(generator):
    """Unbiased: |dmu|^2 and the closed form of the RBF kernel. Published: plus (tr Sx + tr Sy) / B."""
    d, dmu, sx, sy, width, batch = 8, 0.5, 1.0, 1.5, 3.0, 4
    draws = {"linear": [], "rbf": [], "published": []}
    for _ in range(400):
        estimates = MMD(normal(12, generator, sd=sx), normal(12, generator, mean=dmu, sd=sy))
        draws["linear"].append(estimates.unbiased_value("linear"))
        draws["rbf"].append(estimates.unbiased_value("rbf", bandwidth=width))
        draws["published"].append(estimates.published_value(batch, 5, generator))

    def expected_kernel(variance, squared_distance):
        spread = width**2 + variance
        return (width**2 / spread) ** (d / 2) * np.exp(-squared_distance / (2 * spread))

    truth = {
        "linear": d * dmu**2,
        "rbf": expected_kernel(2 * sx**2, 0)
        + expected_kernel(2 * sy**2, 0)
        - 2 * expected_kernel(sx**2 + sy**2, d * dmu**2),
        "published": d * dmu**2 + (d * sx**2 + d * sy**2) / batch,
    }
    for name, values in draws.items():
        error = np.std(values) / np.sqrt(len(values))
        assert abs(np.mean(values) - truth[name]) < 4 * error < truth[name] / 4, name


def test_collapse_is_rewarded_by_the_published_score_alone(generator):
    x, others = normal(64, generator, side=4), normal(64, generator, side=4)
    collapsed = x.mean(0).expand(64, -1, -1, -1)
    real, fake = MMD(x, others), MMD(x, collapsed)
    # Half of the noise floor: only one of the two traces is left.
    ratio = fake.published_value(8, 50, generator) / real.published_value(8, 50, generator)
    assert ratio == pytest.approx(0.5, abs=0.07)
    width = real.median_distance
    assert fake.unbiased_value("rbf", width) > 20 * abs(real.unbiased_value("rbf", width))


def test_order_and_common_shift_do_not_matter(generator):
    x, y = normal(10, generator), normal(12, generator, mean=0.4)
    for kernel in ("linear", "rbf"):
        value = MMD(x, y).unbiased_value(kernel)
        assert MMD(x.flip(0), y.roll(5, 0)).unbiased_value(kernel) == pytest.approx(value, rel=1e-5)
        assert MMD(y, x).unbiased_value(kernel) == pytest.approx(value, rel=1e-5)
        assert MMD(x - 20, y - 20).unbiased_value(kernel) == pytest.approx(value, rel=1e-4)


def test_repeated_scans_of_a_subject_count_once(generator):
    x, y = normal(15, generator), normal(20, generator, mean=0.4)
    once = MMD(x, y)
    labels = [f"sub-{i:02d}" for i in range(15)]
    twice = MMD(torch.cat([x, x]), y, groups_x=labels * 2)
    for kernel in ("linear", "rbf"):
        a = once.unbiased(kernel, bandwidth=2.0, generator=np.random.default_rng(1))
        b = twice.unbiased(kernel, bandwidth=2.0, generator=np.random.default_rng(1))
        assert a.n == b.n == 15
        np.testing.assert_allclose([a.value, a.low, a.high], [b.value, b.low, b.high], rtol=1e-5)
    # Taken for different people, they would look far too alike.
    assert MMD(torch.cat([x, x]), y).unbiased_value("linear") > once.unbiased_value("linear") + 0.1


@pytest.mark.parametrize("kind", ["linear", "rbf", "published"])
def test_interval_covers_the_truth(kind, generator):
    d, dmu, width, n, batch = 8, 0.4, 4.0, 30, 8
    spread = width**2 + 2
    rbf = 2 * (width**2 / spread) ** (d / 2) * (1 - np.exp(-d * dmu**2 / (2 * spread)))
    truth = {"linear": d * dmu**2, "rbf": rbf, "published": d * dmu**2 + 2 * d / batch}[kind]
    covered = []
    for _ in range(150):
        estimates = MMD(normal(n, generator), normal(n, generator, mean=dmu))
        if kind == "published":
            estimate = estimates.as_published(batch, 20, n_bootstrap=200, generator=generator)
        else:
            estimate = estimates.unbiased(kind, width, n_bootstrap=200, generator=generator)
        covered.append(estimate.low < truth < estimate.high)
    assert 0.89 <= np.mean(covered) <= 0.99


def test_interval_at_equality_holds_zero(generator):
    held = [
        MMD(normal(30, generator), normal(30, generator)).unbiased("rbf", n_bootstrap=200, generator=generator)
        for _ in range(100)
    ]
    assert np.mean([estimate.low < 0 < estimate.high for estimate in held]) >= 0.95


def test_products_are_formed_once_for_all_repeats_and_estimates(generator, monkeypatch):
    formed, original = [], mmd._inner_products
    monkeypatch.setattr(mmd, "_inner_products", lambda x, y: formed.append(len(x)) or original(x, y))
    x, y = normal(16, generator), normal(16, generator)
    estimates = MMD(x, y)
    x.fill_(torch.nan), y.fill_(torch.nan)  # volumes that anything looked at again would spoil every value
    found = [
        estimates.as_published(8, 100, 100, generator=generator),
        estimates.unbiased("linear", n_bootstrap=100, generator=generator),
        estimates.unbiased("rbf", n_bootstrap=100, generator=generator),
    ]
    assert formed == [16]
    assert np.isfinite([[estimate.value, estimate.low, estimate.high] for estimate in found]).all()


def test_bad_input_is_named(generator):
    x = normal(6, generator)
    with pytest.raises(InputError, match=r"batches of 8 \(mmd_batch\) need as many volumes"):
        mmd_as_published(x, x, generator=generator)
    with pytest.raises(InputError, match="one size"):
        MMD(x, normal(6, generator, side=3))
    with pytest.raises(InputError, match="groups: shape"):
        MMD(x, x, groups_x=["a", "b"])
    with pytest.raises(InputError, match="fewer than two subjects"):
        MMD(x, x, groups_y=["a"] * 6)
    with pytest.raises(InputError, match="kernel: 'cubic'"):
        MMD(x, x).unbiased_value("cubic")
    with pytest.raises(InputError, match="expected volumes"):
        MMD(x.flatten(1), x).unbiased_value("rbf")
    with pytest.raises(InputError, match="bandwidth: 0"):
        MMD(torch.zeros(4, 2, 2, 2), torch.zeros(4, 2, 2, 2)).unbiased_value("rbf")
