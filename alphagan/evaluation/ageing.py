"""What age does to brains: mean volumes of generated people of a few ages and of real people of that decade."""

from dataclasses import dataclass

import numpy as np
import torch

from alphagan.errors import TooFewError
from alphagan.evaluation.covariates import Values, asked
from alphagan.generation.run import BATCH, Run
from alphagan.volumes.prepared import Volumes

AGES = (25, 45, 65, 80)
DECADE = 5.0  # years to either side
FEWEST = 3  # real people of a decade whose mean is shown


@dataclass(frozen=True)
class Ageing:
    """Mean volumes of people of a few ages.

    Attributes
    ----------
    ages : list of float, (k,)
    generated, real : ndarray, (k, S, S, S), float32 in [-1, 1]
        Mean volumes; the generated ones are the same persons at every age.
    n_generated : int
        How many each is the mean of.
    n_real : list of int, (k,)
        How many scans of real people, up to five years younger or older.
    """

    ages: list[float]
    generated: np.ndarray
    real: np.ndarray
    n_generated: int
    n_real: list[int]

    def likeness(self) -> dict[str, float]:
        """Correlation over voxels between how generated people and real ones of an age differ from the youngest."""
        changes = [means[1:] - means[0] for means in (self.generated, self.real)]
        with np.errstate(invalid="ignore", divide="ignore"):  # nan where nothing changes
            return {
                f"{age:g}": float(np.corrcoef(generated.ravel(), real.ravel())[0, 1])
                for age, generated, real in zip(self.ages[1:], *changes, strict=True)
            }


def ageing(run: Run, volumes: Volumes, values: Values, n: int = 64, seed: int = 0) -> Ageing:
    """Generate n people at ages of which there are real people, or at the ends of the training people's range.

    Raises
    ------
    TooFewError
        If there are fewer than two ages of which there are three real scans.
    """
    known, prior = values["age"], run.prior
    place = prior.names.index("age")
    low, high = prior.low[place], prior.high[place]
    near = {age: np.flatnonzero(np.abs(known - age) <= DECADE) for age in (*AGES, low, high)}
    ages = [age for age in AGES if low <= age <= high and len(near[age]) >= FEWEST]
    if len(ages) < 2:  # children, or old people alone
        ages = [age for age in (low, high) if len(near[age]) >= FEWEST]
    if len(ages) < 2:
        raise TooFewError(f"{volumes.folder}: too few people of two ages to show what age does")
    generated = [asked(run, n, seed, 0, {"age": age}).mean(0) for age in ages]
    real = [_mean(volumes, near[age]) for age in ages]
    return Ageing(
        *(list(map(float, ages)), torch.stack(generated).numpy(), torch.stack(real).numpy()),
        *(n, [len(near[age]) for age in ages]),
    )


def _mean(volumes: Volumes, rows: np.ndarray) -> torch.Tensor:
    total = sum(volumes.tensor(part)[:, 0].sum(0) for part in np.array_split(rows, -(-len(rows) // BATCH)))
    return total / len(rows)
