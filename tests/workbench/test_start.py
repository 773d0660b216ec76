"""A folder of scans becomes brains and an audit, in a folder of its own, and a later call repeats nothing."""

import nibabel
import numpy as np
import pytest
from scans import head, write

from alphagan.audit.findings import findings
from alphagan.errors import InputError
from alphagan.viewer.inline import Inline
from alphagan.workbench import start as starting
from alphagan.workbench.look import look
from alphagan.workbench.start import Start
from alphagan.workbench.workspace import repository


@pytest.fixture
def scans(tmp_path, monkeypatch):
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")  # to start workers takes seconds
    for number in range(12):
        write(tmp_path / "scans" / f"sub-{number:02d}_T1w.nii.gz", head(number))
    (tmp_path / "scans" / "sub-99_T1w.nii.gz").write_text("not a scan")
    return tmp_path / "scans"


def test_a_folder_becomes_brains_and_an_audit_and_nothing_else_changes(scans, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in repository().glob("*")}
    start = Start(str(scans), str(tmp_path / "results"), 2)
    found = start.check()
    assert (found.n_scans, found.n_people, found.source) == (13, 13, "scans")
    assert str(tmp_path) not in str(found)
    volumes = start.prepare()
    assert volumes.array.shape == (12, 32, 32, 32)  # the one that is no scan is left out
    run = start.train()
    assert (run.settings.model.head, run.settings.train.iterations) == ("haar", 2)
    audit = start.audit(run)
    assert (audit.n_generated, audit.n_train + audit.n_held_out) == (starting.N_AUDITED, 12) and findings(audit)
    assert {path: path.stat().st_mtime_ns for path in repository().glob("*")} == before
    assert tmp_path / "results" in run.folder.parents


@pytest.mark.slow
def test_the_same_call_trains_nothing_again_and_another_number_of_iterations_does(scans, tmp_path, capsys):
    hashes = []
    for iterations in (1, 1, 2):
        start = Start(str(scans), str(tmp_path / "results"), iterations)
        start.prepare()
        hashes.append(start.train().networks.sha256)
        assert ("starting anew" in capsys.readouterr().err) == (iterations == 2)
    assert hashes[0] == hashes[1] != hashes[2]


def test_what_else_a_cohort_can_be_told_is_handed_on(scans, tmp_path):
    start = Start(str(scans), str(tmp_path / "results"), pattern="sub-{subject}_T1w.nii.gz", modality="T2w")
    assert start.settings.modality == "T2w" and start.check().modality == "T2w"
    with pytest.raises(InputError, match="notebook 0: cohorts.mine.patern: unknown key; did you mean pattern?"):
        Start(str(scans), str(tmp_path / "results"), patern="x")


@pytest.mark.slow
def test_without_a_folder_simulated_people_are_written_to_a_temporary_one(monkeypatch):
    monkeypatch.setattr(starting, "N_SIMULATED", 2)
    start = Start()
    assert start.check().n_people == 2 and repository() not in start.paths.root.parents
    paths = sorted((start.paths.root / "scans").iterdir())
    image = nibabel.load(paths[0])
    assert "".join(nibabel.aff2axcodes(image.affine)) == "RAS" and np.asarray(image.dataobj).any()


@pytest.mark.parametrize("results", [".", str(repository())])
def test_the_repository_itself_is_no_place_for_results(results):
    with pytest.raises(InputError, match="results: is the repository"):
        Start("scans", results)


def test_paths_count_from_the_repository(monkeypatch):
    monkeypatch.chdir(repository() / "notebooks")
    start = Start("data/raw/nobody", "scratch/start-test")
    assert start.paths.root == repository() / "scratch" / "start-test" and not start.paths.root.exists()
    assert start.config.cohort("mine").source == str(repository() / "data" / "raw" / "nobody")
    with pytest.raises(InputError, match="data/raw/nobody"):
        start.check()


def test_brains_can_be_clicked_through_where_a_notebook_is_open_and_are_a_line_elsewhere(monkeypatch, capsys):
    rows = {"real": np.zeros((1, 8, 8, 8), np.uint8), "generated": np.zeros((1, 8, 8, 8), np.uint8)}
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    assert look(rows, np.eye(4)) is None
    assert capsys.readouterr().out.startswith("real beside generated: ")
    monkeypatch.setenv("JPY_SESSION_NAME", "notebooks/00_start.ipynb")
    assert isinstance(look(rows, np.eye(4)), Inline)
    assert capsys.readouterr().out == ""
    monkeypatch.delenv("JPY_SESSION_NAME")
    with pytest.raises(InputError, match="rows: 3 sets"):
        look(rows | {"third": rows["real"]}, np.eye(4))
