"""Audit one generator after the other, against the same training scans and the same held-out people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from alphagan.audit.comparison import Comparison
from alphagan.audit.membership import Score, membership_auc, scores
from alphagan.audit.repeats import Repeats
from alphagan.audit.search import Search
from alphagan.audit.spaces import Space, VoxelSpace
from alphagan.errors import InputError, TooFewError
from alphagan.metrics.bootstrap import Estimate
from alphagan.metrics.checks import check_labels, check_volumes
from alphagan.volumes.prepared import Array

FEWEST = 2  # held-out people without whom there is no threshold
ENOUGH = 10  # without whom a threshold flags more than a tenth of new people, and the audit says little


@dataclass(frozen=True)
class Audit:
    """What was found.

    Attributes
    ----------
    comparisons : dict of str to Comparison
        By the name of the space.
    membership : dict of str to Estimate
        Area under the ROC curve, by what the attacker looks at.
    n_train, n_train_people, n_held_out, n_generated, n_distinct : int
        Training scans and the people whom they show, held-out people, generated volumes, and how many brains these
        are: one that is repeated with faint noise, or mirrored, counts once.

    Examples
    --------
    >>> volumes = np.load("data/prepared/normal/volumes.npy")
    >>> people = [f"sub-{row:02d}" for row in range(20)]
    >>> auditor = Auditor(volumes[:12], people[:12], volumes[12:], people[12:])
    >>> found = auditor.audit(np.concatenate([volumes[:3], volumes[:3]]))
    >>> found.n_train, found.n_held_out, found.n_generated, found.n_distinct
    (12, 8, 6, 3)
    """

    comparisons: dict[str, Comparison]
    membership: dict[str, Estimate]
    n_train: int
    n_train_people: int
    n_held_out: int
    n_generated: int
    n_distinct: int

    @property
    def level(self) -> float:
        """Share of new people that a threshold may flag.

        Examples
        --------
        With eight people held out no less than one in eight:

        >>> volumes = np.load("data/prepared/normal/volumes.npy")
        >>> people = [f"sub-{row:02d}" for row in range(20)]
        >>> auditor = Auditor(volumes[:12], people[:12], volumes[12:], people[12:])
        >>> auditor.audit(volumes[:3]).level
        0.125
        """
        return next(iter(self.comparisons.values())).criteria["relative"].threshold.level

    def as_dict(self) -> dict:
        """Plain numbers, as written to a JSON file.

        Examples
        --------
        >>> volumes = np.load("data/prepared/normal/volumes.npy")
        >>> people = [f"sub-{row:02d}" for row in range(20)]
        >>> auditor = Auditor(volumes[:12], people[:12], volumes[12:], people[12:])
        >>> plain = auditor.audit(volumes[:3]).as_dict()
        >>> plain["n_generated"], ", ".join(plain["spaces"])
        (3, 'voxels')
        """
        return {
            "n_train": self.n_train,
            "n_train_people": self.n_train_people,
            "n_held_out": self.n_held_out,
            "n_generated": self.n_generated,
            "n_distinct": self.n_distinct,
            "spaces": {name: comparison.as_dict() for name, comparison in self.comparisons.items()},
            "membership": {name: estimate.as_dict() for name, estimate in self.membership.items()},
        }


class Auditor:
    """Audit generators that were trained on the same scans.

    Parameters
    ----------
    train, held_out : ndarray or Tensor, (m, S, S, S) and (k, S, S, S), float in [-1, 1] or uint8
        Scans that they were trained on, and scans of other people; neither augmented.
    train_people, held_out_people : sequence of str or int, (m,) and (k,)
        Whom each scan shows; 7 and "7" are one person. Of a held-out person the first scan sets thresholds.
    spaces : sequence of Space, optional
        Where volumes are compared, made with `train`: `FeatureSpace`, and by default `VoxelSpace`.
    level : float
        Share of new people that a threshold may flag. Few held-out people allow no less than 1 / k, which is then the
        level that every result states.
    n_copies : int
        Training scans that are copied for the positive controls.
    seed : int

    Raises
    ------
    InputError
        If someone is in training and held out, under one name or two, a scan is without a label, or sizes differ.
    TooFewError
        If there are fewer than two held-out people, or too few training scans.

    Examples
    --------
    A generator that gives back three of its training scans:

    >>> volumes = np.load("data/prepared/normal/volumes.npy")
    >>> people = [f"sub-{row:02d}" for row in range(20)]
    >>> auditor = Auditor(volumes[:12], people[:12], volumes[12:], people[12:])
    >>> found = auditor.audit(volumes[:3])
    >>> [(pair.generated, pair.scan) for pair in found.comparisons["voxels"].pairs]
    [(1, 1), (0, 0), (2, 2)]
    """

    def __init__(
        self,
        train: Array,
        train_people: Sequence[str],
        held_out: Array,
        held_out_people: Sequence[str],
        spaces: Sequence[Space] = (),
        level: float = 0.05,
        n_copies: int = 64,
        seed: int = 0,
    ):
        train, held_out = (check_volumes(*named).float() for named in (("train", train), ("held_out", held_out)))
        train_people = _as_text(check_labels("train_people", train_people, len(train)))
        held_out_people = _as_text(check_labels("held_out_people", held_out_people, len(held_out)))
        if shared := set(train_people) & set(held_out_people):
            raise InputError(f"held_out: {min(shared)} is among the training people too; split by person")
        self.train, self.train_people, self.seed = train, train_people, seed
        self.held_out, self.held_out_people = held_out, held_out_people
        first = [held_out_people.index(person) for person in dict.fromkeys(held_out_people)]
        self.n_held_out = len(first)
        if self.n_held_out < FEWEST:
            raise TooFewError(
                f"held-out people: {self.n_held_out}, but the audit needs {FEWEST} to say how near new people come to "
                "training scans, and better ten; hold out more (prepare.split)"
            )
        repeats = Repeats(train)
        if copied := repeats.copied(held_out):
            one, other = copied
            raise InputError(
                f"held_out: scan {one}, of {held_out_people[one]}, is training scan {other}, of {train_people[other]}, "
                "but for rounding; give both one name and split by person, or take one out"
            )
        level = max(level, 1 / self.n_held_out)
        self.searches = [
            Search(space, train, train_people, held_out[first], level, n_copies, seed, repeats)
            for space in spaces or [VoxelSpace(train)]
        ]

    def audit(self, generated: Array, attacks: Mapping[str, Score] | None = None, n_bootstrap: int = 1000) -> Audit:
        """Audit one generator.

        Parameters
        ----------
        generated : ndarray or Tensor, (n, S, S, S), float in [-1, 1] or uint8
            At least as many as there are training scans, or copies of some are missed.
        attacks : mapping of str to callable, (B, 1, S, S, S) -> (B,), optional
            What an attacker who holds the model may look at, high for members: the critic D, `reconstruction_score`,
            `inversion_score`.
        n_bootstrap : int
            Resamples of people for the interval of the membership.

        Returns
        -------
        Audit
            See `verdict`, which says it in words.

        Raises
        ------
        InputError
            If volumes differ in size, or have values that are not finite.

        Examples
        --------
        >>> volumes = np.load("data/prepared/normal/volumes.npy")
        >>> people = [f"sub-{row:02d}" for row in range(20)]
        >>> auditor = Auditor(volumes[:12], people[:12], volumes[12:], people[12:])
        >>> run = alphagan.load("models/normal/alpha_wgan_gp")
        >>> attacks = {"the critic's score": run.networks["D"]}
        >>> found = auditor.audit(run.sample(12), attacks)
        >>> ", ".join(found.comparisons), ", ".join(found.membership)
        ('voxels', "the critic's score")
        """
        generated = check_volumes("generated", generated).float()
        membership = {
            name: membership_auc(
                scores(score, self.train),
                scores(score, self.held_out),
                self.train_people,
                self.held_out_people,
                n_bootstrap,
                generator=np.random.default_rng(self.seed),
            )
            for name, score in (attacks or {}).items()
        }
        comparisons = {search.space.name: search.compare(generated) for search in self.searches}
        n_people = len(set(self.train_people))
        n_distinct = len(next(iter(comparisons.values())).generated.scan)
        return Audit(comparisons, membership, len(self.train), n_people, self.n_held_out, len(generated), n_distinct)


def _as_text(labels: np.ndarray) -> list[str]:
    """Labels that are alike whether a table gave them as text, as bytes, or as numbers, floats beside missing ones."""
    plain = (label.decode(errors="replace") if isinstance(label, bytes) else label for label in labels.tolist())
    return [str(int(label) if isinstance(label, float) and label.is_integer() else label).strip() for label in plain]
