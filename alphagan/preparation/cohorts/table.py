"""A table that somebody else wrote, as CSV: commas, semicolons or tabs, with or without a byte order mark."""

import csv
import io
from pathlib import Path

from alphagan.errors import InputError

# How files begin that are something else than their names say.
STRANGERS = {
    b"PK\x03\x04": "is an Excel file; open it and save it as CSV UTF-8",
    b"\xd0\xcf\x11\xe0": "is an Excel file; open it and save it as CSV UTF-8",
    b"<": "is a web page; download it again, logged in",
}


def read(path: str | Path, what: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Read a table; blank lines are passed over.

    Parameters
    ----------
    path : str or Path
    what : str
        Which table it should be, for whoever gave another.

    Returns
    -------
    header : list of str
    rows : list of (int, list of str)
        Number of the line, and its cells, without spaces around them.

    Raises
    ------
    InputError
        If the file is missing, empty, not UTF-8, or no CSV, or commas divide a line into more cells than the header,
        or every line has more.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give {what}") from None
    if stranger := next((words for begin, words in STRANGERS.items() if content.lstrip().startswith(begin)), ""):
        raise InputError(f"{path}: {stranger}")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}: line {line} is not UTF-8; save it as CSV UTF-8") from None
    if "\0" in text:
        raise InputError(f"{path}: is damaged, there are zero bytes in it; copy or download it again")
    first = next((line for line in text.splitlines() if line.strip()), "")
    if not first:
        raise InputError(f"{path}: is empty; give {what}")
    delimiter = max(",;\t", key=first.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        told = [(lines.line_num, [cell.strip() for cell in line]) for line in lines]
    except csv.Error as error:
        raise InputError(f"{path}: line {lines.line_num} is no CSV ({error}); mend its quotes") from None
    (_, header), *rows = [(number, cells) for number, cells in told if any(cells)]
    longer = [any(cells[len(header) :]) for _, cells in rows]
    for (number, cells), too_long in zip(rows, longer, strict=True):
        # Behind a decimal comma all is another column's, and behind the names that R gives rows.
        if too_long and (delimiter == "," or all(longer)):
            raise InputError(
                f"{path}: line {number} has {len(cells)} cells, and the header {len(header)}; write numbers with a "
                "point, put cells that hold a comma in quotes, and give every column a name (in R, row.names = FALSE)"
            )
    return header, rows
