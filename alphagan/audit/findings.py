"""One page in plain words: what the audit found, how sure that is, and what it cannot say."""

from collections.abc import Iterator
from typing import NamedTuple

from alphagan.audit.auditor import ENOUGH, Audit
from alphagan.audit.calibration import STRICT, as_often
from alphagan.audit.comparison import Comparison, Criterion, Power
from alphagan.audit.repeats import SAME
from alphagan.metrics.bootstrap import Estimate

MUST_FIND = ("exact", "flipped", "rescaled")
FOUND = 0.95  # share of injected copies that counts as "finds them"
CLOSER = -3.0  # standard scores of C_T below which it is called out
LEAK = 0.55  # area under the ROC curve: an interval above it is no small leak, whichever of several attacks it is of
STRICT_ALARM = 0.01  # ten times what the stricter threshold is made for

ALARM, LOOK, CLEAR = "alarm", "look", "clear"
COPIES = "Copies of training scans were found among the generated volumes."
LEAKS = "No copying is shown, but the model itself tells who was trained on."
LEAKS_AND_DOUBT = "The model itself tells who was trained on; whether it copies deserves a look."
HEADLINES = {
    LOOK: "Some findings deserve a look before these volumes are shared.",
    CLEAR: "These tests found no sign of memorisation.",
}


class Finding(NamedTuple):
    """How grave something is ("alarm", "look" or "clear"), one sentence or two, and whether it is about copies."""

    grade: str
    text: str
    of_copies: bool = True


def findings(found: Audit) -> list[Finding]:
    """Everything worth saying, space by space, then membership."""
    said = [finding for comparison in found.comparisons.values() for finding in _of_space(comparison)]
    said += [_of_membership(name, auc) for name, auc in found.membership.items()]
    if found.n_held_out < ENOUGH:
        text = f"Only {found.n_held_out} people are held out, too few to say how near others come: hold out {ENOUGH}."
        said.append(Finding(LOOK, text))
    if found.n_distinct < found.n_train:
        more = "more" if found.n_distinct == found.n_generated else "more that do not repeat one another"
        text = (
            f"Only {found.n_distinct} distinct volumes were generated for {found.n_train} training scans: make {more}."
        )
        said.append(Finding(LOOK, text))
    return said


def headline(said: list[Finding]) -> str:
    """Give the gravest finding in one sentence."""
    alarms = [finding.of_copies for finding in said if finding.grade == ALARM]
    doubt = any(finding.grade == LOOK and finding.of_copies for finding in said)
    if alarms:
        return COPIES if any(alarms) else (LEAKS_AND_DOUBT if doubt else LEAKS)
    return HEADLINES[LOOK if any(finding.grade == LOOK for finding in said) else CLEAR]


def verdict(found: Audit, title: str = "Memorisation audit") -> str:
    """Write the verdict as Markdown.

    Parameters
    ----------
    found : Audit
    title : str
        Names the model and the cohort.

    Returns
    -------
    str

    Examples
    --------
    >>> volumes = np.load("data/prepared/normal/volumes.npy")
    >>> people = [f"sub-{row:02d}" for row in range(20)]
    >>> auditor = Auditor(volumes[:12], people[:12], volumes[12:], people[12:])
    >>> page = verdict(auditor.audit(volumes[:12]), "A generator that repeats its training scans")
    >>> print(page.splitlines()[2][2:66])
    Copies of training scans were found among the generated volumes.
    """
    said = findings(found)
    lines = [
        f"# {title}",
        "",
        f"**{headline(said)}** {_volumes(found)} were compared with {found.n_train} training "
        f"scans of {found.n_train_people} people. {found.n_held_out} held-out people, who cannot have been copied, set "
        f"every threshold, so that {100 * found.level:.3g} % of new people at most are beyond it on average.",
        "",
        *(f"- **{finding.grade}**: {finding.text}" for finding in said),
        "",
        *_table(found),
        "",
        *_limits(found),
    ]
    return "\n".join(lines) + "\n"


