"""The table of images that ADNI's archive (IDA) exports, as CSV: which scans are meant.

Two forms are known, that of a collection ("Image Data ID", "Subject", "Group", "Sex", "Age", "Visit", "Modality",
"Description", "Type", "Acq Date", "Format", "Downloaded") and that of an advanced search ("Subject ID", "Research
Group", "Visit", "Study Date", "Image ID", ...). Columns are found by name, in any order; others are not read.
"""

import contextlib
import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from alphagan.errors import InputError
from alphagan.preparation.cohorts import Scan, table

COLUMNS = {
    "subject": ("Subject", "Subject ID", "PTID"),
    "group": ("Group", "Research Group", "DX Group"),
    "date": ("Acq Date", "Acquisition Date", "Study Date", "Scan Date"),
    "visit": ("Visit", "VISCODE"),
    "image_id": ("Image Data ID", "Image ID", "Image UID"),
}


@dataclass(frozen=True)
class Row:
    """One image: whose, of which research group, when (ISO date), at which visit, and its image id ("I45108")."""

    line: int
    subject: str
    group: str = ""
    date: str = ""
    visit: str = ""
    image_id: str = ""

    def __str__(self):
        what = " ".join(part for part in (self.subject, self.date, self.visit, self.image_id) if part)
        return f"line {self.line}: {what}"


def read(path: Path) -> list[Row]:
    """Read every row of a table.

    Raises
    ------
    InputError
        If the file is missing or no CSV, lacks a column (subject, group, and date or image id), has a line without
        subject or group, or a date that is neither m/d/yyyy nor yyyy-mm-dd.
    """
    header, content = table.read(path, "the CSV that ADNI's archive exports for a collection")
    places = {key: place for key in COLUMNS if (place := _place(header, key)) is not None}
    for needed in (("subject",), ("group",), ("date", "image_id")):
        if not places.keys() & needed:
            wanted = " or ".join(repr(name) for key in needed for name in COLUMNS[key])
            raise InputError(
                f"{path}: no column {wanted} (its columns: {', '.join(header)}); export it again with that column"
            )
    rows = []
    for number, line in content:
        cells = {key: line[place] for key, place in places.items() if place < len(line)}
        if not cells.get("subject") or "group" not in cells:
            raise InputError(f"{path}: line {number} lacks subject or group; complete the line, or remove it")
        cells["date"] = _iso(cells.get("date", ""), f"{path}: line {number}")
        if cells.get("image_id", "").isdigit():
            cells["image_id"] = f"I{cells['image_id']}"
        rows.append(Row(number, **cells))
    return rows


def select(rows: list[Row], group: str, visits: list[str] | None, path: Path) -> list[Row]:
    """Rows of one research group and, if any are named, of these visits ("m06" is "Month 6"; case does not matter).

    Raises
    ------
    InputError
        If there are none, or one is of another group too; the message says what the table has.
    """
    of_group = [row for row in rows if row.group.casefold() == group.casefold()]
    if not of_group:
        known = ", ".join(sorted({row.group or "no group" for row in rows})) or "no rows"
        raise InputError(f"{path}: no row of group {group!r} (it has: {known}); change the cohort's group")
    chosen_by_id = {row.image_id: row for row in of_group if row.image_id}
    for row in rows:
        if row.image_id in chosen_by_id and row.group.casefold() != group.casefold():
            raise InputError(
                f"{path}: {row} is of group {row.group}, and {chosen_by_id[row.image_id]} of {group}; remove one"
            )
    wanted = None if visits is None else {visit_code(visit) for visit in visits}
    chosen = [row for row in of_group if wanted is None or visit_code(row.visit) in wanted]
    if not chosen:
        known = ", ".join(sorted({row.visit for row in of_group if row.visit})) or "no visits"
        raise InputError(f"{path}: group {group!r} has no visit {', '.join(visits)} (it has: {known}); change visits")
    return chosen


def pair(rows: list[Row], scans: list[Scan]) -> tuple[list[tuple[Scan, Row]], list[Row]]:
    """Pair rows with scans that have `subject`, `date`, `visit` and `image_id` ("" where a scan does not know it).

    A row takes the scan of its image id or else, as ids change with processing, one of its subject, date and visit
    that no other row takes. Several rows of one date (a repeated acquisition) may stand for one scan.

    Returns
    -------
    pairs : list of (Scan, Row)
        In the order of the scans, each at most once.
    lost : list of Row
        Those that have no scan.
    """
    by_id = {scan.image_id: scan for scan in scans if scan.image_id}
    taken = {by_id[row.image_id]: row for row in rows if row.image_id in by_id}
    by_subject, lost = defaultdict(list), []
    for scan in scans:
        by_subject[scan.subject].append(scan)
    for row in rows:
        if row.image_id in by_id:
            continue
        fitting = [scan for scan in by_subject[row.subject] if _fits(row, scan)]
        if free := next((scan for scan in fitting if scan not in taken), None):
            taken[free] = row
        elif not any((scan.date or scan.visit) and taken[scan].image_id != scan.image_id for scan in fitting):
            lost.append(row)
    return [(scan, taken[scan]) for scan in scans if scan in taken], lost


def _fits(row: Row, scan: Scan) -> bool:
    same_visit = not (scan.visit and row.visit) or visit_code(scan.visit) == visit_code(row.visit)
    return same_visit and scan.date in ("", row.date)


def visit_code(visit: str) -> str:
    """Short name of a visit, the same for all its spellings: "sc", "bl", "m06"; others in lower case as they are.

    Examples
    --------
    >>> visit_code("ADNI1/GO Month 6"), visit_code("m06"), visit_code("ADNI Screening")
    ('m06', 'm06', 'sc')
    """
    text = visit.strip().casefold()
    if match := re.fullmatch(r"(?:.*month |m)(\d+)", text):
        return f"m{int(match[1]):02d}"
    return next((code for word, code in (("screening", "sc"), ("baseline", "bl")) if text.endswith(word)), text)


def _place(header: list[str], key: str) -> int | None:
    plain = [re.sub(r"[^a-z]", "", name.casefold()) for name in header]
    names = (re.sub(r"[^a-z]", "", name.casefold()) for name in COLUMNS[key])
    return next((plain.index(name) for name in names if name in plain), None)


def _iso(told: str, where: str) -> str:
    if not told:
        return ""
    for pattern, order in (
        (r"(\d{4})-(\d{2})-(\d{2})(?!\d).*", (1, 2, 3)),
        (r"(\d{1,2})/(\d{1,2})/(\d{4})", (3, 1, 2)),
    ):
        if match := re.fullmatch(pattern, told):
            with contextlib.suppress(ValueError):  # 30 February
                return date(*(int(match[part]) for part in order)).isoformat()
    raise InputError(f"{where}: {told!r} is no date; write month/day/year, such as 4/18/2006, or 2006-04-18")
