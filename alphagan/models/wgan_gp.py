"""3D-WGAN-GP (Gulrajani et al. 2017), the baseline without an encoder."""

from functools import partial

import torch
from torch import Tensor

from alphagan.models.objective import Backward, Objective, Phase, Terms
from alphagan.models.penalty import gradient_penalty, slope
from alphagan.seeding import Draws

CRITIC_STEPS = 5  # n_critic of Gulrajani et al., each on a batch of its own


class WGANGP(Objective):
    """3D-WGAN-GP: a generator and a critic.

    Notes
    -----
    Gulrajani et al., Improved Training of Wasserstein GANs, NeurIPS 2017, algorithm 1: five steps of D, each on fresh
    real scans, then one of G.
    """

    names = "GD"

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        if "reversed_ratio" in self.departures:
            self.phases = (
                Phase({"D": 1}, partial(self.critic_loss, 0)),
                *[Phase({"G": 1}, self.generator_loss) for _ in range(CRITIC_STEPS)],
            )
        else:
            self.phases = (
                *[Phase({"D": 1}, partial(self.critic_loss, number), batch=number) for number in range(CRITIC_STEPS)],
                Phase({"G": 1}, self.generator_loss),
            )

    def critic_loss(self, number: int, x_real: Tensor, draws: Draws, backward: Backward) -> Terms:
        """L_D = E[D(G(z_r))] - E[D(x_real)] + lambda1 L_GP-D, in D's step of this number within the iteration."""
        with torch.no_grad():
            x_rand = self.G(self.random_codes(x_real, draws))
        x_real, x_rand = self.shown(draws, x_real, x_rand)
        distance_D = self.ascend_distance(backward, (-1, x_rand), (1, x_real))
        penalty = per_voxel_penalty if "per_voxel_penalty" in self.departures else gradient_penalty
        n_steps = 1 if "reversed_ratio" in self.departures else CRITIC_STEPS
        weight, penalty_D = self.penalty_weight(self.iteration * n_steps + number), torch.zeros_like(distance_D)
        if weight:
            penalty_D = penalty(self.D, x_real, x_rand, draws)
            backward(weight * penalty_D)
            penalty_D = penalty_D.detach()
        L_D = -distance_D + weight * penalty_D
        return {"L_D": L_D, "distance_D": distance_D, "penalty_D": penalty_D}

    def generator_loss(self, x_real: Tensor, draws: Draws, backward: Backward) -> Terms:
        """L_G = -E[D(G(z_r))]; of the real scans only their number is used."""
        x_rand = self.G(self.random_codes(x_real, draws))
        L_G = -self.D(*self.shown(draws, x_rand)).mean()
        backward(L_G)
        return {"L_G": L_G.detach()}


def per_voxel_penalty(critic, real: Tensor, fake: Tensor, draws: Draws) -> Tensor:
    """The released code's penalty: the norm is taken over the single channel, so at every voxel for itself.

    A gradient of size 1 at each of V voxels has norm sqrt(V), 512 at 64 cubed, where 1 is meant.
    """
    return (slope(critic, real, fake, draws).norm(2, dim=1) - 1).square().mean()
