"""The four networks of the paper (Figure 1): generator G, encoder E, critic D and code critic C.

A cube of side S = k 2^n (k in 4..7) has n stages of convolution on the way down and n on the way up. With S = 64 and
width 1 they are the published networks; other sizes add or drop stages at the inner end, with channels doubling from
64 at half the side to at most 512.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from alphagan.errors import InputError
from alphagan.models.layers import CodeToCube, CubeToCode, HaarConv3d, ResizeConv3d, StridedConv3d, norm
from alphagan.models.recompute import run
from alphagan.settings.sections import SIZES

LEAK = 0.2  # slope of every LeakyReLU


def stages(size: int, width: float = 1.0) -> tuple[int, list[int]]:
    """Side of the innermost cube, and channels of every stage from the outermost inwards.

    Parameters
    ----------
    size : int
        Side of the cube, one of `alphagan.settings.sections.SIZES`.
    width : float
        Multiplier of all channel counts; 1 is the paper.

    Returns
    -------
    side : int
        4 for powers of two.
    channels : list of int
        [64, 128, 256, 512] at 64 cubed and width 1.

    Raises
    ------
    InputError
        If no such cube can be halved down to 4..7 voxels.
    """
    if size not in SIZES:
        raise InputError(f"size: no network for {size} cubed; choose one of {', '.join(map(str, SIZES))}")
    n_stages = 0
    while size >> n_stages >= 8:
        n_stages += 1
    channels = [max(1, round(width * min(64 * 2**stage, 512))) for stage in range(n_stages)]
    return size >> n_stages, channels


class Generator(nn.Module):
    """G: code to volume, by resize-convolutions that end in tanh.

    Parameters
    ----------
    size : int
        Side S of the cube.
    z_dim : int
        Length of the code.
    width : float
        Multiplier of all channel counts; 1 is the paper.
    dtype : torch.dtype, optional
        Of activations between convolutions; float32 by default.
    head : {"resize", "haar"}
        The last layer: a resize-convolution as published, or a convolution to Haar bands (`HaarConv3d`).

    Attributes
    ----------
    recomputed : bool
        Whether activations are computed again for the backward pass instead of kept (`train.checkpoint_activations`).
    """

    recomputed = False

    def __init__(
        self, size: int, z_dim: int, width: float = 1.0, dtype: torch.dtype | None = None, head: str = "resize"
    ):
        super().__init__()
        side, channels = stages(size, width)
        inwards = channels[::-1]
        blocks = [CodeToCube(z_dim, inwards[0], side), nn.BatchNorm3d(inwards[0]), nn.ReLU(inplace=True)]
        for n_in, n_out in pairwise(inwards):
            blocks += [ResizeConv3d(n_in, n_out, dtype), nn.BatchNorm3d(n_out), nn.ReLU(inplace=True)]
        last = HaarConv3d(inwards[-1], dtype) if head == "haar" else ResizeConv3d(inwards[-1], 1, dtype)
        self.layers = nn.Sequential(*blocks, last, nn.Tanh())
        self.z_dim = z_dim

    def forward(self, z: Tensor) -> Tensor:
        """Map codes (B, z_dim) to volumes (B, 1, S, S, S) in [-1, 1]."""
        return run(self.layers, z, self.recomputed).to(z.dtype)


class Discriminator(nn.Module):
    """D and E: volume to `n_out` numbers, by strided 4x4x4 convolutions and LeakyReLU.

    Parameters
    ----------
    size : int
        Side S of the cube.
    n_out : int
        1 for the critic, the length of the code for the encoder.
    width : float
        Multiplier of all channel counts; 1 is the paper.
    normalisation : {"batch", "group", "none"}
        Of every convolution but the first and the last; "batch" is the paper.
    dtype : torch.dtype, optional
        Of activations between convolutions; float32 by default.

    Attributes
    ----------
    recomputed : bool
        As `Generator` has it.
    """

    recomputed = False

    def __init__(
        self,
        size: int,
        n_out: int,
        width: float = 1.0,
        normalisation: str = "batch",
        dtype: torch.dtype | None = None,
    ):
        super().__init__()
        side, channels = stages(size, width)
        blocks: list[nn.Module] = [StridedConv3d(1, channels[0], dtype), nn.LeakyReLU(LEAK, inplace=True)]
        for n_in, n_next in pairwise(channels):
            blocks += [
                StridedConv3d(n_in, n_next, dtype),
                norm(normalisation, n_next),
                nn.LeakyReLU(LEAK, inplace=True),
            ]
        self.layers = nn.Sequential(*blocks, CubeToCode(channels[-1], n_out, side))

    def forward(self, x: Tensor) -> Tensor:
        """Map volumes (B, 1, S, S, S) in [-1, 1] to (B, n_out)."""
        return run(self.layers, x, self.recomputed).to(x.dtype)


class Critic(Discriminator):
    """D: volume to one unbounded score, higher for what looks real.

    Parameters
    ----------
    size, width, normalisation, dtype
        As `Discriminator` has them.
    patches : bool
        True ends in one more halving, which leaves a score for each octant of the volume: the released WGAN-GP's D.
    """

    def __init__(
        self,
        size: int,
        width: float = 1.0,
        normalisation: str = "batch",
        patches: bool = False,
        dtype: torch.dtype | None = None,
    ):
        super().__init__(size, 1, width, normalisation, dtype)
        if patches:
            head = StridedConv3d(stages(size, width)[1][-1], 1, dtype)
            self.layers[-1] = nn.Sequential(head, nn.Flatten())

    def features(self, x: Tensor) -> Tensor:
        """Outputs of the last layer but one, (B, C, side, side, side)."""
        return run(self.layers[:-1], x, self.recomputed)

    def forward(self, x: Tensor) -> Tensor:
        """Map volumes (B, 1, S, S, S) in [-1, 1] to scores (B,), or (B, 8) of patches."""
        return super().forward(x).squeeze(1)


class Encoder(Discriminator):
    """E: volume to code, without noise and with BatchNorm, as published.

    Parameters
    ----------
    size, z_dim, width
        As `Generator` has them.
    normalised : bool
        True ends in a BatchNorm without parameters: over people every number of the code has mean 0 and variance 1.
    """

    def __init__(self, size: int, z_dim: int, width: float = 1.0, normalised: bool = False):
        super().__init__(size, z_dim, width)
        if normalised:
            self.layers.append(nn.BatchNorm1d(z_dim, affine=False))


class CodeCritic(nn.Module):
    """C: code to one unbounded score, by three fully connected layers.

    Parameters
    ----------
    z_dim : int
        Length of the code.
    n_units : int
        Width of the two hidden layers; the authors trained with 4096.
    normalisation : {"batch", "group", "none"}
        Of the hidden layers; "batch" is the paper.
    """

    def __init__(self, z_dim: int, n_units: int = 4096, normalisation: str = "batch"):
        super().__init__()
        blocks: list[nn.Module] = []
        for n_in in (z_dim, n_units):
            blocks += [nn.Linear(n_in, n_units), norm(normalisation, n_units, nn.BatchNorm1d), nn.LeakyReLU(LEAK)]
        self.layers = nn.Sequential(*blocks, nn.Linear(n_units, 1))

    def forward(self, z: Tensor) -> Tensor:
        """Map codes (B, z_dim) to scores (B,)."""
        return self.layers(z).squeeze(1)
