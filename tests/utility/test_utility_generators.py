"""The floors are what they are called, and people of an age look it."""

import numpy as np
import pytest
import torch
from ageing import balls

from alphagan.seeding import seeded
from alphagan.utility.generators import codes, gaussian, memoriser, wanted
from alphagan.volumes.prepared import to_range

AGES = np.random.default_rng(0).uniform(20, 80, 40)
SCANS = to_range(balls(AGES))


def test_the_memoriser_gives_scans_back_with_their_ages():
    volumes, ages = memoriser(SCANS, AGES, 100, seeded("cpu", "m"))
    for volume, age in zip(volumes, ages, strict=True):
        (place,) = np.flatnonzero(age == AGES)
        torch.testing.assert_close(volume, SCANS[place])
    assert set(np.unique(ages, return_counts=True)[1]) == {2, 3}


def test_the_gaussian_has_mean_and_spread_of_scans_and_people_look_their_age():
    volumes, ages = gaussian(SCANS, AGES, 2000, seeded("cpu", "g"))
    assert volumes.shape == (2000, 16, 16, 16) and set(ages) <= set(AGES)
    assert (volumes.mean(0) - SCANS.mean(0)).abs().max() < 0.05
    inside = SCANS.std(0) > 0.15
    ratio = volumes.std(0)[inside] / SCANS.std(0)[inside]
    assert ratio.min() > 0.8 and ratio.max() < 1.2

    def slope(of, told):
        centred = torch.from_numpy(told - told.mean()).float()
        return torch.tensordot(centred, of, 1) / (centred**2).sum()

    expected, found = slope(SCANS, AGES), slope(volumes, ages)
    assert torch.corrcoef(torch.stack([expected[inside], found[inside]]))[0, 1] > 0.98
    assert (found[inside] / expected[inside]).median().item() == pytest.approx(1, abs=0.1)


def test_the_gaussian_draws_nobody_of_its_scans():
    volumes, _ = gaussian(SCANS, AGES, 50, seeded("cpu", "g"))
    distances = torch.cdist(volumes.flatten(1), SCANS.flatten(1)).min(1).values
    between = torch.cdist(SCANS.flatten(1), SCANS.flatten(1)).fill_diagonal_(torch.inf).min(1).values
    assert distances.min() > 0.5 * between.min()


def test_codes_go_with_the_ages_that_are_asked_for():
    from alphagan.generation.conditional_fit import fit

    rng = np.random.default_rng(1)
    z = np.stack([(AGES - AGES.mean()) / AGES.std() * 0.8 + rng.normal(0, 0.6, 40), rng.normal(0, 1, 40)], 1)
    asked = wanted(AGES, 400, seeded("cpu", "w"))
    drawn = codes(fit(z, {"age": AGES}), asked, seeded("cpu", "c"))
    assert drawn.shape == (400, 2)
    assert np.corrcoef(drawn[:, 0], asked)[0, 1] > 0.6 > 0.4 > abs(np.corrcoef(drawn[:, 1], asked)[0, 1])
