"""The training scans nearest to a volume, voxel by voxel and in a feature space, mirror images included.

Both similarities are correlations, so that rescaled intensities change nothing. A correlation r between standardised
volumes is a Euclidean distance d = sqrt(2 (1 - r)).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from alphagan.contrastive import brain_mask
from alphagan.errors import InputError
from alphagan.metrics import check_volumes, full_precision

BLOCK = 8192  # voxels per matrix product: bounds the working memory, and the length of the float32 sums
NEXT = 50  # how many further neighbours the nearest one is compared with


@dataclass(frozen=True)
class Similarity:
    """How alike queries and training scans are.

    Attributes
    ----------
    values : ndarray, (n, m), float64 in -1..1
        Correlation of each query with each training scan, the better of the query and its mirror image.
    mirrored : ndarray, (n, m), bool
        Whether the mirror image was the better one.
    """

    values: np.ndarray
    mirrored: np.ndarray


class Space(Protocol):
    """Where volumes are compared: a name, and similarities with the training scans that it was made with."""

    name: str

    def similarity(self, queries: Tensor) -> Similarity:
        """Compare volumes (n, S, S, S) in [-1, 1] with the training scans."""


class VoxelSpace:
    """Pearson correlation over the voxels that are brain in either volume.

    Parameters
    ----------
    train : Tensor, (m, S, S, S), float in [-1, 1]
    shift : int
        Also try queries moved by up to so many voxels along one axis, at 1 + 6 `shift` times the cost. The preparation
        fits brains to their cube, so that copies lie where their originals do.
    """

    def __init__(self, train: Tensor, shift: int = 0):
        check_volumes("train", train, at_least=2)
        self.name = "voxels" if shift == 0 else f"voxels, shifts of {shift}"
        self.train = train
        steps = [step for step in range(-shift, shift + 1) if step]
        self.moves = [(0, 0), *product((1, 2, 3), steps)]

    def similarity(self, queries: Tensor) -> Similarity:
        """Compare volumes (n, S, S, S) in [-1, 1] with the training scans."""
        check_volumes("queries", queries)
        if queries.shape[1:] != self.train.shape[1:]:
            sides = f"{queries.shape[1]} and {self.train.shape[1]}"
            raise InputError(f"queries, train: sides of {sides} voxels; prepare both at one size")
        values, mirrored = None, None
        for axis, step in self.moves:
            moved = shifted(queries, axis, step) if step else queries
            for mirror in (False, True):
                found = _pearson(moved.flip(1) if mirror else moved, self.train)
                if values is None:
                    values, mirrored = found, torch.zeros_like(found, dtype=torch.bool)
                    continue
                better = found > values
                values = torch.where(better, found, values)
                mirrored = torch.where(better, mirror, mirrored)
        return Similarity(values.cpu().numpy(), mirrored.cpu().numpy())


class FeatureSpace:
    """Correlation of features about their mean over the training scans, each in units of its spread there.

    Parameters
    ----------
    train : Tensor, (m, S, S, S), float in [-1, 1]
    name : str
        Of the feature network.
    features : callable, (n, S, S, S) -> (n, d)
        For instance `alphagan.features.Features.project`.
    """

    def __init__(self, train: Tensor, name: str, features: Callable[[Tensor], Tensor]):
        check_volumes("train", train, at_least=2)
        self.name, self.features = name, features
        found = features(train).double()
        self.mean, self.sd = found.mean(0), found.std(0).clamp(min=1e-12)
        self.train = self._standard(found)

    def similarity(self, queries: Tensor) -> Similarity:
        """Compare volumes (n, S, S, S) in [-1, 1] with the training scans."""
        check_volumes("queries", queries)
        plain, mirror = (self._standard(self.features(x).double()) @ self.train.T for x in (queries, queries.flip(1)))
        return Similarity(torch.maximum(plain, mirror).clamp(-1, 1).numpy(), (mirror > plain).numpy())

    def _standard(self, features: Tensor) -> Tensor:
        return F.normalize((features - self.mean) / self.sd, dim=1)


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
        Distance to the nearest over mean distance to the next 50. Blur or an average brain is close to every scan, and
        about as close to one as to the next; a copy is close to its original alone (after Carlini et al. 2023).
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
    InputError
        If a query has fewer than two training scans to be compared with.
    """
    values = found.values if leave_out is None else np.where(leave_out, -np.inf, found.values)
    n_others = int(np.isfinite(values).sum(1).min())
    if n_others < 2:
        raise InputError(f"train: {n_others} scans to compare with, but the audit needs at least two; add scans")
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


def same_person(people: Sequence[str]) -> np.ndarray:
    """Pairs of scans that show one person, each scan and itself among them, (m, m)."""
    number = np.unique(np.asarray(people), return_inverse=True)[1]
    return number[:, None] == number


def shifted(volumes: Tensor, axis: int, step: int) -> Tensor:
    """Move volumes (n, S, S, S) by whole voxels along one of axes 1 to 3; background enters from outside."""
    moved = volumes.roll(step, axis)
    length = volumes.shape[axis]
    entered = slice(0, step) if step > 0 else slice(length + step, length)
    moved[tuple(entered if dim == axis else slice(None) for dim in range(4))] = -1
    return moved


def _quotient(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Divide; 1 where both are 0, as then one scan is as near as the next."""
    return np.divide(a, b, out=np.ones_like(a), where=b > 0)


def _pearson(queries: Tensor, train: Tensor) -> Tensor:
    """Correlations (n, m), float64, each over the union of both brains; 0 where a volume is constant.

    With background at 0, sums over a union are sums over all voxels, and only the number of voxels depends on the
    pair. So two matrix products are enough, of intensities and of masks.
    """
    inside = [torch.stack([brain_mask(volume) for volume in volumes]) for volumes in (queries, train)]
    n_voxels = [mask.sum((1, 2, 3), dtype=torch.float64) for mask in inside]
    total, square = ([torch.zeros_like(count) for count in n_voxels] for _ in range(2))
    product, overlap = (queries.new_zeros((len(queries), len(train)), dtype=torch.float64) for _ in range(2))
    planes = max(1, BLOCK // queries.shape[-1] ** 2)
    with full_precision():
        for first in range(0, queries.shape[1], planes):
            part = slice(first, first + planes)
            masks = [mask[:, part].flatten(1).float() for mask in inside]
            values = [
                (volumes[:, part].flatten(1).float() + 1) * mask
                for volumes, mask in zip((queries, train), masks, strict=True)
            ]
            product += values[0] @ values[1].T
            overlap += masks[0] @ masks[1].T
            for side in range(2):
                total[side] += values[side].sum(1, dtype=torch.float64)
                square[side] += values[side].square().sum(1, dtype=torch.float64)
    n_union = (n_voxels[0][:, None] + n_voxels[1] - overlap).clamp(min=1)
    covariance = product - total[0][:, None] * total[1] / n_union
    variances = (square[0][:, None] - total[0][:, None].square() / n_union) * (square[1] - total[1].square() / n_union)
    return torch.where(variances > 0, covariance / variances.clamp(min=1e-30).sqrt(), 0).clamp(-1, 1)
