"""An exported file tells what was found of its weights where it was exported, and is believed in nothing else."""

import hashlib
import json
import shutil
import subprocess
import sys

import pytest
from factories import tiny_settings, write_prepared
from imports import ROOT
from safetensors import safe_open
from safetensors.torch import save_file
from test_card import add_results

from alphagan.__main__ import main
from alphagan.audit.findings import COPIES
from alphagan.training.loop import fit
from alphagan.workbench.told import LONGEST

PUBLISHED = ROOT / "results/simulated_32/generator.safetensors"
ESTIMATE = {"value": 0.5, "low": 0.25, "high": 0.75, "n": 8}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    settings = tiny_settings(iterations=1).model_copy(update={"modality": "T1w"})
    write_prepared(root / "data" / "prepared" / "tiny")
    (root / "data" / "prepared" / "tiny" / "preparation.json").write_text('{"kind": "template"}')
    fit(settings, root / "data/prepared/tiny", root / "models" / "tiny" / "alpha_wgan_gp", root / "scratch")
    table = "".join(f"sub-{k:03d}\t{20.5 + 3 * k}\t{'FM'[k % 2]}\n" for k in range(20))
    (root / "people.tsv").write_text(f"participant_id\tage\tsex\n{table}")
    return root


@pytest.fixture
def root(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "project")


@pytest.fixture
def away(tmp_path, monkeypatch):
    """A folder of somebody else, who works there."""
    (tmp_path / "away").mkdir()
    monkeypatch.chdir(tmp_path / "away")
    return tmp_path / "away"


def told(capsys, *arguments):
    capsys.readouterr()
    assert main([*map(str, arguments)]) == 0
    return capsys.readouterr().out


def exported(root, away, *more):
    path = away / "g.safetensors"
    assert main(["export", str(root / "models" / "tiny" / "alpha_wgan_gp"), "-o", str(path), *more]) == 0
    return path


def readme(path, away, *more):
    assert main(["sample", str(path), "-n", "1", "--bids", "-o", str(away / "bids"), *more]) == 0
    return (away / "bids" / "README.md").read_text()


@pytest.mark.parametrize("more", [(), ("--all",)])
def test_an_alarm_and_the_numbers_survive_to_info_card_and_readme(root, away, capsys, more):
    content, path = add_results(root), exported(root, away, *more)
    shown = f"{content['alpha_wgan_gp']['mmd_rbf']['value']:.3g}"
    said = told(capsys, "info", path)
    assert COPIES in said and shown in said and "those that the file tells, found where it was exported" in said
    assert "nobody's scans" in said and "none of these weights" not in said
    for text in (told(capsys, "card", path), readme(path, away)):
        assert f"**{COPIES}**" in text and shown in text and "single out one training scan" in text
        assert "simulated scans of 12 people" in text and text.count("As the file tells") == 2
        assert "Not evaluated" not in text and "Not audited" not in text
    here = json.loads(told(capsys, "info", root / "models" / "tiny" / "alpha_wgan_gp", "--json"))
    there = json.loads(told(capsys, "info", path, "--json"))
    assert (there["metrics"], there["audit"]) == (here["metrics"], here["audit"]) and here["exported"] is None


def test_numbers_are_of_the_moving_average_alone(root, away):
    add_results(root)
    text = readme(exported(root, away, "--all"), away, "--weights", "G_early")
    assert COPIES not in text and "Not evaluated: nothing" in text and "Not audited: it may" in text


def test_what_was_not_measured_where_it_was_exported_is_said_to_be_so(root, away, capsys):
    path = exported(root, away)
    said, text = told(capsys, "info", path), told(capsys, "card", path)
    assert said.count("none when it was exported") == 2 and "run alphagan evaluate" not in said
    assert "Not evaluated when it was exported" in text and "Not audited when it was exported" in text


def test_a_file_that_is_exported_again_tells_the_same(root, away, capsys):
    add_results(root)
    path, again = exported(root, away), away / "again.safetensors"
    told(capsys, "export", path, "-o", again)
    keys = ("metrics", "audit", "scans_licence")
    one, other = (json.loads(told(capsys, "info", file, "--json")) for file in (path, again))
    assert [one[key] for key in keys] == [other[key] for key in keys] and one["audit"]


def test_exports_of_one_run_are_equal_to_the_byte(root, away):
    add_results(root)
    run, found = str(root / "models" / "tiny" / "alpha_wgan_gp"), set()
    for number in range(3):  # the order of keys may depend on the process
        path = away / f"{number}.safetensors"
        subprocess.run([sys.executable, "-m", "alphagan", "export", run, "-o", str(path)], check=True)
        found.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(found) == 1


