"""What each network learns: one class per model, with the losses beside the equations."""

from alphagan.objectives.alpha_gan import AlphaGAN
from alphagan.objectives.alpha_wgan_gp import AlphaWGANGP
from alphagan.objectives.base import Objective, Phase, gradient_penalty
from alphagan.objectives.vae_gan import VAEGAN
from alphagan.objectives.wgan_gp import WGANGP

OBJECTIVES: dict[str, type[Objective]] = {
    "alpha_wgan_gp": AlphaWGANGP,
    "alpha_gan": AlphaGAN,
    "vae_gan": VAEGAN,
    "wgan_gp": WGANGP,
}

__all__ = ["OBJECTIVES", "VAEGAN", "WGANGP", "AlphaGAN", "AlphaWGANGP", "Objective", "Phase", "gradient_penalty"]
