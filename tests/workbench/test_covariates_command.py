"""From a table of people to brains of an age and a sex, on the command line, from the run's folder or one file."""

import csv
import json
import subprocess
import sysconfig
from pathlib import Path

import nibabel
import numpy as np
import pytest
from factories import digests, tiny_settings
from refusals import refused
from trainings import trained

import alphagan
from alphagan.__main__ import main
from alphagan.errors import InputError
from alphagan.generation.conditional import ExtrapolationWarning

AGES = [20 + 3 * k + 0.25 for k in range(20)]


def table(folder, rows=20):
    lines = [f"sub-{k:03d}\t{AGES[k]}\t{'FM'[k % 2]}\n" for k in range(rows)]
    (folder / "people.tsv").write_text("participant_id\tage\tsex\n" + "".join(lines))
    return folder / "people.tsv"


def command(root, run="run", *more):
    told = ["covariates", root / run, "--prepared", root / "prepared", "--table", root / "people.tsv", "-n", "16"]
    return [str(part) for part in (*told, "-o", root / "out", *more)]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    settings = tiny_settings(iterations=2).model_copy(update={"modality": "T1w"})
    root = trained(tmp_path_factory.mktemp("root"), settings)
    before = digests(root / "run"), (root / "run" / "config.json").read_bytes()
    table(root)
    assert main(command(root)) == 0
    assert (digests(root / "run"), (root / "run" / "config.json").read_bytes()) == before
    return root


@pytest.fixture(scope="module")
def unfitted(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("unfitted"), tiny_settings(iterations=1))


@pytest.fixture
def run(root):
    return alphagan.load(root / "run")


def sample(root, folder, *more):
    return [str(part) for part in ("sample", root / "run", "-n", "3", "--seed", "4", "-o", folder, *more)]


def voxels(folder):
    return np.stack([np.asarray(nibabel.load(path).dataobj) for path in sorted(folder.rglob("*.nii.gz"))]).astype(int)


def test_the_run_holds_the_fit_and_no_person(root, run):
    told = json.loads((root / "run" / "covariates.json").read_text())
    assert (told["names"], told["people"]) == (["age", "sex"], 12)
    assert np.shape(told["coefficients"]) == (8, 2)
    text = (root / "run" / "covariates.json").read_text()
    assert not [k for k in range(20) if f"sub-{k:03d}" in text or f"{AGES[k]}" in text]
    train = [age for k, age in enumerate(AGES) if k % 5 < 3]
    assert (run.prior.low[0], run.prior.high[0]) == (np.floor(min(train)), np.ceil(max(train)))
    assert run.prior.mean[0] == pytest.approx(np.mean(train))


def test_what_it_is_worth_is_written_and_drawn(root):
    told = json.loads((root / "out" / "covariates.json").read_text())
    assert told["fit"]["people"] == 12
    assert {key: value["n"] for key, value in told["age"]["real"].items()} == {"mae": 8, "r": 8, "slope": 8}
    assert told["age"]["generated"]["mae"]["n"] == told["sex"]["generated"]["accuracy"]["n"] == 16
    drawn = {path.name for path in (root / "out").iterdir()}
    assert drawn == {"covariates.json", "age_maps.png", "age_maps.pdf", "age_read.png", "age_read.pdf"}


def test_samples_are_those_of_python_and_the_same_people_at_any_age(root, run, tmp_path, capsys):
    for name, more in (("plain", ()), ("young", ("--age", "25", "--sex", "F")), ("old", ("--age", "70", "--sex", "F"))):
        assert main(sample(root, tmp_path / name, *more)) == 0
    assert capsys.readouterr().err.count("note") == 0
    plain, old = voxels(tmp_path / "plain"), voxels(tmp_path / "old")
    assert (plain != old).any() and (voxels(tmp_path / "young") != old).any()
    np.testing.assert_allclose((run.sample(3, seed=4, age=70, sex="F") + 1) * 127.5, old, atol=0.51)
    dataset = alphagan.SyntheticDataset(run, 3, seed=4, age=70, sex="F")
    np.testing.assert_allclose(dataset[2][0], run.sample(3, seed=4, age=70, sex="F")[2], atol=1e-5)
    record = json.loads((tmp_path / "old" / "samples.json").read_text())
    assert record["covariates"] == {"age": 70, "sex": "F"}
    assert "covariates" not in json.loads((tmp_path / "plain" / "samples.json").read_text())
    refused(
        sample(root, tmp_path / "old"), tmp_path, capsys, ["made otherwise (covariates {'age': 70.0, 'sex': 'F'} ->"]
    )
    refused(sample(root, tmp_path / "old", "--age", "71", "--sex", "F"), tmp_path, capsys, ["made otherwise"])


