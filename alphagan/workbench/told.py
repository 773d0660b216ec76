"""What an exported file tells of itself: what was found of its weights where it was exported, and its card.

Whoever gets such a file has no reports/ of them. In its metadata "found" is JSON, and "card" Markdown. Both may be a
stranger's: sizes are bounded, types checked, and texts are shown as text.
"""

import json
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from alphagan.errors import InputError
from alphagan.generation.run import Run
from alphagan.generation.weights import is_file, read_metadata
from alphagan.metrics.catalogue import QUOTE
from alphagan.report.page import printable
from alphagan.settings.problems import first_problem

LONGEST = 100_000  # characters, of either
KEYS = ("metrics", "audit", "scans_licence")  # of a run's facts
MEASURE = {"age": "r", "sex": "accuracy"}  # that is shown of what was read back

Text = Annotated[str, Field(max_length=2000), AfterValidator(printable)]


class _Section(BaseModel):
    model_config = ConfigDict(strict=True)


class _Number(_Section):
    value: float
    low: float
    high: float
    n: int


class _Metric(_Number):
    real: float


class _Audit(_Section):
    verdict: Text
    findings: list[Text] = Field(max_length=100)


def _both_sides(read: dict | None) -> dict | None:
    for name, sides in (read or {}).items():
        if len(sides) != 2 or any(MEASURE[name] not in measures for measures in sides.values()):
            raise ValueError(f"{name}: {MEASURE[name]} of two sides is missing")
    return read


Sides = dict[Literal["real", "generated"], dict[Text, _Number]]


class _Found(_Section):
    metrics: dict[str, _Metric] | None
    audit: _Audit | None
    read: Annotated[dict[Literal["age", "sex"], Sides] | None, AfterValidator(_both_sides)]
    scans_licence: Text | None


class Told(BaseModel):
    """What a file tells.

    Parameters
    ----------
    card : str
        Of earlier versions or not; "" where there is none that is short enough.
    found : dict, optional
        "metrics", "audit" and "scans_licence" as a run's facts have them, and "read" as what was fitted has it; None
        in a file of an earlier version.
    """

    card: str
    found: dict | None


def told_by(run: Run) -> Told | None:
    """What the file of a run tells; None of a run's folder.

    Raises
    ------
    InputError
        If what it tells is malformed.
    """
    if not is_file(run.folder):
        return None
    metadata = read_metadata(run.folder)
    card, text = metadata.get("card", ""), metadata.get("found")
    card = _printable_lines(card) if len(card) <= LONGEST else ""
    return Told(card=card, found=None if text is None else _found(run, text))


def _found(run: Run, text: str) -> dict:
    try:
        if len(text) > LONGEST:
            raise ValueError(f"{len(text)} characters")
        found = _Found.model_validate_json(text).model_dump()
    except ValidationError as error:
        reason = first_problem(error)
    except ValueError as error:
        reason = str(error)
    else:
        metrics = found["metrics"] or {}
        known = {name: metrics[name] for name in QUOTE if name in metrics}  # which this version has words for
        return found | {"metrics": known or None}
    raise InputError(
        f"{run.folder}: what it tells of its quality is damaged ({printable(reason)[:200]}); export the run again"
    )


def to_tell(facts: dict, card: str) -> dict[str, str]:
    """What a file that is exported is given to tell: "card" and "found".

    Parameters
    ----------
    facts : dict
        Of the run.
    card : str
        Of these facts.
    """
    exported = facts["exported"]
    if exported and not exported["tells"]:  # a file of an earlier version, exported again, knows no more than before
        return {"card": exported["card"]}
    fitted = facts["covariates"] or {}
    found = {key: facts[key] for key in KEYS} | {"read": fitted.get("read")}
    return {"card": card, "found": json.dumps(found, ensure_ascii=False)}


def in_markdown(text: str) -> str:
    """Text of a file within Markdown: no tag, no link, no picture."""
    return text.replace("<", "&lt;").replace("](", "] (")


def shown_card(card: str) -> str:
    """The card that came with a file, as Markdown that holds no tag."""
    return card.replace("<", "&lt;")


def _printable_lines(text: str) -> str:
    lines = ("".join(char if char.isprintable() else "\ufffd" for char in line) for line in text.splitlines())
    return "".join(f"{line}\n" for line in lines)
