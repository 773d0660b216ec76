"""A reader of age: a linear regression on voxels, learned by so many steps of gradient descent whatever it learns from.

A ridge regression on voxels reads ages of IXI best of what was tried at so few people; few steps, or small ones, shrink
as its ridge does. The learning rate is chosen by cross-validation over training people.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from alphagan.models.view import shift
from alphagan.seeding import Draws
from alphagan.settings.cohorts import Augment
from alphagan.volumes.augmentation import augment
from alphagan.volumes.brain import brain_intensities

MOMENTUM, INTERCEPT = 0.9, 0.1  # the second: learning rate of the intercept
N_FOLDS = 5
BLOCK = 64  # volumes at a time


@dataclass(frozen=True)
class Pool:
    """What a reader learns from: looks (m, p), ages (m,) in years, and whom each shows (m,), numbered from 0."""

    looks: Tensor
    ages: np.ndarray
    people: np.ndarray

    def of(self, chosen: np.ndarray) -> "Pool":
        """A part, by a mask (m,)."""
        return Pool(self.looks[torch.from_numpy(chosen)], self.ages[chosen], self.people[chosen])


def looks(volumes: Tensor) -> Tensor:
    """What a reader sees of volumes (m, S, S, S) in [-1, 1]: (m, p), the same of a brain's mirror image.

    Brightness over its mean in the brain, blocks of two voxels along each axis averaged, left and right averaged.
    """
    parts = []
    for part in volumes.split(BLOCK):
        coarse = F.avg_pool3d(brain_intensities(part)[:, None], 2)[:, 0]
        parts.append(((coarse + coarse.flip(1)) / 2)[:, : (coarse.shape[1] + 1) // 2].flatten(1))
    return torch.cat(parts)


def pool(scans: Tensor, ages: np.ndarray) -> Pool:
    """Scans (n, S, S, S) as they are, one of each person, with their ages (n,)."""
    return Pool(looks(scans), ages, np.arange(len(ages)))


def augmented_pool(
    scans: Tensor, ages: np.ndarray, copies: int, how: Augment, most: int, generator: torch.Generator
) -> Pool:
    """Classical augmentation: `copies` of every scan, each flipped, scaled and moved at random.

    Parameters
    ----------
    scans : Tensor, (n, S, S, S)
    ages : ndarray, (n,)
    copies : int
    how : Augment
        The cohort's augmentation.
    most : int
        Voxels that a copy is moved by at most, along each axis.
    generator : torch.Generator
    """
    draws, parts = Draws(generator), []
    for _ in range(copies):
        for x in scans.split(BLOCK):
            x = augment(x[:, None], how, draws)
            if most:
                x = shift(x, (draws.uniform(len(x), 3) * (2 * most + 1)).floor().long() - most)
            parts.append(looks(x[:, 0]))
    return Pool(torch.cat(parts), np.tile(ages, copies), np.tile(np.arange(len(ages)), copies))


class Reader:
    """A linear reader, or several that differ in their learning rate.

    Parameters
    ----------
    pools : sequence of Pool
        One, or real and generated brains.
    share : float
        Of every batch, that is of the second pool.
    learning_rates : sequence of float, (r,)
        Of the first step, up to 1; they fall linearly to 0.
    updates, batch_size : int
        How many steps, and of how many volumes: the same whatever is learned from.
    generator : torch.Generator
        Draws the batches.
    """

    def __init__(
        self,
        pools: Sequence[Pool],
        share: float,
        learning_rates: Sequence[float],
        updates: int,
        batch_size: int,
        generator: torch.Generator,
    ):
        sizes = [batch_size] if len(pools) == 1 else _shared(batch_size, share)
        shares = [size / batch_size for size in sizes]
        # Of what batches hold on average, so that no step is too large for it: then no variance exceeds 1.
        self.centre = sum(part * seen.looks.mean(0) for part, seen in zip(shares, pools, strict=True))
        spread = sum(part * self._spread(seen.looks) for part, seen in zip(shares, pools, strict=True))
        self.scale = spread.sqrt().clamp(min=1e-12)
        self.mean, self.sd = float(pools[0].ages.mean()), max(float(pools[0].ages.std()), 1e-12)
        known = [(self._scaled(part.looks), self._standardised(part.ages)) for part in pools]
        orders = [_order(len(part.ages), updates * size, generator) for part, size in zip(pools, sizes, strict=True)]
        rates = torch.tensor(learning_rates, dtype=torch.float32)[:, None]
        self.w = torch.zeros(len(rates), len(self.centre))  # (r, p)
        self.b = torch.zeros(len(rates), 1)
        velocity, drift = torch.zeros_like(self.w), torch.zeros_like(self.b)
        for step in range(updates):
            chosen = [order[step * size : (step + 1) * size] for order, size in zip(orders, sizes, strict=True)]
            x = torch.cat([seen[at] for (seen, _), at in zip(known, chosen, strict=True)])
            y = torch.cat([ages[at] for (_, ages), at in zip(known, chosen, strict=True)])
            rate = rates * (1 - step / updates)
            error = self.w @ x.T + self.b - y  # (r, batch)
            descent = rate * (error @ x) / batch_size
            velocity = MOMENTUM * velocity - descent  # Nesterov's, on half the mean squared error
            self.w += MOMENTUM * velocity - descent
            drift = MOMENTUM * drift - INTERCEPT * (1 - step / updates) * error.mean(1, keepdim=True)
            self.b += drift

    def __call__(self, seen: Tensor) -> np.ndarray:
        """Read ages from looks (m, p): years, (r, m)."""
        return (self.w @ self._scaled(seen).T + self.b).double().numpy() * self.sd + self.mean

    def _spread(self, seen: Tensor) -> Tensor:
        return torch.stack([(part - self.centre).square().sum() for part in seen.split(BLOCK)]).sum() / len(seen)

    def _scaled(self, seen: Tensor) -> Tensor:
        return (seen - self.centre) / self.scale

    def _standardised(self, ages: np.ndarray) -> Tensor:
        return torch.from_numpy((ages - self.mean) / self.sd).float()


def choose_rate(
    learned: Pool, asked: Pool, learning_rates: Sequence[float], updates: int, batch_size: int, generator
) -> float:
    """The learning rate with the least error in people who are left out, one fifth of the training people at a time.

    Parameters
    ----------
    learned : Pool
        What readers learn from.
    asked : Pool
        The same people's scans as they are, which are read when left out.
    learning_rates, updates, batch_size, generator
        As `Reader` has them.
    """
    n = int(asked.people.max()) + 1
    fold = torch.randperm(n, generator=generator).numpy() % N_FOLDS
    errors = np.zeros(len(learning_rates))
    for left_out in range(N_FOLDS):
        others, these = learned.of(fold[learned.people] != left_out), asked.of(fold[asked.people] == left_out)
        reader = Reader([others], 0, learning_rates, updates, batch_size, generator)
        errors += np.abs(reader(these.looks) - these.ages).sum(1)
    return float(learning_rates[int(np.nanargmin(np.where(np.isfinite(errors), errors, np.inf)))])


def _shared(batch_size: int, share: float) -> list[int]:
    generated = min(max(round(share * batch_size), 1), batch_size - 1)
    return [batch_size - generated, generated]


def _order(n: int, length: int, generator: torch.Generator) -> Tensor:
    """Places of so many volumes, in shuffled passes over all n."""
    passes = [torch.randperm(n, generator=generator) for _ in range(-(-length // n))]
    return torch.cat(passes)[:length]
