"""What should make a cohort's owner look again: mixed contrasts, people who may be the same, files passed over."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from alphagan.preparation.cohorts import Scan, names, nifti, tree
from alphagan.settings.cohorts import Cohort

MOST_VISITS = 12  # of one person; more names with one beginning are those of a site or a study
# What ends a name beside who is on the scan: its contrast or what was done to it, and before that the visit.
DONE = r"[_.-](?:t[12]w?|flair|mprage|anat|brain|stripped|defaced)$"
VISIT = (
    r"[_.-](?:(?:v|tp|visit|ses|time|wave|scan)\d{1,2}|m\d{1,3}|(?:19|20)\d\d(?:-?\d\d){0,2}|bl|base|baseline|template"
    r"|pre|post|fu\d?|[ab]|[37]t)$|(?<=\d)[ab]$"
)


@dataclass(frozen=True)
class Doubts:
    """Lines to be shown, each with a cure.

    Parameters
    ----------
    mixed : tuple of str
        What makes the cohort unusable as it is described.
    unsure : tuple of str
        What may be well.
    """

    mixed: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()

    def __iter__(self):
        return iter((*self.mixed, *self.unsure))


def doubts(cohort: Cohort, scans: list[Scan]) -> Doubts:
    """Look at the names of a cohort's scans; at what they tell beside people in kind nifti alone: others know it."""
    unsure, mixed = [_passed_over(cohort), _copies(scans), spelled_alike(scans)], []
    if cohort.kind in ("nifti", "bids"):
        unsure.append(_disagree(cohort, scans))
    if cohort.kind == "nifti":
        unsure = [*unsure, _other_endings(cohort), _own_people(scans) or _visits(scans), _doubles(scans)]
        mixed = _mixed(cohort, scans)
    else:
        unsure.append(_visits(scans))
    return Doubts(tuple(mixed), tuple(line for line in unsure if line))


def _passed_over(cohort: Cohort) -> str | None:
    count = getattr(import_module(f"alphagan.preparation.cohorts.{cohort.kind}"), "passed_over", None)
    others = count(cohort) if count else None
    if not others:
        return None
    if cohort.kind == "freesurfer":
        return f"folders left out, as they are no visit of anybody's: {names.count(others)}"
    cure = "a pattern takes what it fits" if cohort.kind == "nifti" else "modality chooses one"
    return f"passed over, as their names tell no {cohort.modality}: {names.count(others)}; {cure}"


def _other_endings(cohort: Cohort) -> str | None:
    found = nifti.of_another_ending(cohort)
    if not found:
        return None
    fits = f"{len(found)} images that the pattern {cohort.pattern!r} fits but for their ending, such as {found[0]}"
    return f"passed over: {fits}; end the pattern with * to take all"


def _copies(scans: list[Scan]) -> str | None:
    copies = [copy for scan in scans if (copy := tree.packed_otherwise(scan.image))]
    if not copies:
        return None
    return (
        f"passed over, as the name is taken without .gz: {len(copies)} files that hold something else, such as "
        f"{copies[0]}; remove one of the two, or rename it"
    )


def _disagree(cohort: Cohort, scans: list[Scan]) -> str | None:
    """Warn of files that lie in the folder of another person, or of another session."""
    paths = [scan.image.relative_to(cohort.source) for scan in scans]
    found = [(path, two) for path in paths if (two := names.disagree(path))]
    if not found:
        return None
    path, (told, other) = found[0]
    return (
        f"{len(found)} files are in the folder of another person or session, such as {path}: {told} in {other}; the "
        "name is believed: rename the file or the folder"
    )


def _mixed(cohort: Cohort, scans: list[Scan]) -> list[str]:
    told = [names.read(scan.image.relative_to(cohort.source)) for scan in scans]
    whats = Counter(name.what for name in told if name.contrast)
    if len(whats) > 1:
        cure = "give a pattern that fits one of them, or for BIDS use kind: bids with space and desc"
        return [f"contrasts are mixed: {names.count(whats)}; {cure}"]
    contrasts = {name.contrast for name in told if name.contrast}
    if contrasts and not nifti.is_of(cohort.modality, *contrasts):
        return [f"contrast: names tell {names.count(whats)}, the modality is {cohort.modality}; set the modality"]
    return []


