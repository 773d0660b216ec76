"""What `alphagan covariates` fitted to a run and read back of it, for the run's facts and its card."""

import json
from collections.abc import Iterable
from pathlib import Path

from alphagan.generation.conditional import ConditionalPrior
from alphagan.generation.weights import COVARIATES
from alphagan.workbench import fit_table
from alphagan.workbench.told import Told

SIDES = {"generated": "generated", "real": "held-out"}
MEASURES = {"r": "correlation with what was asked for", "accuracy": "share read rightly"}


def described(prior: ConditionalPrior | None, reports: Path | None = None, told: Told | None = None) -> dict | None:
    """What was fitted to a run, and what was read back of it, as plain values; None where nothing was fitted.

    Parameters
    ----------
    prior : ConditionalPrior, optional
        Of the run.
    reports : Path, optional
        Folder below which `alphagan covariates` may have left its numbers; those of another fit are passed over.
    told : Told, optional
        By the file that holds the run, which is believed where there are none below that folder.

    Returns
    -------
    dict or None
        "read" is {covariate: {"real" or "generated": {measure: {"value": ..., "low": ..., "high": ..., "n": ...}}}}, or
        None; "of_file" says whether a file holds the run. Whoever knows it adds what `fit_table.changed` finds as
        "changed".
    """
    if prior is None:
        return None
    ranges = {name: [low, high] for name, low, high in zip(prior.names, prior.low, prior.high, strict=True)}
    return {
        "names": list(prior.names),
        "people": prior.people,
        "age_range": ranges.get("age"),
        "shrinkage": prior.shrinkage,
        "explained": prior.explained,
        "read": (_read_back(prior, reports) if reports else None) or _told_by_file(prior, told),
        "of_file": told is not None,
    }


def in_words(found: dict, passed_on: bool = False) -> list[str]:
    """Say what `described` found: what was fitted to whom, and for each covariate how well it shows.

    Where it is passed on, no folder is told.
    """
    aged = " aged {:g} to {:g}".format(*found["age_range"]) if found["age_range"] else ""
    how = "ridge regression" if found["shrinkage"] else "least squares"
    said = [f"{' and '.join(found['names'])}, fitted to {found['people']} people{aged} by {how}"]
    if changed := found.get("changed"):
        said.append(fit_table.in_words(changed | {"table": Path(changed["table"]).name} if passed_on else changed))
    if not found["read"]:
        where = "the file tells no numbers of this fit" if found["of_file"] else "no numbers of this fit below reports/"
        return [*said, f"not read back: {where}"]
    for name, sides in found["read"].items():
        measure = "r" if name == "age" else "accuracy"
        shown = [f"{_estimate(sides[side][measure])} in {who} people" for side, who in SIDES.items()]
        said.append(f"{name} read back, {MEASURES[measure]}: {', '.join(shown)}")
    return said


def doubts(found: dict, asked: Iterable[str]) -> list[str]:
    """What was asked for and did not show when it was read back; nothing of what was not read."""
    read, said = found["read"] or {}, []
    sex = read["sex"]["real"] if "sex" in asked and "sex" in read else {}
    if (
        "commonest" in sex and sex["accuracy"]["low"] <= sex["commonest"]["value"]
    ):  # which earlier versions did not tell
        said.append("it is not shown that sex can be read from held-out people, so that it is not known to show here")
    if "age" in asked and "age" in read:
        said += _doubts_of_age(read)
    return said


def _doubts_of_age(read: dict) -> list[str]:
    if read["age"]["real"]["r"]["low"] <= 0:
        return [
            "age could not be read from held-out people (r may be 0), so that it is not known whether it shows here"
        ]
    if read["age"]["generated"]["r"]["low"] <= 0:
        return ["age was not seen to show in generated people (r may be 0)"]
    return []


def _read_back(prior: ConditionalPrior, reports: Path) -> dict | None:
    for path in sorted(reports.rglob(COVARIATES)):
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            if told["fit"]["sha256"] == prior.sha256:
                return {name: told[name] for name in prior.names}
        except (OSError, ValueError, KeyError, TypeError):  # of an earlier version, or something else of this name
            continue
    return None


def _told_by_file(prior: ConditionalPrior, told: Told | None) -> dict | None:
    read = (told.found if told and told.found else {}).get("read") or {}
    return read if read.keys() == set(prior.names) else None


def _estimate(estimate: dict) -> str:
    return "{value:.2f} [{low:.2f}, {high:.2f}]".format(**estimate)
