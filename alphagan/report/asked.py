"""Of whom a folder of generated volumes was asked to be, by what `alphagan sample` left in it."""

from pathlib import Path

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
    told = (read_json(folder / below / PLAIN.record).get("covariates") for below in (".", "code"))
    given = next((each for each in told if isinstance(each, dict)), {})
    words = [f"age {age:g}"] if isinstance(age := given.get("age"), int | float) else []
    words += [f"sex {given['sex']}"] if given.get("sex") in (*SEXES,) else []
    return " and ".join(words)
