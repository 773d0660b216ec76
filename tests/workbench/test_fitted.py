"""A run's facts and card tell what was fitted to people's age and sex, and the numbers that are of this very fit."""

import json
import shutil

import pytest
from factories import tiny_settings, write_prepared

from alphagan.__main__ import main
from alphagan.generation.load import load
from alphagan.metrics.bootstrap import Estimate
from alphagan.training.loop import fit
from alphagan.workbench.covariates import lines
from alphagan.workbench.fitted import SIDES

NUMBER = {"value": 0.5, "low": 0.25, "high": 0.75, "n": 8}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A project in which age and sex were fitted and read back."""
    root = tmp_path_factory.mktemp("root")
    settings = tiny_settings(iterations=1).model_copy(update={"modality": "T1w"})
    run = root / "models" / "tiny" / "alpha_wgan_gp"
    fit(settings, write_prepared(root / "prepared"), run, root / "scratch")
    lines = [f"sub-{k:03d}\t{20.5 + 3 * k}\t{'FM'[k % 2]}\n" for k in range(20)]
    (root / "people.tsv").write_text("participant_id\tage\tsex\n" + "".join(lines))
    told = ["covariates", run, "--prepared", root / "prepared", "--table", root / "people.tsv", "-n", "16"]
    assert main([*map(str, told), "-o", str(root / "reports" / "covariates")]) == 0
    return root


def told(root, capsys, command, *more):
    capsys.readouterr()
    assert main([command, str(root / "models" / "tiny" / "alpha_wgan_gp"), *more]) == 0
    return capsys.readouterr().out


@pytest.fixture
def read(root):
    """The file of what was read back, which a test may change."""
    path = root / "reports" / "covariates" / "covariates.json"
    whole = path.read_text()
    yield path
    path.write_text(whole)


def test_what_was_fitted_to_whom_and_read_back_is_told(root, read, capsys):
    measured = json.loads(read.read_text())
    found = json.loads(told(root, capsys, "info", "--json"))["covariates"]
    assert (found["names"], found["people"], found["age_range"]) == (["age", "sex"], 12, [20, 72])
    assert found["read"]["age"] == measured["age"] and found["read"]["sex"]["generated"]["accuracy"]["n"] == 16
    (line,) = [line for line in told(root, capsys, "info").splitlines() if line.startswith("age, sex")]
    assert "age and sex, fitted to 12 people aged 20 to 72 by least squares" in line
    r = measured["age"]["generated"]["r"]
    shown = (
        f"age read back, correlation with what was asked for: {r['value']:.2f} [{r['low']:.2f}, {r['high']:.2f}] in gen"
    )
    assert shown in line
    card = told(root, capsys, "card")
    assert "## Age and sex" in card and f"- {shown}" in card and "- sex read back, share read rightly: " in card
    assert card.index("## Memory") < card.index("## Age and sex") < card.index("## Use")


@pytest.mark.parametrize(
    "change",
    [
        lambda told: told["fit"].update(sha256="0"),
        lambda told: told["fit"].pop("sha256"),
        lambda told: told.pop("sex"),
        lambda told: told.update(fit=None),
    ],
)
def test_numbers_of_another_fit_are_not_quoted(root, read, capsys, change):
    content = json.loads(read.read_text())
    change(content)
    read.write_text(json.dumps(content))
    assert json.loads(told(root, capsys, "info", "--json"))["covariates"]["read"] is None
    assert "fitted to 12 people aged 20 to 72" in (card := told(root, capsys, "card"))
    assert "- not read back: no numbers of this fit below reports/" in card


@pytest.mark.parametrize(
    ("who", "says"), [("real", "could not be read from held-out people"), ("generated", "was not seen")]
)
def test_who_samples_an_age_that_does_not_show_is_told(root, read, tmp_path, monkeypatch, capsys, who, says):
    content = json.loads(read.read_text())
    for side in ("real", "generated"):
        content["age"][side]["r"] |= {"low": -0.1 if side == who else 0.2}
    content["sex"]["real"]["accuracy"] |= {"low": 0.6}
    content["sex"]["real"]["commonest"] |= {"value": 0.5}
    read.write_text(json.dumps(content))
    monkeypatch.chdir(root)
    run = ["sample", "models/tiny/alpha_wgan_gp", "-n", "2", "-o"]
    assert main([*run, str(tmp_path / "bids"), "--age", "40", "--bids"]) == 0
    assert f"note: age {says}" in capsys.readouterr().err
    assert f"**Age {says}" in (tmp_path / "bids" / "README.md").read_text()
    assert main([*run, str(tmp_path / "women"), "--sex", "F"]) == 0
    assert "note" not in capsys.readouterr().err


def test_who_samples_a_sex_that_is_read_no_better_than_by_the_more_common_one_is_told(
    root, read, tmp_path, monkeypatch, capsys
):
    content = json.loads(read.read_text())
    content["sex"]["real"] = {"accuracy": NUMBER | {"value": 0.98, "low": 0.95}, "commonest": NUMBER | {"value": 0.98}}
    read.write_text(json.dumps(content))
    monkeypatch.chdir(root)
    assert main(["sample", "models/tiny/alpha_wgan_gp", "-n", "2", "-o", str(tmp_path / "women"), "--sex", "F"]) == 0
    assert "note: it is not shown that sex can be read from held-out people" in capsys.readouterr().err
    measured = {
        "sex": {side: {key: Estimate(**found) for key, found in content["sex"]["real"].items()} for side in SIDES}
    }
    assert "that sex can be read from held-out people here (naming the more common one" in lines(measured)[-1]
    assert "is right for 98%)" in lines(measured)[-1]


def test_a_file_that_is_damaged_is_passed_over(root, read, capsys):
    read.write_text("{")
    assert "not read back" in told(root, capsys, "info")


def test_one_file_tells_the_fit(root, tmp_path, capsys):
    path = tmp_path / "g.safetensors"
    told(root, capsys, "export", "-o", str(path))
    assert main(["card", str(path)]) == 0
    assert "age and sex, fitted to 12 people" in capsys.readouterr().out


def test_runs_without_a_fit_say_nothing_of_age(root, tmp_path, capsys):
    run = tmp_path / "models" / "tiny" / "alpha_wgan_gp"
    shutil.copytree(root / "models" / "tiny" / "alpha_wgan_gp", run, ignore=shutil.ignore_patterns("covariates.json"))
    assert load(run).prior is None
    assert "age" not in told(tmp_path, capsys, "info").partition("metrics")[0].replace("average", "")
    assert "## Age and sex" not in told(tmp_path, capsys, "card")
    assert json.loads(told(tmp_path, capsys, "info", "--json"))["covariates"] is None
