"""The smoke profile works in a folder of its own; the full profile never starts hours of work by itself."""

from pathlib import Path

import pytest

from alphagan.errors import InputError
from alphagan.workspace import Workspace

ROOT = Path(__file__).parent.parent


def test_smoke_makes_what_it_needs_away_from_the_repository(monkeypatch):
    monkeypatch.chdir(ROOT / "notebooks")
    before = {path: path.stat().st_mtime_ns for path in ROOT.glob("*")}
    work = Workspace("smoke")
    (cohort,) = work.config.cohorts
    (experiment,) = work.experiments(cohort)
    run = work.run(experiment)
    assert work.prepared(cohort).size == run.settings.size == 16
    assert work.paths.root in run.folder.parents
    assert ROOT not in run.folder.parents
    assert {path: path.stat().st_mtime_ns for path in ROOT.glob("*")} == before
    assert work.run(experiment) == run  # and not trained again


def test_full_reads_the_repository_and_reports_what_is_missing(tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    monkeypatch.chdir(tmp_path / "notebooks")
    work = Workspace("full")
    assert work.paths.root == tmp_path == Path.cwd()
    with pytest.raises(InputError, match=r"alphagan prepare template"):
        work.prepared("template")
    with pytest.raises(InputError, match=r"no config\.json"):
        work.run("template-alpha_wgan_gp")


def test_other_profiles_and_places_are_refused(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="use smoke or full"):
        Workspace("ful")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="start Jupyter inside the repository"):
        Workspace("full")
