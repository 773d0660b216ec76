"""A prepared cohort of people with an age, and an experiment on it that takes a second."""

import numpy as np
import pytest
from ageing import PARAMS, write_people

from alphagan.settings.config import parse
from alphagan.settings.paths import Paths


@pytest.fixture
def ages():
    """Of the people of the cohort."""
    return np.random.default_rng(1).uniform(20, 80, 54).round(1)


@pytest.fixture
def paths(tmp_path, ages, monkeypatch):
    """Where the cohort lies, below the current folder."""
    monkeypatch.chdir(tmp_path)
    paths = Paths(tmp_path)
    write_people(paths.prepared("tiny"), ages)
    return paths


@pytest.fixture
def params():
    """Of the experiment; a part of the section utility may be changed."""

    def changed(**utility):
        return parse(PARAMS | {"utility": PARAMS["utility"] | utility})

    return changed
