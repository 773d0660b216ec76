"""The experiment: every fold, seed and number of people with every arm; each part is kept as it is done.

A part is what one generator, or none, gives of one cell: predicted ages of the test people, for each of its arms. It is
written whole or not at all, so that nothing is computed twice, and a training that was stopped goes on.
"""

import json
import shutil
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from alphagan.errors import InputError
from alphagan.files import write_atomically
from alphagan.seeding import seeded
from alphagan.utility.design import ALONE, CLASSICAL, REAL, Design
from alphagan.utility.generators import gaussian, generated, memoriser
from alphagan.utility.people import Cell
from alphagan.utility.reader import Pool, Reader, augmented_pool, choose_rate, looks, pool

Say = Callable[[str], None]
Errors = dict[int, dict[str, np.ndarray]]  # by number of training people and arm: (seeds, test people), in years


def run(design: Design, say: Say = lambda line: None, progress: bool | None = None) -> Errors:
    """Do what is not done yet of an experiment.

    Parameters
    ----------
    design : Design
    say : callable, (line)
        Told of every part that is done.
    progress : bool, optional
        Of each training, as `alphagan.training.fit` has it.

    Returns
    -------
    errors : dict of int to dict of str to ndarray, (seeds, test people)
        Absolute error in years of every test person, by number of training people and arm.

    Raises
    ------
    InputError
        As `design` does, and if a part is damaged.
    """
    torch.set_num_threads(1)  # sums of floats depend on their number
    todo, bench = list(design.parts()), None
    left = sum(not path.exists() for *_, path in todo)
    done = len(todo) - left
    if done and left:
        say(f"{design.cohort}: {done} of {len(todo)} parts are done; goes on")
    for cell, source, path in todo:
        if path.exists():
            continue
        if bench is None or bench.cell is not cell:
            bench = Bench(design, cell)
        predicted = bench.predictions(source, progress)
        text = json.dumps({arm: ages.tolist() for arm, ages in predicted.items()})
        write_atomically(lambda file, text=text: file.write(text.encode()), path.parent, path.name)
        shutil.rmtree(bench.work(source), ignore_errors=True)
        done += 1
        say(f"{design.cohort}: part {done} of {len(todo)}: {cell.name}, {source}")
    return _errors(design, ((cell, _read(path, len(cell.test))) for cell, _, path in todo))


class Bench:
    """All that readers of one cell learn from: nothing of it has seen a test person."""

    def __init__(self, design: Design, cell: Cell):
        self.design, self.cell = design, cell
        place = np.sort(cell.train)
        self.scans, self.ages = design.people.scans(place), design.people.ages[place]

    def predictions(self, source: str, progress: bool | None = None) -> dict[str, np.ndarray]:
        """Ages that each arm of a source predicts of the cell's test people, (people,)."""
        asked = looks(self.design.people.scans(self.cell.test))
        return {arm: reader(asked)[0] for arm, reader in self.readers(source, progress).items()}

    def readers(self, source: str, progress: bool | None = None) -> dict[str, Reader]:
        """Readers of the arms of a source."""
        if source == REAL:
            return {
                REAL: self._reader(REAL, [self.real], self._rate(self.real, REAL)),
                CLASSICAL: self._reader(CLASSICAL, [self.classical], self.rate),
            }
        volumes, ages = self._generated(source, progress)
        more = self._augmented(volumes, ages, 1, source)
        readers = {source: self._reader(source, [self.classical, more], self.rate)}
        if source in self.design.models:
            readers[f"{source}{ALONE}"] = self._reader(f"{source}{ALONE}", [more], self.rate)
        return readers

    def work(self, source: str) -> Path:
        """Folder of a training that is under way."""
        return self.design.folder / "work" / self.cell.name / source

    @cached_property
    def real(self) -> Pool:
        """Training people's scans as they are."""
        return pool(self.scans, self.ages)

    @cached_property
    def classical(self) -> Pool:
        """Augmented copies of them."""
        return self._augmented(self.scans, self.ages, self.design.utility.copies, CLASSICAL)

    @cached_property
    def rate(self) -> float:
        """Learning rate that is best for `classical`, and that all arms with generated people take over."""
        return self._rate(self.classical, CLASSICAL)

    def _generated(self, source: str, progress: bool | None) -> tuple[torch.Tensor, np.ndarray]:
        n, generator = self.design.utility.n_generated, seeded("cpu", *self.cell.key(source))
        if source in self.design.models:
            settings = self.design.models[source]
            return generated(self.design.people, self.cell, settings, n, self.work(source), progress)
        draw = {"memoriser": memoriser, "gaussian_noise": gaussian}[source]
        return draw(self.scans, self.ages, n, generator)

    def _augmented(self, scans: torch.Tensor, ages: np.ndarray, copies: int, what: str) -> Pool:
        generator = seeded("cpu", *self.cell.key("augment", what))
        return augmented_pool(scans, ages, copies, self.design.augment, self.design.utility.shift, generator)

    def _rate(self, learned: Pool, what: str) -> float:
        design, generator = self.design.utility, seeded("cpu", *self.cell.key("rate", what))
        rates = design.learning_rates
        return choose_rate(learned, self.real, rates, design.updates, design.batch_size, generator)

    def _reader(self, arm: str, pools: list[Pool], rate: float) -> Reader:
        design, generator = self.design.utility, seeded("cpu", *self.cell.key("reader", arm))
        return Reader(pools, design.share, [rate], design.updates, design.batch_size, generator)


def guesses(design: Design) -> dict[int, np.ndarray]:
    """Error in years, (seeds, test people), of saying the mean age of those learned from; by their number."""
    ages, of_real = design.people.ages, (cell for cell, source, _ in design.parts() if source == REAL)
    found = _errors(design, ((cell, {REAL: np.full(len(cell.test), ages[cell.train].mean())}) for cell in of_real))
    return {n: arms[REAL] for n, arms in found.items()}


def _errors(design: Design, predictions: Iterable[tuple[Cell, dict[str, np.ndarray]]]) -> Errors:
    """Absolute errors of what arms predict of each cell's test people, put together."""
    ages, found = design.people.ages, {}
    tested = np.zeros(len(ages), bool)
    for cell, arms in predictions:
        tested[cell.test] = True
        for arm, predicted in arms.items():
            empty = np.full((design.utility.seeds, len(ages)), np.nan)
            found.setdefault(cell.n, {}).setdefault(arm, empty)[cell.seed, cell.test] = np.abs(
                predicted - ages[cell.test]
            )
    return {n: {arm: errors[:, tested] for arm, errors in arms.items()} for n, arms in found.items()}


def _read(path: Path, n: int) -> dict[str, np.ndarray]:
    try:
        told = {arm: np.array(ages, float) for arm, ages in json.loads(path.read_text()).items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: damaged ({error}); remove it, and start the same command again") from None
    if any(predicted.shape != (n,) or not np.isfinite(predicted).all() for predicted in told.values()):
        raise InputError(f"{path}: not the ages of {n} people; remove it, and start the same command again")
    return told
