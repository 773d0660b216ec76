"""Activation checkpointing: keep what enters a block of layers, and compute the rest again for the backward pass."""

from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


def run(layers: nn.Sequential, x: Tensor, recomputed: bool) -> Tensor:
    """Apply layers in order, with the memory of one block of them at a time where that is asked for.

    Parameters
    ----------
    layers : Sequential
    x : Tensor
    recomputed : bool
        Whether to compute activations twice. Results and gradients of any order stay the same.
    """
    if not (recomputed and torch.is_grad_enabled()):
        return layers(x)
    for block in _blocks(layers):
        x = checkpoint(block, x, use_reentrant=False, preserve_rng_state=False, context_fn=partial(_contexts, block))
    return x


def _blocks(layers: nn.Sequential) -> Iterator[nn.Sequential]:
    """Cut after activations, whose results are kept, but not beside the single-channel end, where they are largest."""
    cuts = [end for end, layer in enumerate(layers, 1) if isinstance(layer, nn.ReLU | nn.LeakyReLU)]
    cuts = cuts[1:] if getattr(layers[0], "in_channels", None) == 1 else cuts[:-1]
    for start, end in pairwise([0, *cuts, len(layers)]):
        if start < end:
            yield layers[start:end]


def _contexts(block: nn.Sequential):
    return nullcontext(), _StatisticsKept(block)


class _StatisticsKept:
    """Have BatchNorm count a batch once, though it sees it again; entered at every backward pass."""

    def __init__(self, block: nn.Sequential):
        self.buffers = [buffer for module in block for buffer in module.buffers()]

    def __enter__(self):
        self.before = [buffer.clone() for buffer in self.buffers]

    def __exit__(self, *exception):
        for buffer, value in zip(self.buffers, self.before, strict=True):
            buffer.copy_(value)
