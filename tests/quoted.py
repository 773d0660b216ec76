"""How documents write numbers, and what they say in one line."""

from imports import ROOT

from alphagan.settings.config import family

MODELS = {"alpha_wgan_gp": "α-WGAN-GP", "alpha_gan": "α-GAN", "vae_gan": "VAE-GAN", "wgan_gp": "WGAN-GP"}


def said(path):
    return " ".join((ROOT / path).read_text(encoding="utf-8").replace("**", "").split())


def bounds(estimate, digits, factor=1):
    """An interval as documents write it."""
    return f"[{', '.join(f'{factor * estimate[end]:.{digits}f}' for end in ('low', 'high'))}]"


def shown(estimate, digits):
    return f"{value(estimate, digits)} {bounds(estimate, digits)}"


def value(estimate, digits, factor=1):
    return f"{factor * estimate['value']:.{digits}f}"


def row_of(model, what, found):
    """The row that tables of IXI's models have of one training: which model it is of, what is special, and metrics."""
    cells = [value(found[name], n) for name, n in {"mmd_rbf": 3, "mmd_rbf_p": 3, "spectrum_distance": 2}.items()]
    cells.append(f"{value(found['brain_like'], 0, 100)} %")
    cells += [value(found[name], n) for name, n in {"ms_ssim": 3, "recall": 2, "asymmetry_cohens_d": 2}.items()]
    return f"| {MODELS[family(model)]}, {what} | {' | '.join(cells)} |"
