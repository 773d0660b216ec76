"""The training scans nearest to a volume, and how much nearer the first is than the next."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from alphagan.audit.spaces import Similarity
from alphagan.errors import TooFewError

NEXT = 50  # how many further neighbours the nearest one is compared with


@dataclass(frozen=True)
class Nearest:
    """The training scans nearest to each of n volumes.

    Attributes
    ----------
    scan : ndarray of int, (n,)
        Position of the nearest training scan.
    mirrored : ndarray of bool, (n,)
        Whether it is the volume's mirror image that it is near to.
    similarity : ndarray, (n,)
        Correlation with it.
    distance : ndarray, (n,)
        sqrt(2 (1 - similarity)).
    ratio : ndarray, (n,)
        Distance to the nearest over distance to the second nearest.
    relative : ndarray, (n,)
        Distance to the nearest over mean distance to the next 50 (after Carlini et al. 2023): a copy is close to its
        original alone.
    """

    scan: np.ndarray
    mirrored: np.ndarray
    similarity: np.ndarray
    distance: np.ndarray
    ratio: np.ndarray
    relative: np.ndarray


def nearest(found: Similarity, leave_out: np.ndarray | None = None) -> Nearest:
    """Find each query's nearest training scans.

    Parameters
    ----------
    found : Similarity
    leave_out : ndarray of bool, (n, m), optional
        Pairs that do not count, such as a training scan and itself.

    Raises
    ------
    TooFewError
        If a query has fewer than two training scans to be compared with.
    """
    values = found.values if leave_out is None else np.where(leave_out, -np.inf, found.values)
    n_others = int(np.isfinite(values).sum(1).min())
    if n_others < 2:
        raise TooFewError(f"train: {n_others} scans to compare with, but the audit needs at least two; add scans")
    order = np.argsort(-values, axis=1, kind="stable")[:, : min(NEXT + 1, n_others)]
    ranked = np.take_along_axis(values, order, axis=1)
    distances = np.sqrt(2 * np.maximum(1 - ranked, 0))
    first = distances[:, 0]
    return Nearest(
        scan=order[:, 0],
        mirrored=np.take_along_axis(found.mirrored, order[:, :1], axis=1)[:, 0],
        similarity=ranked[:, 0],
        distance=first,
        ratio=_quotient(first, distances[:, 1]),
        relative=_quotient(first, distances[:, 1:].mean(1)),
    )


def nearest_scans(found: Nearest, train: Tensor) -> Tensor:
    """Of training scans (m, S, S, S), the nearest to each of n volumes, mirrored where that is nearer, (n, S, S, S)."""
    scans = train[torch.from_numpy(found.scan)]
    mirrored = torch.from_numpy(found.mirrored).view(-1, 1, 1, 1)
    return torch.where(mirrored, scans.flip(1), scans)


def same_person(people: Sequence[str]) -> np.ndarray:
    """Pairs of scans that show one person, each scan and itself among them, (m, m)."""
    number = np.unique(np.asarray(people), return_inverse=True)[1]
    return number[:, None] == number


def _quotient(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Divide; 1 where both are 0, as then one scan is as near as the next."""
    return np.divide(a, b, out=np.ones_like(a), where=b > 0)
