"""MS-SSIM against torchmetrics, scikit-image and scipy."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter, gaussian_filter1d
from skimage.metrics import structural_similarity
from torchmetrics.functional.image import (
    structural_similarity_index_measure,
)

from alphagan.errors import InputError
from alphagan.metrics import local_similarity
from alphagan.metrics.local_similarity import window_matrix
from alphagan.metrics.ms_ssim import (
    BETAS,
    ms_ssim_as_published,
    ms_ssim_as_published_index_pairs,
    ms_ssim_index_pairs,
    ms_ssim_pairs,
    n_scales,
)
from alphagan.metrics.pairs import random_pairs
from alphagan.workbench.bench import metrics as bench


def brains(n, size, seed=0):
    """Textured balls of varying radius on background -1: flat outside, structured inside."""
    generator = torch.Generator().manual_seed(seed)
    axis = torch.linspace(-1, 1, size)
    radius = (axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2).sqrt()
    coarse = 0.7 * torch.rand(1, 1, 8, 8, 8, generator=generator) + 0.3 * torch.rand(n, 1, 8, 8, 8, generator=generator)
    texture = F.interpolate(coarse, size=(size,) * 3, mode="trilinear")[:, 0]
    texture = texture + 0.1 * torch.rand(n, size, size, size, generator=generator)
    limit = 0.7 + 0.2 * torch.rand(n, 1, 1, 1, generator=generator)
    return torch.where(radius < limit, (1.5 * texture - 0.5).clamp(-1, 1), torch.tensor(-1.0))


def standard_reference(a, b):
    """One pair in float64: contrast from scipy, SSIM from scikit-image, both where the window fits."""
    a, b = a.double().numpy() + 1, b.double().numpy() + 1
    scales = n_scales(a.shape[0])

    def local(x):
        return gaussian_filter(x, 1.5, radius=5)[5:-5, 5:-5, 5:-5]

    terms = []
    for _ in range(scales - 1):
        covariance = local(a * b) - local(a) * local(b)
        variances = local(a * a) - local(a) ** 2 + local(b * b) - local(b) ** 2
        terms.append(((2 * covariance + 0.06**2) / (variances + 0.06**2)).mean())
        a, b = pool(a), pool(b)
    window = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    terms.append(structural_similarity(a, b, data_range=2.0, **window))
    betas = np.array(BETAS[:scales])
    return np.prod(np.array(terms) ** (betas / betas.sum()))


def pool(x):
    half = x.shape[0] // 2
    return x.reshape(half, 2, half, 2, half, 2).mean((1, 3, 5))


def published_reference(a, b):
    """One pair, written from the formula: five scales, the coarsest SSIM to the power 4 x 0.1333."""
    a, b = a.numpy().astype(float), b.numpy().astype(float)

    def local(x):
        return gaussian_filter(x, 1.5)

    score = 1.0
    for beta in (0.0448, 0.2856, 0.3001, 0.2363, None):
        covariance = local(a * b) - local(a) * local(b)
        variances = local(a * a) - local(a) ** 2 + local(b * b) - local(b) ** 2
        structure = (2 * covariance + 0.0009) / (variances + 0.0009)
        if beta is None:
            luminance = (2 * local(a) * local(b) + 0.0001) / (local(a) ** 2 + local(b) ** 2 + 0.0001)
            return score * (luminance * structure).mean() ** (4 * 0.1333)
        score *= structure.mean() ** beta
        a, b = pool(a), pool(b)


@pytest.mark.parametrize(("size", "scales"), [(16, 1), (20, 1), (24, 2), (32, 2), (64, 3), (112, 4), (256, 5)])
def test_coarsest_scale_holds_the_window(size, scales):
    assert n_scales(size) == scales


@pytest.mark.parametrize("size", [32, 64])
def test_standard_equals_independent_libraries(size):
    a, b = brains(2, size)
    ours = ms_ssim_pairs(a[None], b[None]).item()
    assert 0.1 < ours < 0.95
    assert ours == pytest.approx(standard_reference(a, b), abs=1e-5)


def border_exchanged(theirs, a, b):
    """What torchmetrics finds for one pair, with the coarsest scale's SSIM where windows fit, not mirrored there."""
    scales = n_scales(a.shape[-1])
    coarse = [F.avg_pool3d(x[None, None] + 1, 2 ** (scales - 1)) for x in (a, b)]
    mirrored, full = structural_similarity_index_measure(*coarse, data_range=2.0, return_full_image=True)
    inside = full[..., 5:-5, 5:-5, 5:-5].mean()
    return theirs * (inside / mirrored) ** (BETAS[scales - 1] / sum(BETAS[:scales]))


@pytest.mark.parametrize("size", [32, pytest.param(64, marks=pytest.mark.slow)])
def test_standard_equals_torchmetrics_of_the_benchmark(size):
    """Whose contrast terms skip the border, but whose coarsest SSIM mirrors it: that factor is exchanged here."""
    x, pairs = brains(3, size), np.array([[0, 1], [2, 0]])
    theirs = bench.textbook_ms_ssim(x, pairs)
    expected = [border_exchanged(value, *x[pair]) for value, pair in zip(theirs, pairs, strict=True)]
    # At 64^3 torchmetrics' own rounding in float32 is 2e-5; in float64 it takes a minute.
    torch.testing.assert_close(
        ms_ssim_index_pairs(x, pairs), torch.stack(expected), atol=1e-5 if size == 32 else 5e-5, rtol=0
    )


