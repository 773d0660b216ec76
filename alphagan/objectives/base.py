"""What the objectives share: phases, the gradient penalty, random codes."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from alphagan.config import Model
from alphagan.networks import build

Terms = dict[str, Tensor]


@dataclass(frozen=True)
class Phase:
    """One backward pass of a training iteration.

    Parameters
    ----------
    updates : dict
        Network to the number of optimiser steps that are taken on this phase's gradient. Other networks are frozen.
    loss : callable, (x_real, generator) -> (loss, terms)
        x_real: (B, 1, S, S, S) in [-1, 1]; generator: all randomness; terms: what history.csv records.
    batch : int
        Which of the iteration's batches of real scans it sees, counted from 0.
    """

    updates: dict[str, int]
    loss: Callable[[Tensor, torch.Generator], tuple[Tensor, Terms]]
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
    folded : bool
        False computes resize-convolutions the textbook way, with the same result.
    departures : iterable of str
        What to do as the released code does; see `alphagan.departures`.

    Attributes
    ----------
    networks : dict of Module
        "G" and "D", and "E" and "C" where the model has them.
    phases : tuple of Phase
        One training iteration, in order.
    """

    names = "GEDC"
    phases: tuple[Phase, ...] = ()

    def __init__(self, size: int, model: Model, seed: int = 0, folded: bool = True, departures: Iterable[str] = ()):
        self.model, self.departures = model, frozenset(departures)
        self.networks = build(size, model, seed, folded, self.names, self.departures)
        self.G, self.E, self.D, self.C = (self.networks.get(name) for name in "GEDC")
        # The penalty holds the norm of D's gradient over all V voxels at 1, so that each voxel's share is about
        # 1/sqrt(V), while the mean L1 gives every voxel lambda2/V. "balanced" keeps their ratio at any size.
        self.l1_weight = model.lambda2 * (size**1.5 if model.reconstruction == "balanced" else 1.0)

    @property
    def n_batches(self) -> int:
        """Batches of real scans that one iteration sees."""
        return 1 + max(phase.batch for phase in self.phases)

    def random_codes(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Draw z_rand ~ N(0, I), one code for each volume of `x`."""
        return torch.randn(len(x), self.model.z_dim, device=x.device, dtype=x.dtype, generator=generator)

    def scores(self, *batches: Tensor) -> list[Tensor]:
        """D of several batches: in one call, unless BatchNorm would mix their statistics."""
        if self.model.critic_norm == "batch":
            return [self.D(batch) for batch in batches]
        return list(self.D(torch.cat(batches)).chunk(len(batches)))


class AutoEncodingGAN(Objective):
    """Base of the proposed model and of the alpha-GAN: encoder and generator learn as one, then both critics.

    Notes
    -----
    The paper updates encoder and generator as one, then the discriminator, then the code discriminator. The last two
    share one backward pass here: their losses have no parameter in common, and neither update changes the other's
    loss, so the result is the same and E(x) is computed once.
    """

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.phases = (
            Phase({"E": 1, "G": self.model.generator_steps}, self.encoder_generator_loss),
            Phase({"D": 1, "C": 1}, self.critics_loss, batch=0 if "one_real_batch" in self.departures else 1),
        )

    def fakes(self, x_real: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Encoded and random codes, z_enc and z_rand, and the volumes that G makes of them, x_rec and x_rand."""
        z_enc, z_rand = self.E(x_real), self.random_codes(x_real, generator)
        return z_enc, z_rand, self.G(z_enc), self.G(z_rand)

    def encoder_generator_loss(self, x_real: Tensor, generator: torch.Generator) -> tuple[Tensor, Terms]:
        """L_E + L_G: encoder and generator learn as one network."""
        raise NotImplementedError

    def critics_loss(self, x_real: Tensor, generator: torch.Generator) -> tuple[Tensor, Terms]:
        """L_D + L_C: both critics learn from fakes that carry no gradient."""
        raise NotImplementedError


def slope(critic: nn.Module, real: Tensor, fake: Tensor, generator: torch.Generator) -> Tensor:
    """Gradient of a critic at x_hat = e real + (1 - e) fake with e ~ U[0, 1] for each sample, as a graph.

    Returns
    -------
    gradient : Tensor, (B, ...), of the shape of `real`
    """
    e = torch.rand((len(real),) + (1,) * (real.ndim - 1), device=real.device, dtype=real.dtype, generator=generator)
    x_hat = (e * real + (1 - e) * fake).requires_grad_()
    return torch.autograd.grad(critic(x_hat).sum(), x_hat, create_graph=True)[0]


def gradient_penalty(critic: nn.Module, real: Tensor, fake: Tensor, generator: torch.Generator) -> Tensor:
    """Two-sided gradient penalty on random interpolates (Gulrajani et al. 2017; L_GP of the paper).

    Parameters
    ----------
    critic : callable, (B, ...) -> (B,)
    real, fake : Tensor, (B, ...)
    generator : torch.Generator

    Returns
    -------
    penalty : Tensor, (), unweighted

    Notes
    -----
    mean_b (||grad critic(x_hat_b)||_2 - 1)^2 with x_hat as `slope` draws it.
    """
    gradient = slope(critic, real, fake, generator)
    norm = (gradient.flatten(1).square().sum(1) + 1e-15).sqrt()  # the constant keeps the root differentiable at zero
    return (norm - 1).square().mean()


def called_real(logits: Tensor) -> Tensor:
    """Mean of -log D for logits (B,): small where a discriminator takes the samples for real."""
    return nn.functional.softplus(-logits).mean()


def called_fake(logits: Tensor) -> Tensor:
    """Mean of -log(1 - D) for logits (B,): small where a discriminator takes the samples for fake."""
    return nn.functional.softplus(logits).mean()
