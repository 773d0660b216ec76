"""People who may be one person, as far as the names of their scans tell: visits, spellings, copies by other tools."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import takewhile
from pathlib import Path

from alphagan.errors import InputError
from alphagan.preparation.cohorts import Scan, names, nifti, tree
from alphagan.preparation.cohorts.visits import AT_END, FIRST, MOST_VISITS, of_one_person

# Numbers as studies give people within a site, and not visits: no channels as nnU-Net numbers them, no dates.
OF_A_PERSON = r"(?!000\d$)(?!(?:19|20)\d\d$)\d{3,5}|\d{7}"
A_NUMBER = r"(?!(?:19|20)\d\d).*\d{3}"  # what a name begins or ends with: of a person, and no site or date
MOST_OF_A_WORD = 4  # scans whose names begin with a word, as anna_1 does, and not yet those of a group, as control_1


def own_people(scans: list[Scan]) -> str | None:
    """Warn where every scan is a person of its own, called after the whole name, and few names begin alike.

    What nearly all names have in common at their ends, as in S001_1_brain and S001_2_brain, does not count.
    """
    people = {scan.subject for scan in scans}
    if len(people) < len(scans):
        return None
    cut = _core(scans)
    by_begin, by_end = (_grouped(scans, cut, part) for part in (0, 2))
    visits_first = all(  # pre_P001 and post_P001
        re.search(rf"{AT_END}|_{FIRST}$", f"_{begin.casefold()}") for begin in by_begin
    )
    if visits_first and len(by_begin) <= len(by_end):
        several = any(len(found) > 1 for found in by_end.values())
        return _of_its_own(by_end, "end", _subject_last(scans, cut)) if several else None
    once = len(by_begin) == len(scans) and all(re.match(A_NUMBER, end) for end in by_end)
    if once and _as_visits(by_end):  # MR10001_S001 and MR11214_S001
        return _of_its_own(by_end, "end", _subject_last(scans, cut))
    numbers = all(re.fullmatch(OF_A_PERSON, end) for end in by_end)
    within_sites = numbers and not all(re.match(A_NUMBER, begin) for begin in by_begin)
    if within_sites or not _as_visits(by_begin):
        return None
    if len(by_end) > len(by_begin) and _as_visits(by_end):  # S1_P01 and S2_P01: there are more people than visits
        return _of_its_own(by_end, "end", _subject_last(scans, cut))
    return _of_its_own(by_begin, "begin", _subject_first(scans, cut))


def _grouped(scans: list[Scan], cut: Callable[[str], str], part: int) -> dict[str, list[Scan]]:
    """Scans by what their names begin (0) or end (2) with, as `_divided` divides them."""
    groups = defaultdict(list)
    for scan in scans:
        groups[_divided(cut(scan.subject))[part]].append(scan)
    return groups


def _as_visits(people: dict[str, list[Scan]]) -> list[list[Scan]]:
    """Groups of more than one scan, if there are two, and none is as large as a site's or a study's."""
    groups = {begin: found for begin, found in people.items() if len(found) > 1}
    most = {begin: MOST_VISITS if re.search(r"\d", begin) else MOST_OF_A_WORD for begin in groups}
    fitting = all(len(found) <= most[begin] for begin, found in groups.items())
    return list(groups.values()) if len(groups) > 1 and fitting else []


def _core(scans: list[Scan]) -> Callable[[str], str]:
    """What takes off names the pieces at their ends that four of five have in common, such as _T1_brain."""
    ends, left = "", [scan.subject for scan in scans]
    while True:
        pieces = Counter("".join(_divided(name)[1:]) for name in left)
        (piece, n), *_ = pieces.most_common(1)
        if not piece or n < 0.8 * len(left) or n < 2:
            break
        ends, left = piece + ends, [name.removesuffix(piece) for name in left if name.endswith(piece)]
    return lambda name: name.removesuffix(ends)


def _divided(stem: str) -> tuple[str, str, str]:
    """A name before and after the last character that divides it, and that character."""
    found = re.fullmatch(r"(.*?)([_ .-]+)([^_ .-]*)", stem, re.DOTALL)
    return found.groups() if found else (stem, "", "")


def _of_its_own(people: dict[str, list[Scan]], how: str, pattern: str) -> str:
    """What is said of scans by what their names share, and the pattern if it joins these and no others."""
    one, other, *_ = next(found for found in people.values() if len(found) > 1)
    cure = f"give a pattern such as {pattern}" if _joins(pattern, people) else RENAME
    by_file = not _in_mri(one) and one.image.name != other.image.name
    named = " and ".join(scan.image.name if by_file else scan.subject for scan in (one, other))
    return (
        f"each of {sum(map(len, people.values()))} scans is a person of its own, although names {how} alike: "
        f"{named}; if they are of one person, {cure}"
    )


RENAME = "rename them, such as sub-NAME_ses-m12, so that no split divides them"


def _subject_first(scans: list[Scan], cut: Callable[[str], str]) -> str:
    """case_{subject}_{session}.nii.gz, for case_001_1.nii.gz and others."""
    begins, marks, ends = zip(*(_divided(cut(scan.subject)) for scan in scans), strict=True)
    pieces = [re.findall(r".*?[_ .-]|.+", begin, re.DOTALL) for begin in (min(begins), max(begins))]
    same = "".join(one for one, _ in takewhile(lambda two: two[0] == two[1], zip(*pieces, strict=False)))
    channels = all(re.fullmatch(r"000\d", end) for end in ends)  # as nnU-Net numbers contrasts
    return f"{same}{{subject}}{marks[0]}{ends[0] if channels else '{session}'}{_rest(scans, cut)}"


def _subject_last(scans: list[Scan], cut: Callable[[str], str]) -> str:
    return f"{{session}}{_divided(cut(scans[0].subject))[1]}{{subject}}{_rest(scans, cut)}"


def _rest(scans: list[Scan], cut: Callable[[str], str]) -> str:
    """What names end with, and what files do."""
    return scans[0].subject.removeprefix(cut(scans[0].subject)) + tree.suffix(scans[0].image)


def _joins(pattern: str, people: dict[str, list[Scan]]) -> bool:
    """Whether a pattern takes a scan of everybody, and gives the scans of each one name that is nobody else's."""
    try:
        regex = nifti.compiled(pattern, "pattern")
    except InputError:  # a name with braces or brackets
        return False
    found = [[regex.fullmatch(scan.image.name) for scan in scans] for scans in people.values()]
    told = [{match["subject"] for match in matches if match} for matches in found]
    return all(len(each) == 1 for each in told) and len(set.union(*told)) == len(people)


