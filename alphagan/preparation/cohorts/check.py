"""Whether a cohort is what its owner thinks it is: what is found, what was expected, what is missing."""

from collections import Counter
from dataclasses import dataclass
from importlib import import_module

from alphagan.preparation.cohorts import Scan, find_scans, names
from alphagan.preparation.cohorts.doubts import Doubts, doubts
from alphagan.preparation.covariates import described, of_cohort
from alphagan.settings.cohorts import Cohort

N_EXAMPLES = 4
N_NAMED = 10  # of what is missing, before the rest is only counted


@dataclass(frozen=True)
class Report:
    """What a cohort's folder holds; prints as a few lines of text.

    Parameters
    ----------
    source, kind, modality : str
        As in params.yaml.
    n_scans, n_people, n_sessions : int
        What was found. Sessions are those of different people or different names.
    expected : int or None
        How many scans the cohort's `expected` says there are.
    paper : tuple of (int, str) or None
        How many "scans" or "people" the paper has, where this is one of its cohorts.
    tallies : dict
        Scans by "site", "grade", "visit" and "contrast", for those that have a meaning: ``{"grade": {"HGG": 210}}``.
    missing : tuple of str
        One line for each thing that should be there and is not.
    doubts : Doubts
    examples : tuple of (str, str, str)
        Person, session and file of some scans.
    covariates : tuple of str
        What the cohort's table tells of its people, in lines.
    """

    source: str
    kind: str
    modality: str
    n_scans: int
    n_people: int
    n_sessions: int
    expected: int | None
    paper: tuple[int, str] | None
    tallies: dict[str, dict[str, int]]
    missing: tuple[str, ...]
    doubts: Doubts
    examples: tuple[tuple[str, str, str], ...]
    covariates: tuple[str, ...] = ()

    @property
    def n_like_paper(self) -> int:
        """What to compare with the paper's number."""
        return self.n_people if self.paper and self.paper[1] == "people" else self.n_scans

    @property
    def as_expected(self) -> bool:
        """Whether nothing is missing or mixed, and the count is `expected`, or else the paper's, or else anything."""
        if self.missing or self.doubts.mixed:
            return False
        if self.expected is not None:
            return self.n_scans == self.expected
        return self.paper is None or self.n_like_paper == self.paper[0]

    def __str__(self):
        scans = f"{self.n_scans} {self.modality} {'scan' if self.n_scans == 1 else 'scans'}"
        people = f"{self.n_people} {'person' if self.n_people == 1 else 'people'}"
        sessions = f"{self.n_sessions} {'session' if self.n_sessions == 1 else 'sessions'}"
        lines = [f"{self.source} ({self.kind}): {scans} of {people} in {sessions}"]
        if self.expected is not None:
            verdict = "as expected" if self.n_scans == self.expected else f"but {self.n_scans} found"
            lines.append(f"expected: {self.expected} scans, {verdict}")
        if self.paper:
            count, what = self.paper
            verdict = "the same" if self.n_like_paper == count else f"{self.n_like_paper} found"
            lines.append(f"paper: {count} {what}, {verdict}")
        for name, tally in self.tallies.items():
            lines.append(f"{name}: " + ", ".join(f"{value or '?'} {count}" for value, count in tally.items()))
        lines += self.covariates
        lines.append(f"missing: {len(self.missing) or 'nothing'}")
        lines += [f"  {what}" for what in self.missing[:N_NAMED]]
        if len(self.missing) > N_NAMED:
            lines.append(f"  and {len(self.missing) - N_NAMED} more")
        lines += self.doubts
        table = [("person", "session", "file"), *self.examples]
        widths = [max(len(row[column]) for row in table) for column in (0, 1)]
        lines += [f"  {who:{widths[0]}}  {when:{widths[1]}}  {file}" for who, when, file in table]
        return "\n".join(lines)


def check(cohort: Cohort) -> Report:
    """Look at what a cohort's folder holds; of images, headers alone are read.

    Raises
    ------
    InputError
        As `alphagan.preparation.cohorts.find_scans` does; if the cohort's table of covariates is bad.
    """
    scans = find_scans(cohort)
    return Report(
        source=cohort.source,
        kind=cohort.kind,
        modality=cohort.modality,
        n_scans=len(scans),
        n_people=len({scan.subject for scan in scans}),
        n_sessions=len({(scan.subject, scan.session) for scan in scans}),
        expected=cohort.expected,
        paper=_in_paper(cohort, scans),
        tallies=_tallies(cohort, scans),
        doubts=doubts(cohort, scans),
        examples=tuple((scan.subject, scan.session or "-", scan.source) for scan in _some(scans)),
        missing=(*_lost_files(scans), *missing(cohort)),
        covariates=tuple(described(of_cohort(cohort, scans))),
    )


def missing(cohort: Cohort) -> list[str]:
    """What a cohort of this kind should have and has not, in a line each."""
    of_kind = getattr(import_module(f"alphagan.preparation.cohorts.{cohort.kind}"), "missing", None)
    return of_kind(cohort) if of_kind else []


def of_missing(cohort: Cohort) -> list[str]:
    """What is missing, in one line for whoever prepares the rest; none where nothing is."""
    found = missing(cohort)
    return [f"missing: {len(found)}, such as {found[0]}; alphagan cohort check names all"] if found else []


def _some(scans: list[Scan]) -> list[Scan]:
    """A few scans, from the first to the last."""
    step = max(1, len(scans) // N_EXAMPLES)
    return scans[::step][:N_EXAMPLES]


def _in_paper(cohort: Cohort, scans: list[Scan]) -> tuple[int, str] | None:
    """How many the paper has (section 3), if the cohort is chosen as the paper's was."""
    if cohort.kind == "freesurfer" and cohort.selection and cohort.group == "CN" and cohort.visits is None:
        return 991, "scans"
    if cohort.kind == "brats" and cohort.grade == "HGG" and all(s.subject.startswith("Brats18_") for s in scans):
        return 210, "people"
    if cohort.kind == "atlas" and all(scan.release == "R1.1" for scan in scans):
        return 220, "scans"
    return None


def _tallies(cohort: Cohort, scans: list[Scan]) -> dict[str, dict[str, int]]:
    tallies = {}
    for name in ("site", "grade", "visit"):
        values = [getattr(scan, name, scan.session if name == "visit" else "") for scan in scans]
        # A visit of one scan each, such as a date, tells nothing.
        if any(values) and (name != "visit" or len(set(values)) < len(values)):
            tallies[name] = dict(sorted(Counter(values).items()))
    if cohort.kind == "nifti":  # the others take one contrast
        told = Counter(names.read(scan.image.relative_to(cohort.source)).what for scan in scans)
        tallies["contrast"] = dict(sorted(told.items()))
    return tallies


def _lost_files(scans: list[Scan]) -> list[str]:
    """Masks that are not there, and files that cannot be opened."""
    lost = [f"no mask: {scan.mask}" for scan in scans if scan.mask and not scan.mask.exists()]
    return lost + [f"{scan.source}: {trouble}" for scan in scans if (trouble := scan.trouble())]
