"""Precision, recall, density and coverage: whether volumes of one sample lie in the neighbourhoods of the other.

The neighbourhood of a volume is the closed ball that reaches to the k-th nearest volume of other subjects in its own
sample. Precision and density say how good generated volumes are, recall and coverage how much of the real variety they
have (Kynkäänniemi et al., NeurIPS 2019; Naeem et al., ICML 2020). All four depend on the numbers of volumes: give as
many generated as real ones, and read them beside real against real at those numbers. Copies of scans score well.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import torch

from alphagan.errors import InputError, TooFewError, whole_number
from alphagan.metrics.bootstrap import Estimate, Seed, subject_index
from alphagan.volumes.prepared import Array

BLOCK = 8192  # features per step: bounds the working memory
Z = NormalDist().inv_cdf(0.975)


def squared_distances(x: Array, y: Array) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Squared Euclidean distances within and between two samples of features.

    Parameters
    ----------
    x, y : ndarray or Tensor, (n, d) and (m, d)
        One row for each volume.

    Returns
    -------
    xx, xy, yy : ndarray, (n, n), (n, m) and (m, m), float64

    Raises
    ------
    InputError
        If the samples differ in the number of features, or a feature is not finite.
    """
    x, y = torch.as_tensor(x).detach(), torch.as_tensor(y).detach()
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise InputError(f"x, y: expected shapes (n, d) and (m, d), found {tuple(x.shape)} and {tuple(y.shape)}")
    if not (x.isfinite().all() and y.isfinite().all()):
        raise InputError("x, y: features that are not finite; check the volumes and the network")
    rows, n = torch.cat([x, y]), len(x)
    inner = torch.zeros(len(rows), len(rows), dtype=torch.float64, device=rows.device)
    for block in rows.split(BLOCK, dim=1):
        centred = block.double() - block.double().mean(0)  # small numbers keep more digits
        inner += centred @ centred.T
    norms = inner.diag()
    distances = (norms[:, None] + norms - 2 * inner).clamp_(min=0).cpu().numpy()
    return distances[:n, :n], distances[:n, n:], distances[n:, n:]


def neighbours(
    xx: np.ndarray,
    xy: np.ndarray,
    yy: np.ndarray,
    groups_x: Sequence | None = None,
    groups_y: Sequence | None = None,
    k: int = 5,
) -> dict[str, Estimate]:
    """Compare generated volumes y with real volumes x by their neighbourhoods.

    Parameters
    ----------
    xx, xy, yy : ndarray, (n, n), (n, m) and (m, m)
        Distances, or squared distances, in any space: `squared_distances` of features, or the attribute
        `MMD.squared_distances` for voxels.
    groups_x, groups_y : sequence of labels, optional
        Subject of each volume. None: each its own.
    k : int
        Which neighbour sets the radius.

    Returns
    -------
    dict of str to Estimate
        precision : share of generated volumes inside a real neighbourhood.
        recall : share of real volumes inside a generated neighbourhood.
        density : mean number of real neighbourhoods that a generated volume is inside, over k. 1 in expectation for
        equal distributions, may be more.
        coverage : share of real neighbourhoods with a generated volume inside. For equal distributions its expectation
        is 1 - prod_(i < k) (n - 1 - i) / (n + m - 1 - i), 0.97 for k = 5 and n = m.

    Raises
    ------
    InputError
        If the shapes do not fit.
    TooFewError
        If a sample has fewer than k + 1 volumes beside those of any one subject.

    Notes
    -----
    A bootstrap would draw a subject twice, and so put two volumes at distance 0 and shrink every radius nearby. The
    intervals leave one subject out at a time instead, of either sample (jackknife, whose variance is too large rather
    than too small: Efron & Stein 1981). For density the interval is normal; for shares it is Wilson's, at the number of
    independent volumes that has this variance, and at most the number of subjects that the share counts, so that a
    share of 0 or 1 has an interval too. On Gaussians they are 1 to 1.5 times as wide as need be, up to 2.5 times for a
    share close to 1.
    """
    subject_x, subject_y = subject_index(groups_x, len(xx)), subject_index(groups_y, len(yy))
    if xx.shape != (len(xx),) * 2 or yy.shape != (len(yy),) * 2 or xy.shape != (len(xx), len(yy)):
        raise InputError(
            f"xx, xy, yy: shapes {xx.shape}, {xy.shape}, {yy.shape} do not fit; give (n, n), (n, m), (m, m)"
        )
    real = _Balls(np.asarray(xx), np.asarray(xy), subject_x, subject_y, k)
    generated = _Balls(np.asarray(yy), np.asarray(xy).T, subject_y, subject_x, k)
    n_x, n_y = int(subject_x.max()) + 1, int(subject_y.max()) + 1
    n = min(n_x, n_y)
    hit, density, reached = real.values()
    hit_variance, density_variance, reached_variance = real.variances()
    margin = Z * float(density_variance) ** 0.5
    recall, recall_variance = generated.values()[0], generated.variances()[0]
    return {
        "precision": Estimate(hit, *_wilson(hit, hit_variance, n_y), n=n),
        "recall": Estimate(recall, *_wilson(recall, recall_variance, n_x), n=n),
        "density": Estimate(density, max(density - margin, 0.0), density + margin, n=n),
        "coverage": Estimate(reached, *_wilson(reached, reached_variance, n_x), n=n),
    }


