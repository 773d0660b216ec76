"""What the models share: phases of an iteration, random codes, scores of critics."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from alphagan.models.build import build
from alphagan.models.view import View
from alphagan.seeding import Draws
from alphagan.settings.cohorts import Augment
from alphagan.settings.sections import Model

Terms = dict[str, Tensor]
Backward = Callable[[Tensor], None]


@dataclass(frozen=True)
class Phase:
    """One gradient of a training iteration, and the steps that are taken on it.

    Parameters
    ----------
    updates : dict
        Network to the number of optimiser steps that are taken on this phase's gradient. Other networks are frozen.
    loss : callable, (x_real, draws, backward) -> terms
        x_real: (B, 1, S, S, S) in [-1, 1]; draws: all randomness; backward: is called with each summand of the loss as
        soon as it is known, which differentiates it and frees its graph; terms: what history.csv records, detached.
    batch : int
        Which of the iteration's batches of real scans it sees, counted from 0.
    """

    updates: dict[str, int]
    loss: Callable[[Tensor, Draws, Backward], Terms]
    batch: int = 0


class Objective:
    """Base of every model.

    Parameters
    ----------
    size : int
        Side S of the cube.
    model : Model
        Networks and loss weights.
    seed : int
        Of the initial weights.
    departures : iterable of str
        What to do as the released code does; see `alphagan.settings.departures`.
    dtype : torch.dtype, optional
        Of activations between convolutions; float32 by default.
    augmentation : Augment, optional
        Of everything that D sees, real or generated; by default nothing is augmented here.

    Attributes
    ----------
    networks : dict of Module
        "G" and "D", and "E" and "C" where the model has them.
    phases : tuple of Phase
        One training iteration, in order.
    iteration : int
        Set before each iteration, counted from 0.
    """

    names = "GEDC"
    phases: tuple[Phase, ...] = ()
    iteration = 0

    def __init__(
        self,
        size: int,
        model: Model,
        seed: int = 0,
        departures: Iterable[str] = (),
        dtype: torch.dtype | None = None,
        augmentation: Augment | None = None,
    ):
        self.model, self.departures, self.view = model, frozenset(departures), View(model, augmentation)
        self.networks = build(size, model, seed, self.names, self.departures, dtype)
        self.G, self.E, self.D, self.C = (self.networks.get(name) for name in "GEDC")
        # The penalty holds the norm of D's gradient over all V voxels at 1, so that each voxel's share is about
        # 1/sqrt(V), while the mean L1 gives every voxel lambda2/V. "balanced" keeps their ratio at any size.
        self.l1_weight = model.lambda2 * (size**1.5 if model.reconstruction == "balanced" else 1.0)

    @property
    def n_batches(self) -> int:
        """Batches of real scans that one iteration sees."""
        return 1 + max(phase.batch for phase in self.phases)

    def random_codes(self, x: Tensor, draws: Draws) -> Tensor:
        """Draw z_rand ~ N(0, I), one code for each volume of `x`."""
        return draws.normal(len(x), self.model.z_dim, dtype=x.dtype)

    def penalty_weight(self, step: int) -> float:
        """How much D's gradient penalty counts in its `step`: lambda1, or 0 and k lambda1 in one step of k."""
        every = self.model.penalty_every
        return 0.0 if step % every else every * self.model.lambda1

    def generate(self, z_enc: Tensor, z_rand: Tensor) -> tuple[Tensor, Tensor]:
        """Make x_rec and x_rand, each batch with BatchNorm statistics of its own, or both with common ones."""
        if self.model.joint_batch:
            return self.G(torch.cat([z_enc, z_rand])).chunk(2)
        return self.G(z_enc), self.G(z_rand)

    def shown(self, draws: Draws, *batches: Tensor) -> list[Tensor]:
        """What D sees of batches of volumes, (B, 1, S, S, S) each."""
        return [self.view(x, draws) for x in batches]

    def scores(self, *batches: Tensor) -> list[Tensor]:
        """D of several batches: in one call, unless BatchNorm would mix their statistics."""
        if self.model.critic_norm == "batch":
            return [self.D(batch) for batch in batches]
        return list(self.D(torch.cat(batches)).chunk(len(batches)))

    def ascend_distance(self, backward: Backward, *weighted: tuple[float, Tensor]) -> Tensor:
        """Have D climb sum_i w_i E[D(x_i)] for pairs (w_i, x_i), and return its value, ()."""
        calls = [[pair] for pair in weighted] if self.model.critic_norm == "batch" else [weighted]
        total = 0.0
        for pairs in calls:
            scores = self.D(torch.cat([x for _, x in pairs])).chunk(len(pairs))
            distance = sum(w * score.mean() for (w, _), score in zip(pairs, scores, strict=True))
            backward(-distance)
            total += distance.detach()
        return total


class AutoEncodingGAN(Objective):
    """Base of the proposed model and of the alpha-GAN: encoder and generator learn as one, then both critics.

    Notes
    -----
    The paper updates encoder and generator as one, then the discriminator, then the code discriminator. The last two
    share one phase here: their losses have no parameter in common, and neither update changes the other's loss, so the
    result is the same and E(x) is computed once.
    """

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.phases = (
            Phase({"E": 1, "G": self.model.generator_steps}, self.encoder_generator_loss),
            Phase({"D": 1, "C": 1}, self.critics_loss, batch=0 if "one_real_batch" in self.departures else 1),
        )

    @contextmanager
    def in_turn(self, z_enc: Tensor, z_rand: Tensor, backward: Backward) -> Iterator[tuple[Iterator[Tensor], Backward]]:
        """Give x_rec and x_rand one after the other, and what to call with each summand of the loss.

        Of two batches the graph of the first is freed before the second is made. Both halves of a joint batch hang on
        one graph, so that their sum is differentiated at the end.
        """
        if not self.model.joint_batch:
            yield map(self.G, (z_enc, z_rand)), backward
            return
        summands: list[Tensor] = []
        yield iter(self.generate(z_enc, z_rand)), summands.append
        backward(sum(summands))

    @torch.no_grad()
    def fakes(self, x_real: Tensor, draws: Draws) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Encoded and random codes, z_enc and z_rand, and the volumes that G makes of them, without gradient."""
        z_enc, z_rand = self.E(x_real), self.random_codes(x_real, draws)
        return z_enc, z_rand, *self.generate(z_enc, z_rand)

    def encoder_generator_loss(self, x_real: Tensor, draws: Draws, backward: Backward) -> Terms:
        """L_E + L_G: encoder and generator learn as one network."""
        raise NotImplementedError

    def critics_loss(self, x_real: Tensor, draws: Draws, backward: Backward) -> Terms:
        """L_D + L_C: both discriminators learn from fakes that carry no gradient."""
        raise NotImplementedError


def called_real(logits: Tensor) -> Tensor:
    """Mean of -log D for logits (B,): small where a discriminator takes the samples for real."""
    return nn.functional.softplus(-logits).mean()


def called_fake(logits: Tensor) -> Tensor:
    """Mean of -log(1 - D) for logits (B,): small where a discriminator takes the samples for fake."""
    return nn.functional.softplus(logits).mean()
