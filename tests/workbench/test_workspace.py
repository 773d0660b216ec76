"""The smoke profile works in a folder of its own; the full profile never starts hours of work by itself."""

from pathlib import Path

import pytest
from factories import write_prepared

from alphagan.errors import InputError
from alphagan.settings.config import parse
from alphagan.workbench.workspace import SMOKE, Workspace

ROOT = Path(__file__).parents[2]


def test_smoke_makes_what_it_needs_away_from_the_repository(monkeypatch):
    monkeypatch.chdir(ROOT / "notebooks")
    before = {path: path.stat().st_mtime_ns for path in ROOT.glob("*")}
    work = Workspace("smoke")
    cohort = work.paper_cohorts()["normal"]
    experiment = next(iter(work.experiments(cohort)))
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
    with pytest.raises(InputError, match=r"alphagan prepare normal"):
        work.prepared("normal")
    with pytest.raises(InputError, match=r"no config\.json"):
        work.run("normal-alpha_wgan_gp")


def test_full_says_of_cubes_of_an_earlier_version_that_it_is_not_known_how_they_were_made(tmp_path, monkeypatch):
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    write_prepared(tmp_path / "data/prepared/normal")
    with pytest.warns(UserWarning, match="prepared by an earlier version"):
        assert len(Workspace("full").prepared("normal").subjects) == 20


def test_brains_are_the_held_out_people_and_every_model():
    work = Workspace("smoke")
    brains, affine = work.brains("stroke")
    assert list(brains) == ["real", "alpha_wgan_gp"]
    n_people = len({work.prepared("stroke").subjects[row]["subject"] for row in work.prepared("stroke").rows("test")})
    assert len(brains["real"]) == n_people * work.config.evaluate.real_copies
    assert brains["alpha_wgan_gp"].shape == (work.config.evaluate.n_generated, 16, 16, 16)
    assert affine.shape == (4, 4)


def test_the_first_cohort_is_the_normal_one_where_none_is_named():
    work = Workspace("smoke")
    assert work.paper_cohorts() == {name: name for name in ("normal", "tumour_flair", "tumour_t2", "stroke")}
    work.config = parse({"cohorts": {"mine": SMOKE["cohorts"]["normal"]}, "experiments": {}}, "here")
    assert work.paper_cohorts() == {"normal": "mine"}


def test_other_profiles_and_places_are_refused(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="use smoke or full"):
        Workspace("ful")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="start Jupyter inside the repository"):
        Workspace("full")
