"""Small objectives in float64, and what their losses are compared by."""

import torch
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as F

from alphagan.models import OBJECTIVES
from alphagan.seeding import Draws
from alphagan.settings.config import parse
from alphagan.settings.sections import Model

SIZE = 16


def make(name, departures=(), **changes):
    model = Model(**({"z_dim": 6, "width": 1 / 16, "code_units": 12} | changes))
    objective = OBJECTIVES[name](SIZE, model, seed=1, departures=departures)
    for network in objective.networks.values():
        network.double()
    return objective


def volumes(n=1, seed=5):
    generator = torch.Generator().manual_seed(seed)
    found = [torch.rand(3, 1, SIZE, SIZE, SIZE, dtype=torch.float64, generator=generator) * 2 - 1 for _ in range(n)]
    return found if n > 1 else found[0]


def rng(seed=9):
    return torch.Generator().manual_seed(seed)


def draws():
    return Draws(rng())


def gradient(objective, loss, name):
    parameters = list(objective.networks[name].parameters())
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, parameters, retain_graph=True)])


def bce(logits, target):
    """Cross-entropy of probabilities, as the released code computes it."""
    return F.binary_cross_entropy(torch.sigmoid(logits), torch.full_like(logits, target))


def assert_same(objective, loss, expected, names):
    torch.testing.assert_close(loss, expected, rtol=1e-9, atol=1e-12)
    for name in names:
        both = (gradient(objective, each, name) for each in (loss, expected))
        torch.testing.assert_close(*both, rtol=1e-9, atol=1e-12)


def encoded(E, x, generator):
    mean, log_variance = E.posterior(x)
    noise = torch.randn(mean.shape, dtype=torch.float64, generator=generator)
    posterior = Normal(mean, (0.5 * log_variance).exp())
    prior = Normal(torch.zeros_like(mean), torch.ones_like(mean))
    return mean + posterior.scale * noise, kl_divergence(posterior, prior).sum(1).mean()


def experiment(model, **changes):
    return parse(
        {
            "cohorts": {"a": {"kind": "template", "source": "x"}},
            "experiments": {"run": {"cohort": "a", "model": model, **changes}},
        }
    ).settings("run")
