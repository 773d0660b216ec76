"""The layers of the four networks: resize-convolution folded into one kernel, and dense ends as matrix products."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# Nearest x2 up-sampling followed by a 3-tap convolution is, along one axis, a transposed convolution with 4 taps,
# stride 2 and padding 1. Even outputs see w0 on the voxel before and w1 + w2 on their own; odd ones see w0 + w1 on
# their own and w2 on the voxel after. Rows: the 4 taps in the order of a transposed convolution; columns: w0 w1 w2.
FOLD = ((0.0, 0.0, 1.0), (0.0, 1.0, 1.0), (1.0, 1.0, 0.0), (1.0, 0.0, 0.0))


def fold(weight: Tensor) -> Tensor:
    """Expand resize-convolution weights to those of the equal transposed convolution.

    Parameters
    ----------
    weight : Tensor, (C_out, C_in, 3, 3, 3)

    Returns
    -------
    folded : Tensor, (C_in, C_out, 4, 4, 4), for stride 2 and padding 1
    """
    matrix = weight.new_tensor(FOLD)
    return torch.einsum("oixyz,ax,by,cz->ioabc", weight, matrix, matrix, matrix)


def nearest_upsample(x: Tensor) -> Tensor:
    """Repeat every voxel twice along X, Y and Z, with a backward pass that is a plain sum (deterministic on GPUs).

    Parameters
    ----------
    x : Tensor, (B, C, X, Y, Z)

    Returns
    -------
    Tensor, (B, C, 2X, 2Y, 2Z)
    """
    B, C, X, Y, Z = x.shape
    x = x[:, :, :, None, :, None, :, None].expand(B, C, X, 2, Y, 2, Z, 2)
    return x.reshape(B, C, 2 * X, 2 * Y, 2 * Z)


def to_blocks(x: Tensor) -> Tensor:
    """Collect each 2x2x2 block of voxels into channels, (B, C, 2X, 2Y, 2Z) to (B, 8C, X, Y, Z)."""
    B, C, X, Y, Z = x.shape
    x = x.view(B, C, X // 2, 2, Y // 2, 2, Z // 2, 2).permute(0, 1, 3, 5, 7, 2, 4, 6)
    return x.reshape(B, 8 * C, X // 2, Y // 2, Z // 2)


def from_blocks(x: Tensor) -> Tensor:
    """Spread channels over 2x2x2 blocks of voxels, the inverse of `to_blocks`."""
    B, C, X, Y, Z = x.shape
    x = x.view(B, C // 8, 2, 2, 2, X, Y, Z).permute(0, 1, 5, 2, 6, 3, 7, 4)
    return x.reshape(B, C // 8, 2 * X, 2 * Y, 2 * Z)


class ResizeConv3d(nn.Conv3d):
    """Nearest x2 up-sampling, then a 3x3x3 convolution with padding 1 (Odena et al. 2016, as in the paper).

    Computed as one transposed convolution of the small cube: 64 instead of 216 multiply-adds per input voxel and pair
    of channels, and the up-sampled cube is never written. Parameters, initialisation and result are the textbook's.

    Parameters
    ----------
    n_in, n_out : int
        Channels.
    folded : bool
        False computes the textbook way.
    """

    def __init__(self, n_in: int, n_out: int, folded: bool = True):
        super().__init__(n_in, n_out, kernel_size=3, padding=1, bias=False)
        self.folded = folded

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C_in, X, Y, Z) to (B, C_out, 2X, 2Y, 2Z)."""
        if not self.folded:
            return super().forward(nearest_upsample(x))
        weight = fold(self.weight)
        if self.out_channels > 1:
            return F.conv_transpose3d(x, weight, stride=2, padding=1)
        # Convolution kernels are slow with a single channel. Tap 2t + p of the transposed convolution is tap 1 - t of
        # a plain 2x2x2 convolution whose 8 channels are the voxels p of each 2x2x2 block.
        weight = weight.view(-1, 2, 2, 2, 2, 2, 2).permute(2, 4, 6, 0, 1, 3, 5).reshape(8, -1, 2, 2, 2).flip(2, 3, 4)
        return from_blocks(F.conv3d(x, weight, padding=1))[:, :, 1:-1, 1:-1, 1:-1]


class InputConv3d(nn.Conv3d):
    """4x4x4 convolution of one channel with stride 2 and padding 1.

    Where a gradient of the input is asked for, it is computed as a 2x2x2 convolution of 2x2x2 blocks, with the same
    result: the gradient of a single channel is several times slower.
    """

    def __init__(self, n_out: int):
        super().__init__(1, n_out, kernel_size=4, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, 1, 2X, 2Y, 2Z) to (B, C_out, X, Y, Z)."""
        if not x.requires_grad:
            return super().forward(x)
        weight = to_blocks(self.weight)  # (C_out, 8, 2, 2, 2)
        return F.conv3d(to_blocks(F.pad(x, (1,) * 6)), weight, self.bias)


class CodeToCube(nn.ConvTranspose3d):
    """Transposed convolution of a 1x1x1 cube, which is a matrix product and is computed as one."""

    def __init__(self, n_in: int, n_out: int, side: int):
        super().__init__(n_in, n_out, kernel_size=side, bias=False)

    def forward(self, z: Tensor) -> Tensor:
        """Map (B, C_in) to (B, C_out, side, side, side)."""
        return (z @ self.weight.flatten(1)).view(-1, *self.weight.shape[1:])


class CubeToCode(nn.Conv3d):
    """Convolution whose kernel covers its whole input: a matrix product, computed as one."""

    def __init__(self, n_in: int, n_out: int, side: int):
        super().__init__(n_in, n_out, kernel_size=side)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C_in, side, side, side) to (B, C_out)."""
        return F.linear(x.flatten(1), self.weight.flatten(1), self.bias)


def norm(kind: str, n_features: int, batch_norm: type[nn.Module] = nn.BatchNorm3d) -> nn.Module:
    """Normalise a layer's output: "batch" (the paper), "group" (one group, so each sample alone) or "none"."""
    if kind == "none":
        return nn.Identity()
    return batch_norm(n_features) if kind == "batch" else nn.GroupNorm(1, n_features)
