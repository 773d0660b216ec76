"""Whether a model treats the people that it was trained on otherwise than people whom it never saw.

An attacker who holds a scan and the model asks for a score, and takes a high one for "was in the training set". The
area under the ROC curve is the probability that a training person scores higher than a held-out one: 0.5, no leak seen.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from alphagan.errors import InputError
from alphagan.metrics.bootstrap import Estimate, TwoSamples
from alphagan.seeding import seeded

BATCH = 16  # volumes scored at a time
INVERSION_LR = 0.05  # Adam's, for codes of standard deviation 1

Score = Callable[[Tensor], Tensor]  # (B, 1, S, S, S) to (B,)


def membership_auc(
    members: np.ndarray,
    others: np.ndarray,
    people_members: Sequence | None = None,
    people_others: Sequence | None = None,
    n_bootstrap: int = 1000,
    *,
    generator: np.random.Generator,
) -> Estimate:
    """Area under the ROC curve, with a 95 % interval over people.

    Parameters
    ----------
    members, others : ndarray, (n,) and (m,)
        Scores of training and of held-out scans.
    people_members, people_others : sequence of labels, optional
        Person of each scan. None: each their own.
    n_bootstrap : int
        Resamples of the people of both sides.
    generator : numpy.random.Generator
        Draws them.

    Returns
    -------
    Estimate
        0..1; the interval is that of the percentiles. `n` is the smaller number of people.

    Raises
    ------
    InputError
        If a side has fewer than two people, or a score is not finite.

    Notes
    -----
    P(member > other) + P(member = other) / 2.
    """
    sides = [np.asarray(scores, dtype=float) for scores in (members, others)]
    for name, scores in zip(("members", "others"), sides, strict=True):
        if not np.isfinite(scores).all():
            raise InputError(f"{name}: a score is not finite; look at the model that gave it")
    wins = np.sign(sides[0][:, None] - sides[1]) / 2 + 0.5  # (n, m)
    samples = TwoSamples(*map(len, sides), people_members, people_others)
    weights = [weight / weight.sum(1, keepdims=True) for weight in samples.resample(n_bootstrap, generator)]
    draws = ((weights[0] @ wins) * weights[1]).sum(1)
    low, high = np.quantile(draws, [0.025, 0.975])
    return Estimate(float(wins.mean()), float(low), float(high), samples.n)


def scores(score: Score, volumes: Tensor) -> np.ndarray:
    """Score volumes (n, S, S, S) in [-1, 1], a batch at a time: (n,), float64."""
    with torch.no_grad():
        return torch.cat([score(part[:, None]).double().cpu() for part in volumes.split(BATCH)]).numpy()


def reconstruction_score(reconstruct: Callable[[Tensor], Tensor]) -> Score:
    """How well a model gives a scan back, `-mean |x - G(E(x))|`.

    Parameters
    ----------
    reconstruct : callable, (B, 1, S, S, S) -> (B, 1, S, S, S)
        G(E(x)), in eval mode.

    Returns
    -------
    callable, (B, 1, S, S, S) -> (B,)

    Examples
    --------
    >>> networks = alphagan.load("models/normal/alpha_wgan_gp").networks
    >>> G, E = networks["G_average"], networks["E"]
    >>> score = reconstruction_score(lambda x: G(E(x)))
    >>> with torch.no_grad():
    ...     score(torch.zeros(2, 1, 16, 16, 16)).shape
    torch.Size([2])
    """
    return lambda x: -(x - reconstruct(x)).abs().mean((1, 2, 3, 4))


def inversion_score(G: nn.Module, z_dim: int, n_steps: int = 100, seed: int = 0) -> Score:
    """How well the best code gives a scan back, `-min over z of mean |x - G(z)|`: for models without an encoder.

    Parameters
    ----------
    G : callable, (B, z_dim) -> (B, 1, S, S, S)
        In eval mode.
    z_dim : int
    n_steps : int
        Of Adam, from one random code that all scans share.
    seed : int
        Of that code.

    Returns
    -------
    callable, (B, 1, S, S, S) -> (B,)

    Examples
    --------
    >>> run = alphagan.load("models/normal/alpha_wgan_gp")
    >>> score = inversion_score(run.networks["G_average"], run.settings.model.z_dim, n_steps=5)
    >>> score(torch.zeros(2, 1, 16, 16, 16)).shape
    torch.Size([2])
    """

    def score(x: Tensor) -> Tensor:
        start = torch.randn(z_dim, generator=seeded("cpu", "inversion", seed)).to(x.device)
        z = start.repeat(len(x), 1).requires_grad_()
        optimiser = torch.optim.Adam([z], lr=INVERSION_LR)
        best = torch.full((len(x),), torch.inf, device=x.device)
        with torch.enable_grad():
            for _ in range(n_steps):
                errors = (x - G(z)).abs().mean((1, 2, 3, 4))
                best = torch.minimum(best, errors.detach())
                (z.grad,) = torch.autograd.grad(errors.sum(), z)
                optimiser.step()
        return -best

    return score
