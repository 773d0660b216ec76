"""The 4x4x4 convolution of stride 2 in its three forms, each of which is differentiated by the other two.

Every large layer of the networks is one trilinear form of a large cube x, a small cube a and weights W,

    T(x, W, a) = sum_o a[o] sum_k W[k] x[2 o + k - 1],    k = 0..3 along each axis, x zero outside,

and one of its derivatives,

    convolve(x, W) = dT/da     a strided convolution, as in D and E,
    spread(a, W)   = dT/dx     a transposed convolution, as the folded resize-convolution of G,
    correlate(x, a) = dT/dW    the gradient of the weights.

PyTorch derives the same from `F.conv3d`, but computes the second derivatives that a gradient penalty needs with
transposed copies of batch and channels. Here every derivative of any order is again one of the three, in the
channels-last layout, and each is computed in the way that is fastest for its shape.
"""

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional as F

LAYOUT = torch.channels_last_3d


class _Convolve(Function):
    @staticmethod
    def forward(ctx, x, W, bias):
        ctx.save_for_backward(x, W)
        return _in_arithmetic(_convolve, x.dtype, x, W, bias)

    @staticmethod
    def backward(ctx, a):
        x, W = ctx.saved_tensors
        need_x, need_W, need_bias = ctx.needs_input_grad
        return (
            spread(a, W) if need_x else None,
            correlate(x, a, W.dtype) if need_W else None,
            a.sum((0, 2, 3, 4), dtype=W.dtype) if need_bias else None,
        )


class _Spread(Function):
    @staticmethod
    def forward(ctx, a, W):
        ctx.save_for_backward(a, W)
        return _in_arithmetic(_spread, a.dtype, a, W)

    @staticmethod
    def backward(ctx, x):
        a, W = ctx.saved_tensors
        need_a, need_W = ctx.needs_input_grad
        return convolve(x, W) if need_a else None, correlate(x, a, W.dtype) if need_W else None


class _Correlate(Function):
    @staticmethod
    def forward(ctx, x, a, dtype):
        ctx.save_for_backward(x, a)
        return _in_arithmetic(_correlate, dtype, x, a)

    @staticmethod
    def backward(ctx, W):
        x, a = ctx.saved_tensors
        need_x, need_a, _ = ctx.needs_input_grad
        return spread(a, W) if need_x else None, convolve(x, W) if need_a else None, None


def convolve(x: Tensor, W: Tensor, bias: Tensor | None = None) -> Tensor:
    """Convolve with stride 2 and padding 1.

    Parameters
    ----------
    x : Tensor, (B, C, 2X, 2Y, 2Z)
    W : Tensor, (A, C, 4, 4, 4)
    bias : Tensor, (A,), optional

    Returns
    -------
    a : Tensor, (B, A, X, Y, Z), of the type of `x`
    """
    return _Convolve.apply(x, W, bias)


def spread(a: Tensor, W: Tensor) -> Tensor:
    """Transpose of `convolve`: (B, A, X, Y, Z) and (A, C, 4, 4, 4) to (B, C, 2X, 2Y, 2Z), of the type of `a`."""
    return _Spread.apply(a, W)


def correlate(x: Tensor, a: Tensor, dtype: torch.dtype) -> Tensor:
    """Gradient of the weights: (B, C, 2X, 2Y, 2Z) and (B, A, X, Y, Z) to (A, C, 4, 4, 4) in the type asked for."""
    return _Correlate.apply(x, a, dtype)


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


def blocks_of(a: Tensor, W: Tensor) -> Tensor:
    """Convolve (B, A, X, Y, Z) with W (8, A, 3, 3, 3) to the 2x2x2 block of each voxel, (B, 1, 2X, 2Y, 2Z)."""
    return from_blocks(_in_arithmetic(_of_neighbours, a.dtype, a, W))


def _of_neighbours(a: Tensor, W: Tensor) -> Tensor:
    return F.conv3d(_channels_last(a), _channels_last(W), padding=1)


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 products are faster than float32 ones: GPUs, and processors with matrix units for them."""
    return device.type != "cpu" or torch.cpu._is_amx_tile_supported()


def _in_arithmetic(product, dtype: torch.dtype, first: Tensor, *others: Tensor | None) -> Tensor:
    """Multiply in the activations' type; bfloat16 as float32, which is exact, where that is faster."""
    arithmetic = first.dtype
    if arithmetic == torch.bfloat16 and not multiplies_bfloat16(first.device):
        arithmetic = torch.float32
    return product(first.to(arithmetic), *(None if t is None else t.to(arithmetic) for t in others)).to(dtype)


def _is_matrix_product(x_numel: int, W: Tensor) -> bool:
    """Whether to unfold x (8 times its size) and multiply matrices: where weights outweigh voxels, on a processor.

    There convolution kernels spend their time on rearranging weights.
    """
    return W.device.type == "cpu" and 2 * x_numel <= W.numel()


