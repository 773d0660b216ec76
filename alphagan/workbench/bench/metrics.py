"""MS-SSIM against torchmetrics pair by pair, and the published MMD against a loop over its batches."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

from alphagan.metrics.mmd import MMD
from alphagan.metrics.ms_ssim import BETAS, ms_ssim_index_pairs, n_scales
from alphagan.metrics.pairs import random_pairs
from alphagan.workbench.bench.timing import compare, seconds

MMD_BATCH, MMD_REPEATS = 8, 100  # the paper's


def random_brains(n: int, size: int) -> Tensor:
    """Draw textured balls on background -1, (n, S, S, S) in [-1, 1]: flat outside, structured inside."""
    generator = torch.Generator().manual_seed(0)
    axis = torch.linspace(-1, 1, size)
    radius = (axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2).sqrt()
    volumes = torch.empty(n, size, size, size)
    for volume in volumes:
        texture = F.interpolate(torch.rand(1, 1, 8, 8, 8, generator=generator), size=(size,) * 3, mode="trilinear")[
            0, 0
        ]
        limit = 0.7 + 0.2 * torch.rand(1, generator=generator)
        volume[:] = torch.where(radius < limit, 1.5 * texture - 0.5, -1.0).clamp_(-1, 1)
    return volumes


def textbook_ms_ssim(volumes: Tensor, pairs: np.ndarray) -> Tensor:
    """MS-SSIM of one pair after another by torchmetrics, (p,); it mirrors the border of the coarsest scale."""
    betas = np.array(BETAS[: n_scales(volumes.shape[-1])])
    options = {"data_range": 2.0, "betas": tuple((betas / betas.sum()).tolist())}
    return torch.stack(
        [
            multiscale_structural_similarity_index_measure(a[None, None] + 1, b[None, None] + 1, **options)
            for a, b in ((volumes[left], volumes[right]) for left, right in pairs)
        ]
    )


def textbook_mmd(x: Tensor, y: Tensor, repeats: int, generator: np.random.Generator) -> float:
    """Published MMD as it is defined: the products of every batch of every repeat."""
    n_batches = min(len(x), len(y)) // MMD_BATCH
    total = 0.0
    for _ in range(repeats):
        i, j = (torch.from_numpy(generator.permutation(len(sample))) for sample in (x, y))
        for batch in range(n_batches):
            here = slice(batch * MMD_BATCH, (batch + 1) * MMD_BATCH)
            a, b = x[i[here]].flatten(1), y[j[here]].flatten(1)
            total += (a @ a.T + b @ b.T - 2 * a @ b.T).mean().item()
    return total / (repeats * n_batches)


def measure(
    size: int = 64, n: int = 512, n_pairs: int = 1000, textbook_pairs: int = 12, repeats: int = 3
) -> list[dict]:
    """Compute both metrics both ways, in turn.

    Parameters
    ----------
    size, n : int
        Side and number of the volumes.
    n_pairs : int
        Pairs, by us.
    textbook_pairs : int
        Pairs, by torchmetrics; its time is scaled to `n_pairs`.
    repeats : int
        Timed pairs of runs.

    Returns
    -------
    rows : list of dict
        what, at, target; textbook_s, alphagan_s: median seconds; ratio: median of the pairwise ratios; n.
    """
    volumes = random_brains(n, size)
    pairs = random_pairs(n, n_pairs, generator=np.random.default_rng(0))
    x, y = volumes[: n // 8], volumes[n // 8 : n // 4]
    return [
        _row(
            "MS-SSIM",
            f"{size}^3, {n_scales(size)} scales, {n} volumes",
            ">= 8x",
            len(pairs),
            lambda: textbook_ms_ssim(volumes, pairs[:textbook_pairs]),
            lambda: ms_ssim_index_pairs(volumes, pairs),
            len(pairs) / textbook_pairs,
            repeats,
        ),
        _row(
            "MMD as published",
            f"{size}^3, {len(x)} + {len(y)} volumes, batches of {MMD_BATCH}",
            "products formed once",
            MMD_REPEATS,
            lambda: textbook_mmd(x, y, 2, np.random.default_rng(0)),
            lambda: MMD(x, y).published_value(MMD_BATCH, MMD_REPEATS, np.random.default_rng(0)),
            MMD_REPEATS / 2,
            repeats,
        ),
    ]


def _row(
    what: str,
    at: str,
    target: str,
    n: int,
    textbook: Callable[[], object],
    ours: Callable[[], object],
    scaled: float,
    repeats: int,
) -> dict:
    """Time both in turn, the textbook's share of the work scaled up."""
    with torch.no_grad():
        times = [(scaled * seconds(textbook), seconds(ours)) for _ in range(repeats)]
    return {"what": what, "at": at, "target": target, **compare(*zip(*times, strict=True)), "n": n}