def test_mid_grey_is_no_opposite_of_itself():
    """Flat volumes just above and below the middle of the range are alike; on [-1, 1] luminance would be negative."""
    a, b = torch.full((2, 1, 16, 16, 16), 0.05)
    assert ms_ssim_pairs(a, -b).item() == pytest.approx(2 * 1.05 * 0.95 / (1.05**2 + 0.95**2), abs=1e-3)


@pytest.mark.parametrize("size", [32, 64])
def test_as_published_equals_the_formula(size):
    x = brains(4, size)
    ours = ms_ssim_as_published(x[:2], x[2:])
    expected = [published_reference(a, b) for a, b in zip(x[:2], x[2:], strict=True)]
    np.testing.assert_allclose(ours.numpy(), expected, atol=1e-5)


def test_the_misplaced_bracket_lowers_the_published_score():
    x = brains(6, 32)
    pairs = np.array([[0, 1], [2, 3], [4, 5]])
    contrast, ssim = local_similarity.similarities(x, pairs, 5, lambda size: window_matrix(size, 6, True), 1e-4, 9e-4)
    betas = torch.tensor(BETAS)
    bracket_in_place = (contrast[:, :4] ** betas[:4]).prod(1) * ssim ** betas[4]
    published = ms_ssim_as_published_index_pairs(x, pairs)
    torch.testing.assert_close(published, bracket_in_place * ssim ** (3 * betas[4]))
    assert (published < bracket_in_place).all()


@pytest.mark.parametrize("size", [1, 2, 4, 7, 33])
def test_mirrored_window_is_scipys(size):
    x = np.random.default_rng(0).normal(size=size)
    ours = window_matrix(size, 6, mirror=True).numpy() @ x
    np.testing.assert_allclose(ours, gaussian_filter1d(x, 1.5), atol=1e-6)


@pytest.mark.parametrize("score", [ms_ssim_pairs, ms_ssim_as_published])
class TestBoth:
    def test_identity_and_symmetry(self, score):
        x = brains(4, 32)
        torch.testing.assert_close(score(x, x), torch.ones(4))
        torch.testing.assert_close(score(x[:2], x[2:]), score(x[2:], x[:2]))

    def test_falls_as_noise_rises(self, score):
        x = brains(1, 32).expand(5, -1, -1, -1)
        noise = torch.randn(x[0].shape, generator=torch.Generator().manual_seed(0))
        scores = score(x, x + torch.tensor([0, 0.1, 0.2, 0.4, 0.8]).view(5, 1, 1, 1) * noise)
        assert (scores.diff() < -0.01).all()

    def test_inverted_contrast_scores_zero_not_nan(self, score):
        x = torch.randn(2, 32, 32, 32, generator=torch.Generator().manual_seed(0))
        assert score(x, -x).tolist() == [0, 0]

    def test_shapes_that_do_not_fit_are_refused(self, score):
        with pytest.raises(InputError, match="a, b"):
            score(brains(2, 32), brains(3, 32))
        with pytest.raises(InputError, match="side of at least"):
            score(torch.zeros(1, 8, 8, 8), torch.zeros(1, 8, 8, 8))


@pytest.mark.parametrize("score", [ms_ssim_index_pairs, ms_ssim_as_published_index_pairs])
def test_memory_bound_changes_nothing(score, monkeypatch):
    x = brains(12, 16)
    pairs = random_pairs(12, 40, generator=np.random.default_rng(0))
    whole = score(x, pairs)
    monkeypatch.setattr(local_similarity, "CACHE_BYTES", 5 * 12 * 16**3)
    monkeypatch.setattr(local_similarity, "BATCH_VOXELS", 3 * 16**3)
    torch.testing.assert_close(score(x, pairs), whole)
    one_by_one = torch.cat([score(x[pair], np.array([[0, 1]])) for pair in pairs])
    torch.testing.assert_close(whole, one_by_one)


@pytest.mark.parametrize("size", [4, 7, 12])
def test_halving_is_average_pooling(size):
    x = torch.rand(3, size, size, size, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(local_similarity._halve(x), F.avg_pool3d(x.double(), 2), rtol=1e-14, atol=1e-14)


def test_a_volume_of_many_pairs_is_filtered_once(monkeypatch):
    filtered, original = [], local_similarity._filter
    monkeypatch.setattr(local_similarity, "_filter", lambda x, matrix: filtered.append(len(x)) or original(x, matrix))
    ms_ssim_index_pairs(brains(8, 32), random_pairs(8, 28, generator=np.random.default_rng(0)))
    assert sum(filtered) == 2 * (2 * 8 + 28)  # two scales: mean and variance of each volume, one product for each pair


def test_the_benchmark_has_a_row_for_each_metric():
    rows = bench.measure(size=32, n=64, n_pairs=20, textbook_pairs=1, repeats=1)
    assert [row["what"] for row in rows] == ["MS-SSIM", "MMD as published"]
    assert all(row["ratio"] == pytest.approx(row["textbook_s"] / row["alphagan_s"]) for row in rows)


def test_reduced_matmul_precision_is_not_used_and_is_restored():
    x = brains(4, 32)
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("medium")
        low = ms_ssim_pairs(x[:2], x[2:])
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)
    assert torch.equal(low, ms_ssim_pairs(x[:2], x[2:]))


def test_too_many_scales_are_refused():
    with pytest.raises(InputError, match=r"scales: 3 is not in 1\.\.2"):
        ms_ssim_pairs(brains(1, 32), brains(1, 32), scales=3)
