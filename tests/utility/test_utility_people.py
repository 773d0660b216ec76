"""Nobody is learned from and tested on; simulated people are as old as is said."""

import numpy as np
import pytest
from ageing import write_ages

from alphagan.errors import InputError, TooFewError
from alphagan.preparation.cohorts import simulation, template
from alphagan.settings.cohorts import NiftiCohort, TemplateCohort
from alphagan.settings.utility import Utility
from alphagan.utility import people as module
from alphagan.utility.design import design as designed
from alphagan.utility.people import People, cells, people_of, simulated_age
from alphagan.volumes.prepared import Volumes, write_people

COHORT = NiftiCohort(kind="nifti", source="x", covariates="data/prepared/tiny/people.csv")


@pytest.fixture
def people(paths):
    return people_of(Volumes(paths.prepared("tiny")), COHORT)


def test_folds_share_the_people_out_and_fewer_are_among_more(people):
    design = Utility(folds=3, seeds=2, people=[12, 24], curve=[])
    found = list(cells(people, design))
    assert len(found) == 3 * 2 * 2 and len({cell.name for cell in found}) == len(found)
    for cell in found:
        assert not set(cell.train) & set(cell.test) and len(set(cell.train)) == cell.n
    tests = {cell.fold: tuple(cell.test) for cell in found}
    assert sorted(sum(tests.values(), ())) == list(range(54))
    by_key = {(cell.fold, cell.seed, cell.n): set(cell.train) for cell in found}
    assert all(by_key[fold, seed, 12] < by_key[fold, seed, 24] for fold in range(3) for seed in range(2))
    assert by_key[0, 0, 12] != by_key[0, 1, 12]


def test_without_folds_the_cohorts_own_test_people_are_tested(people):
    (cell, *_) = cells(people, Utility(folds=None, seeds=1, people=[12, 24], curve=[]))
    splits = [people.volumes.subjects[row]["split"] for row in people.rows]
    assert {splits[place] for place in cell.test} == {"test"} and len(cell.test) == 10
    assert {splits[place] for place in cell.train} == {"train"}


def test_too_many_people_are_refused(people):
    with pytest.raises(TooFewError, match="36 people with an age to learn from, utility asks for 37"):
        list(cells(people, Utility(folds=3, people=[12, 37], curve=[])))


def test_a_cohort_of_training_people_has_nobody_else(people, tmp_path):
    chosen = np.array([40, 3, 17])
    volumes = write_people(people.volumes, people.rows[np.sort(chosen)], tmp_path / "own")
    assert volumes.rows("train") == [0, 1, 2] == volumes.rows()
    assert volumes.people([0, 1, 2]) == ["sub-003", "sub-017", "sub-040"]
    np.testing.assert_array_equal(volumes.array, people.volumes.array[[3, 17, 40]])


def test_a_person_with_two_scans_counts_once_and_one_without_age_not_at_all(paths, ages):
    table = paths.prepared("tiny") / "subjects.csv"
    table.write_text(table.read_text().replace("sub-006", "sub-005"))
    ages[4] = np.nan
    write_ages(paths.prepared("tiny"), ages)
    people = people_of(Volumes(paths.prepared("tiny")), COHORT)
    assert len(people.rows) == 52 and 4 not in people.rows and 5 in people.rows and 6 not in people.rows


def test_ages_have_to_be_known(tmp_path):
    from factories import write_prepared

    volumes = Volumes(write_prepared(tmp_path / "prepared"))
    with pytest.raises(InputError, match="nobody has an age; name a table"):
        people_of(volumes, COHORT.model_copy(update={"covariates": None}))
    (tmp_path / "sexes.csv").write_text("subject,sex\n000,F\n")
    with pytest.raises(InputError, match="sexes.csv: nobody has an age; add a column age"):
        people_of(volumes, COHORT.model_copy(update={"covariates": str(tmp_path / "sexes.csv")}))


def test_people_of_one_age_are_refused_before_anything_is_trained(paths, ages, params):
    write_ages(paths.prepared("tiny"), np.full_like(ages, 40))
    with pytest.raises(InputError, match="everybody is 40 years old"):
        designed(params(), "tiny", paths)


def test_simulated_ages_go_with_the_ventricles_as_strongly_as_is_said(monkeypatch):
    drawn = np.random.default_rng(0).normal(simulation.VENTRICLE_MM["mean"], simulation.VENTRICLE_MM["sd"], 1500)
    waiting = iter(drawn)

    class Anatomy:
        def __init__(self, _):
            self.ventricle_mm = next(waiting)

    monkeypatch.setattr(module, "draw_anatomy", Anatomy)
    ages = np.array([simulated_age(1, index) for index in range(1500)])
    assert np.corrcoef(ages, drawn)[0, 1] == pytest.approx(0.9, abs=0.02)
    assert (ages.mean(), ages.std()) == (pytest.approx(50, abs=1.2), pytest.approx(15, abs=0.8))
    own = ages - 50 - 13.5 * (drawn - simulation.VENTRICLE_MM["mean"]) / simulation.VENTRICLE_MM["sd"]
    assert np.abs(own).mean() == pytest.approx(5.2, abs=0.3)


def test_the_anatomy_that_tells_the_age_is_the_one_that_is_scanned(monkeypatch):
    states = []
    draw = simulation.draw_anatomy

    def noted(rng):
        states.append(repr(rng.bit_generator.state))
        return draw(rng)

    monkeypatch.setattr(module, "draw_anatomy", noted)
    monkeypatch.setattr(template, "draw_anatomy", noted)
    simulated_age(5, 3)
    (scan,) = [scan for scan in template.find(_simulated()) if scan.index == 3]
    scan.load()
    assert len(states) == 2 and states[0] == states[1]


def test_simulated_people_are_known_by_their_number(paths, monkeypatch):
    monkeypatch.setattr(module, "simulated_age", lambda seed, index: 100 * seed + index)
    volumes = Volumes(paths.prepared("tiny"))
    assert people_of(volumes, _simulated()).ages[:3].tolist() == [500, 501, 502]
    assert isinstance(people_of(volumes, _simulated()), People)


def _simulated():
    return TemplateCohort(kind="template", source="x", n_subjects=4, seed=5, voxel_size_mm=6.0)
