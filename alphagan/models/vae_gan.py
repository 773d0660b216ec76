"""3D-VAE-GAN (Larsen et al. 2016), the baseline with variational inference."""

import torch
from torch import Tensor

from alphagan.models.objective import Backward, Objective, Phase, Terms, called_fake, called_real
from alphagan.models.view import weigh_detail
from alphagan.seeding import Draws


class VAEGAN(Objective):
    """3D-VAE-GAN: a variational auto-encoder whose reconstruction error is measured in D's features.

    Notes
    -----
    Larsen et al., Autoencoding beyond pixels using a learned similarity metric, ICML 2016, algorithm 1:
    E descends L_prior + L_llike, G descends gamma L_llike - L_GAN, D descends L_GAN; no adversarial gradient reaches
    E. D's features are the outputs of its last layer but one. L_llike is half the sum of their squared
    differences in E, and gamma = 2 lambda2 / n makes it lambda2 times the mean in G, so that it means the same at every
    size. G's adversarial loss is the non-saturating one. `reconstruction` has no effect; `codes: normalised`
    gives E the statistics of all training scans in the end, and no other layer.
    """

    names = "GED"

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        second = 0 if "one_real_batch" in self.departures else 1
        self.phases = (
            Phase({"D": 1}, self.discriminator_loss),
            Phase({"G": 1}, self.generator_loss, batch=second),
            Phase({"E": 1}, self.encoder_loss, batch=second),
        )

    def encode(self, x_real: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        """Draw z_enc ~ q(z|x) = N(mean, exp(log_variance)), (B, z_dim), and say how far q is from the prior.

        Returns
        -------
        z_enc : Tensor, (B, z_dim)
        divergence : Tensor, (), the Kullback-Leibler divergence from N(0, I), mean over the batch
        """
        mean, log_variance = self.E.posterior(x_real)
        # L_prior = KL(q(z|x) || N(0, I)) = 1/2 sum_j (mean_j^2 + variance_j - log variance_j - 1)
        divergence = 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum(1).mean()
        if "averaged_kl" in self.departures:
            divergence = divergence / self.model.z_dim
        noise = draws.normal(*mean.shape, dtype=mean.dtype)
        return mean + (0.5 * log_variance).exp() * noise, divergence

    def squared_error(self, x_real: Tensor, x_rec: Tensor) -> Tensor:
        """Squared differences of D's features, (B, n)."""
        x_real, x_rec = (weigh_detail(x, self.model.detail_weight) for x in (x_real, x_rec))
        with torch.no_grad():
            target = self.D.features(x_real)
        return (self.D.features(x_rec) - target).square().flatten(1)

    def discriminator_loss(self, x_real: Tensor, draws: Draws, backward: Backward) -> Terms:
        """-L_GAN: real against reconstructed and random volumes."""
        with torch.no_grad():
            z_enc, _ = self.encode(x_real, draws)
            x_rec, x_rand = self.generate(z_enc, self.random_codes(x_real, draws))
        d_rec, d_rand, d_real = self.scores(*self.shown(draws, x_rec, x_rand, x_real))
        # L_GAN = log D(x) + log(1 - D(G(z_e))) + log(1 - D(G(z_r)))
        L_D = called_real(d_real) + called_fake(d_rec) + called_fake(d_rand)
        backward(L_D)
        return {"L_D": L_D.detach()}

    def generator_loss(self, x_real: Tensor, draws: Draws, backward: Backward) -> Terms:
        """Gamma L_llike - L_GAN."""
        with torch.no_grad():
            z_enc, _ = self.encode(x_real, draws)
        x_rec, x_rand = self.generate(z_enc, self.random_codes(x_real, draws))
        d_rec, d_rand = self.scores(*self.shown(draws, x_rec, x_rand))
        if "saturating_loss" in self.departures:
            # log(1 - D) rather than -log D; the real term that the released code subtracts too has no path to G
            adversarial = -called_fake(d_rec) - called_fake(d_rand)
        else:
            adversarial = called_real(d_rec) + called_real(d_rand)
        if "pixel_reconstruction" in self.departures:
            reconstruction = 20 * (x_rec - x_real).square().mean()
        else:
            reconstruction = self.model.lambda2 * self.squared_error(x_real, x_rec).mean()
        L_G = reconstruction + adversarial
        backward(L_G)
        return {"L_G": L_G.detach(), "l1": (x_rec.detach() - x_real).abs().mean()}

    def encoder_loss(self, x_real: Tensor, draws: Draws, backward: Backward) -> Terms:
        """L_prior + L_llike."""
        z_enc, L_prior = self.encode(x_real, draws)
        x_rec = self.G(z_enc)
        if "pixel_reconstruction" in self.departures:
            L_llike = 10 * (x_rec - x_real).square().mean()
        else:
            # -log N(D_l(x) | D_l(x_rec), I), but for a constant
            L_llike = 0.5 * self.squared_error(x_real, x_rec).sum(1).mean()
        backward(L_prior + L_llike)
        return {"L_E": L_prior.detach() + L_llike.detach(), "prior_E": L_prior.detach()}
