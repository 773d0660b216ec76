"""Positive controls: copies of training scans, more and less disguised, of which the audit must find what it can."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from alphagan.audit.spaces import shifted
from alphagan.seeding import seeded
from alphagan.volumes.brain import brain_mask

NOISE_SD = (0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8)  # of intensities, whose range is 2
RESCALED = 0.85


@dataclass(frozen=True)
class Copies:
    """Copies of training scans, disguised in one way.

    Attributes
    ----------
    kind : str
        "exact", "flipped", "rescaled", "shifted", "blurred" or "noise".
    level : float
        Standard deviation of the noise; 0 for every other kind.
    volumes : Tensor, (n, S, S, S), float32 in [-1, 1]
    """

    kind: str
    level: float
    volumes: Tensor


def copies(volumes: Tensor, seed: int = 0) -> Iterator[Copies]:
    """Disguise each training scan in every way.

    Parameters
    ----------
    volumes : Tensor, (n, S, S, S), float32 in [-1, 1], axis 1 from left to right
    seed : int
        Of noise, and of the directions of shifts.

    Yields
    ------
    Copies
        Exact; mirrored; intensities times 0.85; moved by one voxel along a random axis; averaged over 3 x 3 x 3 voxels;
        with noise inside the brain, from little to much.
    """
    yield Copies("exact", 0.0, volumes.clone())
    yield Copies("flipped", 0.0, volumes.flip(1))
    yield Copies("rescaled", 0.0, (volumes + 1) * RESCALED - 1)
    generator = seeded("cpu", "copies", seed, "shifted")
    axes = torch.randint(1, 4, (len(volumes),), generator=generator).tolist()
    steps = (2 * torch.randint(0, 2, (len(volumes),), generator=generator) - 1).tolist()
    moved = [shifted(x[None], axis, step) for x, axis, step in zip(volumes, axes, steps, strict=True)]
    yield Copies("shifted", 0.0, torch.cat(moved))
    blurred = F.avg_pool3d(volumes[:, None] + 1, 3, stride=1, padding=1)[:, 0] - 1
    yield Copies("blurred", 0.0, blurred)
    inside = brain_mask(volumes)
    for level in NOISE_SD:
        noise = torch.randn(volumes.shape, generator=seeded("cpu", "copies", seed, f"noise {level}"))
        rough = (volumes + level * noise.to(volumes)).clamp(-1, 1)
        yield Copies("noise", level, torch.where(inside, rough, volumes))
