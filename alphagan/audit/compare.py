"""Generated volumes against the training scans in one space, with held-out people and injected copies as controls."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor

from alphagan.audit.calibration import Threshold, authentic, calibrate, closer, false_positives, share
from alphagan.audit.controls import copies
from alphagan.audit.nearest import Nearest, Space, nearest, same_person
from alphagan.metrics.bootstrap import Estimate
from alphagan.seeding import seeded

# What is looked at in `Nearest`: whether one training scan stands out, and how near it is (as published by Dar et al.).
CRITERIA = ("relative", "distance")


@dataclass(frozen=True)
class Power:
    """Share of injected copies that were flagged, and traced to their original.

    Attributes
    ----------
    kind, level : str, float
        As `alphagan.audit.controls.Copies` has them.
    found : Estimate
    """

    kind: str
    level: float
    found: Estimate


@dataclass(frozen=True)
class Criterion:
    """What one kind of distance says.

    Attributes
    ----------
    threshold : Threshold
        Set by held-out people.
    flagged, strictly_flagged : Estimate
        Shares of the generated volumes below it, and below its stricter tier.
    chance : float
        Probability that as many new people are flagged.
    false_positives : Estimate
        Negative control: share of held-out people below a threshold that others of them have set.
    training : Estimate
        Negative control: share of training scans that are as near to another person's. Of little meaning in a feature
        space, whose network learned to hold these very scans apart.
    power : tuple of Power
        Positive controls.
    """

    threshold: Threshold
    flagged: Estimate
    strictly_flagged: Estimate
    chance: float
    false_positives: Estimate
    training: Estimate
    power: tuple[Power, ...]


@dataclass(frozen=True)
class Pair:
    """A generated volume and the training scan that it is suspiciously near to.

    Attributes
    ----------
    generated, scan : int
        Positions.
    mirrored : bool
        Whether it is near to the mirror image of the scan.
    similarity, relative : float
        As `Nearest` has them.
    strict : bool
        Whether it is below the stricter threshold.
    """

    generated: int
    scan: int
    mirrored: bool
    similarity: float
    relative: float
    strict: bool


@dataclass(frozen=True)
class Comparison:
    """Everything that was found in one space.

    Attributes
    ----------
    name : str
        The space's: "voxels", or the feature network's name.
    generated, held_out : Nearest
    criteria : dict of str to Criterion
        "relative", by which copies are told, and "distance".
    closer, more_singular : float
        C_T of the distances, and the same of the ratios of first to second distance.
    authentic, authentic_held_out : Estimate
        AuthPct of the generated volumes and of held-out people.
    pairs : tuple of Pair
        Every generated volume below the threshold of "relative", most suspicious first.
    copied_training : Estimate
        Share of the training scans that such a pair points at.
    """

    name: str
    generated: Nearest
    held_out: Nearest
    criteria: dict[str, Criterion]
    closer: float
    more_singular: float
    authentic: Estimate
    authentic_held_out: Estimate
    pairs: tuple[Pair, ...]
    copied_training: Estimate

    def as_dict(self) -> dict:
        """Plain numbers, without the distances of every volume."""
        left_out = ("generated", "held_out")
        return {key: value for key, value in asdict(self).items() if key not in left_out}


def compare(
    space: Space,
    train: Tensor,
    people: Sequence[str],
    held_out: Tensor,
    generated: Tensor,
    level: float = 0.05,
    n_copies: int = 64,
    seed: int = 0,
) -> Comparison:
    """Search the training scans for what each generated volume, held-out person and injected copy is nearest to.

    Parameters
    ----------
    space : Space
        Made with `train`.
    train, held_out, generated : Tensor, (m, S, S, S), (k, S, S, S), (n, S, S, S), float32 in [-1, 1]
        One held-out scan per person.
    people : sequence of str, (m,)
        Whom the training scans show.
    level : float
        Share of new people that may be flagged.
    n_copies : int
        Training scans that are copied in every way; all of them where there are fewer.
    seed : int
        Chooses and disguises them, and divides held-out people.

    Raises
    ------
    InputError
        If there are too few held-out people for the level, or too few training scans.
    """
    among = space.similarity(train)
    others = nearest(among, leave_out=same_person(people))
    found = {name: nearest(space.similarity(x)) for name, x in (("generated", generated), ("held_out", held_out))}
    disguised = _injected(space, train, n_copies, seed)
    criteria = {name: _criterion(name, found, others, disguised, level, seed) for name in CRITERIA}
    pairs = _pairs(found["generated"], criteria["relative"].threshold)
    return Comparison(
        name=space.name,
        **found,
        criteria=criteria,
        closer=closer(found["generated"].distance, found["held_out"].distance),
        more_singular=closer(found["generated"].ratio, found["held_out"].ratio),
        authentic=authentic(found["generated"].distance, found["generated"].scan, others.distance),
        authentic_held_out=authentic(found["held_out"].distance, found["held_out"].scan, others.distance),
        pairs=pairs,
        copied_training=share(len({pair.scan for pair in pairs}), len(train)),
    )


def _injected(space: Space, train: Tensor, n_copies: int, seed: int) -> list[tuple[str, float, Nearest, np.ndarray]]:
    """Kind and level of copies, their nearest training scans, and whether those are the originals."""
    chosen = torch.randperm(len(train), generator=seeded("cpu", "audit", seed))[:n_copies]
    disguised = []
    for copy in copies(train[chosen], seed):
        near = nearest(space.similarity(copy.volumes))
        disguised.append((copy.kind, copy.level, near, near.scan == chosen.numpy()))
    return disguised


def _criterion(
    name: str,
    found: dict[str, Nearest],
    others: Nearest,
    disguised: list[tuple[str, float, Nearest, np.ndarray]],
    level: float,
    seed: int,
) -> Criterion:
    generated, held_out = (getattr(found[side], name) for side in ("generated", "held_out"))
    threshold = calibrate(held_out, level)
    k, n = int(threshold.flagged(generated).sum()), len(generated)
    training = threshold.flagged(getattr(others, name))
    power = []
    for kind, amount, near, traced in disguised:
        caught = threshold.flagged(getattr(near, name)) & traced
        power.append(Power(kind, amount, share(int(caught.sum()), len(caught))))
    return Criterion(
        threshold=threshold,
        flagged=share(k, n),
        strictly_flagged=share(int((generated < threshold.strict).sum()), n),
        chance=threshold.chance(k, n),
        false_positives=false_positives(held_out, level, generator=np.random.default_rng(seed)),
        training=share(int(training.sum()), len(training)),
        power=tuple(power),
    )


def _pairs(near: Nearest, threshold: Threshold) -> tuple[Pair, ...]:
    flagged = np.flatnonzero(threshold.flagged(near.relative))
    order = flagged[np.argsort(near.relative[flagged], kind="stable")]
    return tuple(
        Pair(
            generated=int(i),
            scan=int(near.scan[i]),
            mirrored=bool(near.mirrored[i]),
            similarity=float(near.similarity[i]),
            relative=float(near.relative[i]),
            strict=bool(near.relative[i] < threshold.strict),
        )
        for i in order
    )
