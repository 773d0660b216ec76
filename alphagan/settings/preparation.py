"""How a cohort was prepared, kept beside its cubes, and whether params.yaml still says so."""

import json
from pathlib import Path
from typing import Any

from alphagan.errors import InputError
from alphagan.settings.config import Config

NAME = "preparation.json"
# Of a cohort: what is done to cubes later, what is only expected, and where a download goes.
LATER = {"augment", "covariates", "expected", "folder", "url"}


def describe(config: Config, cohort: str) -> dict[str, Any]:
    """All that decides which cubes a cohort has: its section and `prepare`, by name, those of `split` as split.NAME."""
    prepare = config.prepare.model_dump(mode="json", exclude={"workers"})
    split = {f"split.{key}": value for key, value in prepare.pop("split").items()}
    return config.cohort(cohort).model_dump(mode="json", exclude=LATER) | prepare | split


def write_description(config: Config, cohort: str, folder: Path, masks: str = "") -> None:
    """Write preparation.json into the folder of a cohort that is being prepared, with what its masks are known by."""
    text = json.dumps(describe(config, cohort) | ({"masks": masks} if masks else {}), indent=2) + "\n"
    (folder / NAME).write_text(text, encoding="utf-8")


def stored_as(folder: Path) -> dict[str, Any]:
    """Orientation and background that the scans of a prepared cohort were said to have; empty where nobody said.

    What cannot be read says nothing here: preparation, and whoever uses the cubes, refuse it.
    """
    try:
        told = json.loads((folder / NAME).read_text(encoding="utf-8"))
        return {key: told[key] for key in ("orientation", "background") if told.get(key) is not None}
    except (OSError, ValueError, AttributeError):
        return {}


def check_preparation(config: Config, cohort: str, folder: Path) -> list[str]:
    """Refuse a prepared cohort if params.yaml says otherwise by now: what is made of it would tell what is not so.

    Parameters
    ----------
    config : Config
    cohort : str
    folder : Path
        Of the prepared cohort; one that is not there is left for its reader to refuse.

    Returns
    -------
    notes : list of str
        A line where that is not known, of a cohort that an earlier version prepared.

    Raises
    ------
    InputError
        If a value differs, naming all that do; if preparation.json is damaged.
    """
    path, wanted = folder / NAME, describe(config, cohort)
    if not folder.is_dir():
        return []
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        there = {key: found[key] for key in wanted if key in found}  # a key of a later version is not known
    except FileNotFoundError:
        return [
            f"{folder}: prepared by an earlier version, which did not keep how; if params.yaml has changed since, "
            "prepare the cohort again"
        ]
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path}: damaged ({error}); prepare the cohort again") from None
    if other := {key: value for key, value in there.items() if value != wanted[key]}:
        was = ", ".join(f"{key} {_told(value)}" for key, value in other.items())
        now = ", ".join(_told(wanted[key]) for key in other)
        raise InputError(f"{folder} was prepared with {was}, the parameters say {now}; prepare the cohort again")
    return []


def _told(value: Any) -> str:
    return "null" if value is None else str(value)
