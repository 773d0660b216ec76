"""How near is too near: thresholds from held-out people, who cannot have been copied.

Held-out people and generated volumes search the same training scans, in the same way. A threshold from a smaller pool
(train to validation, as published) would flag too much, since the nearest of many is nearer than the nearest of few.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from alphagan.errors import TooFewError
from alphagan.metrics.bootstrap import Estimate, share

STRICT = 0.001  # share of new people that the stricter threshold may flag


@dataclass(frozen=True)
class Threshold:
    """A distance below which a volume is flagged.

    Attributes
    ----------
    value : float
        Flags at most `level` of new people, on average over who was held out, whatever the distribution.
    strict : float
        Flags about 0.1 % of new people if distances are normally distributed, never more than `value` does. Above 0, so
        that it flags an exact copy, unless a held-out person is one.
    rank : int
        Which of the held-out people's distances `value` is, 1 for the smallest.
    n : int
        Held-out people.
    level : float
    """

    value: float
    strict: float
    rank: int
    n: int
    level: float

    def flagged(self, distances: np.ndarray) -> np.ndarray:
        """Which distances are below the threshold."""
        return distances < self.value

    def expected(self) -> Estimate:
        """Share of new people who are flagged: by construction, with what is unknown of this very threshold.

        Notes
        -----
        The share below the r-th smallest of m distances is Beta(r, m - r + 1), whose mean is r / (m + 1).
        """
        low, high = stats.beta.ppf([0.025, 0.975], self.rank, self.n - self.rank + 1)
        return Estimate(self.rank / (self.n + 1), float(low), float(high), self.n)

    def chance(self, k: int, n: int) -> float:
        """Probability that at least k of n new people are flagged; allows for the threshold's own uncertainty.

        Notes
        -----
        The share of new people below the r-th smallest of m distances is Beta(r, m - r + 1), so that their number
        among n is beta-binomial.
        """
        return float(stats.betabinom.sf(k - 1, n, self.rank, self.n - self.rank + 1))


def calibrate(distances: np.ndarray, level: float = 0.05) -> Threshold:
    """Set a threshold by the distances of held-out people to the training scans.

    Parameters
    ----------
    distances : ndarray, (m,)
        One per person; small for what is suspiciously near.
    level : float
        Share of new people that may be flagged, 0..1.

    Raises
    ------
    TooFewError
        If there are too few people for that level.

    Notes
    -----
    Among m + 1 exchangeable people the new one is below the r-th smallest of the other m with probability r / (m + 1);
    r is the largest that keeps this within the level (split conformal prediction, Vovk et al. 2005). The 5th percentile
    as it is usually interpolated flags 8 % of new people at m = 30.

    The stricter tier is the lower end of the prediction interval of one new normal observation, but not less than half
    of what the same interval of the logarithms gives: of ten people the first is often below 0, where no distance is.
    Normal distances whose SD is a quarter of their mean it flags 0.13 % of, three tenths 0.25 %.
    """
    m = len(distances)
    rank = int(np.floor(level * (m + 1) + 1e-9))
    if rank < 1:
        raise TooFewError(
            f"held-out people: {m}, but a threshold that flags {100 * level:g} % of new people needs "
            f"{people_needed(level)}; hold out more (prepare.split), or raise the level"
        )
    value = float(np.sort(distances)[rank - 1])
    strict = _lower_end(distances)
    if np.min(distances) > 0:
        strict = max(strict, float(np.exp(_lower_end(np.log(distances))) / 2))
    return Threshold(value, min(value, strict), rank, m, level)


def _lower_end(values: np.ndarray) -> float:
    """Below which one new normal observation lies with probability `STRICT` (prediction interval)."""
    m = len(values)
    margin = stats.t.ppf(1 - STRICT, m - 1) * np.sqrt(1 + 1 / m) if m > 1 else np.inf
    return float(np.mean(values) - margin * np.std(values, ddof=1)) if m > 1 else -np.inf


def people_needed(level: float) -> int:
    """Held-out people without which no threshold keeps to this level."""
    return int(np.ceil(1 / level - 1 - 1e-9))


def false_positives(
    distances: np.ndarray, level: float = 0.05, repeats: int = 200, *, generator: np.random.Generator
) -> Estimate:
    """Share of held-out people that a threshold flags which other held-out people have set (cross-fitting).

    Without ties it is what `calibrate` promises, whatever the scans are. It would miss that held-out people are of
    another kind than training people; training scans against each other show that.

    Parameters
    ----------
    distances : ndarray, (m,)
        Of held-out people to the training scans.
    level : float
    repeats : int
        How often people are divided anew: into halves, or into more parts where half of them are too few to calibrate.
    generator : numpy.random.Generator
        Divides them.

    Returns
    -------
    Estimate
        Mean over the repeats; `n` is the number of people.

    Raises
    ------
    TooFewError
        If there are too few people to leave any out.
    """
    m, needed = len(distances), people_needed(level)
    spare = m - needed
    if spare < 1:
        raise TooFewError(f"held-out people: {m}, but cross-fitting at {100 * level:g} % needs {needed + 1}")
    n_parts = max(2, -(-m // spare))
    flagged = 0
    for _ in range(repeats):
        for part in np.array_split(generator.permutation(m), n_parts):
            others = np.delete(distances, part)
            flagged += calibrate(others, level).flagged(distances[part]).sum()
    return share(flagged / repeats, m)


def as_often(k: int, n: int, others: int, m: int) -> float:
    """Probability that at least k of n volumes are flagged if they are flagged as often as m others, of whom some are.

    Parameters
    ----------
    k, n : int
        Volumes that are flagged, and all.
    others, m : int
        Of what they are compared with.

    Notes
    -----
    Fisher's exact test, one-sided.
    """
    return float(stats.hypergeom.sf(k - 1, n + m, k + others, n))


def closer(distances: np.ndarray, held_out: np.ndarray) -> float:
    """C_T: standard score of the Mann-Whitney test, below -3 where the first are closer to training than the second.

    Parameters
    ----------
    distances, held_out : ndarray
        Distances of generated volumes, and of held-out people, to their nearest training scans.

    Notes
    -----
    (U - nm / 2) / sqrt(nm / 12 ((N + 1) - sum(t^3 - t) / (N (N - 1)))), N = n + m, t the sizes of ties (Meehan et al.,
    AISTATS 2020, without their division into cells).
    """
    n, m = len(distances), len(held_out)
    together = np.concatenate([distances, held_out])
    ranks, ties = stats.rankdata(together), np.unique(together, return_counts=True)[1]
    u = ranks[:n].sum() - n * (n + 1) / 2
    variance = n * m / 12 * (n + m + 1 - (ties**3 - ties).sum() / ((n + m) * (n + m - 1)))
    return float((u - n * m / 2) / np.sqrt(variance)) if variance > 0 else 0.0


def authentic(distance: np.ndarray, scan: Sequence[int], spacing: np.ndarray) -> Estimate:
    """AuthPct: share of volumes farther from their nearest training scan than that scan is from its own neighbour.

    Read it beside the share among held-out people, never beside 100 % (Alaa et al., ICML 2022).

    Parameters
    ----------
    distance : ndarray, (n,)
        To the nearest training scan.
    scan : sequence of int, (n,)
        Which one that is.
    spacing : ndarray, (m,)
        Distance of every training scan to the nearest one of another person.
    """
    return share(int((distance > spacing[np.asarray(scan)]).sum()), len(distance))
