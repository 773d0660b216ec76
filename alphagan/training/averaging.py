"""The moving average of the generator, and the BatchNorm statistics that belong to it."""

import torch
from torch import nn


def update_average(average: nn.Module, network: nn.Module, decay: float, iteration: int) -> None:
    """Move the exponential moving average of the weights; the first iterations weigh more, as they start afar."""
    decay = min(decay, (1 + iteration) / (10 + iteration))
    with torch.no_grad():
        torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - decay)


def recalibrate(G: nn.Module, generator: torch.Generator, batch_size: int = 32, n_batches: int = 16) -> None:
    """Measure the BatchNorm statistics that belong to G's weights, on random codes; leaves G in eval mode.

    Averaged weights need statistics of their own: with those of the raw weights they generate nothing sensible.
    """
    norms = [module for module in G.modules() if isinstance(module, nn.BatchNorm3d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain average over all batches
    G.train()
    with torch.no_grad():
        for _ in range(n_batches):
            G(torch.randn(batch_size, G.z_dim, device=generator.device, generator=generator))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    G.eval()
