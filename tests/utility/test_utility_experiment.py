"""Nothing of a reader depends on test people; what is done is kept, and done once; what is wrong is said in a line."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from ageing import balls, write_ages

import alphagan
from alphagan.errors import InputError
from alphagan.training.resume import code
from alphagan.utility import experiment
from alphagan.utility.design import design
from alphagan.utility.experiment import Bench, run
from alphagan.utility.generators import gaussian
from alphagan.utility.people import cells


@pytest.fixture
def quick(monkeypatch):
    """Models that need no training: a Gaussian's people, of the training people who stand in the folder alone."""
    asked = []

    def generated(people, cell, settings, n, folder, progress=None):
        asked.append(cell.name)
        generator = torch.Generator().manual_seed(cell.n)
        return gaussian(people.scans(np.sort(cell.train)), people.ages[np.sort(cell.train)], n, generator)

    monkeypatch.setattr(experiment, "generated", generated)
    return asked


def learned(chosen, cell):
    """Weights of every reader of a cell."""
    bench = Bench(chosen, cell)
    return {arm: reader.w for source in chosen.sources for arm, reader in bench.readers(source).items()}


def poison(paths, cell, ages):
    """Replace scans and ages of the test people of a cell."""
    folder = paths.prepared("tiny")
    volumes = np.load(folder / "volumes.npy")
    volumes[cell.test] = balls(np.full(len(cell.test), 150.0), seed=9)
    np.save(folder / "volumes.npy", volumes)
    ages = ages.copy()
    ages[cell.test] = 1
    write_ages(folder, ages)


@pytest.mark.parametrize("trained", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_poisoned_test_people_change_no_reader(paths, params, ages, trained, request):
    if not trained:
        request.getfixturevalue("quick")
    before = design(params(), "tiny", paths)
    cell = list(cells(before.people, before.utility))[1]
    clean = learned(before, cell)
    assert set(clean) == set(before.arms)
    poison(paths, cell, ages)
    after = design(params(), "tiny", paths)
    assert after.folder != before.folder
    assert all(torch.equal(w, clean[arm]) for arm, w in learned(after, cell).items())
    poison(paths, type(cell)(0, 0, cell.test, cell.train[:1]), ages)  # one training person is enough to change them all
    spoilt = learned(design(params(), "tiny", paths), cell)
    assert not any(torch.equal(w, clean[arm]) for arm, w in spoilt.items())


def test_errors_are_those_of_every_test_person_seed_and_arm(paths, params, ages, quick):
    chosen = design(params(), "tiny", paths)
    errors = run(chosen)
    assert set(errors) == {10, 12, 24} and set(errors[10]) == {"real", "classical"}
    assert tuple(errors[24]) == chosen.arms
    assert all(of.shape == (2, 54) and np.isfinite(of).all() for arms in errors.values() for of in arms.values())
    assert errors[24]["real"].mean() < np.abs(ages - ages.mean()).mean() / 2
    assert not np.array_equal(*errors[24]["real"])


def test_a_killed_experiment_goes_on_where_it_was(paths, params, quick, monkeypatch):
    chosen, said = design(params(seeds=1), "tiny", paths), []
    write, n = experiment.write_atomically, 7

    def killed(*args):
        if len(list(chosen.folder.rglob("*.json"))) == n:
            raise KeyboardInterrupt
        return write(*args)

    monkeypatch.setattr(experiment, "write_atomically", killed)
    with pytest.raises(KeyboardInterrupt):
        run(chosen)
    monkeypatch.setattr(experiment, "write_atomically", write)
    trained = len(quick)
    again = run(chosen, said.append)
    total = len(list(chosen.parts()))
    assert said[0] == f"tiny: {n} of {total} parts are done; goes on" and len(said) == total - n + 1
    kept = {str(path.relative_to(chosen.folder)): path.read_bytes() for path in chosen.folder.rglob("*.json")}
    for path in chosen.folder.rglob("*.json"):
        path.unlink()
    np.testing.assert_equal(run(chosen), again)
    assert kept == {str(path.relative_to(chosen.folder)): path.read_bytes() for path in chosen.folder.rglob("*.json")}
    done = len(quick)
    assert done > trained
    run(chosen)
    assert len(quick) == done  # nothing is trained twice


def test_more_seeds_and_another_model_leave_what_is_done(paths, params, quick):
    run(design(params(seeds=1), "tiny", paths))
    before = len(quick)
    run(design(params(seeds=2), "tiny", paths))
    assert len(quick) == 2 * before


@pytest.mark.slow
@pytest.mark.parametrize("changed", ["volumes/augmentation.py", "generation/conditional_fit.py", "utility/reader.py"])
def test_code_that_decides_a_part_starts_anew(paths, params, monkeypatch, changed):
    before = design(params(), "tiny", paths).folder
    read = Path.read_bytes
    there = Path(alphagan.__file__).parent / changed
    monkeypatch.setattr(Path, "read_bytes", lambda path: read(path) + b"\nMORE = 1\n" * (path == there))
    code.cache_clear()
    after = design(params(), "tiny", paths).folder
    monkeypatch.undo()
    code.cache_clear()
    assert after != before


def test_a_model_is_trained_on_the_people_of_its_cell_alone(paths, params, monkeypatch):
    seen, fit = [], experiment.generated.__globals__["fit"]

    def noted(settings, prepared, *args, **options):
        seen.append((settings.train.seed, np.load(prepared / "volumes.npy")))
        return fit(settings, prepared, *args, **options)

    monkeypatch.setitem(experiment.generated.__globals__, "fit", noted)
    chosen = design(params(seeds=1, folds=None, people=[12], curve=[16]), "tiny", paths)
    errors = run(chosen)
    (cell, _) = cells(chosen.people, chosen.utility)
    ((seed, volumes),) = seen
    assert seed != chosen.models["alpha_wgan_gp"].train.seed
    np.testing.assert_array_equal(volumes, chosen.people.volumes.array[chosen.people.rows[np.sort(cell.train)]])
    assert np.isfinite(errors[12]["alpha_wgan_gp_alone"]).all()
    assert not list(chosen.folder.glob("work/*/*"))  # checkpoints are not kept


def test_a_damaged_part_is_named(paths, params, quick):
    chosen = design(params(seeds=1), "tiny", paths)
    run(chosen)
    *_, path = next(chosen.parts())
    for content in ("{", "[1]", '{"real": [1, 2]}', '{"real": null}'):
        path.write_text(content)
        with pytest.raises(InputError, match=f"{path}: .*remove it, and start the same command again"):
            run(chosen)


def test_what_cannot_be_asked_is_said(paths, params):
    for changed, why in (
        ({"experiments": ["without"]}, "without has no encoder"),
        ({"experiments": ["nobody"]}, "experiment 'nobody' is not under experiments"),
        ({"people": [12, 40]}, "27 people with an age to learn from, utility asks for 40"),
    ):
        with pytest.raises(InputError, match=why):
            list(design(params(**changed), "tiny", paths).parts())
    with pytest.raises(InputError, match="no section utility"):
        design(params().model_copy(update={"utility": None}), "tiny", paths)
    for changed, why in (({"people": [12], "curve": []}, "two numbers of people"), ({"people": [12, 12]}, "twice")):
        with pytest.raises(InputError, match=why):
            params(**changed)
    assert json.dumps(params().utility.model_dump(mode="json"))
