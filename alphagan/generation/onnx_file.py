"""G as an ONNX file: for programs that know no torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from alphagan.errors import InputError
from alphagan.files import write_atomically
from alphagan.generation.run import Run
from alphagan.models.layers import CodeToCube, HaarConv3d, ResizeConv3d, fold

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto

SUFFIX = ".onnx"
# Old enough for runtimes of 2022, and all that G needs.
OPSET, IR_VERSION = 17, 8


def write_onnx(run: Run, path: Path, metadata: dict[str, str]) -> Path:
    """Write the moving average of G, as it samples: "z" (batch, z_dim) to "x" (batch, 1, S, S, S) in [-1, 1], float32.

    The graph is put together layer by layer, as torch's exporters do not see through the layers' own derivatives. A
    resize-convolution is the transposed convolution that it is computed as.

    Parameters
    ----------
    run : Run
    path : Path
        Replaced if it is there.
    metadata : dict of str to str
        Kept in the file, by key.

    Raises
    ------
    InputError
        If onnx is not installed, or the file cannot be written.
    """
    onnx = _onnx()
    G, size = run.networks.generator("G_average"), run.settings.size
    graph = _Graph(onnx)
    last = "z"
    for place, layer in enumerate(G.layers):
        name = "x" if place == len(G.layers) - 1 else f"layer_{place}"
        graph.add(layer, last, name)
        last = name
    described = onnx.helper.make_tensor_value_info
    model = onnx.helper.make_model(
        onnx.helper.make_graph(
            graph.nodes,
            run.settings.name,
            [described("z", onnx.TensorProto.FLOAT, ["batch", G.z_dim])],
            [described("x", onnx.TensorProto.FLOAT, ["batch", 1, size, size, size])],
            graph.weights,
        ),
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="alphagan",
    )
    onnx.helper.set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    content = model.SerializeToString(deterministic=True)
    return write_atomically(lambda file: file.write(content), path.parent, path.name)


class _Graph:
    """Nodes and weights of the layers that were added."""

    def __init__(self, onnx):
        self.onnx = onnx
        self.nodes: list[NodeProto] = []
        self.weights: list[TensorProto] = []

    def add(self, layer: nn.Module, source: str, target: str) -> None:
        """Add a layer between two named tensors."""
        match layer:
            case CodeToCube():
                W = layer.weight  # (z_dim, C, side, side, side)
                self._node("MatMul", [source, self._weight(f"{target}.W", W.flatten(1))], f"{target}.row")
                shape = self._weight(f"{target}.shape", np.array([-1, *W.shape[1:]]))
                self._node("Reshape", [f"{target}.row", shape], target)
            case nn.BatchNorm3d():
                values = {"scale": layer.weight, "B": layer.bias, "mean": layer.running_mean, "var": layer.running_var}
                names = [self._weight(f"{target}.{name}", value) for name, value in values.items()]
                self._node("BatchNormalization", [source, *names], target, epsilon=layer.eps)
            case ResizeConv3d():
                W = self._weight(f"{target}.W", fold(layer.weight))
                self._node("ConvTranspose", [source, W], target, strides=[2] * 3, pads=[1] * 6)
            case HaarConv3d():
                W = self._weight(f"{target}.W", layer.weight)
                self._node("Conv", [source, W], f"{target}.bands", pads=[1] * 6)
                # The inverse transform: each band times its pattern of signs, in blocks of 2x2x2 voxels.
                inverse = self._weight(f"{target}.haar", _haar().reshape(8, 1, 2, 2, 2))
                self._node("ConvTranspose", [f"{target}.bands", inverse], target, strides=[2] * 3)
            case nn.ReLU() | nn.Tanh():
                self._node(type(layer).__name__.replace("ReLU", "Relu"), [source], target)
            case _:
                raise NotImplementedError(f"{type(layer).__name__} in G")

    def _node(self, operation: str, sources: list[str], target: str, **attributes) -> None:
        self.nodes.append(self.onnx.helper.make_node(operation, sources, [target], target, **attributes))

    def _weight(self, name: str, value: Tensor | np.ndarray) -> str:
        values = np.ascontiguousarray(torch.as_tensor(value).cpu())
        self.weights.append(self.onnx.numpy_helper.from_array(values, name))
        return name


def _haar() -> np.ndarray:
    """Bands (8) to the voxels of a block (8), and back."""
    axis = np.array(((1.0, 1.0), (1.0, -1.0))) / 2**0.5
    return np.kron(np.kron(axis, axis), axis).astype(np.float32)


def _onnx():
    """The library that writes such files, which few need."""
    try:
        import onnx
    except ModuleNotFoundError:
        raise InputError("onnx is not installed, which writes .onnx; run `pip install 'alphagan[onnx]'`") from None
    return onnx
