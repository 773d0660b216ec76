"""The figures of a report on folders, as PNG files."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from alphagan import figures
from alphagan.figures.audit import PER_PAGE, distance_histograms, pair_pages, power_curves
from alphagan.figures.common import Figure, write
from alphagan.report.measure import FolderEvaluation

SHOWN, IN_GRID, PAGES = 4, 36, 2


class Picture(NamedTuple):
    """One figure: the section that it belongs to, its file below the report's folder, and what it shows in words."""

    section: str
    file: str
    shows: str


def write_pictures(found: FolderEvaluation, folder: Path) -> list[Picture]:
    """Draw everything into `folder`/figures."""
    pictures = []
    for section, name, shows, figure in _draw(found):
        file = f"figures/{name}.png"
        write(figure, folder / file, "png")
        pictures.append(Picture(section, file, shows))
    return pictures


def _draw(found: FolderEvaluation) -> Iterator[tuple[str, str, str, Figure]]:
    """Section, file name, caption in Markdown and figure."""
    brains = {"real": found.real.volumes.numpy(), "generated": found.generated.volumes.numpy()}
    yield (
        "brains",
        "brains",
        f"The first {SHOWN} real scans above, the first {SHOWN} generated volumes below, unselected: sagittal, coronal "
        "and axial slices through the middle, all drawn with the real scans' median voxel size.",
        figures.center_cuts(brains, found.affine, n_columns=SHOWN),
    )
    for name, volumes in brains.items():
        n = min(IN_GRID, len(volumes))
        shows = f"The first {n} of {len(volumes)} {name} {'scans' if name == 'real' else 'volumes'}, axial slices."
        yield "brains", f"grid-{name}", shows, figures.brain_grid(volumes, found.affine, IN_GRID)
    rows = found.evaluation.as_dict()
    shows = (
        "The generated volumes and the generators of known fault, metric by metric, beside real scans of other people."
    )
    yield "scoreboard", "scoreboard", shows, figures.scoreboard(rows)
    spectra = {name: described.spectra for name, described in found.described.items()}
    anatomy = {name: described.anatomy for name, described in found.described.items()}
    shows = "Power at every spatial frequency, from coarse to fine: blur lacks it on the right, noise has too much."
    yield (
        "spectra",
        "spectra",
        shows,
        figures.power_spectra(spectra),
    )
    shows = "Simple anatomy, measured from intensities alone, in real and generated brains."
    yield (
        "anatomy",
        "anatomy",
        shows,
        figures.anatomy_distributions(anatomy),
    )
    if found.audit:
        yield from _draw_audit(found)


def _draw_audit(found: FolderEvaluation) -> Iterator[tuple[str, str, str, Figure]]:
    comparisons = found.audit.comparisons
    shows = (
        "How much nearer the nearest training scan is than the next ones, for generated volumes and for real people "
        "whom the generator never saw."
    )
    yield "audit", "distances", shows, distance_histograms(comparisons)
    shows = "What the audit can find: the share of injected copies that it flags, by how they were disguised."
    yield "audit", "power", shows, power_curves(comparisons)
    generated, train = found.generated.volumes.numpy(), found.train.volumes.numpy()
    for number, comparison in enumerate(comparisons.values()):
        space = "voxels" if comparison.name.startswith("voxels") else "features"
        for page, figure in enumerate(islice(pair_pages(generated, train, comparison.pairs, found.affine), PAGES)):
            first, n = page * PER_PAGE + 1, len(comparison.pairs)
            last = min(first + PER_PAGE - 1, n)
            which = str(first) if first == last else f"{first} to {last}"
            shows = f"Number {which} of {n} that stand out by {space}, nearest first."
            yield "audit", f"pairs-{number}-{space}-{page}", shows, figure
