"""Notice numbers that are not finite, and losses that are out of all proportion."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

# When a loss diverges. At the start of a run terms lie below 1e5 for every model up to 256 cubed, and after 100
# iterations of healthy runs none was seen at eight times its median. Spikes that pass within five iterations are
# forgiven; a loss that creeps up takes its median along, so that only growth by orders of magnitude counts.
HUGE = 2.0**24  # from here on float32 cannot tell a loss from that loss plus one
GROWTH = 1000.0  # or the median of the last LATELY is so many times the median of up to BEFORE earlier ones, or 1
LATELY, BEFORE, WARM_UP = 10, 1000, 100  # iterations; nothing has grown before it has run for WARM_UP


class DivergenceError(FloatingPointError):
    """A loss is finite and out of all proportion, from iteration `since` on."""

    def __init__(self, message: str, since: int):
        super().__init__(message)
        self.since = since


def refuse_non_finite(state: dict[str, Any], iteration: int) -> None:
    """Look at every number of a nested dict, at the cost of one sum per tensor.

    Raises
    ------
    FloatingPointError
        Naming the first tensor that holds a NaN or an infinity, and the iteration.
    """
    for name, tensor in _tensors(state):
        # A sum is finite only where every term is, and costs a tenth of torch.isfinite. One that overflows although
        # its terms are finite has terms near 1e38, which is no better.
        if tensor.is_floating_point() and not math.isfinite(tensor.sum()):
            raise FloatingPointError(f"{name} not finite after iteration {iteration}")


def refuse_divergence(columns: Sequence[str], history: Sequence[np.ndarray]) -> None:
    """Look at the last `LATELY` rows of losses for one that is above `HUGE`, or has grown by `GROWTH`.

    Raises
    ------
    DivergenceError
        Naming the loss and the first of those iterations at which it was beyond its bound.
    """
    recent = np.abs(history[-LATELY:])
    bounds = np.full(len(columns), HUGE)
    past = history[-BEFORE - LATELY : -LATELY]
    if len(past) >= WARM_UP:
        grown = GROWTH * np.maximum(1, np.median(np.abs(past), axis=0))
        bounds = np.where(np.median(recent, axis=0) > grown, np.minimum(grown, HUGE), bounds)
    beyond = np.argwhere(recent > bounds)
    if len(beyond):
        row, column = beyond[0]
        since = len(history) - len(recent) + int(row) + 1
        reason = f"{columns[column]} diverges: {recent[row, column]:.3g} in size at iteration {since}"
        raise DivergenceError(f"{reason}, beyond {bounds[column]:.3g}; try a lower train.lr", since)


def _tensors(tree: Any, name: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    if isinstance(tree, torch.Tensor):
        yield name, tree
    elif isinstance(tree, dict | list):
        for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from _tensors(value, f"{name}.{key}" if name else str(key))