def visits(scans: list[Scan]) -> str | None:
    """Warn of people whose names differ in a visit alone: a word for it, a date, or a number that others lack."""
    people = {names.spelling(scan.subject): scan.subject for scan in scans}
    groups = [[people[name] for name in found] for found in of_one_person(people)]
    if not groups:
        return None
    (one, other, *_), *_ = groups
    return (
        f"{sum(map(len, groups))} of {len(people)} people may be another at a second visit: {one} and {other}; if they "
        f"are one person, {RENAME}"
    )


def visits_of_others(scans: list[Scan], others: list[Scan]) -> str | None:
    """Warn of people whose names differ from those of others in a visit alone."""
    known, people = _first(others, names.spelling), _first(scans, names.spelling)
    pairs = []
    for found in of_one_person({**people, **known}):
        for one in filter(people.get, found):
            pairs += [(people[one], known[other]) for other in found if other in known and other != one][:1]
    pairs = pairs or _beginning_alike(scans, others)
    if not pairs:
        return None
    one, other = pairs[0]
    return (
        f"{len(pairs)} of {len(people)} people may be another at a second visit: {one.subject} ({one.image.name}) and "
        f"{other.subject} ({other.image.name}); if they are one person, take one out, or tell who is who with patterns"
    )


def _beginning_alike(scans: list[Scan], others: list[Scan]) -> list[tuple[Scan, Scan]]:
    """Scans whose names begin as those of others do, where all of them together look like people with visits."""
    everybody = [*scans, *others]
    if any(_stem(scan) != scan.subject for scan in everybody):
        return []
    cut = _core(everybody)
    if not _as_visits(_grouped(everybody, cut, 0)):
        return []
    ones, twos = ({begin: found[-1] for begin, found in _grouped(side, cut, 0).items()} for side in (scans, others))
    pairs = [(one, twos[begin]) for begin, one in ones.items() if begin in twos]
    return [(one, two) for one, two in pairs if names.spelling(one.subject) != names.spelling(two.subject)]


def _first(scans: list[Scan], called: Callable[[str], str]) -> dict[str, Scan]:
    """The first scan of each person, by a form of the person's name."""
    first = {}
    for scan in scans:
        first.setdefault(called(scan.subject), scan)
    return first


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


def processed(scans: list[Scan]) -> str | None:
    """Warn of scans that are called as others are, with a prefix of SPM or CAT12 before the name: wmanna beside anna.

    Of names in BIDS, `alphagan.preparation.cohorts.names` knows these.
    """
    known = {scan.subject: scan for scan in scans if re.search(r"[^\W\d_]{2}", scan.subject)}
    known = {stem: scan for stem, scan in known.items() if stem == _stem(scan)}
    of = {stem: names.of_spm(stem, known)[1] for stem in known}
    if not (made := [stem for stem in known if of[stem]]):
        return None
    one, other = known[made[0]], known[of[made[0]]]
    return (
        f"{len(made)} scans are called as others are but for a prefix of SPM's, such as {one.image.name} beside "
        f"{other.image.name}, and would be people of their own; leave one of each person's in this folder"
    )


def doubles(scans: list[Scan], source: Path) -> str | None:
    """Warn of scans that nothing tells from another of their person and session."""
    alike = defaultdict(list)
    for scan in scans:
        alike[scan.subject, scan.session].append(scan.image.relative_to(source))
    found = [group for group in alike.values() if len(group) > 1]
    if not found:
        return None
    one, other = found[0][:2]
    cure = "a pattern with {session} tells them apart, or fits one of them"
    if one.name == other.name:
        cure = "if they are two people of one name, rename one of them, or make a cohort of each folder"
    else:
        one, other = one.name, other.name
    return f"{sum(map(len, found))} scans have person and session of another, such as {one} and {other}; {cure}"


def _in_mri(scan: Scan) -> bool:
    return scan.image.parent.name == "mri"


def _stem(scan: Scan) -> str:
    return unicodedata.normalize("NFC", tree.stem(scan.image))
