"""What is told of a run is what lies beside it: no metric, audit or licence that is not there."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from factories import tiny_settings, write_prepared

import alphagan
from alphagan.__main__ import main
from alphagan.audit.findings import COPIES
from alphagan.settings.config import parse
from alphagan.settings.paths import Paths
from alphagan.training.loop import fit
from alphagan.workbench import results
from alphagan.workbench.provenance import measured
from alphagan.workbench.results import keep_metrics

RESULTS = Path(__file__).parents[2] / "results" / "ixi_32"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    write_prepared(root / "prepared")
    fit(tiny_settings(iterations=1), root / "prepared", root / "models" / "tiny" / "alpha_wgan_gp", root / "scratch")
    return root


@pytest.fixture
def root(trained, tmp_path):
    shutil.copytree(trained / "models", tmp_path / "models")
    return tmp_path


def told(capsys, *arguments):
    assert main([*map(str, arguments)]) == 0
    return capsys.readouterr().out


def add_results(root):
    measured = json.loads((RESULTS / "metrics.json").read_text())["ixi"]
    audited = json.loads((RESULTS / "audit.json").read_text())
    content = {"real": measured["real"], "alpha_wgan_gp": measured["alpha_wgan_gp_detail"]}
    for kind, entry in (("metrics", content), ("audit", {"alpha_wgan_gp": audited["alpha_wgan_gp_detail"]})):
        (root / "reports" / kind).mkdir(parents=True)
        (root / "reports" / kind / "tiny.json").write_text(json.dumps(entry))
        (root / "reports" / "provenance" / kind).mkdir(parents=True)
        weights = hashlib.sha256((root / "models" / "tiny" / "alpha_wgan_gp" / "weights.pt").read_bytes()).hexdigest()
        (root / "reports" / "provenance" / kind / "tiny.json").write_text(json.dumps({"alpha_wgan_gp": weights}))
    return content


def test_a_run_alone_is_told_without_metrics_audit_or_licence(root, capsys):
    run = root / "models" / "tiny" / "alpha_wgan_gp"
    said = told(capsys, "info", run)
    assert len(said.splitlines()) <= 12
    for part in ("alpha_wgan_gp", "16 cubed", "12 training scans of 12 people", "seed 7", "5 × 6 × 5 mm"):
        assert part in said
    found = json.loads(told(capsys, "info", run, "--json"))
    assert found["metrics"] is found["audit"] is found["scans_licence"] is None
    card = told(capsys, "card", run)
    assert "Not evaluated" in card and "Not audited" in card and "not known here" in card
    assert found["weights_sha256"] in card


def prepared_as(root, trained, kind, **more):
    """The cohort that the run was trained on, prepared where the commands look for it."""
    folder = root / "data" / "prepared" / "tiny"
    shutil.copytree(trained / "prepared", folder)
    (folder / "preparation.json").write_text(json.dumps({"kind": kind, **more}))
    return folder


def test_simulated_people_are_told_by_the_scans_and_not_by_the_name_of_the_cohort(root, trained, capsys):
    run = root / "models" / "tiny" / "alpha_wgan_gp"
    template = {"kind": "template", "source": "alphagan/preparation/cohorts/template.py"}
    (root / "params.yaml").write_text(yaml.safe_dump({"cohorts": {"tiny": template}, "experiments": {}}))
    assert json.loads(told(capsys, "info", run, "--json"))["scans_licence"] is None  # not prepared here
    folder = prepared_as(root, trained, "nifti")
    assert json.loads(told(capsys, "info", run, "--json"))["scans_licence"] is None  # of real people
    (folder / "preparation.json").write_text('{"kind": "template"}')
    assert "nobody's scans" in json.loads(told(capsys, "info", run, "--json"))["scans_licence"]
    shutil.rmtree(folder)
    write_prepared(folder, n=24)  # other scans, of the same name
    (folder / "preparation.json").write_text('{"kind": "template"}')
    assert json.loads(told(capsys, "info", run, "--json"))["scans_licence"] is None


def test_metrics_audit_and_licence_are_told_where_they_are(root, trained, capsys):
    run, content = root / "models" / "tiny" / "alpha_wgan_gp", add_results(root)
    prepared_as(root, trained, "openneuro", dataset="ixi")
    found = json.loads(told(capsys, "info", run, "--json"))
    mmd = found["metrics"]["mmd_rbf"]
    assert mmd["value"] == content["alpha_wgan_gp"]["mmd_rbf"]["value"]
    assert mmd["real"] == content["real"]["mmd_rbf"]["value"]
    assert found["audit"]["verdict"] == COPIES  # 12.3 % by features, where 5 % are expected
    assert found["scans_licence"].startswith("CC BY-SA 3.0")
    assert main(["card", str(run), "-o", str(root / "new" / "README.md")]) == 0
    card = (root / "new" / "README.md").read_text()
    assert f"{mmd['value']:.3g}" in card and found["audit"]["verdict"] in card and "CC BY-SA" in card
    audited = json.loads((root / "reports" / "audit" / "tiny.json").read_text())["alpha_wgan_gp"]
    assert f"{audited['membership']['the error of reconstruction']['value']:.3g}" in card


def test_models_may_be_a_link_to_another_disk(root, tmp_path_factory, capsys):
    add_results(root)
    elsewhere = tmp_path_factory.mktemp("disk") / "models"
    shutil.move(root / "models", elsewhere)
    (root / "models").symlink_to(elsewhere)
    found = json.loads(told(capsys, "info", root / "models" / "tiny" / "alpha_wgan_gp", "--json"))
    assert found["metrics"] and found["audit"]


def test_metrics_and_audit_of_earlier_weights_are_not_told(root, capsys):
    run = root / "models" / "tiny" / "alpha_wgan_gp"
    add_results(root)
    assert json.loads(told(capsys, "info", run, "--json"))["audit"]
    shutil.rmtree(run)
    fit(tiny_settings(iterations=2), write_prepared(root / "prepared"), run, root / "scratch")
    found = json.loads(told(capsys, "info", run, "--json"))
    assert found["metrics"] is found["audit"] is None
    assert "metrics   none of these weights; run alphagan evaluate" in told(capsys, "info", run)
    assert "Not evaluated" in told(capsys, "card", run)


def test_numbers_of_a_model_of_another_split_are_not_told(root, monkeypatch):
    run, paths = alphagan.load(root / "models" / "tiny" / "alpha_wgan_gp"), Paths(root)
    write_prepared(paths.prepared("tiny"))
    config = parse(
        {
            "cohorts": {"tiny": {"kind": "nifti", "source": "x"}},
            "experiments": {"tiny": {"cohort": "tiny", "model": "alpha_wgan_gp"}},
        }
    )
    numbers = {"real": {"mmd_rbf": 1}, "alpha_wgan_gp": {"mmd_rbf": 2}}
    monkeypatch.setattr(results, "evaluate", lambda *_: SimpleNamespace(as_dict=lambda: numbers))
    keep_metrics(config, "tiny", paths)
    assert measured(run, paths)[0] == numbers
    table = paths.prepared("tiny") / "subjects.csv"
    table.write_text(table.read_text().replace(",test,", ",val,"))
    keep_metrics(config, "tiny", paths)
    assert measured(run, paths)[0] == {}


def test_a_reader_that_has_enough_is_no_error(root):
    """As `| head` is, which closes the pipe before all is said."""
    command = [sys.executable, "-m", "alphagan", "info", str(root / "models" / "tiny" / "alpha_wgan_gp")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as said:
        said.stdout.close()
        assert said.wait(120) == 0
        assert said.stderr.read() == ""


def test_what_is_no_run_is_told_in_a_line(tmp_path, capsys):
    for command in ("info", "card"):
        assert main([command, str(tmp_path)]) == 2
        assert "no config.json; name the folder of a finished run" in capsys.readouterr().err


def test_departures_from_the_paper_are_told(root, capsys):
    path = root / "models" / "tiny" / "alpha_wgan_gp" / "config.json"
    assert "departures" not in told(capsys, "info", path.parent) and "departs" not in told(capsys, "card", path.parent)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"departures": ["dead_code_gradient"]}))
    assert "departs   as the released code does: dead_code_gradient\n" in told(capsys, "info", path.parent)
    assert json.loads(told(capsys, "info", path.parent, "--json"))["departures"] == ["dead_code_gradient"]
    assert "departs from the paper as their released code does: dead_code_gradient." in told(
        capsys, "card", path.parent
    )
