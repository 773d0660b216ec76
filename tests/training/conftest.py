"""The cohort that small trainings learn from."""

import pytest
from factories import write_prepared


@pytest.fixture
def prepared(tmp_path):
    return write_prepared(tmp_path / "prepared")
