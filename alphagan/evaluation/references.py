"""Three generators that need no training, each with a known fault: what a metric says of them tells what it sees.

The mean brain has no variety and no detail. The Gaussian noise model has the mean and the covariance of the training
scans, but no sharp anatomy. The memoriser has everything but anything new.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from alphagan.errors import InputError
from alphagan.metrics.checks import check_volumes, full_precision
from alphagan.seeding import Draws, seeded
from alphagan.settings.cohorts import Augment
from alphagan.volumes.augmentation import augment

BLOCK = 8192  # voxels per step: bounds the working memory, and the length of the float32 sums


def faulty(scans: Tensor, how: Augment, n: int, copies: int, seed: int) -> Iterator[tuple[str, Tensor]]:
    """Draw from each of the three in turn.

    Parameters
    ----------
    scans : Tensor, (N, S, S, S)
        Training scans in [-1, 1], not yet augmented.
    how : Augment
        The cohort's augmentation; all three see `copies` augmented copies of every scan, as training does.
    n : int
        How many volumes of each.
    copies, seed : int

    Yields
    ------
    name : str
        "mean_brain", "gaussian_noise", "memoriser".
    volumes : Tensor, (n, S, S, S), float32 in [-1, 1]
    """
    seen = augmented(scans, how, copies, seeded("cpu", "references", seed))
    yield "mean_brain", mean_brain(seen, n)
    yield "gaussian_noise", gaussian_noise(seen, n, generator=seeded("cpu", "gaussian_noise", seed))
    del seen  # several times as large as the scans
    yield "memoriser", memoriser(scans, n, how, generator=seeded("cpu", "memoriser", seed))


def augmented(scans: Tensor, how: Augment, copies: int, generator: torch.Generator) -> Tensor:
    """Augment scans (N, S, S, S) in [-1, 1] `copies` times: (copies N, S, S, S), one copy of all after the other."""
    draws = Draws(generator)
    return torch.cat([augment(scans[:, None], how, draws)[:, 0] for _ in range(copies)])


def mean_brain(scans: Tensor, n: int) -> Tensor:
    """Return the mean of the training scans, again and again.

    Parameters
    ----------
    scans : Tensor, (N, S, S, S)
        Training scans in [-1, 1], augmented as real scans are.
    n : int
        How many volumes to return.

    Returns
    -------
    Tensor, (n, S, S, S), float32 in [-1, 1]
        All equal.

    Raises
    ------
    InputError
        If there are no scans.
    """
    check_volumes("scans", scans)
    return scans.float().mean(0).repeat(n, 1, 1, 1)


def gaussian_noise(scans: Tensor, n: int, explained: float = 0.95, *, generator: torch.Generator) -> Tensor:
    """Draw from the Gaussian with the mean of the training scans and their first principal components.

    Parameters
    ----------
    scans : Tensor, (N, S, S, S)
        Training scans in [-1, 1], augmented as real scans are.
    n : int
        How many volumes to draw.
    explained : float
        Share of the scans' variance: the fewest components that have it are kept.
    generator : torch.Generator
        Of the CPU; draws the scores.

    Returns
    -------
    Tensor, (n, S, S, S), float32
        Clipped to [-1, 1], on the device of `scans`.

    Raises
    ------
    InputError
        If there are fewer than two scans, or `explained` is not in (0, 1].

    Notes
    -----
    With centred scans X = U S V', a component's scores are N(0, s^2 / (N - 1)), so that a volume is
    mean + z U' X / (N - 1)^(1/2) with z ~ N(0, 1): the components V themselves are never formed.
    """
    check_volumes("scans", scans, at_least=2)
    if not 0 < explained <= 1:
        raise InputError(f"explained: {explained} is not a share of variance; use a number above 0 and up to 1")
    flat = scans.flatten(1).float()
    mean = flat.mean(0)
    with full_precision():
        gram = flat.new_zeros(len(flat), len(flat), dtype=torch.float64)
        for rows, centre in zip(flat.split(BLOCK, dim=1), mean.split(BLOCK), strict=True):
            gram += (rows - centre) @ (rows - centre).T
        variance, left = torch.linalg.eigh(gram.cpu())
        variance, left = variance.flip(0).clamp(min=0), left.flip(1)
        share = variance.cumsum(0) / variance.sum()
        n_components = int((share < explained - 1e-9).sum()) + 1
        z = torch.randn(n, n_components, dtype=torch.float64, generator=generator)
        mixture = (z @ left[:, :n_components].T / (len(flat) - 1) ** 0.5).to(flat)  # (n, N)
        drawn = torch.empty(n, flat.shape[1], device=flat.device)
        for start in range(0, flat.shape[1], BLOCK):
            block = slice(start, start + BLOCK)
            drawn[:, block] = mixture @ (flat[:, block] - mean[block]) + mean[block]
    return drawn.clamp_(-1, 1).unflatten(1, scans.shape[1:])


def memoriser(scans: Tensor, n: int, how: Augment, *, generator: torch.Generator) -> Tensor:
    """Return training scans, augmented as in training.

    Parameters
    ----------
    scans : Tensor, (N, S, S, S)
        Training scans in [-1, 1], not yet augmented.
    n : int
        How many volumes to return: each scan n / N times, or once more.
    how : Augment
        The cohort's augmentation.
    generator : torch.Generator
        On the device of `scans`; shuffles and augments.

    Returns
    -------
    Tensor, (n, S, S, S), float32 in [-1, 1]

    Raises
    ------
    InputError
        If there are no scans.
    """
    check_volumes("scans", scans)
    passes = [torch.randperm(len(scans), device=scans.device, generator=generator) for _ in range(-(-n // len(scans)))]
    chosen = torch.cat(passes)[:n] if passes else torch.empty(0, dtype=torch.long, device=scans.device)
    return augment(scans[chosen].float()[:, None], how, Draws(generator))[:, 0]