def feature_neighbours(
    x: Array,
    y: Array,
    groups_x: Sequence | None = None,
    groups_y: Sequence | None = None,
    k: int = 5,
    *,
    generator: Seed = 0,
) -> dict[str, Estimate]:
    """Compare the `neighbours` of features, with as many volumes of either sample, as these four ask for.

    Parameters
    ----------
    x, y : ndarray or Tensor, (n, d) and (m, d)
        Features of real and generated volumes, one row each.
    groups_x, groups_y : sequence of labels, optional
        Subject of each volume. None: each its own.
    k : int
        Which neighbour sets the radius.
    generator : numpy.random.Generator or int
        Draws from the larger sample; a number is the seed of one.

    Returns
    -------
    dict of str to Estimate
        "precision", "recall", "density" and "coverage", as `neighbours` has them.

    Raises
    ------
    InputError
        If the samples differ in the number of features, or a feature is not finite.
    TooFewError
        If a sample has fewer than k + 1 volumes beside those of any one subject.

    Examples
    --------
    Generated features that are right but too much alike: precise, with little of the real variety.

    >>> rng = np.random.default_rng(0)
    >>> real, generated = rng.normal(size=(100, 4)), rng.normal(scale=0.3, size=(100, 4))
    >>> for name, estimate in feature_neighbours(real, generated).items():
    ...     print(name, estimate)
    precision 1 [0.963, 1]
    recall 0.17 [0.0738, 0.345]
    density 1.63 [1.14, 2.11]
    coverage 0.6 [0.446, 0.737]
    """
    n, rng = min(len(x), len(y)), np.random.default_rng(generator)
    chosen = [np.sort(rng.permutation(len(features))[:n]) for features in (x, y)]
    groups = (
        None if labels is None else subject_index(labels, len(features))[rows]
        for labels, features, rows in zip((groups_x, groups_y), (x, y), chosen, strict=True)
    )
    return neighbours(*squared_distances(x[chosen[0]], y[chosen[1]]), *groups, k=k)


@dataclass
class _Balls:
    """Neighbourhoods of one sample, the centres, and the volumes of the other, the points, inside them."""

    within: np.ndarray  # (n, n)
    across: np.ndarray  # (n, m)
    subject: np.ndarray  # of the centres
    point_subject: np.ndarray
    k: int

    def __post_init__(self):
        n_other = len(self.subject) - 2 * np.bincount(self.subject).max()  # one subject is left out in turn
        if n_other < whole_number("k", self.k, 1):
            raise TooFewError(
                f"k: neighbour {self.k} asked for among {len(self.subject)} volumes; give more subjects, or a lower k"
            )
        self.within = np.where(self.subject[:, None] == self.subject, np.inf, self.within)
        self.radius = self._radius(self.within)
        self.inside = self.across <= self.radius[:, None]
        self.hits = self.inside.sum(0)  # balls around each point

    def values(self) -> tuple[float, float, float]:
        """Share of points in any ball, mean number of balls around a point over k, share of balls with a point."""
        return self._summary(self.hits, self.inside.any(1))

    def variances(self) -> np.ndarray:
        """Jackknife variances of the `values`, over the subjects of centres and of points."""
        centres = np.array([self._without_centres(s) for s in range(self.subject.max() + 1)])
        return _jackknife_variance(centres) + _jackknife_variance(self._without_points())

    def _radius(self, within: np.ndarray) -> np.ndarray:
        return np.partition(within, self.k - 1, axis=1)[:, self.k - 1]

    def _summary(self, hits: np.ndarray, reached: np.ndarray) -> tuple[float, float, float]:
        return float((hits > 0).mean()), float(hits.mean() / self.k), float(reached.mean())

    def _without_centres(self, subject: int) -> tuple[float, float, float]:
        left_out = self.subject == subject
        # Only balls that reach to a volume which is left out grow.
        grown = np.flatnonzero((self.within[:, left_out] <= self.radius[:, None]).any(1) & ~left_out)
        radius = self._radius(self.within[grown][:, ~left_out])
        inside = self.across[grown] <= radius[:, None]
        hits = self.hits - self.inside[left_out].sum(0) + inside.sum(0) - self.inside[grown].sum(0)
        reached = self.inside.any(1)
        reached[grown] = inside.any(1)
        return self._summary(hits, reached[~left_out])

    def _without_points(self) -> np.ndarray:
        n_subjects = self.point_subject.max() + 1
        theirs = (self.point_subject[:, None] == np.arange(n_subjects)).astype(np.float32)  # (m, subjects)
        hits = self.hits
        rest = len(hits) - theirs.sum(0)
        share = ((hits > 0).sum() - (hits > 0) @ theirs) / rest
        density = (hits.sum() - hits @ theirs) / rest / self.k
        remaining = self.inside.sum(1)[:, None] - self.inside.astype(np.float32) @ theirs
        return np.stack([share, density, (remaining > 0).mean(0)], axis=1)


def _jackknife_variance(left_out: np.ndarray) -> np.ndarray:
    """Variance from values with one of n subjects left out each, (n, values) (Efron 1982, eq. 3.11)."""
    n = len(left_out)
    return (n - 1) / n * ((left_out - left_out.mean(0)) ** 2).sum(0)


def _wilson(share: float, variance: float, n_most: int) -> tuple[float, float]:
    """Wilson's interval of a share, at the number of independent volumes that would give it this variance."""
    spread = share * (1 - share)
    n = n_most if spread == 0 or variance == 0 else min(n_most, spread / variance)
    centre = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    margin = Z / (1 + Z**2 / n) * (spread / n + Z**2 / (4 * n**2)) ** 0.5
    # Rounding must not leave a share of 0 or 1 outside.
    return float(min(max(centre - margin, 0.0), share)), float(max(min(centre + margin, 1.0), share))
