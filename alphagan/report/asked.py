"""Of whom a folder of generated volumes was asked to be, and of which scans, by what `alphagan sample` left in it."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alphagan.errors import InputError, TooFewError
from alphagan.generation.conditional import SEXES
from alphagan.preparation.cohorts import nifti, tree
from alphagan.settings.json_file import read_json


def asked_for(folder: Path) -> str:
    """Age and sex that were asked for, in words; "" where none was, or something else made the volumes.

    Examples
    --------
    >>> asked_for(Path("women"))  # alphagan sample RUN --age 70 --sex F -o women
    'age 70 and sex F'
    """
    return ", or ".join(filter(None, map(_in_words, _told(folder, "covariates", dict))))


def trained_on(folder: Path) -> list[str]:
    """Fingerprints of the scans and the split that the models were trained with, as far as anything tells."""
    return _told(folder, "data", str)


def persons(subjects: Sequence[Mapping[str, str]]) -> list[str]:
    """Whom each volume shows, as rows of subjects.csv tell: any is somebody new, but for sessions of one subject.

    Sample i of a run and seed is one person, at any age and sex.
    """
    found, records = [], {}
    for row in subjects:
        path = Path(row.get("source", row["subject"]))
        if path.parent not in records:
            record = tree.record_of(path.parent)
            records[path.parent] = read_json(record) if record else {}
        told, index = records[path.parent], re.match(r"(?:sample-|sub-syn)(\d+)", path.name)
        if index and told.get("seed") is not None:
            found.append(f"sample {int(index[1])} of seed {told['seed']}, {told.get('weights_sha256')}")
        else:
            found.append(f"subject {row['subject']}" if row.get("session") else f"volume {row['row']}")
    return found


def refuse_one_person(folder: Path, subjects: Sequence[Mapping[str, str]]) -> None:
    """Refuse several volumes of a folder that `persons` takes for one person, as nothing can be said about others.

    Raises
    ------
    TooFewError
        Naming the pattern by which each would be somebody, where one is found.
    """
    people = set(persons(subjects))
    if len(subjects) < 2 or len(people) > 1:
        return
    n, (whom,) = len(subjects), people
    if not whom.startswith("subject "):
        raise TooFewError(
            f"{folder}: all {n} files are {whom.partition(',')[0]}, one person at any age; evaluation needs two: draw "
            "more with alphagan sample, -n or --seed"
        )
    pattern = _of_each_file(folder, subjects)
    raise TooFewError(
        f"{folder}: all {n} files were read as sessions of one person, {subjects[0]['subject']}; evaluation needs two: "
        f"where each is somebody, give --generated-pattern {pattern or 'with {subject} at the part that counts'}"
    )


def _of_each_file(folder: Path, subjects: Sequence[Mapping[str, str]]) -> str:
    """The pattern, in quotes, by which what was read as the session names the person; "" where none does."""
    source = tree.folder(folder).absolute()
    names = [Path(row["source"]).absolute().relative_to(source).as_posix() for row in subjects]
    session = subjects[0]["session"]
    for part, instead in ((f"ses-{session}", "ses-{subject}"), (session, "{subject}")):
        pattern = names[0].replace(part, instead)
        try:
            found = [re.fullmatch(nifti.compiled(pattern, "pattern"), name) for name in names]
        except InputError:  # a name with braces or brackets
            continue
        if all(found) and "{subject}" in pattern and len({match["subject"] for match in found}) == len(names):
            return f"'{pattern}'"
    return ""


def _in_words(given: dict) -> str:
    words = [f"age {age:g}"] if isinstance(age := given.get("age"), int | float) else []
    words += [f"sex {given['sex']}"] if given.get("sex") in (*SEXES,) else []
    return " and ".join(words)


def _told(folder: Path, key: str, kind: type) -> list[Any]:
    """What the records of all samples that lie in a folder, or further down, say of something, each once."""
    told = [read_json(path).get(key) for path in sorted(folder.rglob(tree.RECORD))]
    return [each for index, each in enumerate(told) if isinstance(each, kind) and each not in told[:index]]
