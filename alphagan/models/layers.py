"""The layers of the four networks: strided and resize-convolutions as one form, and dense ends as matrix products."""

from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alphagan.models.convolution import LAYOUT, blocks_of, convolve, spread

# Nearest x2 up-sampling followed by a 3-tap convolution is, along one axis, a transposed convolution with 4 taps,
# stride 2 and padding 1. Even outputs see w0 on the voxel before and w1 + w2 on their own; odd ones see w0 + w1 on
# their own and w2 on the voxel after. Rows: the 4 taps in the order of a transposed convolution; columns: w0 w1 w2.
FOLD = ((0.0, 0.0, 1.0), (0.0, 1.0, 1.0), (1.0, 1.0, 0.0), (1.0, 0.0, 0.0))


@lru_cache(maxsize=8)
def _fold_matrix(dtype: torch.dtype, device: torch.device) -> Tensor:
    with torch.inference_mode(False):  # it is kept, and may be trained through later
        axis = torch.tensor(FOLD, dtype=dtype, device=device)
        return torch.kron(torch.kron(axis, axis), axis)  # (64, 27)


def fold(weight: Tensor) -> Tensor:
    """Expand resize-convolution weights to those of the equal transposed convolution.

    Parameters
    ----------
    weight : Tensor, (C_out, C_in, 3, 3, 3)

    Returns
    -------
    folded : Tensor, (C_in, C_out, 4, 4, 4), for stride 2 and padding 1
    """
    n_out, n_in = weight.shape[:2]
    taps = weight.permute(1, 2, 3, 4, 0).reshape(n_in, 27, n_out)
    folded = _fold_matrix(weight.dtype, weight.device) @ taps  # (C_in, 64, C_out)
    return folded.view(n_in, 4, 4, 4, n_out).permute(0, 4, 1, 2, 3)


class ResizeConv3d(nn.Conv3d):
    """Nearest x2 up-sampling, then a 3x3x3 convolution with padding 1 (Odena et al. 2016, as in the paper).

    Computed as one transposed convolution of the small cube: 64 instead of 216 multiply-adds per input voxel and pair
    of channels, and the up-sampled cube is never written. Parameters, initialisation and result are the textbook's.

    Parameters
    ----------
    n_in, n_out : int
        Channels.
    dtype : torch.dtype, optional
        Of the result, and of what is kept for the backward pass; by default that of the input.
    """

    def __init__(self, n_in: int, n_out: int, dtype: torch.dtype | None = None):
        super().__init__(n_in, n_out, kernel_size=3, padding=1, bias=False)
        # In memory as `fold` reads it: C_in, taps, C_out.
        self.weight.data = self.weight.data.permute(1, 2, 3, 4, 0).contiguous().permute(4, 0, 1, 2, 3)
        self.activation_dtype = dtype

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C_in, X, Y, Z) to (B, C_out, 2X, 2Y, 2Z)."""
        return spread(x.to(self.activation_dtype or x.dtype), fold(self.weight))


@lru_cache(maxsize=8)
def _haar_matrix(dtype: torch.dtype, device: torch.device) -> Tensor:
    with torch.inference_mode(False):
        axis = torch.tensor(((1.0, 1.0), (1.0, -1.0)), dtype=dtype, device=device) / 2**0.5
        return torch.kron(torch.kron(axis, axis), axis)  # (8, 8): voxels of a block, bands; its own inverse


class HaarConv3d(nn.Conv3d):
    """3x3x3 convolution to the eight Haar bands of a cube twice as large, and the inverse transform.

    As many products as `ResizeConv3d` to one channel, but each of the eight voxels of a block has weights of its own
    (Shi et al. 2016), where up-sampling by repetition leaves one kernel to all and so weakens high frequencies. The
    bands, means and differences of neighbours, are what Gal et al. 2021 (SWAGAN) have a generator end in.

    Parameters
    ----------
    n_in : int
        Channels.
    dtype : torch.dtype, optional
        As `ResizeConv3d` has it.
    """

    def __init__(self, n_in: int, dtype: torch.dtype | None = None):
        super().__init__(n_in, 8, kernel_size=3, padding=1, bias=False)
        self.activation_dtype = dtype

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C_in, X, Y, Z) to (B, 1, 2X, 2Y, 2Z)."""
        bands = self.weight
        voxels = (_haar_matrix(bands.dtype, bands.device) @ bands.flatten(1)).view_as(bands)
        return blocks_of(x.to(self.activation_dtype or x.dtype), voxels)


class StridedConv3d(nn.Conv3d):
    """4x4x4 convolution with stride 2 and padding 1.

    Parameters
    ----------
    n_in, n_out, dtype
        As `ResizeConv3d` has them.
    """

    def __init__(self, n_in: int, n_out: int, dtype: torch.dtype | None = None):
        super().__init__(n_in, n_out, kernel_size=4, stride=2, padding=1)
        self.weight.data = self.weight.data.contiguous(memory_format=LAYOUT)
        self.activation_dtype = dtype

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C_in, 2X, 2Y, 2Z) to (B, C_out, X, Y, Z)."""
        return convolve(x.to(self.activation_dtype or x.dtype), self.weight, self.bias)


class CodeToCube(nn.ConvTranspose3d):
    """Transposed convolution of a 1x1x1 cube, which is a matrix product and is computed as one."""

    def __init__(self, n_in: int, n_out: int, side: int):
        super().__init__(n_in, n_out, kernel_size=side, bias=False)

    def forward(self, z: Tensor) -> Tensor:
        """Map (B, C_in) to (B, C_out, side, side, side)."""
        return (z @ self.weight.flatten(1)).view(-1, *self.weight.shape[1:])


class CubeToCode(nn.Conv3d):
    """Convolution whose kernel covers its whole input: a matrix product, computed as one in the weights' type."""

    def __init__(self, n_in: int, n_out: int, side: int):
        super().__init__(n_in, n_out, kernel_size=side)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C_in, side, side, side) to (B, C_out)."""
        return F.linear(x.flatten(1).to(self.weight.dtype), self.weight.flatten(1), self.bias)


class GroupNorm(nn.GroupNorm):
    """One group, so that each sample is normalised for itself; computed in the type of the weights."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (B, C, ...)."""
        return super().forward(x.to(self.weight.dtype)).to(x.dtype)


def norm(kind: str, n_features: int, batch_norm: type[nn.Module] = nn.BatchNorm3d) -> nn.Module:
    """Normalise a layer's output: "batch" (the paper), "group" (one group, so each sample alone) or "none"."""
    if kind == "none":
        return nn.Identity()
    return batch_norm(n_features) if kind == "batch" else GroupNorm(1, n_features)