def _volumes(found: Audit) -> str:
    """How many were generated, and how many of them differ from each other."""
    distinct = f", {found.n_distinct} of them distinct," if found.n_distinct < found.n_generated else ""
    return f"{found.n_generated} generated volumes{distinct}"


def _of_space(comparison: Comparison) -> Iterator[Finding]:
    in_voxels = comparison.name.startswith("voxels")
    where = f"In {comparison.name}" if in_voxels else f"By features ({comparison.name})"
    relative, distance = comparison.criteria["relative"], comparison.criteria["distance"]
    missed = [power for power in relative.power if power.kind in MUST_FIND and power.found.value < FOUND]
    if missed:
        shares = ", ".join(f"{power.kind} {_percent(power.found)}" for power in missed)
        yield Finding(LOOK, f"{where}, the audit misses plain copies ({shares}), so that finding none means little.")
    level, flagged, strict = relative.threshold.level, relative.flagged, relative.strictly_flagged
    n_flagged = round(flagged.value * flagged.n)
    told = f"{n_flagged} of {flagged.n} volumes ({_percent(flagged)}) single out one training scan"
    # One is proof, however few. By features two brains may be the same.
    n_same = sum(pair.similarity > SAME for pair in comparison.pairs) if in_voxels else 0
    same = f" {n_same} of the volumes are training scans, but for rounding, or their mirror images." if n_same else ""
    near, many = strict.low > STRICT_ALARM, flagged.low > level and relative.chance < 0.05
    # Training scans are of different people, so that a threshold which they pass as often tells no copies. That one or
    # two more of them do than should is no reason to doubt what is very near. A feature network holds them apart.
    training, as_training = relative.training, in_voxels and _as_often_as_training(relative)
    doubted = as_training and (training.low if near else training.value) > level
    if n_same or ((near or many) and not doubted):
        yield Finding(
            ALARM,
            f"{where}, {told}; of new people, {100 * level:.3g} % at most would on average "
            f"(p = {relative.chance:.2g}). {round(strict.value * strict.n)} are beyond the stricter threshold, where "
            f"about {STRICT * strict.n:.1g} of new people would be. They "
            f"point at {round(comparison.copied_training.value * comparison.copied_training.n)} training scans.{same}",
        )
    elif near or many:
        yield Finding(
            LOOK,
            f"{where}, {told}, more than of people like those held out (p = {relative.chance:.2g}), but no more than "
            f"of the training scans, of which {_percent(training)} are as near to another person's. Those "
            "held out may be unlike those of training: hold out people at random, and look at the pairs.",
        )
    elif strict.low > STRICT or relative.chance < 0.05:
        yield Finding(
            LOOK,
            f"{where}, {told} (p = {relative.chance:.2g}), {round(strict.value * strict.n)} of them beyond the "
            "stricter threshold. Look at the pairs.",
        )
    else:
        yield Finding(CLEAR, f"{where}, {told}, as many as chance explains (p = {relative.chance:.2g}).")
    if distance.flagged.low > level and distance.chance < 0.05 and relative.chance >= 0.05:
        yield Finding(
            CLEAR,
            f"{where}, {_percent(distance.flagged)} of the volumes are nearer to a training scan than all but "
            f"{100 * level:.3g} % of new people are, but about as near to the next scans. Blur and averaging do that; "
            "it is not by itself copying.",
        )
    if comparison.more_singular < CLOSER and relative.chance >= 0.05:
        text = (
            f"{where}, the nearest scan stands out more than for held-out people (z = {comparison.more_singular:.1f})."
        )
        yield Finding(LOOK, text)


def _as_often_as_training(found: Criterion) -> bool:
    """Whether generated volumes are flagged no more often than training scans that are compared with the others."""
    flagged, training = found.flagged, found.training
    k, others = round(flagged.value * flagged.n), round(training.value * training.n)
    return as_often(k, flagged.n, others, training.n) >= 0.05


