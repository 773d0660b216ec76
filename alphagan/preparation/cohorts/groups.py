"""Groups of people, such as those of a site, that may have been taken for one person, as far as names tell."""

import re
from collections import defaultdict

from alphagan.preparation.cohorts import Scan
from alphagan.preparation.cohorts.visits import DONE, VISIT
from alphagan.settings.cohorts import NiftiCohort

MOSTLY = 0.8  # of the scans
FEWEST, SOME = 3, 2  # visits that a person named without a number may well have; and how many such people have more


def by_pattern(cohort: NiftiCohort, scans: list[Scan]) -> str | None:
    """Warn where {subject} ends too early, as it takes as little as it can: MUC of MUC_001_V1."""
    place = re.search(r"\{subject\}([_ .-]+)\{session\}", cohort.pattern or "")
    divided = [(scan, match) for scan in scans if place and (match := _with_part_of_a_name(scan))]
    people = {(scan.subject, match["more"]) for scan, match in divided}
    n_now = len({scan.subject for scan in scans})
    if len(divided) < MOSTLY * len(scans) or len(people) <= n_now:
        return None
    (scan, match), ends = divided[0], {match["end"] for _, match in divided}
    words = {re.match(r"[^\W\d_]*", end)[0] for end in ends}
    person = f"{scan.subject}{place[1]}{match['more']}"
    cure = "rename them, such as sub-NAME_ses-m12"
    if len(ends) == 1 or (len(words) == 1 and "" not in words):
        end = match["end"] if len(ends) == 1 else f"{words.pop()}{{session}}"
        cure = f"give {cohort.pattern.replace(place[0], '{subject}' + match['mark'] + end)}"
    return (
        f"the pattern makes {n_now} people of {len(scans)} scans, as {{subject}} takes as little as it can: "
        f"{scan.image.name} is of {scan.subject}; if the person is {person}, {cure}"
    )


def _with_part_of_a_name(scan: Scan) -> re.Match | None:
    """A session that begins with what tells no visit, and ends with one or with what was done."""
    match = re.fullmatch(r"(?P<more>.+?)(?P<mark>[_ .-]+)(?P<end>[^_ .-]+)", scan.session)
    if not match or not re.fullmatch(f"{VISIT}|{DONE}", match["end"].casefold()):
        return None
    more = match["more"].casefold()
    number = bool(re.search(r"\d", scan.subject)) and re.fullmatch(r"\d{1,2}", more)
    return None if number or re.fullmatch(rf"(?:(?:{VISIT}|{DONE})(?:[_ .-]+|$))+", more) else match


def by_folder(scans: list[Scan]) -> str | None:
    """Warn of numbers of people that FreeSurfer's folders seem to tell visits by, as MUC_V01 to MUC_V24."""
    sessions = defaultdict(set)
    for scan in scans:
        if scan.image.parent.name == "mri" and not re.search(r"\d", scan.subject):
            sessions[scan.subject].add(scan.session)
    groups = {subject: found for subject, found in sessions.items() if len(found) >= FEWEST}
    if len(groups) < SOME and not any(len(found) > FEWEST + 1 for found in groups.values()):
        return None
    subject, found = next(iter(groups.items()))
    visits = ", ".join(sorted(found)[:3])
    return (
        f"{len(groups)} people have {FEWEST} visits or more by the names of their folders, such as {subject}: "
        f"{visits}; if these are people of a group, rename their folders, such as sub-{subject}{sorted(found)[0]}"
    )