def test_one_file_has_the_fit_too(root, run, tmp_path, capsys):
    path = tmp_path / "g.safetensors"
    assert main(["export", str(root / "run"), "-o", str(path)]) == 0
    shared = alphagan.load(path)
    np.testing.assert_array_equal(shared.sample(2, seed=1, age=40), run.sample(2, seed=1, age=40))
    assert shared.prior == run.prior
    told = ["covariates", path, "--prepared", root / "prepared", "-o", tmp_path / "out"]
    refused(told, tmp_path, capsys, ["is one file; name the run's folder"])


def test_a_bids_derivative_says_where_an_age_is_extrapolated(root, tmp_path):
    assert main(sample(root, tmp_path, "--bids", "--age", "99")) == 0
    made, _, told = (tmp_path / "README.md").read_text().partition("## What was asked for")
    assert "--seed 4 --age 99\n" in made and "All of these people: age 99." in told
    assert "beyond the training people's" in told and "extrapolated" in told


def test_a_bids_derivative_says_what_was_asked_for(root, tmp_path):
    assert main(sample(root, tmp_path, "--bids", "--age", "70.5", "--sex", "M")) == 0
    with open(tmp_path / "participants.tsv", newline="") as file:
        assert [(row["age"], row["sex"]) for row in csv.DictReader(file, delimiter="\t")] == 3 * [("70.5", "M")]
    assert '"RequestedAge": 70.5,\n  "RequestedSex": "M"' in next(tmp_path.glob("sub-*/anat/*.json")).read_text()
    assert json.loads((tmp_path / "participants.json").read_text())["age"]["Units"] == "year"
    validator = Path(sysconfig.get_path("scripts")) / "bids-validator-deno"
    done = subprocess.run([validator, "--json", tmp_path], capture_output=True, text=True)
    found = json.loads(done.stdout)["issues"]["issues"]
    assert [issue["code"] for issue in found if issue["severity"] == "error"] == []


def test_an_age_beyond_the_training_peoples_is_a_note(root, run, tmp_path, capsys):
    assert main(sample(root, tmp_path, "--age", "95")) == 0
    assert capsys.readouterr().err.splitlines()[-1].startswith("note: age 95 is beyond the training people's, 20 to")
    with pytest.warns(ExtrapolationWarning, match="age 95"):
        run.sample(1, age=95)


def test_what_cannot_be_asked_for_is_refused_before_a_folder_is_made(root, tmp_path, capsys):
    refused(sample(root, tmp_path / "out", "--sex", "x"), tmp_path, capsys, ["sex: 'x' is unknown; use F or M"])
    refused(sample(root, tmp_path / "out", "--age", "nan"), tmp_path, capsys, ["age: nan is no number"])
    for age in ("500", "-5"):
        says = [f"age: {age} is no age of a person; give years from 0 to 120"]
        refused(sample(root, tmp_path / "out", "--age", age), tmp_path, capsys, says)


def test_runs_without_a_fit_or_an_encoder_say_so(tmp_path, capsys):
    root = trained(tmp_path, tiny_settings(iterations=1, name="wgan_gp"))
    table(root)
    says = ["run: knows of no age or sex; run alphagan covariates on it first"]
    refused(sample(root, root / "out", "--age", "70", "--sex", "F"), root, capsys, says)
    refused(command(root), root, capsys, ["run: wgan_gp has no encoder, so that nobody's code is known"])
    with pytest.raises(InputError, match="knows of no sex"):
        alphagan.SyntheticDataset(root / "run", 2, sex="F")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "covariates.json: damaged (Expecting property name"),
        ("[]", "covariates.json: damaged (not the keys of a fit); run alphagan covariates again"),
        ((r'"mean": [', '"mean": [NaN, '), "covariates.json: damaged (tables of other sizes)"),
        (('"people": 12', '"people": 12, "x": 1'), "covariates.json: damaged (not the keys of a fit)"),
        (
            ('"weights_sha256": "', '"weights_sha256": "0'),
            "covariates.json: is of other weights; run alphagan covariates",
        ),
        (('"age"', '"weight"'), "covariates.json: damaged (tables of other sizes)"),
    ],
)
def test_a_damaged_fit_or_that_of_other_weights_is_refused(root, tmp_path, capsys, text, says):
    path = root / "run" / "covariates.json"
    whole = path.read_text()
    try:
        path.write_text(whole.replace(*text) if isinstance(text, tuple) else text)
        refused(sample(root, tmp_path / "out", "--age", "70"), tmp_path, capsys, [says])
        assert main(sample(root, tmp_path / "out")) == 0  # what needs no fit
    finally:
        path.write_text(whole)


