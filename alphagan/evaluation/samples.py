"""What is compared: real scans of other people, generators of known fault, and what a trained model makes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from alphagan.errors import TooFewError
from alphagan.evaluation.references import augmented
from alphagan.generation.run import Run
from alphagan.seeding import seeded
from alphagan.settings.cohorts import Augment
from alphagan.settings.sections import Evaluate
from alphagan.volumes.prepared import Volumes

PROPOSED = "alpha_wgan_gp"  # the paper's own model
VARIANTS = f"{PROPOSED}_early", f"{PROPOSED}_batch_statistics"  # which are measured beside it


@dataclass(frozen=True)
class Sample:
    """Volumes to be compared, and whom they show.

    Parameters
    ----------
    volumes : Tensor, (n, S, S, S), float32 in [-1, 1]
    people : list of str, optional
        Subject of each volume; None where every volume is a subject of its own, as generated ones are.
    """

    volumes: Tensor
    people: list[str] | None = None

    def first(self, n: int) -> "Sample":
        """No more than the first n volumes."""
        return Sample(self.volumes[:n], None if self.people is None else self.people[:n])

    def some(self, n: int, seed: int) -> "Sample":
        """No more than n volumes of people, chosen by the seed: many metrics depend on how many volumes they see."""
        order = np.random.default_rng(seed).permutation(len(self.volumes))
        chosen = order[:n]
        if len({self.people[row] for row in chosen}) == 1:  # of people with many scans
            chosen[-1] = next(row for row in order if self.people[row] != self.people[chosen[0]])
        return Sample(self.volumes[torch.from_numpy(chosen)], [self.people[row] for row in chosen])


def real_sample(volumes: Volumes, splits: Sequence[str], how: Augment, copies: int, seed: int) -> Sample:
    """Real scans with the augmentation that the model trained with, `copies` of each, one copy of all after the other.

    The paper takes augmented scans as real. The copies of one person stay together in every interval.

    Raises
    ------
    TooFewError
        If fewer than two people are in these splits.
    """
    rows = volumes.rows(*splits)
    people = volumes.people(rows)
    if len(set(people)) < 2:
        found = f"{len(set(people))} people in {' + '.join(splits)}"
        raise TooFewError(f"{volumes.folder}: {found}; evaluation needs two: add scans, or raise prepare.split.test")
    scans = augmented(volumes.tensor(rows)[:, 0], how, copies, seeded("cpu", "real", seed, *splits))
    return Sample(scans, people * copies)


def drawn(run: Run, n: int, seed: int, **options) -> Tensor:
    """Draw volumes that can be compared with augmented scans.

    A generator whose critic saw everything augmented (`model.augmentation: both`) makes brains as they are without:
    its volumes are augmented here, as the scans are.

    Parameters
    ----------
    run, n, seed, **options
        As `Run.sample` has them.

    Returns
    -------
    x_rand : Tensor, (n, S, S, S), float32 in [-1, 1]
    """
    x_rand = torch.from_numpy(run.sample(n, seed, **options))
    if run.settings.model.augmentation == "both":
        x_rand = augmented(x_rand, run.settings.trained_augment, 1, seeded("cpu", "generated", seed))
    return x_rand


def generated_samples(run: Run, settings: Evaluate) -> Iterator[tuple[str, Sample]]:
    """Name and volumes of a run's generator; of the proposed model's also early in training, and as the paper used it.

    Yields
    ------
    name : str
        MODEL: moving average of the weights, eval mode. MODEL_early: the same after a tenth of the iterations (or
        whatever train.early_fraction says). MODEL_batch_statistics: raw weights, BatchNorm in training mode.
    sample : Sample
    """
    name, n, seed = run.settings.name, settings.n_generated, settings.seed
    yield name, Sample(drawn(run, n, seed))
    if name != PROPOSED:
        return
    early, batch_statistics = VARIANTS
    yield early, Sample(drawn(run, n, seed, weights="G_early"))
    as_published = drawn(run, n, seed, weights="G", batch_statistics=settings.mmd_batch)
    yield batch_statistics, Sample(as_published)