def _own_people(scans: list[Scan]) -> str | None:
    """Warn where every scan is a person of its own, called after the whole name, and few names begin alike."""
    people = {scan.subject for scan in scans}
    if len(people) < len(scans) or any(_stem(scan) != scan.subject for scan in scans):
        return None
    alike, ends = defaultdict(list), defaultdict(list)
    for scan in scans:
        begin, *end = re.split(r"[_ .-]+(?=[^_ .-]*$)", scan.subject)
        alike[begin].append(scan.image.name)
        ends["".join(end)].append(scan.image.name)
    if all(re.search(VISIT, f"_{begin}") for begin in alike):  # pre_P001 and post_P001
        visits = next((found for found in ends.values() if len(found) > 1), None)
        return visits and _of_its_own(scans, "end", visits, "{session}_{subject}")
    groups = [found for found in alike.values() if len(found) > 1]
    if len(groups) < 2 or max(map(len, groups)) > MOST_VISITS:
        return None
    return _of_its_own(scans, "begin", groups[0], "{subject}_{session}")


def _of_its_own(scans: list[Scan], how: str, alike: list[str], pattern: str) -> str:
    return (
        f"each of {len(scans)} scans is a person of its own, although names {how} alike: {alike[0]} and {alike[1]}; if "
        f"they are of one person, give a pattern such as {pattern}.nii.gz"
    )


def _visits(scans: list[Scan]) -> str | None:
    """Warn of people whose names differ in what ends them alone: a visit, a date, or a number that others lack."""
    people = {names.spelling(scan.subject): scan.subject for scan in scans}
    alike = defaultdict(list)
    for spelled, subject in people.items():
        bare = without_visit(spelled)
        numbered = re.sub(r"(?<=.)[_.-]\d{1,2}$", "", spelled)
        alike[numbered if numbered != spelled and numbered in people else bare].append(subject)
    groups = [found for found in alike.values() if 1 < len(found) <= MOST_VISITS]
    if not groups:
        return None
    (one, other, *_), *_ = groups
    return (
        f"{sum(map(len, groups))} of {len(people)} people may be another at a second visit: {one} and {other}; if they "
        "are one person, rename them, such as sub-NAME_ses-m12, so that no split divides them"
    )


def without_visit(name: str) -> str:
    """A name without the words at its end that may tell a visit, as those of one person share it.

    Examples
    --------
    >>> without_visit("sub04_v2_t1"), without_visit("case_1_pre_t1w_brain"), without_visit("p1b")
    ('sub04', 'case_1', 'p1')
    """
    done = name
    while (shorter := re.sub(DONE, "", done)) not in (done, ""):
        done = shorter
    return re.sub(VISIT, "", done) or name


def visits_of_others(scans: list[Scan], others: list[Scan]) -> str | None:
    """Warn of people whose names differ from those of others in a visit alone."""
    known = _first(others, lambda subject: without_visit(names.spelling(subject)))
    people = _first(scans, names.spelling)
    pairs = [(scan, known[bare]) for spelled, scan in people.items() if (bare := without_visit(spelled)) in known]
    pairs = [(one, other) for one, other in pairs if names.spelling(one.subject) != names.spelling(other.subject)]
    if not pairs:
        return None
    one, other = pairs[0]
    return (
        f"{len(pairs)} of {len(people)} people may be another at a second visit: {one.subject} ({one.image.name}) and "
        f"{other.subject} ({other.image.name}); if they are one person, take one out, or tell who is who with patterns"
    )


def _first(scans: list[Scan], called: Callable[[str], str]) -> dict[str, Scan]:
    """The first scan of each person, by a form of the person's name."""
    first = {}
    for scan in scans:
        first.setdefault(called(scan.subject), scan)
    return first


def _stem(scan: Scan) -> str:
    return unicodedata.normalize("NFC", tree.stem(scan.image))


def spelled_alike(scans: list[Scan], others: list[Scan] | None = None) -> str | None:
    """Warn of people whose names differ from those of one another, or of `others`, in spelling alone."""
    first = _first(scans if others is None else others, names.spelling)
    alike = {scan.subject: (first.get(names.spelling(scan.subject), scan), scan) for scan in reversed(scans)}
    pairs = [(one, other) for one, other in reversed(alike.values()) if one.subject != other.subject]
    if not pairs:
        return None
    (one, other), *_ = pairs
    return (
        f"{len(pairs)} of {len(alike)} people may be another under a second spelling: {one.subject} ({one.image.name}) "
        f"and {other.subject} ({other.image.name}); if they are one person, rename the files of one, so that no split "
        "divides them"
    )


def _doubles(scans: list[Scan]) -> str | None:
    alike = defaultdict(list)
    for scan in scans:
        alike[scan.subject, scan.session].append(scan.image.name)
    found = [group for group in alike.values() if len(group) > 1]
    if not found:
        return None
    return (
        f"{sum(map(len, found))} scans have person and session of another, such as {found[0][0]} and {found[0][1]}; a "
        "pattern with {session} tells them apart, or fits one of them"
    )
