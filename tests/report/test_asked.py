"""What generated people were asked to be is read from what `alphagan sample` left beside them, and said."""

import json

import pytest

from alphagan.report.asked import asked_for, persons, trained_on


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


def rows(*paths, session=""):
    return [
        {"row": str(n), "subject": path.stem, "session": session, "source": str(path)} for n, path in enumerate(paths)
    ]


@pytest.mark.parametrize(
    "form", ["sample-{:04d}.nii.gz", "sub-syn{0:04d}/anat/sub-syn{0:04d}_desc-synthetic_T1w.nii.gz"]
)
def test_samples_of_one_seed_are_the_same_people_at_any_age(tmp_path, form):
    paths = []
    for name, seed, weights in (("young", 0, "a"), ("old", 0, "a"), ("others", 1, "a"), ("model", 0, "b")):
        paths += [tmp_path / name / form.format(index) for index in range(3)]
        record = tmp_path / name / ("code" if "anat" in form else ".") / "samples.json"
        record.parent.mkdir(parents=True)
        record.write_text(json.dumps({"seed": seed, "weights_sha256": weights}))
    people = persons(rows(*paths))
    assert people[:3] == people[3:6] and len(set(people)) == 9


def test_volumes_of_other_generators_are_people_of_their_own_but_for_sessions(tmp_path):
    paths = [tmp_path / f"{name}.nii" for name in ("a", "b", "sample-0001")]
    assert len(set(persons(rows(*paths)))) == 3
    visits = [*rows(paths[0], session="1"), *rows(paths[0], session="2"), *rows(paths[1], session="1")]
    assert len(set(persons(visits))) == 2
