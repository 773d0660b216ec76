"""Where volumes are compared with training scans: voxel by voxel, and in a feature space, mirror images included.

Both similarities are correlations, so that rescaled intensities change nothing. A correlation r between standardised
volumes is a Euclidean distance d = sqrt(2 (1 - r)).
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from alphagan.errors import InputError
from alphagan.metrics.checks import check_volumes, full_precision
from alphagan.volumes.brain import brain_intensities, brain_mask
from alphagan.volumes.prepared import Array

BATCH = 64  # queries at a time; bounds the working memory


@dataclass(frozen=True)
class Similarity:
    """How alike queries and training scans are.

    Attributes
    ----------
    values : ndarray, (n, m), float64 in -1..1
        Correlation of each query with each training scan, the higher of the query's and its mirror image's.
    mirrored : ndarray, (n, m), bool
        Whether the mirror image's was higher.
    """

    values: np.ndarray
    mirrored: np.ndarray


class Space(Protocol):
    """Where volumes are compared: a name, and similarities with the training scans that it was made with."""

    name: str

    def similarity(self, queries: Array) -> Similarity:
        """Compare volumes (n, S, S, S) in [-1, 1] with the training scans."""


class VoxelSpace:
    """Correlation of how two brains deviate from the mean training brain, over all voxels that are brain in training.

    Intensities count in units of their volume's mean. Without the mean brain every two brains correlate at 0.9 or more,
    blurred or average ones most of all, so that a threshold on that tells smoothness rather than copies.

    Parameters
    ----------
    train : ndarray or Tensor, (m, S, S, S), float in [-1, 1] or uint8
    shift : int
        Also try queries moved by up to so many voxels along one axis, at 1 + 6 `shift` times the cost. The preparation
        fits brains to their cube, so that copies lie where their originals do.
    centred : bool
        False is Pearson's correlation of the brains themselves.

    Examples
    --------
    >>> volumes = np.load("data/prepared/normal/volumes.npy")
    >>> space = VoxelSpace(volumes[:12], shift=1)
    >>> space.name
    'voxels, shifts of 1'
    """

    def __init__(self, train: Array, shift: int = 0, centred: bool = True):
        train = check_volumes("train", train, at_least=2).float()
        parts = [name for name, said in ((f"shifts of {shift}", shift > 0), ("not centred", not centred)) if said]
        self.name = ", ".join(["voxels", *parts])
        steps = [step for step in range(-shift, shift + 1) if step]
        self.moves = [(1, 0), *product((1, 2, 3), steps)]
        inside = torch.stack([brain_mask(part).any(0) for part in train.split(BATCH)]).any(0)
        self.inside = inside | inside.flip(0)
        mean = sum(brain_intensities(part).sum(0) for part in train.split(BATCH)) / len(train)
        self.mean = (mean + mean.flip(0)) / 2 if centred else torch.zeros_like(mean)
        self.train = torch.cat([self.standard(part) for part in train.split(BATCH)])

    def similarity(self, queries: Array) -> Similarity:
        """Compare volumes with the training scans.

        Parameters
        ----------
        queries : ndarray or Tensor, (n, S, S, S), float in [-1, 1] or uint8

        Returns
        -------
        Similarity

        Examples
        --------
        >>> volumes = np.load("data/prepared/normal/volumes.npy")
        >>> found = VoxelSpace(volumes[:12]).similarity(volumes[:2, ::-1])
        >>> print(found.values.shape, found.values[0, 0].round(3), found.mirrored[0, 0])
        (2, 12) 1.0 True
        """
        queries = check_volumes("queries", queries).float()
        if queries.shape[1:] != self.mean.shape:
            sides = f"{queries.shape[1]} and {self.mean.shape[0]}"
            raise InputError(f"queries, train: sides of {sides} voxels; prepare both at one size")
        with full_precision():
            plain, mirror = ([self._best(part, flip) for part in queries.split(BATCH)] for flip in (False, True))
        plain, mirror = torch.cat(plain), torch.cat(mirror)
        return Similarity(torch.maximum(plain, mirror).cpu().numpy(), (mirror > plain).cpu().numpy())

    def _best(self, queries: Tensor, flip: bool) -> Tensor:
        """Similarities (n, m), float64, the best over all shifts."""
        queries = queries.flip(1) if flip else queries
        moved = (self.standard(shifted(queries, axis, step)) @ self.train.T for axis, step in self.moves)
        return torch.stack(list(moved)).amax(0).double().clamp(-1, 1)

    def standard(self, volumes: Tensor) -> Tensor:
        """How volumes deviate from the mean training brain.

        Parameters
        ----------
        volumes : Tensor, (n, S, S, S), float in [-1, 1]

        Returns
        -------
        Tensor, (n, v)
            In the v voxels that are brain in training, with mean 0 and length 1: products of two are correlations.

        Examples
        --------
        >>> volumes = torch.from_numpy(np.load("data/prepared/normal/volumes.npy")) / 127.5 - 1
        >>> found = VoxelSpace(volumes[:12]).standard(volumes[:2])
        >>> (found @ found.T).diag().numpy().round(3).tolist()
        [1.0, 1.0]
        """
        deviations = (brain_intensities(volumes.float()) - self.mean)[:, self.inside]
        return F.normalize(deviations - deviations.mean(1, keepdim=True), dim=1)


class FeatureSpace:
    """Correlation of features about their mean over the training scans, each in units of its spread there.

    Parameters
    ----------
    train : ndarray or Tensor, (m, S, S, S), float in [-1, 1] or uint8
    name : str
        Of the feature network.
    features : callable, (n, S, S, S) -> (n, d)
        For instance `alphagan.evaluation.features.network.FeatureNetwork.project`.

    Examples
    --------
    >>> volumes = np.load("data/prepared/normal/volumes.npy")
    >>> space = FeatureSpace(volumes[:12], "coarse", lambda x: x[:, ::4, ::4, ::4].flatten(1))
    >>> auditor = Auditor(volumes[:12], range(12), volumes[12:], range(12, 20), [space])
    >>> ", ".join(auditor.audit(volumes[:3]).comparisons)
    'coarse'
    """

    def __init__(self, train: Array, name: str, features: Callable[[Tensor], Tensor]):
        train = check_volumes("train", train, at_least=2).float()
        self.name, self.features = name, features
        found = features(train).double()
        self.mean, self.sd = found.mean(0), found.std(0).clamp(min=1e-12)
        self.train = self._standard(found)

    def similarity(self, queries: Array) -> Similarity:
        """Compare volumes with the training scans.

        Parameters
        ----------
        queries : ndarray or Tensor, (n, S, S, S), float in [-1, 1] or uint8

        Returns
        -------
        Similarity

        Examples
        --------
        >>> volumes = np.load("data/prepared/normal/volumes.npy")
        >>> space = FeatureSpace(volumes[:12], "coarse", lambda x: x[:, ::4, ::4, ::4].flatten(1))
        >>> found = space.similarity(volumes[:2, ::-1])
        >>> print(found.values.shape, found.values[0, 0].round(3), found.mirrored[0, 0])
        (2, 12) 1.0 True
        """
        queries = check_volumes("queries", queries).float()
        plain, mirror = (self._standard(self.features(x).double()) @ self.train.T for x in (queries, queries.flip(1)))
        return Similarity(torch.maximum(plain, mirror).clamp(-1, 1).numpy(), (mirror > plain).numpy())

    def _standard(self, features: Tensor) -> Tensor:
        return F.normalize((features - self.mean) / self.sd, dim=1)


def shifted(volumes: Tensor, axis: int, step: int) -> Tensor:
    """Move volumes (n, S, S, S) by whole voxels along one of axes 1 to 3; background enters from outside."""
    if step == 0:
        return volumes
    moved = volumes.roll(step, axis)
    length = volumes.shape[axis]
    entered = slice(0, step) if step > 0 else slice(length + step, length)
    moved[tuple(entered if dim == axis else slice(None) for dim in range(4))] = -1
    return moved
