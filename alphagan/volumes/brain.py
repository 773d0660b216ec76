"""Which voxels of a cube are brain, and intensities that do not depend on how bright the cube is."""

from torch import Tensor


def brain_mask(x: Tensor) -> Tensor:
    """Voxels above a tenth of their volume's mean, background counting as 0; the same however bright the volume is.

    Parameters
    ----------
    x : Tensor, (n, ..., S, S, S), float in [-1, 1], background about -1

    Returns
    -------
    Tensor of bool, of the shape of `x`
    """
    return x + 1 > 0.1 * (x + 1).mean((-3, -2, -1), keepdim=True)


def brain_intensities(x: Tensor) -> Tensor:
    """Intensities over their mean inside the brain, background 0: rescaling a volume changes nothing."""
    values = (x + 1) * brain_mask(x)
    inside = (values > 0).sum((-3, -2, -1), keepdim=True).clamp(min=1)
    mean = values.sum((-3, -2, -1), keepdim=True) / inside
    return values / mean.clamp(min=1e-6)
