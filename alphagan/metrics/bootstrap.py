"""Estimates with their uncertainty over subjects."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from alphagan.errors import InputError


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval.

    Parameters
    ----------
    value, low, high : float
        The estimate and the ends of its interval, in the metric's unit.
    n : int
        Independent units behind it: people, or generated volumes. Of two samples, the smaller number.
    """

    value: float
    low: float
    high: float
    n: int

    def as_dict(self) -> dict[str, float | int]:
        """Plain numbers, as written to metrics.json."""
        return asdict(self)


def interval(estimate: dict) -> str:
    """An estimate, as `Estimate.as_dict` has it, in words: 0.5 [0.4, 0.6]."""
    return "{value:.3g} [{low:.3g}, {high:.3g}]".format(**estimate)


def subject_index(groups: Sequence | None, n_volumes: int) -> np.ndarray:
    """Number subjects from 0.

    Parameters
    ----------
    groups : sequence of n_volumes labels, optional
        Whom each volume shows. None: every volume is a subject of its own, as generated ones are.
    n_volumes : int
        How many volumes there are.

    Returns
    -------
    ndarray of int, (n_volumes,)
        Every number from 0 to the number of subjects - 1 occurs.

    Raises
    ------
    InputError
        If there is not one label per volume, or only one subject.
    """
    labels = np.arange(n_volumes) if groups is None else np.asarray(groups)
    if labels.shape != (n_volumes,):
        raise InputError(f"groups: shape {labels.shape} for {n_volumes} volumes; give one subject label per volume")
    index = np.unique(labels, return_inverse=True)[1]
    if n_volumes == 0 or index.max() == 0:
        raise InputError("groups: fewer than two subjects, so nothing can be said about others; give more scans")
    return index


def subject_counts(n_subjects: int, n_bootstrap: int, generator: np.random.Generator) -> np.ndarray:
    """How often each subject is drawn in each resample with replacement: (n_bootstrap, n_subjects), float64."""
    return generator.multinomial(n_subjects, np.full(n_subjects, 1 / n_subjects), size=n_bootstrap).astype(float)


def centred_interval(value: float, draws: np.ndarray) -> tuple[float, float]:
    """95 % interval with the spread of the bootstrap draws, around the value.

    A resample repeats the sampling noise that the value already holds, so that draws of a statistic which noise
    inflates (a distance) lie to one side of it. Only their spread is used. Undefined draws, such as one subject drawn
    every time, are left out.
    """
    draws = draws[np.isfinite(draws)]
    low, high = np.quantile(draws - draws.mean(), [0.025, 0.975])
    return float(value + low), float(value + high)