def test_codes_that_do_not_depend_on_covariates_are_told(root, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("alphagan.workbench.covariates.NOTHING", 1.0)
    assert main(command(root)) == 0
    assert "note: codes of people left out do not depend on their covariates" in capsys.readouterr().err


def test_too_few_people_are_fitted_but_not_measured(root, tmp_path, capsys):
    shorter = trained(tmp_path, tiny_settings(iterations=1))
    table(shorter, rows=4)
    assert main(command(shorter)) == 0
    told = capsys.readouterr()
    assert "note: 16 of 20 people have no age" in told.err and "note: not measured: " in told.err
    assert not (shorter / "out").exists() and told.out == ""
    (shorter / "out").mkdir()
    for name in ("covariates.json", "age_maps.pdf", "of_somebody.txt"):
        (shorter / "out" / name).write_text("{}")
    assert main(command(shorter)) == 0
    told, holds = capsys.readouterr(), f"{shorter / 'out'} holds what an earlier fit was worth"
    assert told.err.strip().endswith(f"; {holds}: age_maps.pdf, covariates.json") and told.out == ""
    assert (shorter / "out" / "covariates.json").read_text() == "{}"
    assert alphagan.load(shorter / "run").prior.people == 3


def test_figures_that_a_fit_does_not_renew_are_told_to_be_of_an_earlier_one(tmp_path, capsys):
    root = trained(tmp_path, tiny_settings(iterations=1))
    people = table(root)
    assert main(command(root)) == 0
    assert "earlier fit" not in capsys.readouterr().err
    people.write_text("".join("\t".join(line.split("\t")[::2]) for line in people.open()))
    assert main(command(root)) == 0
    told = capsys.readouterr()
    there = "age_maps.pdf, age_maps.png, age_read.pdf, age_read.png"
    assert f"note: {root / 'out'} holds what an earlier fit was worth: {there}\n" in told.err
    assert told.out.splitlines()[-1] == str(root / "out")


@pytest.mark.parametrize("more", [(), ("--bids", "--modality", "T1w")])
@pytest.mark.parametrize(
    ("name", "row", "says"),
    [
        ("sex", "{who}\t{age}\tF\n", "all training people have the same"),
        ("age", "{who}\t40\t{sex}\n", "all training people have the same"),
        ("sex", "{who}\t{age}\t{held_out}\n", "no training person's is known"),
        ("sex", "{who}\t{age_of_women}\t{sex}\n", "all training people whose age is known too have the same"),
    ],
)
def test_what_nothing_is_learned_of_is_told_and_cannot_be_asked_for(unfitted, tmp_path, capsys, name, row, says, more):
    people = "participant_id\tage\tsex\n"
    for k, age in enumerate(AGES):
        sex = "FM"[k % 2]
        own = {"held_out": sex if k % 5 > 2 else "", "age_of_women": age if sex == "F" else ""}
        people += row.format(who=f"sub-{k:03d}", age=age, sex=sex, **own)
    (unfitted / "people.tsv").write_text(people)
    assert main(command(unfitted)) == 0
    assert f"note: {name}: {says}, so that nothing is learned of it\n" in capsys.readouterr().err
    asked = sample(unfitted, tmp_path / "out", f"--{name}", {"age": "40", "sex": "M"}[name], *more)
    other = {"age": "sex", "sex": "age"}[name]
    refused(asked, tmp_path, capsys, [f"{name}: nothing was learned of it, only of {other}; leave it out"])


def test_a_bids_derivative_of_a_run_without_a_fit_is_refused(tmp_path, capsys):
    root = trained(tmp_path, tiny_settings(iterations=1))
    asked = sample(root, root / "out", "--age", "70", "--bids", "--modality", "T1w")
    refused(asked, root, capsys, ["run: knows of no age; run alphagan covariates on it first"])


def test_measurements_do_not_replace_the_fit(root, tmp_path, capsys):
    fit = (root / "run" / "covariates.json").read_bytes()
    refused(command(root, "run", "-o", root / "run"), tmp_path, capsys, ["is the run's folder", "name another with -o"])
    assert (root / "run" / "covariates.json").read_bytes() == fit
