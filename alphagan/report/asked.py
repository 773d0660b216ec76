"""Of whom a folder of generated volumes was asked to be, and of which scans, by what `alphagan sample` left in it."""

from pathlib import Path
from typing import Any

from alphagan.generation.conditional import SEXES
from alphagan.generation.nifti import PLAIN
from alphagan.settings.json_file import read_json


def asked_for(folder: Path) -> str:
    """Age and sex that were asked for, in words; "" where none was, or something else made the volumes.

    Examples
    --------
    >>> asked_for(Path("women"))  # alphagan sample RUN --age 70 --sex F -o women
    'age 70 and sex F'
    """
    given = _told(folder, "covariates", dict) or {}
    words = [f"age {age:g}"] if isinstance(age := given.get("age"), int | float) else []
    words += [f"sex {given['sex']}"] if given.get("sex") in (*SEXES,) else []
    return " and ".join(words)


def trained_on(folder: Path) -> str | None:
    """Fingerprint of the scans and the split that the model was trained with; None where nothing tells."""
    return _told(folder, "data", str)


def _told(folder: Path, key: str, kind: type) -> Any:
    told = (read_json(folder / below / PLAIN.record).get(key) for below in (".", "code"))
    return next((each for each in told if isinstance(each, kind)), None)
