"""What each network learns: one class per model, with the losses beside the paper's equations."""

from collections.abc import Callable
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
    """

    updates: dict[str, int]
    loss: Callable[[Tensor, torch.Generator], tuple[Tensor, Terms]]


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
    mean_b (||grad critic(x_hat_b)||_2 - 1)^2 with x_hat = e real + (1 - e) fake and e ~ U[0, 1] for each sample.
    """
    e = torch.rand((len(real),) + (1,) * (real.ndim - 1), device=real.device, dtype=real.dtype, generator=generator)
    x_hat = (e * real + (1 - e) * fake).requires_grad_()
    (gradient,) = torch.autograd.grad(critic(x_hat).sum(), x_hat, create_graph=True)
    norm = (gradient.flatten(1).square().sum(1) + 1e-15).sqrt()  # the constant keeps the root differentiable at zero
    return (norm - 1).square().mean()


class AlphaWGANGP:
    """3D-alpha-WGAN-GP, the proposed model: equations (1) to (3).

    Parameters
    ----------
    size : int
        Side S of the cube.
    model : Model
        Networks and loss weights.
    seed : int
        Of the initial weights.

    Notes
    -----
    The paper updates encoder and generator as one, then the discriminator, then the code discriminator. The last two
    share one backward pass here: their losses have no parameter in common, and neither update changes the other's
    loss, so the result is the same and E(x) is computed once.
    """

    def __init__(self, size: int, model: Model, seed: int = 0, folded: bool = True):
        self.model = model
        self.networks = build(size, model, seed, folded)
        self.G, self.E, self.D, self.C = (self.networks[name] for name in "GEDC")
        # The penalty holds the norm of D's gradient over all V voxels at 1, so that each voxel's share is about
        # 1/sqrt(V), while the mean L1 gives every voxel lambda2/V. "balanced" keeps their ratio at any size.
        self.l1_weight = model.lambda2 * (size**1.5 if model.reconstruction == "balanced" else 1.0)
        self.phases = (
            Phase({"E": 1, "G": model.generator_steps}, self.encoder_generator_loss),
            Phase({"D": 1, "C": 1}, self.critics_loss),
        )

    def random_codes(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Draw z_rand ~ N(0, I), one code for each volume of `x`."""
        return torch.randn(len(x), self.model.z_dim, device=x.device, dtype=x.dtype, generator=generator)

    def scores(self, *batches: Tensor) -> list[Tensor]:
        """D of several batches: in one call, unless BatchNorm would mix their statistics."""
        if self.model.critic_norm == "batch":
            return [self.D(batch) for batch in batches]
        return list(self.D(torch.cat(batches)).chunk(len(batches)))

    def encoder_generator_loss(self, x_real: Tensor, generator: torch.Generator) -> tuple[Tensor, Terms]:
        """L_E + L_G: encoder and generator learn as one network."""
        z_enc = self.E(x_real)
        x_rec, x_rand = self.G(z_enc), self.G(self.random_codes(x_real, generator))
        d_rec, d_rand = self.scores(x_rec, x_rand)
        l1 = (x_real - x_rec).abs().mean()
        # L_G = -E[D(G(z_e))] - E[D(G(z_r))] + lambda2 ||x_real - G(z_e)||_L1                                (2)
        L_G = -d_rec.mean() - d_rand.mean() + self.l1_weight * l1
        # L_E: the generator's side of (3). C's parameters see no gradient here; E alone climbs C.
        L_E = -self.C(z_enc).mean()
        return L_G + L_E, {"L_G": L_G, "L_E": L_E, "l1": l1}

    def critics_loss(self, x_real: Tensor, generator: torch.Generator) -> tuple[Tensor, Terms]:
        """L_D + L_C: both critics learn from fakes that carry no gradient."""
        with torch.no_grad():
            z_enc = self.E(x_real)
            z_rand = self.random_codes(x_real, generator)
            x_rec, x_rand = self.G(z_enc), self.G(z_rand)
        d_rec, d_rand, d_real = self.scores(x_rec, x_rand, x_real)
        # L_D = E[D(G(z_e))] + E[D(G(z_r))] - 2 E[D(x_real)] + lambda1 L_GP-D                                (1)
        distance_D = 2 * d_real.mean() - d_rec.mean() - d_rand.mean()
        penalty_D = self.critic_penalty(x_real, x_rec, x_rand, generator)
        L_D = -distance_D + self.model.lambda1 * penalty_D
        # L_C = E[C(z_e)] - E[C(z_r)] + lambda1 L_GP-C                                                       (3)
        distance_C = self.C(z_rand).mean() - self.C(z_enc).mean()
        penalty_C = gradient_penalty(self.C, z_rand, z_enc, generator)
        L_C = -distance_C + self.model.lambda1 * penalty_C
        terms = {"L_D": L_D, "distance_D": distance_D, "penalty_D": penalty_D}
        return L_D + L_C, terms | {"L_C": L_C, "distance_C": distance_C, "penalty_C": penalty_C}

    def critic_penalty(self, x_real: Tensor, x_rec: Tensor, x_rand: Tensor, generator: torch.Generator) -> Tensor:
        """L_GP-D: the sum over both kinds of fakes, or one penalty on a fake of either kind, at half the cost."""
        if self.model.penalty == "either":
            pick = torch.rand((len(x_real), 1, 1, 1, 1), device=x_real.device, generator=generator) < 0.5
            return gradient_penalty(self.D, x_real, torch.where(pick, x_rec, x_rand), generator)
        if self.model.critic_norm == "batch":
            return sum(gradient_penalty(self.D, x_real, x_fake, generator) for x_fake in (x_rec, x_rand))
        return 2 * gradient_penalty(self.D, x_real.repeat(2, 1, 1, 1, 1), torch.cat([x_rec, x_rand]), generator)


OBJECTIVES = {"alpha_wgan_gp": AlphaWGANGP}
