"""The gradient penalty of the critics, L_GP of the paper."""

import torch
from torch import Tensor, nn

from alphagan.seeding import Draws


def slope(critic: nn.Module, real: Tensor, fake: Tensor, draws: Draws) -> Tensor:
    """Gradient of a critic at x_hat = e real + (1 - e) fake with e ~ U[0, 1] for each sample, as a graph.

    Returns
    -------
    gradient : Tensor, (B, ...), of the shape of `real`
    """
    e = draws.uniform(len(real), *(1,) * (real.ndim - 1), dtype=real.dtype)
    x_hat = (e * real + (1 - e) * fake).requires_grad_()
    return torch.autograd.grad(critic(x_hat).sum(), x_hat, create_graph=True)[0]


def gradient_penalty(critic: nn.Module, real: Tensor, fake: Tensor, draws: Draws) -> Tensor:
    """Two-sided gradient penalty on random interpolates (Gulrajani et al. 2017; L_GP of the paper).

    Parameters
    ----------
    critic : callable, (B, ...) -> (B,)
    real, fake : Tensor, (B, ...)
    draws : Draws

    Returns
    -------
    penalty : Tensor, (), unweighted

    Notes
    -----
    mean_b (||grad critic(x_hat_b)||_2 - 1)^2 with x_hat as `slope` draws it.
    """
    gradient = slope(critic, real, fake, draws)
    norm = (gradient.flatten(1).square().sum(1) + 1e-15).sqrt()  # the constant keeps the root differentiable at zero
    return (norm - 1).square().mean()
