"""Whether a model treats its training scans otherwise: the area under the curve, and the attacks."""

import numpy as np
import pytest
import torch
from audits import brains, people
from sklearn.metrics import roc_auc_score

from alphagan.audit.membership import inversion_score, membership_auc, reconstruction_score, scores
from alphagan.errors import InputError


def test_auc_is_that_of_scikit_learn(generator):
    a, b = np.round(generator.normal(0.5, size=50), 1), np.round(generator.normal(size=30), 1)
    found = membership_auc(a, b, generator=generator)
    assert found.value == pytest.approx(roc_auc_score([1] * 50 + [0] * 30, np.concatenate([a, b])))
    assert found.low < found.value < found.high and found.n == 30


def test_exchangeable_scores_give_half(generator):
    found = [
        membership_auc(generator.normal(size=60), generator.normal(size=30), n_bootstrap=200, generator=generator)
        for _ in range(200)
    ]
    assert np.mean([auc.value for auc in found]) == pytest.approx(0.5, abs=0.015)
    assert 0.9 <= np.mean([auc.low <= 0.5 <= auc.high for auc in found]) <= 0.99


def test_repeated_scans_of_a_person_count_once(generator):
    a, b = generator.normal(0.5, size=30), generator.normal(size=20)
    once = membership_auc(a, b, generator=np.random.default_rng(1))
    labels = people("p", 30) * 2
    twice = membership_auc(np.tile(a, 2), b, labels, None, generator=np.random.default_rng(1))
    # Subjects are numbered in the order of their sorted labels, so that draws differ, not their spread.
    assert twice.n == once.n == 20 and twice.value == pytest.approx(once.value)
    assert twice.high - twice.low == pytest.approx(once.high - once.low, rel=0.15)
    with pytest.raises(InputError, match="not finite"):
        membership_auc(np.array([np.nan, 1]), b, generator=generator)


def test_a_model_that_only_knows_its_training_scans_gives_them_away(generator):
    train, other = brains(12, seed=1), brains(10, seed=2)

    def reconstruct(x):
        distance = torch.cdist(x.flatten(1), train.flatten(1))
        return train[distance.argmin(1)][:, None]

    score = reconstruction_score(reconstruct)
    inside, outside = scores(score, train), scores(score, other)
    np.testing.assert_allclose(inside, 0, atol=1e-7)
    expected = [(x - reconstruct(x[None, None])[0, 0]).abs().mean().item() for x in other]
    np.testing.assert_allclose(outside, -np.array(expected), rtol=1e-5)
    assert membership_auc(inside, outside, generator=generator).value == 1


def test_inversion_finds_the_code_of_what_was_generated():
    directions = torch.randn(3, 8**3, generator=torch.Generator().manual_seed(0))

    def G(z):
        return torch.tanh(0.3 * z @ directions).view(-1, 1, 8, 8, 8)

    codes = torch.randn(4, 3, generator=torch.Generator().manual_seed(1))
    score = inversion_score(G, 3, n_steps=150)
    own = scores(score, G(codes)[:, 0])
    other = scores(score, torch.rand(4, 8, 8, 8, generator=torch.Generator().manual_seed(2)) * 2 - 1)
    assert own.min() > -0.03 > -0.3 > other.max()
    np.testing.assert_array_equal(own, scores(score, G(codes)[:, 0]))