def test_what_was_read_back_goes_along_and_doubts_too(root, away, capsys, monkeypatch):
    run = root / "models" / "tiny" / "alpha_wgan_gp"
    fitted = ["covariates", run, "--prepared", root / "data/prepared/tiny", "--table", root / "people.tsv", "-n", "16"]
    told(capsys, *fitted, "-o", root / "reports" / "covariates")
    path = root / "reports" / "covariates" / "covariates.json"
    content = json.loads(path.read_text())
    content["age"]["real"]["r"] |= {"low": -0.125}
    path.write_text(json.dumps(content))
    shared = exported(root, away)
    (line,) = [line for line in told(capsys, "info", shared).splitlines() if line.startswith("age, sex")]
    assert "age read back" in line and "not read back" not in line
    assert json.loads(told(capsys, "info", shared, "--json"))["covariates"]["read"]["age"] == content["age"]
    assert "age read back" in told(capsys, "card", shared)
    assert "**Age could not be read from held-out people" in readme(shared, away, "--age", "40")
    path.unlink()
    assert "not read back: the file tells no numbers of this fit" in told(
        capsys, "card", exported(root, away, "--force")
    )


def test_an_older_file_says_that_it_tells_none_and_shows_the_card_in_it(away, capsys):
    said = told(capsys, "info", PUBLISHED)
    assert said.count("the file tells none; `alphagan card` shows the card in it") == 2
    with safe_open(PUBLISHED, "pt") as file:
        card = file.metadata()["card"]
    for text in (told(capsys, "card", PUBLISHED), readme(PUBLISHED, away)):
        assert card in text and "> This card came with the file" in text
        assert "Not evaluated" not in text and "Not audited" not in text
    told(capsys, "export", PUBLISHED, "-o", away / "again.safetensors")
    assert card in told(capsys, "card", away / "again.safetensors")


def test_an_older_file_without_a_card_says_that_it_tells_none(root, away, capsys):
    path = altered(exported(root, away), found=None, card=None)
    assert told(capsys, "info", path).count("the file tells none\n") == 2
    assert "does not tell whether it was evaluated: nothing" in told(capsys, "card", path)
    assert "does not tell whether it was audited: it may" in readme(path, away)


def altered(path, **metadata):
    """The file, with other metadata; None removes a key."""
    with safe_open(path, "pt") as file:
        tensors, known = {key: file.get_tensor(key) for key in file.keys()}, file.metadata()
    save_file(tensors, path, {key: text for key, text in (known | metadata).items() if text is not None})
    return path


def found(**more):
    return json.dumps({"metrics": None, "audit": None, "read": None, "scans_licence": None} | more)


BAD = {
    "cut": '{"metrics"',
    "a list": "[]",
    "text for a number": found(metrics={"mmd_rbf": ESTIMATE | {"real": "0.1"}}),
    "no interval": found(metrics={"mmd_rbf": {"value": 0.1, "real": 0.1}}),
    "findings in a row": found(audit={"verdict": "Fine.", "findings": "all is fine"}),
    "a verdict that is none": found(audit={"verdict": ["Fine."], "findings": []}),
    "a side": found(read={"age": {"real": {"r": ESTIMATE}}}),
    "a measure": found(read={"age": {"real": {"mae": ESTIMATE}, "generated": {"mae": ESTIMATE}}}),
    "deep": "[" * 100_000,
    "long": found(scans_licence="x" * LONGEST),
    "a long text": found(scans_licence="x" * 10_000),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_malformed_is_refused_in_a_line(root, away, capsys, name):
    path = altered(exported(root, away), found=BAD[name])
    capsys.readouterr()
    for command in (["info"], ["card"], ["sample", "-n", "1", "--bids", "-o", str(away / "bids")]):
        assert main([command[0], str(path), *command[1:]]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and f"{path}: what it tells of its quality is damaged (" in error
        assert len(error) < 500
    assert not (away / "bids").exists()
    assert main(["sample", str(path), "-n", "1", "-o", str(away / "plain")]) == 0  # what needs no number


def test_text_of_strangers_is_shown_as_text(root, away, capsys):
    text = "Fine\x1b[2J\n# <script>alert(1)</script> ![x](http://x)"
    told_by_file = found(audit={"verdict": text, "findings": [text]}, scans_licence=text, metrics={"unknown": None})
    path = altered(exported(root, away), found=json.dumps(json.loads(told_by_file) | {"metrics": {}}))
    for said in (told(capsys, "info", path), told(capsys, "card", path), readme(path, away)):
        assert "\x1b" not in said and "\n# <" not in said and "Fine" in said
    for said in (told(capsys, "card", path), readme(path, away)):
        assert "<script>" not in said and "![x](" not in said
    old = altered(path, found=None, card="# Mine\n\x1b[2J<script>alert(1)</script>")
    for said in (told(capsys, "card", old), readme(old, away, "--force")):
        assert "# Mine\n" in said and "\x1b" not in said and "<script>" not in said
    too_long = altered(path, card="x" * (LONGEST + 1))
    assert "the file tells none\n" in told(capsys, "info", too_long)