def _of_membership(name: str, auc: Estimate) -> Finding:
    told = f"who was trained on can be told from {name} with an AUC of {auc}"
    if auc.low <= 0.5:
        text = f"Membership: {told}; 0.5 is a guess, so that no leak is shown. It may still be there."
        return Finding(CLEAR, text, of_copies=False)
    grade = ALARM if auc.low > LEAK else LOOK
    text = f"Membership: {told}; 0.5 would be a guess. Keep the model's weights as confidential as the scans."
    return Finding(grade, text, of_copies=False)


def _table(found: Audit) -> list[str]:
    spaces = list(found.comparisons.values())
    rows = {
        "singles out one training scan": [c.criteria["relative"].flagged for c in spaces],
        "… beyond the stricter threshold": [c.criteria["relative"].strictly_flagged for c in spaces],
        "… held-out people, cross-fitted": [c.criteria["relative"].false_positives for c in spaces],
        "… training scans against the others": [c.criteria["relative"].training for c in spaces],
        "correlates more with it than held-out people do": [c.criteria["distance"].flagged for c in spaces],
        "authentic": [c.authentic for c in spaces],
        "… held-out people": [c.authentic_held_out for c in spaces],
    }
    lines = [
        "| share, with its 95 % interval | " + " | ".join(c.name.partition(",")[0] for c in spaces) + " |",
        "|---|" + "---|" * len(spaces),
        *("| " + " | ".join([name, *map(str, row)]) + " |" for name, row in rows.items()),
    ]
    for kind, level in {(power.kind, power.level): None for c in spaces for power in c.criteria["relative"].power}:
        cells = [str(_power(c, kind, level).found) for c in spaces]
        name = f"noise of SD {level:g}" if kind == "noise" else kind
        lines.append(f"| injected copies found, {name} | " + " | ".join(cells) + " |")
    return [*lines, "", f"Spaces: {'; '.join(c.name for c in spaces)}."]


def _limits(found: Audit) -> list[str]:
    return [
        "## What this does not say",
        "",
        f"**Passing is not a privacy guarantee.** {' '.join(_finds(c) for c in found.comparisons.values())} How much "
        "of anything further is found stands in the table, and copies of parts of a brain were not tried. The audit "
        "looked at one set of samples: the model can make others. An attacker may know more than was tried here. Only "
        "training with differential privacy bounds what can leak; no audit of samples does.",
        "",
        f"Shares among {found.n_held_out} held-out people are uncertain, as their intervals show, and the stricter "
        "threshold assumes normally distributed distances. A generator that makes few different brains can pass: read "
        "this beside its diversity.",
    ]


def _finds(comparison: Comparison) -> str:
    """Which copies are nearly all found in one space."""
    powers = comparison.criteria["relative"].power
    kinds = [power.kind for power in powers if power.kind != "noise" and power.found.value >= FOUND]
    noise = _worst_noise_found(comparison)
    kinds += [f"noisy up to an SD of {noise:g} (the range of intensities is 2)"] if noise else []
    where = "In voxels" if comparison.name.startswith("voxels") else "By features"
    return f"{where} the audit finds copies that are {', '.join(kinds) or 'none of those tried'}."


def _worst_noise_found(comparison: Comparison) -> float:
    """Largest noise up to which nearly every copy is found."""
    largest = 0.0
    for power in comparison.criteria["relative"].power:
        if power.kind == "noise":
            if power.found.value < FOUND:
                break
            largest = power.level
    return largest


def _power(comparison: Comparison, kind: str, level: float) -> Power:
    return next(p for p in comparison.criteria["relative"].power if (p.kind, p.level) == (kind, level))


def _percent(estimate: Estimate) -> str:
    return f"{100 * estimate.value:.3g} %"
