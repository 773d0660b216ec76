"""3D-alpha-WGAN-GP, the proposed model."""

import torch
from torch import Tensor

from alphagan.models.objective import AutoEncodingGAN, Backward, Terms
from alphagan.models.penalty import gradient_penalty
from alphagan.seeding import Draws


class AlphaWGANGP(AutoEncodingGAN):
    """3D-alpha-WGAN-GP, the proposed model: equations (1) to (3)."""

    def encoder_generator_loss(self, x_real: Tensor, draws: Draws, backward: Backward) -> Terms:
        """L_E + L_G: encoder and generator learn as one network."""
        # L_G = -E[D(G(z_e))] - E[D(G(z_r))] + lambda2 ||x_real - G(z_e)||_L1                                (2)
        # L_E = -E[C(z_e)], the generator's side of (3). C's parameters see no gradient here; E alone climbs C.
        z_enc, z_rand = self.E(x_real), self.random_codes(x_real, draws)
        with self.in_turn(z_enc, z_rand, backward) as (fakes, backward):
            x_rec = next(fakes)
            l1 = (x_real - x_rec).abs().mean()
            L_rec = self.l1_weight * l1 - self.D(*self.shown(draws, x_rec)).mean()
            L_E = -self.C(z_enc).mean()
            backward(L_rec + L_E)
            L_rand = -self.D(*self.shown(draws, next(fakes))).mean()
            backward(L_rand)
        return {"L_G": L_rec.detach() + L_rand.detach(), "L_E": L_E.detach(), "l1": l1.detach()}

    def critics_loss(self, x_real: Tensor, draws: Draws, backward: Backward) -> Terms:
        """L_D + L_C: both critics learn from fakes that carry no gradient."""
        z_enc, z_rand, x_rec, x_rand = self.fakes(x_real, draws)
        x_real, x_rec, x_rand = self.shown(draws, x_real, x_rec, x_rand)
        # L_D = E[D(G(z_e))] + E[D(G(z_r))] - 2 E[D(x_real)] + lambda1 L_GP-D                                (1)
        distance_D = self.ascend_distance(backward, (-1, x_rec), (-1, x_rand), (2, x_real))
        weight = self.penalty_weight(self.iteration)
        penalty_D = self.descend_penalty(backward, weight, x_real, x_rec, x_rand, draws)
        L_D = -distance_D + weight * penalty_D
        # L_C = E[C(z_e)] - E[C(z_r)] + lambda1 L_GP-C                                                       (3)
        distance_C = self.C(z_rand).mean() - self.C(z_enc).mean()
        if "dead_code_gradient" in self.departures:
            distance_C = self.C(z_rand).mean()
        penalty_C = gradient_penalty(self.C, z_rand, z_enc, draws)
        L_C = -distance_C + self.model.lambda1 * penalty_C
        backward(L_C)
        terms = {"L_D": L_D, "distance_D": distance_D, "penalty_D": penalty_D}
        return terms | {"L_C": L_C.detach(), "distance_C": distance_C.detach(), "penalty_C": penalty_C.detach()}

    def descend_penalty(
        self, backward: Backward, weight: float, x_real: Tensor, x_rec: Tensor, x_rand: Tensor, draws: Draws
    ) -> Tensor:
        """L_GP-D: the sum over both kinds of fakes, or one penalty on a fake of either kind, at half the cost.

        0 where it has no weight in this step.
        """
        fakes = [x_rec, x_rand]
        if self.model.penalty == "either":
            pick = draws.uniform(len(x_real), 1, 1, 1, 1) < 0.5
            fakes = [torch.where(pick, x_rec, x_rand)]
        total = torch.zeros_like(x_real[0, 0, 0, 0, 0])
        for x_fake in fakes if weight else ():
            penalty = gradient_penalty(self.D, x_real, x_fake, draws)
            backward(weight * penalty)
            total += penalty.detach()
        return total