def _convolve(x: Tensor, W: Tensor, bias: Tensor | None = None) -> Tensor:
    x, W = _channels_last(x), _channels_last(W)
    if W.shape[1] == 1 and x.is_cuda:  # tensor cores want eight channels
        return F.conv3d(to_blocks(F.pad(x, (1,) * 6)), to_blocks(W), bias)
    if _is_matrix_product(x.numel(), W):
        B, _, X, Y, Z = x.shape
        return _product(_unfold(x), _to_matrix(W).T, (B, len(W), X // 2, Y // 2, Z // 2), bias)
    return F.conv3d(x, W, bias, stride=2, padding=1)


def _spread(a: Tensor, W: Tensor) -> Tensor:
    a, W = _channels_last(a), _channels_last(W)
    if W.shape[1] == 1:  # kernels are slow with one channel; as blocks there are eight
        weight = to_blocks(W).transpose(0, 1).flip(2, 3, 4)
        return from_blocks(F.conv3d(a, weight, padding=1))[:, :, 1:-1, 1:-1, 1:-1].contiguous(memory_format=LAYOUT)
    if _is_matrix_product(8 * a.numel() // W.shape[0] * W.shape[1], W):
        return _fold(_rows(a) @ _to_matrix(W), a.shape, W.shape[1])
    return F.conv_transpose3d(a, W, stride=2, padding=1)


def _correlate(x: Tensor, a: Tensor) -> Tensor:
    x, a = _channels_last(x), _channels_last(a)
    like_W = x.new_empty((a.shape[1], x.shape[1], 4, 4, 4)).to(memory_format=LAYOUT)
    if x.shape[1] == 1 and x.is_cuda:
        blocks = to_blocks(F.pad(x, (1,) * 6))
        return from_blocks(_weight_gradient(a, blocks, to_blocks(like_W), stride=1, padding=0))
    if _is_matrix_product(x.numel(), like_W):
        return _product(_rows(a).T, _unfold(x), like_W.shape)
    return _weight_gradient(a, x, like_W, stride=2, padding=1)


def _weight_gradient(a: Tensor, x: Tensor, like_W: Tensor, stride: int, padding: int) -> Tensor:
    where = ([stride] * 3, [padding] * 3, [1] * 3, False, [0] * 3, 1)
    return torch.ops.aten.convolution_backward(a, x, like_W, None, *where, [False, True, False])[1]


def _channels_last(x: Tensor) -> Tensor:
    """Lay out (B, C, X, Y, Z) with channels innermost; with a single one, say so by its stride, or kernels miss it."""
    x = x.contiguous(memory_format=LAYOUT)
    return x.as_strided(x.shape, (x.stride(0), 1, *x.stride()[2:])) if x.shape[1] == 1 else x


def _to_matrix(W: Tensor) -> Tensor:
    """Weights (A, C, 4, 4, 4) as (A, 64 C), taps before channels; a view in the channels-last layout."""
    return W.permute(0, 2, 3, 4, 1).reshape(len(W), -1)


def _rows(cube: Tensor) -> Tensor:
    """Cube (B, C, X, Y, Z) as (B X Y Z, C); a view in the channels-last layout."""
    return cube.permute(0, 2, 3, 4, 1).reshape(-1, cube.shape[1])


def _product(first: Tensor, second: Tensor, shape: tuple[int, ...], bias: Tensor | None = None) -> Tensor:
    """Matrix product, written as a cube (B, C, X, Y, Z) that is no view and may be changed in place."""
    cube = torch.empty(shape, dtype=first.dtype, device=first.device, memory_format=LAYOUT)
    rows = _rows(cube).view(len(first), -1)
    if bias is None:
        torch.mm(first, second, out=rows)
    else:
        torch.addmm(bias, first, second, out=rows)
    return cube


def _unfold(x: Tensor) -> Tensor:
    """What each output voxel of `convolve` sees, (B, C, 2X, 2Y, 2Z) to (B X Y Z, 64 C)."""
    B, C, X, Y, Z = x.shape
    padded = F.pad(x.permute(0, 2, 3, 4, 1), (0, 0, 1, 1, 1, 1, 1, 1))
    b, i, j, k, _ = padded.stride()
    windows = padded.as_strided((B, X // 2, Y // 2, Z // 2, 4, 4, 4 * C), (b, 2 * i, 2 * j, 2 * k, i, j, 1))
    return windows.reshape(-1, 64 * C)


def _fold(rows: Tensor, shape: torch.Size, C: int) -> Tensor:
    """Transpose of `_unfold`: sum (B X Y Z, 64 C) where windows overlap, to (B, C, 2X, 2Y, 2Z)."""
    B, _, X, Y, Z = shape
    rows = rows.view(B, X, Y, Z, 2, 2, 2, 2, 2, 2, C)  # tap 2 t + p as (t, p) along each axis
    padded = rows.new_zeros(B, X + 1, 2, Y + 1, 2, Z + 1, 2, C)
    for i, j, k in torch.cartesian_prod(*[torch.arange(2)] * 3).tolist():
        part = rows[:, :, :, :, i, :, j, :, k].permute(0, 1, 4, 2, 5, 3, 6, 7)
        padded[:, i : i + X, :, j : j + Y, :, k : k + Z] += part
    padded = padded.view(B, 2 * X + 2, 2 * Y + 2, 2 * Z + 2, C).permute(0, 4, 1, 2, 3)
    return padded[:, :, 1:-1, 1:-1, 1:-1].contiguous(memory_format=LAYOUT)
