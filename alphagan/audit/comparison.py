"""What is found where generated volumes are compared with the training scans in one space; `search.py` finds it."""

from dataclasses import asdict, dataclass, replace

from alphagan.audit.calibration import Threshold
from alphagan.audit.nearest import Nearest
from alphagan.metrics.bootstrap import Estimate


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
