"""Brains have the detail of brains, and nothing else has: not blur, noise, or a brain in pieces."""

import numpy as np
import pytest
import torch
from phantoms import blurred, brains, noisy

from alphagan.audit.likeness import Likeness
from alphagan.errors import TooFewError

N_TRAIN, N_HELD_OUT = 60, 39


@pytest.fixture(scope="module")
def volumes():
    return brains(N_TRAIN + N_HELD_OUT + 100, size=16, detail=0.02)


@pytest.fixture(scope="module")
def likeness(volumes):
    return Likeness(volumes[:N_TRAIN], volumes[N_TRAIN : N_TRAIN + N_HELD_OUT])


def share(likeness, x):
    return likeness.measure(x)["brain_like"].value


def test_agreement_is_that_of_the_formula(likeness, volumes):
    """Lin's coefficient of one pair, written out."""
    x, t = likeness.detail(volumes[-1:])[0].double().numpy(), likeness.train.double().numpy()
    expected = [
        2 * np.cov(x, other, bias=True)[0, 1] / (x.var() + other.var() + (x.mean() - other.mean()) ** 2) for other in t
    ]
    assert likeness.nearest(volumes[-1:]).item() == pytest.approx(max(expected), abs=1e-5)


def test_new_people_are_brains_and_spoilt_ones_are_not(likeness, volumes):
    new = volumes[-100:]
    assert share(likeness, new) >= 0.85  # 95 % are expected, give or take what 39 people can say
    assert likeness.measure_held_out()["brain_like"].value == pytest.approx(0.95)
    assert share(likeness, volumes[:N_TRAIN]) == 1  # the training scans themselves
    shuffled = new[:, torch.randperm(16, generator=torch.Generator().manual_seed(0))]
    for spoilt in (blurred(new, 1.0), noisy(new, 0.5), shuffled):
        assert share(likeness, spoilt) <= 0.05


def test_variety_has_to_be_looked_for_elsewhere(likeness, volumes):
    assert share(likeness, volumes[-100:].mean(0, keepdim=True).repeat(10, 1, 1, 1)) == 1


def test_brightness_and_mirror_images_change_nothing(likeness, volumes):
    new = volumes[-20:]
    np.testing.assert_allclose(likeness.nearest((new + 1) * 0.7 - 1), likeness.nearest(new), atol=1e-5)
    np.testing.assert_allclose(likeness.nearest(new.flip(1)), likeness.nearest(new), atol=1e-5)


def test_prepared_cubes_are_taken_as_they_are(volumes):
    cubes = ((volumes[:40] + 1) * 127.5).round().to(torch.uint8).numpy()
    assert share(Likeness(cubes[:20], cubes[20:]), cubes[:20]) == 1


def test_too_few_people_for_the_level_are_refused(volumes):
    with pytest.raises(TooFewError, match="held-out people: 5"):
        Likeness(volumes[:20], volumes[20:25])
