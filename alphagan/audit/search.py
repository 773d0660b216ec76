"""Generated volumes against the training scans in one space, with held-out people and injected copies as controls."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from alphagan.audit.calibration import Threshold, authentic, calibrate, closer, false_positives
from alphagan.audit.comparison import Comparison, Criterion, Pair, Power
from alphagan.audit.controls import copies
from alphagan.audit.likeness import Likeness
from alphagan.audit.nearest import Nearest, nearest, same_person
from alphagan.audit.repeats import Repeats
from alphagan.audit.spaces import Space
from alphagan.metrics.bootstrap import Estimate, share
from alphagan.seeding import seeded

# What is looked at in `Nearest`: whether one training scan stands out, and how near it is (as published by Dar et al.).
CRITERIA = ("relative", "distance")


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
    repeats : Repeats, optional
        Made with `train`, where several searches share it.

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
        repeats: Repeats | None = None,
    ):
        self.space, self.train, self.level, self.n_copies, self.seed = space, train, level, n_copies, seed
        self.new_people, self.repeats = held_out, repeats or Repeats(train)
        self.of_one = same_person(people)
        self.others = nearest(space.similarity(train), leave_out=self.of_one)
        self.held_out = nearest(space.similarity(held_out))
        self.thresholds = {name: calibrate(getattr(self.held_out, name), level) for name in CRITERIA}

    def measure(self, generated: Tensor) -> dict[str, Estimate]:
        """Three numbers for a table of models, without the controls that `compare` adds.

        Parameters
        ----------
        generated : Tensor, (n, S, S, S), float32 in [-1, 1]

        Returns
        -------
        dict of str to Estimate
            copied : share of the volumes that single out one training scan.
            authentic : AuthPct, see `alphagan.audit.calibration.authentic`.
            brain_like : share of the volumes that have the detail of a brain, see `Likeness`.
        """
        near = nearest(self.space.similarity(generated[self.repeats.distinct(generated)]))
        flagged = self.thresholds["relative"].flagged(near.relative)
        return {
            "copied": share(int(flagged.sum()), len(flagged)),
            "authentic": authentic(near.distance, near.scan, self.others.distance),
            **self.likeness.measure(generated),
        }

    def measure_held_out(self) -> dict[str, Estimate]:
        """Give the same of new people: of the first, what the threshold is made for."""
        return {
            "copied": self.thresholds["relative"].expected(),
            "authentic": authentic(self.held_out.distance, self.held_out.scan, self.others.distance),
            **self.likeness.measure_held_out(),
        }

    @cached_property
    def likeness(self) -> Likeness:
        """Whether volumes have the detail of a brain, by the same training scans and held-out people."""
        return Likeness(self.train, self.new_people, self.level)

    def compare(self, generated: Tensor) -> Comparison:
        """Say what each of the generated volumes (n, S, S, S) is nearest to, beside all controls.

        Of volumes that repeat each other one counts (`Repeats`): a collapsed generator is one finding, not n.
        """
        positions = self.repeats.distinct(generated)
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
        """Kind and level of copies, their nearest training scans, and whether those are the originals' people's."""
        chosen = torch.randperm(len(self.train), generator=seeded("cpu", "audit", self.seed))[: self.n_copies]
        disguised = []
        for copy in copies(self.train[chosen], self.seed):
            near = nearest(self.space.similarity(copy.volumes))
            disguised.append((copy.kind, copy.level, near, self.of_one[near.scan, chosen.numpy()]))
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
