"""Brains on another scale than metrics take are refused: their numbers would be of the scale."""

import numpy as np
import pytest
import torch
from factories import write_prepared

from alphagan.audit.auditor import Auditor
from alphagan.errors import InputError
from alphagan.metrics.mmd import MMD
from alphagan.metrics.spectrum import Spectra
from alphagan.volumes.prepared import Volumes, to_range, to_uint8


@pytest.fixture
def cubes(tmp_path):
    return Volumes(write_prepared(tmp_path / "prepared")).array[:]


@pytest.mark.parametrize(
    ("scaled", "says"),
    [
        (lambda cubes: cubes.astype(np.float32), "values reach from 0 to 2"),
        (lambda cubes: torch.from_numpy(cubes / 255).float(), "the background is at 0, and values reach"),
        (lambda cubes: 1 / (1 + np.exp(-(cubes / 20.0 - 6))), "the background is at 0.002"),
        (
            lambda cubes: np.random.default_rng(0).normal(cubes / 255, 0.07),  # of a network with a linear output
            "the background is at ",
        ),
        (lambda cubes: np.random.default_rng(0).normal(cubes / 255, 0.05).clip(0, 1), "the background is at "),
        (lambda cubes: 0.2 + 0.8 * cubes / 255, "the background is at 0.2"),
        (lambda cubes: cubes / 255 - 0.5, "the background is at -0.5"),
        (lambda cubes: (cubes - cubes.mean()) / cubes.std(), "the background is at -0.[3-9]"),
        (  # each by its own mean and SD
            lambda cubes: np.stack([(cube - cube.mean()) / cube.std() for cube in cubes]),
            "the background is at -0.[3-9]",
        ),
        (
            lambda cubes: np.where(cubes > 0, (cubes - cubes[cubes > 0].mean()) / cubes.std(), 0),
            "the background is at 0",
        ),
        (lambda cubes: 1 - cubes / 127.5, "the background is at 1"),
        (lambda cubes: np.where(cubes > 0, cubes / 100.0, -0.93), "the background is at -0.93"),  # z-scored with it
        (lambda cubes: np.where(cubes > 0, cubes / 127.5 - 1, -0.85), "the background is at -0.85"),
        (lambda cubes: 1.05 * (cubes / 127.5 - 1), "the background is at -1"),
        (lambda cubes: 3 * (cubes / 127.5 - 1), "the background is at -3"),
        (
            lambda cubes: np.where(cubes > 0, cubes / 60.0 - 1, -1),
            "the background is at -1, and values reach from -1 to",
        ),
    ],
)
def test_floats_of_another_scale_are_refused(cubes, scaled, says):
    for measured in (Spectra, lambda x: MMD(cubes, x), lambda x: Auditor(cubes, list("abcdefghijklmnopqrst"), x, [])):
        with pytest.raises(InputError, match=f"{says}.*floats go from -1, the background, to 1; rescale them"):
            measured(scaled(cubes))


def test_masked_arrays_are_refused(cubes):
    """Their masks would be lost."""
    masked = np.ma.masked_equal(cubes / 127.5 - 1, -1)
    for measured in (Spectra, lambda x: MMD(cubes, x), lambda x: Auditor(cubes, list("abcdefghijklmnopqrst"), x, [])):
        with pytest.raises(InputError, match="a masked array, of which the mask would be lost; fill it with"):
            measured(masked)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(cubes, value):
    wrong = np.where(cubes == cubes.max(), value, cubes / 127.5 - 1)
    for measured in (Spectra, lambda x: MMD(cubes, x), lambda x: Auditor(cubes, list("abcdefghijklmnopqrst"), x, [])):
        with pytest.raises(InputError, match="values that are not finite; look at what made them"):
            measured(wrong)


def test_generators_of_greys_are_measured(cubes):
    MMD(cubes, np.full((20, *cubes.shape[1:]), 0.1))
    greys = np.random.default_rng(0).normal(0.004, 0.002, (20, *cubes.shape[1:]))  # mostly one level in 8 bits
    MMD(cubes, greys)
    MMD(cubes, to_uint8(greys))
    MMD(cubes, to_range(to_uint8(greys)))


def test_floats_from_minus_1_to_1_and_noise_are_taken(cubes):
    levels = torch.from_numpy(cubes / 127.5 - 1).float()
    assert MMD(cubes[:10], cubes[10:]).unbiased_value("linear") == pytest.approx(
        MMD(levels[:10], levels[10:]).unbiased_value("linear"), rel=1e-4
    )
    MMD(torch.randn(2, 4, 4, 4), 20 + torch.randn(2, 4, 4, 4))
