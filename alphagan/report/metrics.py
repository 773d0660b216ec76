"""The sections of a report that are about metrics."""

from collections.abc import Iterator, Mapping, Sequence

from alphagan.metrics.bootstrap import interval
from alphagan.metrics.catalogue import (
    BETTER,
    FAULTY,
    FEWEST,
    LIKE,
    QUOTE,
    UNTOLD,
    WORSE,
    compare_with_real,
    metric,
    shortcomings,
)
from alphagan.report.asked import asked_for
from alphagan.report.measure import FolderEvaluation
from alphagan.report.page import plain
from alphagan.report.pictures import Picture

BEST = {"low": "low", "high": "high", "zero": "near\u00a00", "real": "near\u00a0real", "p": "≥\u00a00.05"}
Table = Mapping[str, Mapping[str, Mapping]]


def in_short(found: FolderEvaluation, pictures: Sequence[Picture]) -> Iterator[str]:
    """How many metrics call the generated volumes worse than real people, and the scoreboard."""
    rows = found.evaluation.as_dict()
    said = [compare_with_real(name, rows["generated"][name], rows["real"][name]) for name in _measured(rows)]
    n_worse, n_like, n_better, n_untold = (said.count(verdict) for verdict in (WORSE, LIKE, BETTER, UNTOLD))
    yield from ("## In short", "")
    yield (
        f"Of {len(said)} metrics, {n_worse} put the generated volumes behind real scans of other people, {n_like} do "
        f"not tell them from those, and {n_better} put them first. A metric that puts a generator of known fault first "
        "says little when it does so here. Behind, or first, lies what does so with its whole 95 % interval, beside "
        "that of real scans, or has a p-value below 0.05: what is not told apart need not be equal. The scoreboard has "
        "all of them but Cliff's deltas, which the tables below have too."
    )
    yield ""
    if n_untold:
        yield (
            f"**On {n_untold} metrics there is no verdict**: fewer than {FEWEST} people or volumes are behind "
            "them, or, of a p-value, real people are told from each other too, so that it decides nothing here."
        )
        yield ""
    if asked := asked_for(found.sides["generated"].source):
        yield (
            f"**{asked[0].upper()}{asked[1:]} was asked for, and real people were not chosen so**: much of what "
            "differs may be age or sex, and no fault of the generator. To judge that, sample without asking for either."
        )
        yield ""
    yield from pictures_of("scoreboard", pictures)


def every_metric(found: FolderEvaluation, pictures: Sequence[Picture]) -> Iterator[str]:
    """Tables of all that was measured, with the floor and what each metric cannot tell."""
    rows = found.evaluation.as_dict()
    names = _measured(rows)
    measures = tuple(found.described["real"].anatomy)
    anatomy = [name for name in names if name.startswith(measures)]
    yield from ("## Every metric", "")
    yield (
        "Value with its 95 % interval; n: independent people or volumes behind it. The floor is what other real people "
        "reach, or, where “near real” is best, what the real people have among themselves. The last column says which "
        "generators of known fault, made for these data, the metric fails to put behind real scans."
    )
    yield ""
    yield from _table_of([name for name in names if name not in anatomy], rows)
    yield from pictures_of("spectra", pictures)
    yield from ("### Anatomy", "")
    if found.folders.fitted != "field_of_view":
        yield "“Brain volume” is the share of its cube that a brain fills. Its size in ml is not compared."
        yield ""
    yield from _table_of(anatomy, rows)
    yield from pictures_of("anatomy", pictures)


def _table_of(names: Sequence[str], rows: Table) -> Iterator[str]:
    failures = shortcomings(rows)
    lines = []
    for name in names:
        found, real, about = rows["generated"][name], rows["real"][name], metric(name)
        scales = f", {found['basis']}" if found.get("basis", "").endswith("scales") else ""
        lines.append(
            [
                plain(about.label + scales),
                BEST[about.better],
                _interval(found),
                str(found["n"]),
                _interval(real),
                compare_with_real(name, found, real),
                about.sees,
                failures[name] or "tells all three",
            ]
        )
    heads = ["metric", "best", "generated", "n", "floor", "than real", "what it sees", "where it falls short"]
    yield from table(heads, lines)


def _interval(estimate: Mapping) -> str:
    """Value and interval, which breaks between the two at most."""
    value, _, ends = interval(estimate).partition(" ")
    return f"{plain(value)} {plain(ends)}".replace(r"\, ", "\\,\u00a0")


def to_quote(found: FolderEvaluation) -> Iterator[str]:
    """The recommended metrics, and those that tell the generators of known fault in these data."""
    rows = found.evaluation.as_dict()
    told = {
        name: {
            model
            for model in FAULTY
            if name in rows[model] and compare_with_real(name, rows[model][name], rows["real"][name]) == WORSE
        }
        for name in _measured(rows)
    }
    groups = (
        ("Put all three generators of known fault behind real scans", lambda seen: len(seen) == len(FAULTY)),
        (
            "Put the mean brain and the noise model there, but not the memoriser: quote them beside the audit",
            lambda seen: seen == {"mean_brain", "gaussian_noise"},
        ),
        ("See copies, and not bad brains", lambda seen: seen == {"memoriser"}),
    )
    yield from ("## Which metrics to quote", "")
    yield (
        "These, each beside its floor: the whole distribution, sharpness, and copying. With 32 and "
        "with 37 people held out they have together told all three generators of known fault, which no single metric "
        "did; with ten people they missed the noise model."
    )
    yield ""
    lines = [
        [
            plain(metric(name).label),
            _interval(rows["generated"][name]),
            str(rows["generated"][name]["n"]),
            _interval(rows["real"][name]),
            compare_with_real(name, rows["generated"][name], rows["real"][name]),
        ]
        for name in QUOTE
        if told.get(name)
    ]
    yield from table(["metric", "generated", "n", "floor", "than real"], lines)
    if blind := [plain(metric(name).label) for name in QUOTE if name in told and not told[name]]:
        yield f"Not here, where they told no generator of known fault from real scans: {'; '.join(blind)}."
        yield ""
    yield (
        "Then those that tell faulty generators from real scans in these very data, with their interval, n and floor, "
        "the size of the cubes and the name of the feature network:"
    )
    yield ""
    for title, fits in groups:
        names = [plain(metric(name).label) for name, seen in told.items() if fits(seen)]
        yield f"- **{title}**: {'; '.join(names) or 'none'}."
    yield ""


def _measured(rows: Table) -> list[str]:
    """Names of what was measured of the generated volumes and of real scans."""
    return [name for name in rows["real"] if name in rows["generated"]]


def pictures_of(section: str, pictures: Sequence[Picture]) -> Iterator[str]:
    """Pictures of a section, each with what it shows below it."""
    for picture in pictures:
        if picture.section == section:
            yield from (f"![{picture.shows}]({picture.file})", "", f"*{picture.shows}*", "")


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines of a table in Markdown; the cells are Markdown themselves."""
    for cells in (heads, ["---"] * len(heads), *rows):
        yield f"| {' | '.join(cells)} |"
    yield ""
