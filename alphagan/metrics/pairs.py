"""Which pairs of volumes to compare, and how sure the mean over them is."""

from collections.abc import Sequence

import numpy as np
import torch
from scipy.stats import t

from alphagan.errors import InputError, TooFewError
from alphagan.metrics.bootstrap import Estimate, subject_index


def random_pairs(
    n_volumes: int, n_pairs: int, groups: Sequence | None = None, *, generator: np.random.Generator
) -> np.ndarray:
    """Draw pairs of volumes of different subjects.

    Parameters
    ----------
    n_volumes, n_pairs : int
        How many volumes there are, and how many pairs are wanted.
    groups : sequence of labels, optional
        Subject of each volume. None: each its own.
    generator : numpy.random.Generator
        Draws.

    Returns
    -------
    ndarray of int, (p, 2)
        `n_pairs` distinct pairs, disjoint where 2 `n_pairs` of the volumes can be paired off; every pair there is where
        that is fewer than asked for.

    Raises
    ------
    InputError
        If there are fewer than two subjects.
    """
    subject = subject_index(groups, n_volumes)
    chosen = generator.permutation(n_volumes)[: 2 * n_pairs]
    if len(chosen) == 2 * n_pairs and np.bincount(subject[chosen]).max() <= n_pairs:
        # Volumes of one subject are neighbours here and no more than n_pairs, so half-way round is someone else.
        chosen = chosen[np.argsort(generator.permutation(subject.max() + 1)[subject[chosen]], kind="stable")]
        return chosen.reshape(2, n_pairs).T
    pairs = np.stack(np.triu_indices(n_volumes, 1), axis=1)
    pairs = pairs[subject[pairs[:, 0]] != subject[pairs[:, 1]]]
    return pairs if len(pairs) <= n_pairs else generator.choice(pairs, n_pairs, replace=False)


def mean_over_pairs(values: torch.Tensor, pairs: np.ndarray, groups: Sequence | None = None) -> Estimate:
    """Mean of a similarity over pairs, with a 95 % interval over subjects.

    Pairs that share a subject are not independent. The interval is Student's, with the variance that allows for exactly
    that (Fafchamps & Gubert 2007). A bootstrap of subjects would weigh a pair by the product of two counts, and so
    overstate the variance up to three times where few pairs share a subject.

    Parameters
    ----------
    values : Tensor, (p,)
        One similarity per pair.
    pairs : ndarray of int, (p, 2)
        Volumes of each pair.
    groups : sequence of labels, optional
        Subject of each volume. None: each its own.

    Returns
    -------
    Estimate
        `n` is the number of subjects that occur in the pairs.

    Raises
    ------
    InputError
        If the numbers of values and pairs differ.
    TooFewError
        If there are fewer than two pairs, or than three subjects.
    """
    values = values.double().cpu().numpy()
    if len(values) != len(pairs):
        raise InputError(f"pairs: {len(values)} values for {len(pairs)} pairs; give one each")
    if len(values) < 2:
        raise TooFewError(f"pairs: {len(values)}, but an interval needs two; give more volumes")
    subject = np.arange(pairs.max() + 1) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    ends = np.sort(subject[pairs], axis=1)
    n_subjects = len(np.unique(ends))
    if n_subjects < 3:
        raise TooFewError(f"pairs: of {n_subjects} subjects, but an interval needs three; give scans of more people")
    excess = values - values.mean()
    by_subject = np.bincount(ends.ravel(), np.repeat(excess, 2))
    by_couple = np.bincount(np.unique(ends, axis=0, return_inverse=True)[1].ravel(), excess)
    # Summing over subjects counts pairs of the same two people twice. Never less than if all pairs were independent.
    shared = (by_subject**2).sum() - (by_couple**2).sum()
    margin = t.ppf(0.975, n_subjects - 1) * max(shared, (excess**2).sum()) ** 0.5 / len(values)
    mean = float(values.mean())
    return Estimate(mean, float(mean - margin), float(mean + margin), n=n_subjects)
