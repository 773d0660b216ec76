"""Scans that are plainly darker or brighter than the rest of their cohort are told, and no real cohort's are."""

import csv

import numpy as np
import pytest
from scans import scan_of

from alphagan.preparation.brightness import FEWEST, described, divided
from alphagan.preparation.resample import prepare_scan
from alphagan.preparation.together import of_cohort
from alphagan.settings.sections import Prepare


def brains(brightness, seed=0):
    """Cubes whose voxels lie around 140 times a number each, in the middle of a background of 0."""
    rng, cubes = np.random.default_rng(seed), np.zeros((len(brightness), 12, 12, 12))
    cubes[:, 2:-2, 2:-2, 2:-2] = rng.normal(140, 25, (len(brightness), 8, 8, 8))
    cubes *= np.asarray(brightness)[:, None, None, None] * rng.normal(1, 0.03, len(brightness))[:, None, None, None]
    return cubes.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("n", [FEWEST, 24, 60])
@pytest.mark.parametrize("other", [0.5, 0.7, 1.5])
@pytest.mark.parametrize("share", [0.1, 0.5])
def test_scans_of_another_brightness_are_told_and_how_much(n, other, share):
    n_others = max(1, round(share * n))
    rows, ratio = divided(brains([other] * n_others + [1] * (n - n_others)))
    told_of = {*range(n_others)} if other < 1 or share < 0.5 else {*range(n_others, n)}  # of halves, the darker one
    assert {*rows} == told_of
    assert ratio == pytest.approx(other if told_of == {*range(n_others)} else 1 / other, rel=0.1)


def test_the_one_that_differs_most_is_named_first():
    cubes = brains([1] * 10 + [0.6, 0.4])
    line = described(cubes, [f"{k}.nii" for k in range(12)])
    assert line.startswith("2 of 12 scans, such as 11.nii, are ") and "% darker than the others" in line
    assert described(brains([1] * 11 + [1.8]), list("abcdefghijkl")).startswith("1 of 12 scan, l, is")


@pytest.mark.parametrize("seed", range(20))
def test_brains_that_vary_are_no_two_groups(seed):
    rng = np.random.default_rng(seed)
    for n in (2, FEWEST - 1, FEWEST, 16, 100):
        assert divided(brains(np.exp(rng.normal(0, 0.05, n)), seed)) == ([], 1.0)
    assert divided(brains([0.5] + [1] * (FEWEST - 2))) == ([], 1.0)  # too few to say which


def test_what_sets_the_scale_of_some_scans_is_told_of_their_cohort(tmp_path):
    cubes = brains([1] * 9 + [0.6] * 3)
    np.save(tmp_path / "volumes.npy", cubes)
    with open(tmp_path / "subjects.csv", "w", newline="") as file:
        csv.writer(file).writerows([["subject", "source"], *([f"s{k}", f"raw/s{k}.nii"] for k in range(12))])
    assert [
        line for line in of_cohort(tmp_path) if "darker than the others" in line and "of 12 scans, such as s" in line
    ]


@pytest.mark.data
@pytest.mark.parametrize(("size", "fit"), [(32, "stretch"), (32, "pad"), (16, "stretch")])
@pytest.mark.parametrize("study", ["ixi", "ds002748"])
def test_real_cohorts_are_of_one_brightness_and_those_with_fat_left_are_not(real_scans, study, size, fit):
    scans = sorted((real_scans / study).glob("*.nii.gz"))
    cubes = np.stack([prepare_scan(scan_of(scan), Prepare(size=size, fit=fit)).cube for scan in scans])
    assert divided(cubes) == ([], 1.0)
    dimmed = cubes.copy()
    dimmed[:12] = dimmed[:12] * 0.68  # as 2 ml of fat, 1.6 times as bright as brain, makes of them
    rows = divided(dimmed)[0]
    assert {*range(12)} <= {*rows} and len(rows) <= 14  # two of ds002748 have vessels that dim the rest as much
