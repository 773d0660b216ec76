"""What training does to real scans at random: left-right flips and intensity (paper, section 3)."""

import torch
from torch import Tensor

from alphagan.seeding import Draws
from alphagan.settings.cohorts import Augment


def augment(x: Tensor, how: Augment, draws: Draws) -> Tensor:
    """Flip left and right, and scale intensities, each sample for itself (paper, section 3).

    Parameters
    ----------
    x : Tensor, (B, 1, X, Y, Z), float32 in [-1, 1], X from left to right (RAS)
    how : Augment
        flip: with probability 1/2. intensity [low, high]: multiply by U(low, high) with background at 0.
    draws : Draws
        On the device of `x`.
    """
    shape = (len(x), 1, 1, 1, 1)
    if how.flip:
        x = _flip(x, draws.uniform(*shape) < 0.5)
    if how.intensity:
        low, high = how.intensity
        scale = low + (high - low) * draws.uniform(*shape)
        # In place once there is a copy: fresh memory costs more than the arithmetic.
        x = (x.add_(1) if how.flip else x + 1).mul_(scale).sub_(1)
    return x


def _flip(x: Tensor, flipped: Tensor) -> Tensor:
    """Copy x (B, 1, X, Y, Z), from right to left where `flipped` (B, 1, ...) says so, in one pass over whole planes."""
    n, _, n_planes = x.shape[:3]
    planes = torch.arange(n_planes, device=x.device)
    planes = torch.where(flipped.view(n, 1), planes.flip(0), planes)
    planes = planes + n_planes * torch.arange(n, device=x.device).view(n, 1)
    return x.flatten(0, 2).index_select(0, planes.flatten()).view(x.shape)
