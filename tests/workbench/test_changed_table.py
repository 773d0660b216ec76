"""A table of ages that is corrected after it was fitted is told wherever the fit is used or shown."""

import json
import shutil

import pytest
import yaml
from factories import tiny_settings
from safetensors import safe_open
from trainings import COMMAND_LINE, params

from alphagan.__main__ import main
from alphagan.training.loop import fit

RUN = "models/tiny/alpha_wgan_gp"
SAYS = "now than those that"


def table(path, ages=lambda age: age, sexes="FM"):
    lines = [f"sub-{k:03d}\t{ages(20.5 + 3 * k)}\t{sexes[k % 2]}\n" for k in range(20)]
    path.write_text("participant_id\tage\tsex\n" + "".join(lines))


def name_table(root, path):
    cohort = COMMAND_LINE["cohorts"]["tiny"] | {"covariates": str(path)}
    (root / "params.yaml").write_text(yaml.safe_dump(COMMAND_LINE | {"cohorts": {"tiny": cohort}}))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    settings = tiny_settings(iterations=1).model_copy(update={"modality": "T1w"})
    fit(settings, params(root), root / RUN, root / "scratch")
    table(root / "people.tsv")
    name_table(root, "people.tsv")
    return root


@pytest.fixture
def root(trained, tmp_path, monkeypatch):
    root = shutil.copytree(trained, tmp_path / "project")
    monkeypatch.chdir(root)
    return root


def fitted(*more):
    assert main(["covariates", RUN, "-n", "16", "-o", "reports/covariates", *more]) == 0


def told(capsys, *arguments):
    capsys.readouterr()
    assert main([*map(str, arguments)]) == 0
    return capsys.readouterr().out


def notes(capsys, tmp_path, *asked, run=RUN):
    capsys.readouterr()
    assert main(["sample", str(run), "-n", "1", "--force", "-o", str(tmp_path / "out"), *asked]) == 0
    return [line for line in capsys.readouterr().err.splitlines() if SAYS in line]


def test_corrected_ages_are_told_until_they_are_fitted_again(root, tmp_path, capsys):
    fitted()
    assert notes(capsys, tmp_path, "--age", "40") == [] and SAYS not in told(capsys, "info", RUN)
    assert SAYS not in told(capsys, "card", RUN)
    before = (root / RUN / "weights.pt").stat().st_mtime_ns
    table(root / "people.tsv", lambda age: 90 - age)
    again = "run alphagan covariates again"
    line = f"note: ages in people.tsv are others {SAYS} the fit of {RUN} used: {again}"
    assert notes(capsys, tmp_path, "--age", "40") == notes(capsys, tmp_path, "--sex", "F") == [line]
    assert notes(capsys, tmp_path) == []  # what asks nothing of the fit
    (shown,) = [line for line in told(capsys, "info", RUN).splitlines() if line.startswith("age, sex")]
    assert f"least squares; ages in people.tsv are others {SAYS} this fit used: {again}; age read back" in shown
    for text in (told(capsys, "card", RUN), readme(root, tmp_path)):
        assert f"- ages in people.tsv are others {SAYS} this fit used: {again}\n" in text
    changed = json.loads(told(capsys, "info", RUN, "--json"))["covariates"]["changed"]
    assert changed == {"names": ["age"], "table": "people.tsv"}
    fitted()
    assert notes(capsys, tmp_path, "--age", "40") == [] and SAYS not in told(capsys, "info", RUN)
    assert (root / RUN / "weights.pt").stat().st_mtime_ns == before


def readme(root, tmp_path):
    assert main(["sample", RUN, "-n", "1", "--bids", "--age", "40", "-o", str(tmp_path / "bids")]) == 0
    return (tmp_path / "bids" / "README.md").read_text()


def test_it_is_told_from_another_folder_too(root, tmp_path, capsys, monkeypatch):
    fitted()
    table(root / "people.tsv", sexes="MF")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    (line,) = notes(capsys, tmp_path, "--age", "40", run=root / RUN)
    assert line.startswith(f"note: sexes in {root / 'people.tsv'} are others")
    text = told(capsys, "card", root / RUN)
    assert "- sexes in people.tsv are others" in text and str(root) not in text  # which is passed on


