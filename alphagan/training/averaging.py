"""The moving average of the generator, and the BatchNorm statistics that belong to it."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn


def update_average(average: nn.Module, network: nn.Module, decay: float, iteration: int) -> None:
    """Move the exponential moving average of the weights; the first iterations weigh more, as they start afar."""
    decay = min(decay, (1 + iteration) / (10 + iteration))
    with torch.no_grad():
        torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - decay)


def recalibrate(network: nn.Module, batches: Iterable[Tensor]) -> nn.Module:
    """Measure the BatchNorm statistics that belong to a network's weights; returns the network, in eval mode.

    Averaged weights need statistics of their own: with those of the raw weights they generate nothing sensible.

    Parameters
    ----------
    network : Module
    batches : iterable of Tensor
        What it is to be used on: random codes for G, scans for E.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm1d | nn.BatchNorm3d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain average over all batches
    network.train()
    with torch.no_grad():
        for batch in batches:
            network(batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    return network.eval()
