"""The paper's networks G, E, D and C; the losses of each model beside their equations, one file for each."""

from alphagan.models.alpha_gan import AlphaGAN
from alphagan.models.alpha_wgan_gp import AlphaWGANGP
from alphagan.models.objective import Objective
from alphagan.models.vae_gan import VAEGAN
from alphagan.models.wgan_gp import WGANGP

OBJECTIVES: dict[str, type[Objective]] = {
    "alpha_wgan_gp": AlphaWGANGP,
    "alpha_gan": AlphaGAN,
    "vae_gan": VAEGAN,
    "wgan_gp": WGANGP,
}
