"""3D-alpha-GAN (Rosca et al. 2017), the baseline with the basic GAN loss."""

from torch import Tensor

from alphagan.models.objective import AutoEncodingGAN, Backward, Terms, called_fake, called_real
from alphagan.seeding import Draws


class AlphaGAN(AutoEncodingGAN):
    """3D-alpha-GAN: the proposed model's networks and order, with cross-entropies for distances.

    Notes
    -----
    Rosca et al., Variational Approaches for Auto-Encoding Generative Adversarial Networks, arXiv:1706.04987, with the
    non-saturating losses of their algorithm 1. With called_real(d) = -log sigmoid(d) and
    called_fake(d) = -log(1 - sigmoid(d)), D(x) being a logit.
    """

    def encoder_generator_loss(self, x_real: Tensor, draws: Draws, backward: Backward) -> Terms:
        """L_E + L_G: encoder and generator learn as one network."""
        z_enc, z_rand = self.E(x_real), self.random_codes(x_real, draws)
        with self.in_turn(z_enc, z_rand, backward) as (fakes, backward):
            x_rec = next(fakes)
            l1 = (x_real - x_rec).abs().mean()
            # L_G = -E[log D(G(z_e))] - E[log D(G(z_r))] + lambda2 ||x_real - G(z_e)||_L1
            L_rec = called_real(self.D(*self.shown(draws, x_rec))) + self.l1_weight * l1
            # L_E = -E[log C(z_e)]
            L_E = called_real(self.C(z_enc))
            backward(L_rec + L_E)
            L_rand = called_real(self.D(*self.shown(draws, next(fakes))))
            backward(L_rand)
        return {"L_G": L_rec.detach() + L_rand.detach(), "L_E": L_E.detach(), "l1": l1.detach()}

    def critics_loss(self, x_real: Tensor, draws: Draws, backward: Backward) -> Terms:
        """L_D + L_C: both discriminators learn from fakes that carry no gradient."""
        z_enc, z_rand, x_rec, x_rand = self.fakes(x_real, draws)
        d_rec, d_rand, d_real = self.scores(*self.shown(draws, x_rec, x_rand, x_real))
        # L_D = -2 E[log D(x_real)] - E[log(1 - D(G(z_e)))] - E[log(1 - D(G(z_r)))]
        L_D = 2 * called_real(d_real) + called_fake(d_rec) + called_fake(d_rand)
        backward(L_D)
        # L_C = -E[log C(z_r)] - E[log(1 - C(z_e))]
        L_C = called_real(self.C(z_rand)) + called_fake(self.C(z_enc))
        backward(L_C)
        return {"L_D": L_D.detach(), "L_C": L_C.detach()}