def test_values_that_were_not_fitted_or_are_written_otherwise_are_no_change(root, tmp_path, capsys):
    fitted()
    text = (root / "people.tsv").read_text()
    held_out = text.replace("sub-003\t29.5", "sub-003\t30.5").replace("sub-004\t32.5", "sub-004\t33.5")
    (root / "people.tsv").write_text(held_out.replace("20.5\tF", "20.50\tfemale"))
    assert "30.5" in held_out and "33.5" in held_out
    assert notes(capsys, tmp_path, "--age", "40") == []
    (root / "people.tsv").write_text(text.replace("sub-000\t20.5", "sub-000\tn/a"))
    assert notes(capsys, tmp_path, "--age", "40")


def test_another_table_in_params_is_compared(root, tmp_path, capsys):
    fitted()
    name_table(root, "new.tsv")
    assert notes(capsys, tmp_path, "--age", "40") == []  # it is not there
    table(root / "new.tsv", lambda age: age + 1)
    (line,) = notes(capsys, tmp_path, "--age", "40")
    assert "ages in new.tsv are others" in line


@pytest.mark.parametrize("way", ["table", "params"])
def test_a_table_that_was_named_on_the_command_line_is_compared_with_itself(root, tmp_path, capsys, way):
    table(root / "mine.tsv", lambda age: age + 1)
    if way == "table":
        fitted("--table", "mine.tsv")
    else:
        kept = (root / "params.yaml").read_text()
        name_table(root, "mine.tsv")
        (root / "params.yaml").rename(root / "mine.yaml")
        (root / "params.yaml").write_text(kept)
        fitted("--params", "mine.yaml")
    assert notes(capsys, tmp_path, "--age", "40") == []  # people.tsv has other ages, and was not used
    table(root / "mine.tsv")
    (line,) = notes(capsys, tmp_path, "--age", "40")
    assert "ages in mine.tsv are others" in line


def spoil_values(root):
    path = root / RUN / "covariates.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"values": {"table": 3, "sha256": ["age"]}}))


def older(root):
    path = root / RUN / "covariates.json"
    path.write_text(json.dumps({key: value for key, value in json.loads(path.read_text()).items() if key != "values"}))


def other_scans(root):
    path = root / "data/prepared/tiny/subjects.csv"
    path.write_text(path.read_text().replace(",test,", ",val,"))


@pytest.mark.parametrize(
    "change",
    [
        older,
        spoil_values,
        other_scans,
        lambda root: (root / "people.tsv").unlink(),
        lambda root: (root / "people.tsv").write_text("nobody\n"),
        lambda root: (root / "params.yaml").unlink(),
        lambda root: shutil.rmtree(root / "data"),
    ],
)
def test_where_it_is_not_known_nothing_is_said(root, tmp_path, capsys, change):
    fitted()
    table(root / "people.tsv", lambda age: 90 - age)
    assert notes(capsys, tmp_path, "--age", "40")
    change(root)
    assert notes(capsys, tmp_path, "--age", "40") == [] and SAYS not in told(capsys, "info", RUN)
    assert "fitted to 12 people" in told(capsys, "card", RUN)


def test_a_file_tells_neither_table_nor_checksum_and_is_told_of_here_alone(root, tmp_path, capsys, monkeypatch):
    fitted()
    path = tmp_path / "g.safetensors"
    assert main(["export", RUN, "-o", str(path)]) == 0
    with safe_open(path, "pt") as file:
        assert "values" not in json.loads(file.metadata()["covariates"])
    assert "values" in json.loads((root / RUN / "covariates.json").read_text())
    table(root / "people.tsv", lambda age: 90 - age)
    assert len(notes(capsys, tmp_path, "--age", "40", run=path)) == 1
    capsys.readouterr()
    assert main(["export", RUN, "-o", str(tmp_path / "stale.safetensors")]) == 0
    assert f"note: ages in people.tsv are others {SAYS}" in capsys.readouterr().err
    monkeypatch.chdir(tmp_path)
    assert notes(capsys, tmp_path, "--age", "40", run=path) == [] and SAYS not in told(capsys, "info", path)


def test_a_fit_to_other_scans_than_the_runs_keeps_no_checksum(root, tmp_path, capsys):
    other = shutil.copytree(root / "data/prepared/tiny", tmp_path / "other")
    (other / "subjects.csv").write_text((other / "subjects.csv").read_text().replace(",test,", ",train,"))
    fitted("--prepared", str(other))
    assert "values" not in json.loads((root / RUN / "covariates.json").read_text())
    assert notes(capsys, tmp_path, "--age", "40") == []
