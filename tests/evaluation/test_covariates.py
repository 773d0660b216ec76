"""A reader of age and sex reads what is there, and its errors are those of an independent computation."""

import numpy as np
import pytest
import torch
from factories import write_prepared
from scipy.stats import linregress
from sklearn.metrics import mean_absolute_error

from alphagan.errors import TooFewError
from alphagan.evaluation.covariates import Reader, Reading, of_cohort
from alphagan.volumes.prepared import Volumes


def brains(ages, sexes, size=16, seed=0):
    """Balls with a dark middle that grows with age, brighter on top for men; (n, S, S, S) in [-1, 1]."""
    rng = np.random.default_rng(seed)
    x, y, z = np.meshgrid(*3 * [np.linspace(-1, 1, size)], indexing="ij")
    radius = np.sqrt(x**2 + y**2 + z**2)
    volumes = []
    for age, sex in zip(ages, sexes, strict=True):
        values = 0.6 + 0.15 * sex * (z > 0) - 0.5 / (1 + np.exp((radius - age / 200) / 0.08))
        values = (values + rng.normal(0, 0.05, radius.shape)) * rng.uniform(0.7, 1.0)
        volumes.append(np.where(radius < 0.9, 2 * values - 1, -1))
    return torch.tensor(np.clip(volumes, -1, 1), dtype=torch.float32)


def people(n, seed):
    rng = np.random.default_rng(seed)
    return rng.uniform(20, 80, n), rng.integers(0, 2, n).astype(float)


def test_a_reader_reads_age_and_sex_of_others_however_bright_and_whichever_way_round():
    age, sex = people(60, 1)
    age[:5] = np.nan  # not known
    reader = Reader(brains(np.nan_to_num(age, nan=40), sex), [str(k) for k in range(60)], {"age": age, "sex": sex})
    others, theirs = people(30, 2)
    volumes = brains(others, theirs, seed=3)
    read = reader(volumes)
    found = Reading({"age": others, "sex": theirs}, read).measured()
    assert found["age"]["r"].value > 0.9 and found["age"]["mae"].value < 8
    assert found["sex"]["accuracy"].value > 0.9
    again = reader((volumes.flip(1) + 1) * 0.8 - 1)
    np.testing.assert_allclose(again["age"], read["age"], atol=0.5)


def test_errors_are_those_of_scipy_and_sklearn():
    rng = np.random.default_rng(4)
    told = rng.uniform(20, 80, 40)
    read = 20 + 0.6 * told + rng.normal(0, 5, 40)
    found = Reading({"age": told}, {"age": read}).measured()["age"]
    line = linregress(told, read)
    assert found["slope"].value == pytest.approx(line.slope)
    assert found["r"].value == pytest.approx(line.rvalue)
    assert found["mae"].value == pytest.approx(mean_absolute_error(told, read))
    half = 1.96 * line.stderr
    assert found["slope"].low == pytest.approx(line.slope - half, abs=half / 2)
    assert found["slope"].high == pytest.approx(line.slope + half, abs=half / 2)
    assert found["mae"].n == 40


def test_accuracy_is_the_share_that_is_read_rightly():
    told = np.array([0.0, 0, 1, 1])
    found = Reading({"sex": told}, {"sex": np.array([0.2, 0.7, 0.6, 0.9])}).measured()["sex"]["accuracy"]
    assert (found.value, found.n) == (0.75, 4)


def test_what_naming_the_more_common_sex_gives_stands_beside_it():
    for told in (np.array([0.0, 1, 1, 1, 1]), np.array([1.0, 0, 0, 0, 0])):
        found = Reading({"sex": told}, {"sex": np.full(5, told[1])}).measured()["sex"]
        assert found["accuracy"].value == found["commonest"].value == 0.8


def test_too_few_people_cannot_teach_a_reader():
    age = np.full(20, np.nan)
    age[:9] = np.arange(9)
    with pytest.raises(TooFewError, match="age: known of 9 training people; a reader needs 10"):
        Reader(brains(np.full(20, 40), np.zeros(20)), [str(k) for k in range(20)], {"age": age})


def test_covariates_of_every_row_are_what_the_table_says_now(tmp_path):
    volumes, table = Volumes(write_prepared(tmp_path / "prepared", n=3)), tmp_path / "people.csv"
    table.write_text("subject,age,sex\n000,40.5,M\n001,,F\n002,60,\n")
    values, notes = of_cohort(volumes, table)
    np.testing.assert_array_equal(values["age"], [40.5, np.nan, 60])
    np.testing.assert_array_equal(values["sex"], [1, 0, np.nan])
    assert any("1 of 3 people has no sex" in note for note in notes)
    table.write_text("subject,sex\n002,F\n")
    values, notes = of_cohort(volumes, table)
    assert list(values) == ["sex"]
    np.testing.assert_array_equal(values["sex"], [np.nan, np.nan, 0])
