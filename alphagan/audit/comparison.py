"""Generated volumes against the training scans in one space, with held-out people and injected copies as controls."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from alphagan.audit.calibration import Threshold, authentic, calibrate, closer, false_positives
from alphagan.audit.controls import copies
from alphagan.audit.nearest import Nearest, Space, distinct, nearest, same_person
from alphagan.metrics.bootstrap import Estimate, share
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
        Of distinct generated volumes, and of held-out people.
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
        content = asdict(
            replace(self, generated=None, held_out=None),
            dict_factory=lambda items: {key: value for key, value in items if key != "basis"},
        )
        del content["generated"], content["held_out"]
        return content


class Search:
    """Training scans that are searched in one space, with held-out people and injected copies as controls.

    Parameters
    ----------
    space : Space
        Made with `train`.
    train, held_out : Tensor, (m, S, S, S) and (k, S, S, S), float32 in [-1, 1]
        One held-out scan per person.
    people : sequence of str, (m,)
        Whom the training scans show.
    level : float
        Share of new people that may be flagged.
    n_copies : int
        Training scans that are copied in every way; all of them where there are fewer.
    seed : int
        Chooses and disguises them, and divides held-out people.

    Attributes
    ----------
    others, held_out : Nearest
        What training scans of other people each training scan is near to, and what each held-out person is near to.
    thresholds : dict of str to Threshold
        By criterion.

    Raises
    ------
    TooFewError
        If there are too few held-out people for the level, or too few training scans.
    """

    def __init__(
        self,
        space: Space,
        train: Tensor,
        people: Sequence[str],
        held_out: Tensor,
        level: float = 0.05,
        n_copies: int = 64,
        seed: int = 0,
    ):
        self.space, self.train, self.level, self.n_copies, self.seed = space, train, level, n_copies, seed
        self.others = nearest(space.similarity(train), leave_out=same_person(people))
        self.held_out = nearest(space.similarity(held_out))
        self.thresholds = {name: calibrate(getattr(self.held_out, name), level) for name in CRITERIA}

    def measure(self, generated: Tensor) -> dict[str, Estimate]:
        """Two numbers for a table of models, without the controls that `compare` adds.

        Parameters
        ----------
        generated : Tensor, (n, S, S, S), float32 in [-1, 1]

        Returns
        -------
        dict of str to Estimate
            copied : share of the volumes that single out one training scan.
            authentic : AuthPct, see `alphagan.audit.calibration.authentic`.
        """
        near = nearest(self.space.similarity(generated[distinct(generated)]))
        flagged = self.thresholds["relative"].flagged(near.relative)
        return {
            "copied": share(int(flagged.sum()), len(flagged)),
            "authentic": authentic(near.distance, near.scan, self.others.distance),
        }

    def measure_held_out(self) -> dict[str, Estimate]:
        """Give the same of new people: of the first, what the threshold is made for."""
        return {
            "copied": self.thresholds["relative"].expected(),
            "authentic": authentic(self.held_out.distance, self.held_out.scan, self.others.distance),
        }

    def compare(self, generated: Tensor) -> Comparison:
        """Say what each of the generated volumes (n, S, S, S) is nearest to, beside all controls.

        Of volumes that repeat each other exactly one counts: a collapsed generator is one finding, not n.
        """
        positions = distinct(generated)
        near = nearest(self.space.similarity(generated[positions]))
        criteria = {name: self._criterion(name, near) for name in CRITERIA}
        pairs = _pairs(near, positions, self.thresholds["relative"])
        return Comparison(
            name=self.space.name,
            generated=near,
            held_out=self.held_out,
            criteria=criteria,
            closer=closer(near.distance, self.held_out.distance),
            more_singular=closer(near.ratio, self.held_out.ratio),
            authentic=authentic(near.distance, near.scan, self.others.distance),
            authentic_held_out=authentic(self.held_out.distance, self.held_out.scan, self.others.distance),
            pairs=pairs,
            copied_training=share(len({pair.scan for pair in pairs}), len(self.train)),
        )

    @cached_property
    def _injected(self) -> list[tuple[str, float, Nearest, np.ndarray]]:
        """Kind and level of copies, their nearest training scans, and whether those are the originals."""
        chosen = torch.randperm(len(self.train), generator=seeded("cpu", "audit", self.seed))[: self.n_copies]
        disguised = []
        for copy in copies(self.train[chosen], self.seed):
            near = nearest(self.space.similarity(copy.volumes))
            disguised.append((copy.kind, copy.level, near, near.scan == chosen.numpy()))
        return disguised

    @cached_property
    def _controls(self) -> dict[str, tuple[Estimate, Estimate, tuple[Power, ...]]]:
        """Held-out people and training scans that are flagged, and injected copies that are found, by criterion."""
        controls = {}
        for name, threshold in self.thresholds.items():
            wrong = false_positives(
                getattr(self.held_out, name), self.level, generator=np.random.default_rng(self.seed)
            )
            training = threshold.flagged(getattr(self.others, name))
            power = []
            for kind, amount, near, traced in self._injected:
                caught = threshold.flagged(getattr(near, name)) & traced
                power.append(Power(kind, amount, share(int(caught.sum()), len(caught))))
            controls[name] = wrong, share(int(training.sum()), len(training)), tuple(power)
        return controls

    def _criterion(self, name: str, near: Nearest) -> Criterion:
        threshold, distances = self.thresholds[name], getattr(near, name)
        k, n = int(threshold.flagged(distances).sum()), len(distances)
        wrong, training, power = self._controls[name]
        return Criterion(
            threshold=threshold,
            flagged=share(k, n),
            strictly_flagged=share(int((distances < threshold.strict).sum()), n),
            chance=threshold.chance(k, n),
            false_positives=wrong,
            training=training,
            power=power,
        )


def _pairs(near: Nearest, positions: np.ndarray, threshold: Threshold) -> tuple[Pair, ...]:
    flagged = np.flatnonzero(threshold.flagged(near.relative))
    order = flagged[np.argsort(near.relative[flagged], kind="stable")]
    return tuple(
        Pair(
            generated=int(positions[i]),
            scan=int(near.scan[i]),
            mirrored=bool(near.mirrored[i]),
            similarity=float(near.similarity[i]),
            relative=float(near.relative[i]),
            strict=bool(near.relative[i] < threshold.strict),
        )
        for i in order
    )
