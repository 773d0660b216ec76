"""The report on folders: what was compared, what was found, which numbers to quote, and what they do not say."""

import datetime
from collections.abc import Iterator, Sequence
from pathlib import Path

from alphagan import __version__
from alphagan.audit import verdict
from alphagan.report.measure import FolderEvaluation
from alphagan.report.metrics import every_metric, in_short, pictures_of, table, to_quote
from alphagan.report.page import plain, to_html
from alphagan.report.pictures import Picture, write_pictures
from alphagan.report.sides import Side

MOST_REFUSED = 20  # files that are named one by one
FIT = {
    "stretch": "and stretched to fill it, so that a brain's size and proportions are not compared",
    "pad": "and padded to fill it, so that proportions are kept, but not a brain's size",
    "field_of_view": "and padded to one field of view in millimetres, so that size and proportions are compared",
}


def write_report(found: FolderEvaluation, folder: Path) -> None:
    """Write `folder`/figures/ and `folder`/report.html."""
    pictures = write_pictures(found, folder)
    sections = (
        _heading(found),
        _compared(found),
        _brains(pictures),
        in_short(found, pictures),
        every_metric(found, pictures),
        to_quote(found),
        _left_out(found),
        _audit(found, pictures),
        _limits(found),
    )
    markdown = "\n".join(line for section in sections for line in section)
    title = f"{_name(found.sides['generated'])} against {_name(found.sides['real'])}"
    (folder / "report.html").write_text(to_html(markdown, title, folder), encoding="utf-8")


def _heading(found: FolderEvaluation) -> Iterator[str]:
    generated, real = (plain(_name(found.sides[name])) for name in ("generated", "real"))
    yield f"# Generated brains of “{generated}” against real ones of “{real}”"
    yield ""


def _compared(found: FolderEvaluation) -> Iterator[str]:
    sides, folders = found.sides, found.folders
    train = sides.get("train")
    yield from ("## What was compared", "")
    roles = [
        ("generated", sides["generated"], len(found.generated.volumes), None),
        ("real, compared with", sides["real"], len(found.real.volumes), found.real.people),
        (
            "real, trained on" if train else "real, in the place of training people",
            train or sides["real"],
            len(found.train.volumes),
            found.train.people,
        ),
    ]
    rows = [
        [role, plain(_name(side)), str(n), "–" if people is None else str(len(set(people)))]
        for role, side, n, people in roles
    ]
    yield from table(["role", "folder", "scans", "people"], rows)
    if not train:
        yield (
            "The training scans were not given, so that the real people were divided into two halves at random. One is "
            "compared with; the other serves where training people would: for the floor, the feature network and the "
            "generators of known fault."
        )
        yield ""
    size, upper = folders.size, found.upper_percentile
    yield (
        "- **Preparation**, the same for all: turned to RAS, cut to the box around the brain, averaged "
        f"down to {size} × {size} × {size} voxels {FIT[folders.fitted]}; intensities from 0 to the percentile "
        f"{upper:g} of the brain, and once more to that of each cube, as generated volumes are cubes from the start. "
        "Real scans were not augmented. Generated volumes of another size than the cubes are resampled a second time, "
        "which blurs them, and how cubes were made smaller elsewhere shows in their fine detail and in the brain's "
        "volume (by up to 1.6 SD of people where voxels were of 3 mm): to compare like with like, give real scans as "
        "the generator's own cubes."
    )
    if (folders.real / "volumes.npy").is_file():
        yield (
            "- **Held out**: people of the splits test and val together. What `dvc repro` measures of the cohort's own "
            "models is on those of test alone, with augmented copies, so that its numbers differ from these."
        )
    files = ", ".join(f"{len(side.refused)} of {side.n_found} {name}" for name, side in sides.items())
    yield f"- **Quality control** refused {files}."
    yield (
        f"- **Floor**: {len(found.floor.volumes)} real scans of {len(set(found.floor.people))} other people, measured "
        "as if they had been generated. A good generator comes about as near, and by many volumes even nearer. A "
        "feature network that was trained for this report on twenty people or more knows half of them, and the floor "
        "of its metrics is of the others."
    )
    names = "; ".join(plain(name) for name in found.networks)
    yield f"- **Features**: {names}. Numbers made with one network do not compare with those of another."
    if folders.different_people:
        yield "- **People**: equal names in the folders of real and training scans were said to be different people."
    yield f"- **Modality** {plain(folders.modality)}, **seed** {folders.seed}, alphagan {__version__}, {_today()}."
    for line in found.doubts:
        yield f"- **Note**: {plain(line)}."
    yield ""


def _brains(pictures: Sequence[Picture]) -> Iterator[str]:
    yield from ("## A look at the brains", "")
    yield from pictures_of("brains", pictures)


def _left_out(found: FolderEvaluation) -> Iterator[str]:
    yield from ("## What was left out, and why", "")
    for names, reason in found.evaluation.left_out.items():
        yield f"- **{plain(names)}**: {plain(reason)}."
    yield (
        "- **membership**: whether people were trained on is guessed from the model, which a folder does not hold, and "
        "may well be told where samples show no sign of it: `alphagan audit COHORT`, and the model's card."
    )
    if found.folders.med3d is None:
        yield "- **features of Med3D**: the file of its weights was not named (\\-\\-med3d)."
    for name, side in found.sides.items():
        yield from _refused(name, side)
    yield ""


def _refused(name: str, side: Side) -> Iterator[str]:
    if not side.refused:
        return
    yield f"- **{name}**: {len(side.refused)} of {side.n_found} files were refused by quality control:"
    for file, reason in side.refused[:MOST_REFUSED]:
        yield f"    - {plain(file)}: {plain(reason)}"
    if len(side.refused) > MOST_REFUSED:
        yield f"    - and {len(side.refused) - MOST_REFUSED} more."


def _audit(found: FolderEvaluation, pictures: Sequence[Picture]) -> Iterator[str]:
    if not found.audit:
        yield from ("## Memorisation audit", "", "Not done; the reason stands above.", "")
        return
    for line in verdict(found.audit).splitlines():
        yield f"#{line}" if line.startswith("#") else line
    yield ""
    yield from pictures_of("audit", pictures)


def _limits(found: FolderEvaluation) -> Iterator[str]:
    size = found.folders.size
    yield from ("## What these numbers do not say", "")
    yield f"- They hold at {size} × {size} × {size} voxels, after this preparation. What is finer was not looked at."
    yield (
        "- They compare with numbers of the same real scans, size, preparation, sample sizes and feature network, and "
        "with no others, whatever a paper calls them."
    )
    yield (
        "- Real people here stand for the people whom they were drawn from. A site, an age or a disease that is not "
        "among them is not judged, and whether a doctor or a classifier could use the volumes was not tried."
    )
    yield "- A metric that finds no difference may have had too few scans to see it: look at the interval."
    if not found.audit:
        yield "- Nothing is said about memory: a generator that repeats its training scans can do well in all of this."
    yield ""


def _name(side: Side) -> str:
    return side.source.resolve().name


def _today() -> str:
    return datetime.date.today().isoformat()
