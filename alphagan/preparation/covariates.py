"""Age and sex of people, from a table that a cohort names: participants.tsv of BIDS, or any CSV with such columns."""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from alphagan.errors import InputError
from alphagan.preparation.cohorts import Scan, table
from alphagan.preparation.cohorts.names import spelling
from alphagan.settings.cohorts import OLDEST, Cohort

COLUMNS = {
    "person": ("participant_id", "participant", "subject", "subject_id"),
    "age": ("age", "age_years"),
    "sex": ("sex", "gender"),
}
UNTOLD = {"", "n/a", "na", "nan"}
SEXES = {"f": "F", "female": "F", "m": "M", "male": "M"}
NEITHER = {"o", "other"}  # of the two: kept, with an empty value
N_NAMED = 3
CODES = ("0", "88.8", "98", "99", "99.9", "100", "111", "120")  # that often stand for an age which nobody knows
YOUNG, CHILDREN = 3.0, 10.0  # years; below these are infants and children, and adults whose ages are in decades
YEARS = {"year", "years", "y", "yr", "yrs", "a"}


@dataclass(frozen=True)
class Covariates:
    """What a table tells of a cohort's people.

    Parameters
    ----------
    names : tuple of str
        "age" in years, and "sex", "F" or "M": those for which the table has a column.
    people : dict of str to dict of str to str
        Values of each of them for each person; "" where there is none.
    notes : tuple of str
        What the table lacks, and how many people are without, in one line each.
    """

    names: tuple[str, ...] = ()
    people: dict[str, dict[str, str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def of_cohort(cohort: Cohort, scans: Iterable[Scan]) -> Covariates:
    """What the table of a cohort tells of the people on its scans; nothing where it names none.

    Raises
    ------
    InputError
        As `of_people` does.
    """
    return of_people(cohort.covariates, {scan.subject for scan in scans}) if cohort.covariates else Covariates()


def of_people(path: str | Path, subjects: Iterable[str]) -> Covariates:
    """What a table tells of these people; "sub-" before a name counts for nothing.

    Raises
    ------
    InputError
        If the table cannot be read, lacks a column, has a value that is none, two values of one person, or nobody of
        these people.
    """
    subjects, (names, rows) = sorted(subjects), _read(path)
    if not rows.keys() & {_plain(subject) for subject in subjects}:
        there, here = (", ".join(sorted(people)[:N_NAMED]) or "nobody" for people in (rows, subjects))
        raise InputError(
            f"{path}: has none of the people on the scans (it has {there}; on the scans are {here}); name people there "
            "as the scans do, or give the cohort a pattern whose {subject} is what they are called there"
        )
    nothing = dict.fromkeys(names, "")
    people = {subject: rows.get(_plain(subject), nothing) for subject in subjects}
    without = {name: [subject for subject in subjects if not people[subject][name]] for name in names}
    ages = Counter(person.get("age", "") for person in people.values())
    known = sorted(float(age) for age in ages if age)
    newborn = len(known) > 1 and known[1] > YOUNG  # one among people who are older
    notes = [
        f"{count} {'people are' if count > 1 else 'person is'} exactly {code} years old in {path}; where that stands "
        "for an unknown age, leave it empty"
        for code in CODES
        if (count := ages[code]) > 1 or (count and code == "0" and newborn)
    ]
    if known and known[-1] < CHILDREN:
        notes.append(f"nobody in {path} is older than {known[-1]:g}: ages are taken for years")
    notes += [f"no column {name} in {path}" for name in ("age", "sex") if name not in names]
    notes += [
        f"{len(who)} of {len(subjects)} people {'has' if len(who) == 1 else 'have'} no {name} in {path}"
        for name, who in without.items()
        if who
    ]
    strangers = sorted(rows.keys() - {_plain(subject) for subject in subjects})
    spelled = {spelling(stranger): stranger for stranger in strangers}
    alike = [
        (spelled[name], who)
        for who in subjects
        if _plain(who) not in rows and (name := spelling(_plain(who))) in spelled
    ]
    if alike:
        one, other = alike[0]
        notes.append(
            f"{len(alike)} people may be spelled otherwise in {path}, such as {one} for {other}: spell them alike"
        )
    if strangers and any(without.values()):
        count = f"{len(strangers)} {'person' if len(strangers) == 1 else 'people'}"
        notes.append(f"{count} in {path} of whom there is no scan, such as {', '.join(strangers[:N_NAMED])}")
    return Covariates(tuple(names), people, tuple(notes))


def described(known: Covariates) -> list[str]:
    """What is known, for `alphagan cohort check`."""
    lines = []
    if "age" in known.names and (ages := [float(p["age"]) for p in known.people.values() if p["age"]]):
        people = "one person" if len(ages) == 1 else f"{len(ages)} people"
        lines.append(f"age: of {people}, from {min(ages):g} to {max(ages):g}")
    if "sex" in known.names:
        counts = Counter(person["sex"] or "?" for person in known.people.values())
        lines.append("sex: " + ", ".join(f"{value} {count}" for value, count in sorted(counts.items())))
    return [*lines, *known.notes]


def _read(path: str | Path) -> tuple[list[str], dict[str, dict[str, str]]]:
    """Names of the covariates, and their values by person."""
    header, lines = table.read(path, "a table with the columns participant_id, age and sex")
    places = {name: place for name in COLUMNS if (place := _place(path, header, name)) is not None}
    names = [name for name in places if name != "person"]
    if "age" in names:
        _refuse_other_units(Path(path), header[places["age"]])
    for wanted in (["person"], ["age", "sex"]):
        if not places.keys() & set(wanted):
            known = " or ".join(COLUMNS[name][0] for name in wanted)
            raise InputError(f"{path}: no column {known} (its columns: {', '.join(header)}); name it so")
    people, told_by = {}, {}
    for number, cells in lines:
        cells = {name: cells[place] if place < len(cells) else "" for name, place in places.items()}
        where, who = f"{path}: line {number}", _plain(cells["person"])
        if not who:
            raise InputError(f"{where} names nobody; complete the line, or remove it")
        values = people.setdefault(who, dict.fromkeys(names, ""))
        for name in names:
            value = _VALUES[name](where, cells[name])
            if value and values[name] and value != values[name]:
                raise InputError(
                    f"{where}: {name} of {cells['person']} is {value}, line {told_by[who, name]} says {values[name]}; "
                    "correct or remove one"
                )
            if value and not values[name]:
                values[name], told_by[who, name] = value, number
    return names, people


def _refuse_other_units(path: Path, column: str) -> None:
    """Refuse ages that the sidecar of a BIDS table says are not in years."""
    sidecar = path.with_suffix(".json")
    try:
        units = json.loads(sidecar.read_text(encoding="utf-8"))[column]["Units"]
    except (OSError, ValueError, LookupError, TypeError):
        return
    if str(units).strip().casefold() not in YEARS:
        raise InputError(f"{sidecar}: {column} is in {units}; write ages in years, and so there")


def _place(path: str | Path, header: list[str], name: str) -> int | None:
    plain = [re.sub(r"[^a-z]", "", column.casefold()) for column in header]
    known = [re.sub(r"[^a-z]", "", column) for column in COLUMNS[name]]
    found = [place for place, column in enumerate(plain) if column in known]
    if len(found) > 1:
        one, other = (header[place] for place in found[:2])
        raise InputError(f"{path}: two columns for one thing, {one} and {other}; remove one")
    return found[0] if found else None


def _plain(subject: str) -> str:
    return unicodedata.normalize("NFC", subject.strip()).removeprefix("sub-")


def _age(where: str, told: str) -> str:
    if told.casefold() in UNTOLD:
        return ""
    if re.fullmatch(r"-\d+(\.\d*)?", told):
        raise InputError(f"{where}: age {told} is below 0; write years, or n/a where it is not known")
    if not re.fullmatch(r"\d+(\.\d*)?|\.\d+", told):
        raise InputError(f"{where}: age {told!r} is no number; write years as 46.7, or n/a")
    if float(told) > OLDEST:
        raise InputError(f"{where}: age {told} is above {OLDEST}; write years, or n/a")
    return f"{float(told):g}"


def _sex(where: str, told: str) -> str:
    if told.casefold() in UNTOLD | NEITHER:
        return ""
    if told.casefold() not in SEXES:
        raise InputError(f"{where}: sex {told!r} is neither F nor M; write F or M (or female, male), O, or n/a")
    return SEXES[told.casefold()]


_VALUES: dict[str, Callable[[str, str], str]] = {"age": _age, "sex": _sex}
