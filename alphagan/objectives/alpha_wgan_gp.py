"""3D-alpha-WGAN-GP, the proposed model."""

import torch
from torch import Tensor

from alphagan.objectives.base import AutoEncodingGAN, Terms, gradient_penalty


class AlphaWGANGP(AutoEncodingGAN):
    """3D-alpha-WGAN-GP, the proposed model: equations (1) to (3)."""

    def encoder_generator_loss(self, x_real: Tensor, generator: torch.Generator) -> tuple[Tensor, Terms]:
        """L_E + L_G: encoder and generator learn as one network."""
        z_enc, _, x_rec, x_rand = self.fakes(x_real, generator)
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
            z_enc, z_rand, x_rec, x_rand = self.fakes(x_real, generator)
        d_rec, d_rand, d_real = self.scores(x_rec, x_rand, x_real)
        # L_D = E[D(G(z_e))] + E[D(G(z_r))] - 2 E[D(x_real)] + lambda1 L_GP-D                                (1)
        distance_D = 2 * d_real.mean() - d_rec.mean() - d_rand.mean()
        penalty_D = self.critic_penalty(x_real, x_rec, x_rand, generator)
        L_D = -distance_D + self.model.lambda1 * penalty_D
        # L_C = E[C(z_e)] - E[C(z_r)] + lambda1 L_GP-C                                                       (3)
        distance_C = self.C(z_rand).mean() - self.C(z_enc).mean()
        if "dead_code_gradient" in self.departures:
            distance_C = self.C(z_rand).mean()
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
