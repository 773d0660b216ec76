"""What generated people were asked to be is read from what `alphagan sample` left beside them, and said."""

import json

import pytest

from alphagan.report.asked import asked_for, trained_on


@pytest.mark.parametrize("below", [".", "code"])
@pytest.mark.parametrize(
    ("covariates", "words"),
    [
        ({"age": 70.0, "sex": "F"}, "age 70 and sex F"),
        ({"age": 70.5}, "age 70.5"),
        ({"sex": "M"}, "sex M"),
        ({}, ""),
        ({"age": "<b>", "sex": ["F"]}, ""),
        ("age", ""),
        (None, ""),
    ],
)
def test_age_and_sex_are_read_from_either_layout(tmp_path, below, covariates, words):
    (tmp_path / below).mkdir(exist_ok=True)
    (tmp_path / below / "samples.json").write_text(json.dumps({"n": 3, "covariates": covariates}))
    assert asked_for(tmp_path) == words and trained_on(tmp_path) == []


@pytest.mark.parametrize("below", [".", "code"])
@pytest.mark.parametrize(("data", "told"), [("0aebb25ce844", ["0aebb25ce844"]), (None, []), (["x"], [])])
def test_scans_of_the_model_are_read_from_either_layout(tmp_path, below, data, told):
    (tmp_path / below).mkdir(exist_ok=True)
    (tmp_path / below / "samples.json").write_text(json.dumps({"n": 3, "data": data}))
    assert trained_on(tmp_path) == told


def test_several_folders_of_samples_are_all_asked(tmp_path):
    for name, age, data in (("old", 75.0, "a"), ("young", 25.0, "b"), ("again", 75.0, "a")):
        (tmp_path / "all" / name).mkdir(parents=True)
        (tmp_path / "all" / name / "samples.json").write_text(json.dumps({"covariates": {"age": age}, "data": data}))
    assert asked_for(tmp_path) == "age 75, or age 25" and trained_on(tmp_path) == ["a", "b"]


@pytest.mark.parametrize("content", [None, "", "[]", "{"])
def test_volumes_of_something_else_were_asked_for_nothing(tmp_path, content):
    if content is not None:
        (tmp_path / "samples.json").write_text(content)
    assert asked_for(tmp_path) == ""
