"""What a generator remembers of its training scans: copies among its samples, and a membership that can be guessed.

Every threshold comes from held-out people who search the same training scans. Injected copies show what the audit can
find, held-out people how often it is wrong. Passing is not a privacy guarantee, and the verdict says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from alphagan.audit.compare import Comparison, Criterion, Pair, Power, compare
from alphagan.audit.membership import (
    Score,
    inversion_score,
    membership_auc,
    reconstruction_score,
    scores,
)
from alphagan.audit.nearest import FeatureSpace, Space, VoxelSpace
from alphagan.errors import InputError
from alphagan.metrics import check_volumes
from alphagan.metrics.bootstrap import Estimate

__all__ = [
    "Audit",
    "Comparison",
    "Criterion",
    "FeatureSpace",
    "Pair",
    "Power",
    "Space",
    "VoxelSpace",
    "audit",
    "compare",
    "inversion_score",
    "membership_auc",
    "reconstruction_score",
    "scores",
]


@dataclass(frozen=True)
class Audit:
    """What was found.

    Attributes
    ----------
    comparisons : dict of str to Comparison
        By the name of the space.
    membership : dict of str to Estimate
        Area under the ROC curve, by what the attacker looks at.
    n_train, n_train_people, n_held_out, n_generated : int
        Training scans and the people whom they show, held-out people, generated volumes.
    """

    comparisons: dict[str, Comparison]
    membership: dict[str, Estimate]
    n_train: int
    n_train_people: int
    n_held_out: int
    n_generated: int

    def as_dict(self) -> dict:
        """Plain numbers, as written to a JSON file."""
        return {
            "n_train": self.n_train,
            "n_train_people": self.n_train_people,
            "n_held_out": self.n_held_out,
            "n_generated": self.n_generated,
            "spaces": {name: comparison.as_dict() for name, comparison in self.comparisons.items()},
            "membership": {name: estimate.as_dict() for name, estimate in self.membership.items()},
        }


def audit(
    train: Tensor,
    train_people: Sequence[str],
    held_out: Tensor,
    held_out_people: Sequence[str],
    generated: Tensor,
    spaces: Sequence[Space],
    attacks: Mapping[str, Score] | None = None,
    level: float = 0.05,
    n_copies: int = 64,
    n_bootstrap: int = 1000,
    seed: int = 0,
) -> Audit:
    """Audit a generator.

    Parameters
    ----------
    train, held_out : Tensor, (m, S, S, S) and (k, S, S, S), float32 in [-1, 1]
        Scans that it was trained on, and scans of other people; neither augmented.
    train_people, held_out_people : sequence of str, (m,) and (k,)
        Whom each scan shows. Of a held-out person the first scan sets thresholds.
    generated : Tensor, (n, S, S, S), float32 in [-1, 1]
        At least as many as there are training scans, or copies of some are missed.
    spaces : sequence of Space
        Where volumes are compared, made with `train`: `VoxelSpace`, `FeatureSpace`.
    attacks : mapping of str to callable, (B, 1, S, S, S) -> (B,), optional
        What an attacker who holds the model may look at, high for members: the critic D, `reconstruction_score`,
        `inversion_score`.
    level : float
        Share of new people that a threshold may flag.
    n_copies : int
        Training scans that are copied for the positive controls.
    n_bootstrap : int
        Resamples of people for the interval of the membership.
    seed : int

    Raises
    ------
    InputError
        If someone is in training and held out, there are too few held-out people for the level, or sizes differ.
    """
    for name, volumes in (("train", train), ("held_out", held_out), ("generated", generated)):
        check_volumes(name, volumes)
    for name, volumes, people in (("train", train, train_people), ("held_out", held_out, held_out_people)):
        if len(volumes) != len(people):
            raise InputError(f"{name}: {len(volumes)} scans, but {len(people)} labels of people; give one each")
    if shared := set(train_people) & set(held_out_people):
        raise InputError(f"held_out: {min(shared)} is among the training people too; split by person")
    first = [list(held_out_people).index(person) for person in dict.fromkeys(held_out_people)]
    comparisons = {
        space.name: compare(space, train, train_people, held_out[first], generated, level, n_copies, seed)
        for space in spaces
    }
    membership = {
        name: membership_auc(
            scores(score, train),
            scores(score, held_out),
            train_people,
            held_out_people,
            n_bootstrap,
            generator=np.random.default_rng(seed),
        )
        for name, score in (attacks or {}).items()
    }
    return Audit(comparisons, membership, len(train), len(set(train_people)), len(first), len(generated))
