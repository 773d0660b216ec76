"""Names with line breaks and other control characters do not break the tables that name them."""

import csv

import numpy as np
from scans import write

from alphagan.preparation.prepare import prepare
from alphagan.settings.config import parse
from alphagan.settings.paths import Paths
from alphagan.volumes.prepared import Volumes


def test_a_line_break_in_a_name_is_shown_and_costs_nothing(tmp_path):
    for number, name in enumerate(("a\nb", "c\rd", "e\tf", "plain", "more", "yet more")):
        ball = ((np.indices((20, 20, 20)) - 9.5) ** 2).sum(0) < 64
        volume = (ball * np.random.default_rng(number).integers(500, 900, ball.shape)).astype(np.int16)
        write(tmp_path / f"raw/{name}.nii", volume, np.diag([8.0, 8.0, 8.0, 1.0]))
    content = {"cohorts": {"mine": {"kind": "nifti", "source": str(tmp_path / "raw"), "pattern": "{subject}.nii"}}}
    folder = prepare("mine", parse(content | {"experiments": {}, "prepare": {"size": 16}}), Paths(tmp_path))
    volumes = Volumes(folder)
    assert sorted(volumes.people(volumes.rows())) == ["a\\nb", "c\\rd", "e\\tf", "more", "plain", "yet more"]
    with open(folder / "qc.csv", encoding="utf-8") as file:
        assert len(list(csv.reader(file))) == len((folder / "qc.csv").read_text().splitlines()) == 7
