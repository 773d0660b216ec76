"""The layers of the networks as Figure 1 draws them, and their numbers of parameters."""

from collections.abc import Iterable, Iterator

from torch import nn

from alphagan.models.layers import CodeToCube, CubeToCode, HaarConv3d, ResizeConv3d


def n_parameters(network: nn.Module) -> int:
    """Count trainable numbers."""
    return sum(parameter.numel() for parameter in network.parameters())


def describe(network: nn.Module, size: int) -> Iterator[dict]:
    """List the layers as Figure 1 draws them.

    Parameters
    ----------
    network : Generator, Discriminator or CodeCritic
    size : int
        Side of the volumes.

    Yields
    ------
    dict
        op ("code_to_cube", "resize_conv", "haar_conv", "conv", "cube_to_code" or "linear"), n (channels or units out),
        n_in, k (kernel), s (stride), p (padding), cube (side of the output; absent for codes), parameters (weights,
        biases and normalisation), norm and activation (class names, "" where there is none).
    """
    cube, record = size, None
    for layer in _leaves(network.layers):
        if isinstance(layer, nn.Conv3d | nn.ConvTranspose3d | nn.Linear):
            if record:
                yield record
            record, cube = _record(layer, cube), _side_after(layer, cube)
            if not isinstance(layer, nn.Linear | CubeToCode):
                record["cube"] = cube
        elif isinstance(layer, nn.BatchNorm3d | nn.BatchNorm1d | nn.GroupNorm):
            record["norm"] = type(layer).__name__
            record["parameters"] += n_parameters(layer)
        elif not isinstance(layer, nn.Identity | nn.Flatten):
            record["activation"] = type(layer).__name__
    yield record


def _leaves(layers: Iterable[nn.Module]) -> Iterator[nn.Module]:
    """Layers without those that only hold others."""
    for layer in layers:
        yield from _leaves(layer.children()) if any(layer.children()) else [layer]


def _record(layer: nn.Module, cube: int) -> dict:
    record = {"parameters": n_parameters(layer), "norm": "", "activation": ""}
    if isinstance(layer, nn.Linear):
        return {"op": "linear", "n": layer.out_features, "n_in": layer.in_features, **record}
    ops = {CodeToCube: "code_to_cube", ResizeConv3d: "resize_conv", CubeToCode: "cube_to_code", HaarConv3d: "haar_conv"}
    shape = {"k": layer.kernel_size[0], "s": layer.stride[0], "p": layer.padding[0]}
    return {"op": ops.get(type(layer), "conv"), "n": layer.out_channels, "n_in": layer.in_channels, **shape, **record}


def _side_after(layer: nn.Module, cube: int) -> int:
    if isinstance(layer, CodeToCube):
        return layer.kernel_size[0]
    if isinstance(layer, ResizeConv3d | HaarConv3d):
        return 2 * cube
    return cube // 2
