"""How a cohort was prepared stands beside its cubes; a params.yaml that says otherwise by now is refused."""

import json

import pytest
import yaml
from factories import write_prepared
from refusals import refused
from trainings import COMMAND_LINE, described

from alphagan.__main__ import main
from alphagan.errors import InputError
from alphagan.settings.config import parse
from alphagan.settings.preparation import NAME, check_preparation

NOTED = "note: data/prepared/tiny: prepared by an earlier version"
# What was changed in params.yaml since, and what the line says; None: nothing that decides a cube.
EDITS = {
    "fit": ({"prepare": {"fit": "pad"}}, "fit stretch, the parameters say pad"),
    "percentile": ({"prepare": {"upper_percentile": 70.0}}, "upper_percentile 99.9, the parameters say 70.0"),
    "field of view": (
        {"prepare": {"fit": "pad", "field_of_view_mm": 200.0}},
        "fit stretch, field_of_view_mm null, the parameters say pad, 200.0",
    ),
    "size": ({"prepare": {"size": 32}}, "size 16, the parameters say 32"),
    "split": ({"prepare": {"split": {"seed": 7}}}, "split.seed 2019, the parameters say 7"),
    "modality": ({"cohorts": {"modality": "T2w"}}, "modality T1w, the parameters say T2w"),
    "source": ({"cohorts": {"source": "y"}}, "source x, the parameters say y"),
    "augmentation": ({"cohorts": {"augment": {"flip": False}}}, None),
    "expected": ({"cohorts": {"expected": 20}}, None),
    "workers": ({"prepare": {"workers": 3}}, None),
}


def edited(prepare=None, cohorts=None):
    tiny = COMMAND_LINE["cohorts"]["tiny"] | (cohorts or {})
    return COMMAND_LINE | {"cohorts": {"tiny": tiny}, "prepare": COMMAND_LINE["prepare"] | (prepare or {})}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A cohort that was prepared as COMMAND_LINE has it."""
    monkeypatch.chdir(tmp_path)
    return described(write_prepared(tmp_path / "data" / "prepared" / "tiny"))


@pytest.mark.parametrize("case", EDITS)
def test_what_was_edited_since_is_told_before_anything_is_trained_or_measured(folder, tmp_path, capsys, case):
    changes, says = EDITS[case]
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(edited(**changes)))
    if says is None:
        assert check_preparation(parse(edited(**changes)), "tiny", folder) == []
        return
    for command in ("train", "features", "evaluate", "audit"):
        line = refused([command, "tiny"], tmp_path, capsys, [f"data/prepared/tiny was prepared with {says}; prepare"])
        assert line.endswith("; prepare the cohort again")


def test_a_cohort_that_does_not_tell_is_noted_and_used(folder, tmp_path, capsys):
    (folder / NAME).unlink()
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(edited() | {"features": {"iterations": 1, "batch_size": 2}}))
    assert main(["features", "tiny"]) == 0
    assert [line for line in capsys.readouterr().err.splitlines() if line.startswith(NOTED)]


@pytest.mark.parametrize("content", ["", "[", "3", "\udcff"])
def test_a_damaged_file_is_refused(folder, content):
    (folder / NAME).write_text(content, errors="surrogateescape")
    with pytest.raises(InputError, match=r"preparation\.json: damaged \(.*\); prepare the cohort again"):
        check_preparation(parse(COMMAND_LINE), "tiny", folder)


def test_keys_of_a_later_version_are_not_asked_of_an_earlier_one(folder):
    told = json.loads((folder / NAME).read_text())
    (folder / NAME).write_text(json.dumps({key: told[key] for key in told if key != "max_saturated"}))
    assert check_preparation(parse(edited(prepare={"max_saturated": 0.2})), "tiny", folder) == []
