"""Who is learned from, who is tested on, and how old they are; of simulated people the effect of age is known."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from alphagan.errors import InputError, TooFewError
from alphagan.evaluation.covariates import of_cohort
from alphagan.preparation.cohorts.simulation import VENTRICLE_MM, draw_anatomy
from alphagan.seeding import seed_for, seeded
from alphagan.settings.cohorts import AnyCohort, TemplateCohort
from alphagan.settings.utility import Utility
from alphagan.volumes.prepared import Volumes

# Of simulated people, in years; and how strongly age goes with the size of the ventricles over people.
MEAN_AGE, SD_AGE, CORRELATION = 50.0, 15.0, 0.9


@dataclass(frozen=True)
class People:
    """Those of a prepared cohort who have an age, one scan of each.

    Parameters
    ----------
    volumes : Volumes
    rows : ndarray of int, (n,)
        Of the cohort; one for each person.
    ages : ndarray, (n,)
        In years.
    """

    volumes: Volumes
    rows: np.ndarray
    ages: np.ndarray

    def scans(self, chosen: np.ndarray) -> torch.Tensor:
        """Scans of some people, by their places among all: (m, S, S, S), float32 in [-1, 1]."""
        return self.volumes.tensor(self.rows[chosen])[:, 0]


def people_of(volumes: Volumes, cohort: AnyCohort) -> People:
    """The people of a prepared cohort who have an age, each with the first of their scans.

    Raises
    ------
    InputError
        If nobody has an age, or the table is damaged.
    """
    rows = volumes.rows()
    names = volumes.people(rows)
    if isinstance(cohort, TemplateCohort):
        ages = np.array([simulated_age(cohort.seed, int(name.removeprefix("sub-"))) for name in names])
    else:
        if not cohort.covariates:
            raise InputError(f"{volumes.folder}: nobody has an age; name a table of them as the cohort's covariates")
        values, _ = of_cohort(volumes, cohort.covariates)
        if "age" not in values:
            raise InputError(f"{cohort.covariates}: nobody has an age; add a column age")
        ages = values["age"]
    known = [row for row in rows if np.isfinite(ages[row])]
    first = dict(reversed([(names[row], row) for row in known]))
    kept = np.array(sorted(first.values()), int)
    return People(volumes, kept, ages[kept])


def simulated_age(seed: int, index: int) -> float:
    """Age of a simulated person: as the ventricles have it, and as is the person's own.

    With v, the pull of the ventricles that was drawn for the person, in standard deviations from its mean, age is
    50 + 15 (0.9 v + 0.19^(1/2) r) with r ~ N(0, 1): nothing else in the scan tells it, and who knew v would still err
    by 5.2 years on average, where the mean age errs by 12.0.
    """
    # The stream that `alphagan.preparation.cohorts.template` draws this person's anatomy from.
    shape = np.random.default_rng([seed, index]).spawn(4)[0]
    v = (draw_anatomy(shape).ventricle_mm - VENTRICLE_MM["mean"]) / VENTRICLE_MM["sd"]
    r = torch.randn((), generator=seeded("cpu", "age", seed, index)).item()
    return MEAN_AGE + SD_AGE * (CORRELATION * v + (1 - CORRELATION**2) ** 0.5 * r)


@dataclass(frozen=True)
class Cell:
    """One fold, one seed, and so many training people.

    Parameters
    ----------
    fold, seed : int
    train, test : ndarray of int
        Places among `People`; nobody is in both.
    """

    fold: int
    seed: int
    train: np.ndarray
    test: np.ndarray

    @property
    def n(self) -> int:
        """Number of training people."""
        return len(self.train)

    @property
    def name(self) -> str:
        """Such as fold-0_seed-0_n-032."""
        return f"fold-{self.fold}_seed-{self.seed}_n-{self.n:03d}"

    def key(self, *what: str) -> tuple[int | str, ...]:
        """For a generator of random numbers."""
        return ("utility", *what, self.fold, self.seed, self.n)


def cells(people: People, design: Utility) -> Iterator[Cell]:
    """Every fold, seed and number of training people; the fewer are among the more.

    Raises
    ------
    TooFewError
        If there are not as many people to learn from as are asked for, or fewer than ten to test on.
    """
    every = np.arange(len(people.rows))
    if design.folds is None:
        split = np.isin(people.rows, people.volumes.rows("test"))
        tests = [every[split]]
        learners = [every[np.isin(people.rows, people.volumes.rows("train"))]]
    else:
        order = torch.randperm(len(every), generator=seeded("cpu", "utility", "folds", design.seed)).numpy()
        tests = [np.sort(part) for part in np.array_split(order, design.folds)]
        learners = [np.setdiff1d(every, test) for test in tests]
    fewest, most = min(map(len, learners)), design.numbers[-1]
    if fewest < most:
        raise TooFewError(
            f"{people.volumes.folder}: {fewest} people with an age to learn from, utility asks for {most}; ask for "
            "fewer in people and curve, or for more folds"
        )
    if sum(map(len, tests)) < 10:
        raise TooFewError(f"{people.volumes.folder}: fewer than ten people with an age to test on; give it more")
    for fold, (test, pool) in enumerate(zip(tests, learners, strict=True)):
        for seed in range(design.seeds):
            generator = seeded("cpu", "utility", "people", design.seed, fold, seed)
            order = pool[torch.randperm(len(pool), generator=generator).numpy()]
            for n in design.numbers:
                yield Cell(fold, seed, order[:n], test)


def seed_of(cell: Cell, *what: str) -> int:
    """A number that a training of this cell takes as its seed."""
    return seed_for(*cell.key(*what))
