"""Generated brains with an age, from training people alone: of a model, of a Gaussian, and of a memoriser.

The last two are the floors. A memoriser gives training scans back, which teach nothing that the scans do not. The
Gaussian knows mean and covariance of scans and age; it is fitted as the codes of models are, with principal components
in the place of E and G.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from alphagan.generation.conditional import ConditionalPrior
from alphagan.generation.conditional_fit import fit as fit_prior
from alphagan.generation.conditional_fit import fit_run
from alphagan.generation.load import load
from alphagan.seeding import seeded
from alphagan.settings.config import Settings
from alphagan.training.loop import fit
from alphagan.utility.people import Cell, People, seed_of
from alphagan.volumes.prepared import write_people

EXPLAINED = 0.95  # of the scans' variance, by the principal components that the Gaussian keeps
FLOORS = ("memoriser", "gaussian_noise")


def memoriser(scans: Tensor, ages: np.ndarray, n: int, generator: torch.Generator) -> tuple[Tensor, np.ndarray]:
    """Training scans (m, S, S, S) and ages (m,) again, each equally often: n of them."""
    chosen = wanted(np.arange(len(ages)), n, generator)
    return scans[torch.from_numpy(chosen)], ages[chosen]


def gaussian(scans: Tensor, ages: np.ndarray, n: int, generator: torch.Generator) -> tuple[Tensor, np.ndarray]:
    """Draw from the Gaussian of scans (m, S, S, S) in the space of their principal components, given an age.

    Returns
    -------
    volumes : Tensor, (n, S, S, S), float32 in [-1, 1]
    ages : ndarray, (n,)
        Those of the training people, each equally often.
    """
    flat = scans.flatten(1).double()
    mean = flat.mean(0)
    left, s, components = torch.linalg.svd(flat - mean, full_matrices=False)
    share = (s**2).cumsum(0) / (s**2).sum()
    k = int((share < EXPLAINED).sum()) + 1
    z_enc = left[:, :k] * (len(flat) - 1) ** 0.5  # of variance 1, as codes are
    prior = fit_prior(z_enc.numpy(), {"age": ages})
    asked = wanted(ages, n, generator)
    z_rand = torch.from_numpy(codes(prior, asked, generator)).double()
    drawn = mean + z_rand @ (s[:k, None] / (len(flat) - 1) ** 0.5 * components[:k])
    return drawn.float().clamp(-1, 1).unflatten(1, scans.shape[1:]), asked


def generated(
    people: People, cell: Cell, settings: Settings, n: int, folder: Path, progress: bool | None = None
) -> tuple[Tensor, np.ndarray]:
    """Train a model on the training people of a cell, or go on with that, and generate people of their ages.

    Parameters
    ----------
    people : People
    cell : Cell
    settings : Settings
        Of the model; its seed becomes one of the cell's own.
    n : int
    folder : Path
        For the training people as a cohort of their own, checkpoints and the run.
    progress : bool, optional
        As `alphagan.training.fit` has it.

    Returns
    -------
    volumes : Tensor, (n, S, S, S), float32 in [-1, 1]
    ages : ndarray, (n,)
    """
    volumes = write_people(people.volumes, people.rows[np.sort(cell.train)], folder / "people")
    train = settings.train.model_copy(update={"seed": seed_of(cell, settings.name)})
    settings = settings.model_copy(update={"train": train})
    run = fit(settings, volumes.folder, folder / "run", folder / "scratch", progress=progress)
    run, generator = load(run), seeded("cpu", *cell.key(settings.name, "codes"))
    ages = people.ages[np.sort(cell.train)]
    prior = fit_run(run, volumes, {"age": ages})
    asked = wanted(ages, n, generator)
    return torch.from_numpy(run.decode(codes(prior, asked, generator))), asked


def codes(prior: ConditionalPrior, ages: np.ndarray, generator: torch.Generator) -> np.ndarray:
    """Random codes of one person of each age: z_rand (n, z_dim)."""
    residual = torch.randn(len(ages), len(prior.coefficients), generator=generator).numpy()
    return np.concatenate(
        [prior.codes(own[None], {"age": float(age)}) for own, age in zip(residual, ages, strict=True)]
    )


def wanted(values: np.ndarray, n: int, generator: torch.Generator) -> np.ndarray:
    """Pick n of some values, each equally often, or once more."""
    passes = [torch.randperm(len(values), generator=generator) for _ in range(-(-n // len(values)))]
    return values[torch.cat(passes)[:n].numpy()]
