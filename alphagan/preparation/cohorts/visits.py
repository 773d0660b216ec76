"""Names that may be of one person at several visits: by words for a visit or for what was done, and by what follows."""

import re
from collections import defaultdict
from collections.abc import Collection

MOST_VISITS = 12  # of one person; more names with one beginning are those of a site or a study
# Of a year at least, or year first or last, and then perhaps the time of day; names have lost the zeros before numbers.
COMPACT = r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:\d{4}|\d{6})?"
DATE = rf"(?:{COMPACT}|(?:19|20)\d\d(?:[-_.]?\d{{1,2}}){{0,2}}|\d{{1,2}}[-_.]\d{{1,2}}[-_.](?:19|20)\d\d)"
NUMBERED = r"(?:v|tp|visit|ses|session|time|timepoint|wave|scan|exam|mr|run|day|week|month|year)[-_]?\d{1,3}"
MARK = r"[_ .(-]+"
# What ends a name beside who is on the scan: its contrast or what was done to it, and before that the visit.
DONE = r"(?:t[12]w?|flair|mprage|anat|brain|stripped|defaced|n4|biascorr|restore|gd|ce|eq)"
NAMED = r"bl|base|baseline|pre|post|before|after|fu\d?|follow-?up\d?"
VISIT = (
    rf"(?:{NUMBERED}|m\d{{1,3}}|{DATE}(?:_\d{{1,4}})?|{NAMED}|template|preop|postop"
    r"|\d{1,2}(?:mo|yr?|year)\w*|[ab]|[37]t|repeat|rescan|retest|copy)"
)
# Right behind a number, as in p01fu or p01y2 (but p01t1, which may be a contrast); behind a date a number that dcm2niix
# gives a series.
LETTER = r"(?:[mwyd]\d{1,3}|t(?![12](?!\d))\d{1,3})"  # months, weeks, years, days, times
BEHIND = rf"(?<=\d)(?:[ab]|bl|fu\d?|pre|post|rescan|retest|{LETTER}|[rs]\d|{NUMBERED}|{COMPACT}(?:_\d{{1,4}})?)"
AT_END, DONE_AT_END = rf"{MARK}{VISIT}\)?$|{BEHIND}$", rf"{MARK}{DONE}\)?$"
# Before what tells who it is: a date before a name, or a visit before a number.
FIRST = rf"(?:{NUMBERED}|[mwydt]\d{{1,3}}|(?:mri|zeit)\d{{1,2}}|{NAMED})"
AT_BEGIN = rf"^(?:(?:{DATE}|\d{{6}}){MARK}(?=.*[^\W\d_]{{2}})|{FIRST}{MARK}(?=.*\d))"
WITHIN = rf"[_.-](?>{NUMBERED}|{DATE})(?=[_.-])"
KNOWN = re.compile(rf"(?:{MARK}(?:\d{{1,2}}|{DONE}|{VISIT})\)?)+")


def without_visit(name: str) -> str:
    """A name without the words that may tell a visit, as those of one person share it.

    Examples
    --------
    >>> without_visit("sub04_v2_t1"), without_visit("case_1_pre_t1w_brain"), without_visit("p1b")
    ('sub04', 'case_1', 'p1')
    >>> without_visit("sub1_ses2_scan_1"), without_visit("p01fu"), without_visit("p00_t1_m12_brain")
    ('sub1', 'p01', 'p00')
    >>> without_visit("p1_mprage_20180511150506_5"), without_visit("s1v2"), without_visit("p1_11-5-2018")
    ('p1', 's1', 'p1')
    >>> without_visit("2018-3-11_mueller_t1"), without_visit("180311_mueller"), without_visit("t6_p1")
    ('mueller', 'mueller', 'p1')
    """
    left = re.sub(AT_END, "", _undone(name))
    left = _undone(re.sub(AT_END, "", re.sub(WITHIN, "", left))) or name
    return re.sub(AT_BEGIN, "", left)


def of_one_person(spelled: Collection[str]) -> list[list[str]]:
    """Groups of two names or more that may be of one person each.

    They are equal without visits, or one is another and more: a number, as in p1_t1 and p1_t1_2, or a word that is not
    known, where several people have it. Groups as large as a site or a study are left out.

    Parameters
    ----------
    spelled : collection of str
        Each another; as `alphagan.preparation.cohorts.names.spelling` gives them.

    Examples
    --------
    >>> of_one_person(["p1_t1", "p1_t1_2", "p2_t1", "p2_t1_x", "p3_t1", "p3_t1_x", "p4"])
    [['p1_t1', 'p1_t1_2'], ['p2_t1', 'p2_t1_x'], ['p3_t1', 'p3_t1_x']]
    """
    bare = {name: without_visit(name) for name in spelled}
    sure, unsure = defaultdict(list), defaultdict(list)
    heads = set(bare.values())
    for name, left in bare.items():
        begins = (left[: mark.start()] for mark in re.finditer(MARK, left))
        head = next((begin for begin in begins if begin in heads), left)
        known = head == left or KNOWN.fullmatch(left.removeprefix(head))
        (sure if known else unsure)[head].append(name)
    joined = {head: [*sure[head], *unsure[head]] for head in unsure if head in sure}
    if len(joined) > 1:  # of one alone, as of anna and anna_berg, nothing is known
        sure |= joined
    return [found for found in sure.values() if 1 < len(found) <= MOST_VISITS]


def _undone(name: str) -> str:
    """A name without its contrast and what was done to it, at its end."""
    while (shorter := re.sub(DONE_AT_END, "", name)) not in (name, ""):
        name = shorter
    return name
