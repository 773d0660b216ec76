"""Whether generated people look the age and sex that was asked for, to a reader that learned both from real people.

The reader is a ridge regression on principal components of training scans. What it reads from held-out people, whom
neither it nor the model has seen, stands beside what it reads from generated ones that were asked to be like them.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold
from torch import Tensor

from alphagan.errors import TooFewError
from alphagan.generation.conditional import SEXES, ExtrapolationWarning
from alphagan.generation.run import Run
from alphagan.metrics.bootstrap import Estimate
from alphagan.preparation.covariates import of_people
from alphagan.volumes.brain import brain_intensities
from alphagan.volumes.prepared import Volumes

SHRINKAGES = np.geomspace(1e-1, 1e5, 13)
N_COMPONENTS, N_FOLDS, FEWEST = 256, 10, 10
N_BOOTSTRAP = 1000
HELD_OUT = ("val", "test")
Values = dict[str, np.ndarray]  # "age" in years and "sex", F 0 and M 1; NaN where it is not known


def of_cohort(volumes: Volumes, table: str | Path) -> tuple[Values, tuple[str, ...]]:
    """Age and sex of every row of a prepared cohort, and notes on who is without.

    Parameters
    ----------
    volumes : Volumes
    table : path
        Read now: what it says may have been corrected since the cohort was prepared.

    Raises
    ------
    InputError
        If the table is bad.
    """
    people = volumes.people(volumes.rows())
    known = of_people(table, set(people))
    names = [name for name in ("age", "sex") if name in known.names]
    return {name: np.array([_number(name, known.people[who][name]) for who in people]) for name in names}, known.notes


def _number(name: str, told: str) -> float:
    return float("nan") if not told else SEXES[told] if name == "sex" else float(told)


class Reader:
    """Reads a covariate from volumes, however bright and whichever way round they are.

    Parameters
    ----------
    volumes : Tensor, (n, S, S, S), float32 in [-1, 1]
        Training scans.
    people : sequence of str, (n,)
        Whom they show; the shrinkage is chosen by cross-validation over people.
    values : dict of str to ndarray, (n,)

    Raises
    ------
    TooFewError
        If fewer than ten training people have a value.
    """

    def __init__(self, volumes: Tensor, people: Sequence[str], values: Values):
        looks = _looks(volumes)
        self.components = PCA(min(N_COMPONENTS, len(looks) - 1), random_state=0).fit(looks)
        scores, self.ridges = self.components.transform(looks), {}
        for name, known in values.items():
            there = np.isfinite(known)
            who = np.array(people)[there]
            if len(set(who)) < FEWEST:
                raise TooFewError(f"{name}: known of {len(set(who))} training people; a reader needs {FEWEST}")
            folds = GroupKFold(min(N_FOLDS, len(set(who))))
            search = GridSearchCV(Ridge(), {"alpha": SHRINKAGES}, cv=folds, scoring="neg_mean_squared_error")
            self.ridges[name] = search.fit(scores[there], known[there], groups=who).best_estimator_

    def __call__(self, volumes: Tensor) -> Values:
        """Read every covariate from volumes (n, S, S, S) in [-1, 1]."""
        scores = self.components.transform(_looks(volumes))
        return {name: ridge.predict(scores) for name, ridge in self.ridges.items()}


def _looks(volumes: Tensor) -> np.ndarray:
    """Left and right averaged, as models are trained on flipped scans too: (n, S/2 * S * S)."""
    values = brain_intensities(volumes)
    half = values.shape[1] // 2
    return ((values + values.flip(1)) / 2)[:, :half].flatten(1).numpy()


@dataclass(frozen=True)
class Reading:
    """Covariates that people have or were asked for, and what was read from their volumes; of some people.

    Parameters
    ----------
    told, read : dict of str to ndarray, (n,)
    """

    told: Values
    read: Values

    def measured(self, seed: int = 0) -> dict[str, dict[str, Estimate]]:
        """How well each is read, with 95 % intervals over people.

        Of an age: "mae", the mean absolute error in years; "r", the correlation; "slope", years read for each year. Of
        a sex: "accuracy", the share that is read rightly, and "commonest", what naming the more common sex gives.
        """
        return {
            name: _measured(told, self.read[name], _accuracy if name == "sex" else _errors, seed)
            for name, told in self.told.items()
        }


def _measured(told: np.ndarray, read: np.ndarray, measure, seed: int) -> dict[str, Estimate]:
    rng, n = np.random.default_rng(seed), len(told)
    value, draws = measure(told, read), []
    for chosen in rng.integers(0, n, (N_BOOTSTRAP, n)):
        if np.ptp(told[chosen]) > 0:
            draws.append(measure(told[chosen], read[chosen]))
    ends = {name: np.quantile([draw[name] for draw in draws], [0.025, 0.975]) for name in value}
    return {name: Estimate(value[name], *map(float, ends[name]), n) for name in value}


def _errors(told: np.ndarray, read: np.ndarray) -> dict[str, float]:
    covariance = np.mean((told - told.mean()) * (read - read.mean()))
    spread = max(told.std() * read.std(), 1e-12)
    return {
        "mae": float(np.abs(read - told).mean()),
        "r": float(covariance / spread),
        "slope": float(covariance / told.var()),
    }


def _accuracy(told: np.ndarray, read: np.ndarray) -> dict[str, float]:
    share = float(np.mean(told > 0.5))
    return {"accuracy": float(np.mean((read > 0.5) == (told > 0.5))), "commonest": max(share, 1 - share)}


def read_back(run: Run, volumes: Volumes, values: Values, n: int = 512, seed: int = 0) -> tuple[Reading, Reading]:
    """Read covariates from held-out people, and from about n generated ones that were asked to be like them.

    Parameters
    ----------
    run : Run
        With a prior.
    volumes : Volumes
        The prepared cohort that it was trained on.
    values : dict of str to ndarray, (N,)
        Of every row.
    n, seed : int
        Each held-out person's covariates are asked for equally often.

    Returns
    -------
    held_out, generated : Reading

    Raises
    ------
    TooFewError
        If fewer than ten training people, or fewer than three held-out ones, have the covariates.
    """
    values = {name: values[name] for name in run.prior.names}
    train, others = volumes.rows("train"), volumes.rows(*HELD_OUT)
    others = [row for row in others if all(np.isfinite(known[row]) for known in values.values())]
    people, first, who = np.unique(volumes.people(others), return_index=True, return_inverse=True)
    told = {name: known[np.array(others, int)[first]] for name, known in values.items()}
    if len(people) < 3 or any(np.ptp(known) == 0 for known in told.values()):
        raise TooFewError(f"{volumes.folder}: {len(people)} held-out people have {' and '.join(values)}, or all alike")
    reader = Reader(
        volumes.tensor(train)[:, 0], volumes.people(train), {name: known[train] for name, known in values.items()}
    )
    each = reader(volumes.tensor(others)[:, 0])
    held_out = Reading(told, {name: np.bincount(who, read) / np.bincount(who) for name, read in each.items()})
    copies = -(-n // len(people))
    read = [
        reader(asked(run, copies, seed, copies * i, {name: known[i] for name, known in told.items()}))
        for i in range(len(people))
    ]
    again = {name: np.repeat(known, copies) for name, known in told.items()}
    return held_out, Reading(again, {name: np.concatenate([part[name] for part in read]) for name in values})


def asked(run: Run, n: int, seed: int, first: int, told: dict[str, float]) -> Tensor:
    """Generate people with covariates as numbers; volumes (n, S, S, S)."""
    letters = {number: letter for letter, number in SEXES.items()}
    given = {name: letters[value] if name == "sex" else float(value) for name, value in told.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExtrapolationWarning)
        return torch.from_numpy(run.sample(n, seed, first, **given))
