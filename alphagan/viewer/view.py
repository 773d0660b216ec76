"""From volumes, folders of them and finished runs to one page."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from alphagan.errors import InputError
from alphagan.files import write_atomically
from alphagan.generation.load import load
from alphagan.generation.run import Run
from alphagan.preparation.cohorts import tree
from alphagan.preparation.quality import QualityError
from alphagan.settings.paths import Paths
from alphagan.viewer.beside import RealScans, as_cube, prepared_cohort, prepared_scans, scans_of_folder, sources_of
from alphagan.viewer.page import Entry, to_html
from alphagan.viewer.shown import Shown, from_cube, from_file
from alphagan.volumes.prepared import Volumes, to_uint8

ROOM = 7_000_000  # bytes of packed voxels in a page, in which they take a third more
SIDE = 64  # of the cubes in which files are compared with files
MIRRORED = "which side is left is by chance, as the model was trained with mirror images"


@dataclass(frozen=True)
class Wanted:
    """What is to be shown.

    Parameters
    ----------
    sources : sequence of Path
        Volumes, folders of them, prepared cohorts, and folders of finished runs.
    n : int
        Volumes of each run, and of each folder at most.
    seed : int
        Of the codes of runs; sample i depends on it and on i.
    real : str, optional
        Name or folder of a prepared cohort, or a folder of skull-stripped scans, among which the nearest is looked for.
        Without it, a run's own training scans are taken, where they are at hand.
    names : bool
        Whether names of files and of people may stand in the page.
    """

    sources: Sequence[Path]
    n: int = 8
    seed: int = 0
    real: str | None = None
    names: bool = False


@dataclass(frozen=True)
class _Volume:
    """What will be shown: how it looks, and the cube that is compared with real scans, both made when asked for.

    `chosen` is false of files of a folder, of which those that cannot be shown are passed over.
    """

    show: Callable[[], Shown]
    cube: Callable[[int], np.ndarray]
    real: RealScans | None
    path: Path | None = None
    chosen: bool = True


def write_view(wanted: Wanted, output: str | Path, force: bool = False) -> Path:
    """Write the page, whole or not at all; `force` puts it in the place of another file.

    Raises
    ------
    InputError
        If a source is missing or cannot be shown, the file is there already, or it cannot be written.
    """
    output = Path(output)
    if output.is_dir():
        raise InputError(f"{output}: is a folder; name a file with --output, such as {output / 'view.html'}")
    if output.exists() and not force:
        raise InputError(f"{output}: is there already; name another file with --output, or add --force")
    document = view(wanted).encode()
    return write_atomically(lambda file: file.write(document), output.parent, output.name)


def view(wanted: Wanted) -> str:
    """Make the page; raises as `write_view` does."""
    volumes, titles = [], []
    real = _real(wanted) if wanted.real else None
    for source in wanted.sources:
        title, found = _look(source, wanted, real, len(volumes) + 1)
        volumes += found
        titles.append(title)
    n_bytes = ROOM // (len(volumes) * (2 if any(volume.real for volume in volumes) else 1))
    entries = list(_entries(volumes, n_bytes))
    if not entries:
        raise InputError(f"{wanted.sources[0]}: no volume in it can be shown; the reasons stand above")
    return to_html(entries, ", ".join(dict.fromkeys(titles)))


def _look(source: Path, wanted: Wanted, real: RealScans | None, first: int) -> tuple[str, list[_Volume]]:
    """What a source is, in words, and its volumes, which are numbered from `first`."""
    if _is_run(source):
        run = load(source)
        return f"{run.settings.name}, trained on {run.settings.cohort}", _of_run(run, wanted, real or _own(run, wanted))
    if (source / "volumes.npy").is_file():
        return "Prepared scans", _of_cohort(Volumes(source), wanted, real, first)
    return "Volumes", _of_files(source, wanted, real, first)


def _entries(volumes: list[_Volume], n_bytes: int) -> Iterator[Entry]:
    scans = {}
    for volume in volumes:
        try:
            shown = volume.show().within(n_bytes)
        except InputError as error:
            if volume.chosen:
                raise
            print(f"note: {error}", file=sys.stderr)
            continue
        if volume.real is None:
            yield Entry(shown)
            continue
        try:
            cube = volume.cube(volume.real.cubes.shape[-1])
        except QualityError as error:
            yield Entry(replace(shown, notes=(*shown.notes, f"no real scan beside it: {error}")))
            continue
        (near,) = volume.real.neighbours(cube[None], [volume.path])
        key = id(volume.real), near.scan, near.mirrored
        if key not in scans:
            scan = volume.real.show(near.scan).within(n_bytes)
            scans[key] = scan.mirrored() if near.mirrored else scan
        yield Entry(shown, scans[key], near.words)


def _is_run(source: Path) -> bool:
    return (source / "config.json").is_file()


def _real(wanted: Wanted) -> RealScans:
    """The scans that are named to compare with."""
    runs = [load(source) for source in wanted.sources if _is_run(source)]
    if volumes := prepared_cohort(wanted.real):
        return prepared_scans(volumes, runs[0].config.get("data") if runs else None, wanted.names)
    folder = Path(wanted.real)
    if not folder.is_dir():
        raise InputError(f"--real {wanted.real}: no prepared cohort and no folder; name either")
    return scans_of_folder(_images(folder), runs[0].settings.size if runs else SIDE, wanted.names)


def _own(run: Run, wanted: Wanted) -> RealScans | None:
    """The scans that a run was trained on, where they are at hand."""
    cohort = run.settings.cohort
    above = Path(os.path.abspath(run.folder)).parents  # models/ may be a link to where there is room
    roots = (above[2], Path()) if len(above) > 2 else (Path(),)
    for root in roots:
        volumes = prepared_cohort(Paths(root).prepared(cohort))
        if volumes and volumes.size == run.settings.size:
            if run.config.get("data") not in (None, volumes.fingerprint()):
                told = f"{run.folder} was trained on other scans, or another split, than {volumes.folder} has now"
                print(f"note: {told}: what stands beside need not be what it saw", file=sys.stderr)
            return prepared_scans(volumes, run.config.get("data"), wanted.names)
    print(f"note: prepared scans of {cohort} are not at hand; --real names others to show beside", file=sys.stderr)
    return None


def _of_run(run: Run, wanted: Wanted, real: RealScans | None) -> list[_Volume]:
    cubes = to_uint8(run.sample(wanted.n, wanted.seed))
    notes = (MIRRORED,) if run.settings.augment.flip else ()

    def volume(i: int) -> _Volume:
        title = f"Brain {i}, seed {wanted.seed}, {run.settings.name}"
        shown = replace(from_cube(cubes[i], run.affine, title), notes=notes)
        return _Volume(lambda: shown, lambda size: cubes[i], real)

    return [volume(i) for i in range(wanted.n)]


def _of_cohort(volumes: Volumes, wanted: Wanted, real: RealScans | None, first: int) -> list[_Volume]:
    rows = volumes.rows()[: wanted.n]
    affines, people, sources = volumes.affines(rows), volumes.people(rows), sources_of(volumes, rows)
    _say_how_many("prepared cohort", len(rows), len(volumes.array))

    def volume(i: int) -> _Volume:
        cube, title = volumes.array[rows[i]], people[i] if wanted.names else f"Scan {first + i}"
        return _Volume(lambda: from_cube(cube, affines[i], title), lambda size: cube, real, sources[i])

    return [volume(i) for i in range(len(rows))]


def _of_files(source: Path, wanted: Wanted, real: RealScans | None, first: int) -> list[_Volume]:
    def volume(i: int, path: Path) -> _Volume:
        title = path.name if wanted.names else f"Volume {first + i}"
        chosen = path == source
        return _Volume(lambda: from_file(path, title), lambda size: as_cube(path, size), real, path.resolve(), chosen)

    return [volume(i, path) for i, path in enumerate(_files(source, wanted.n))]


def _files(source: Path, n: int) -> list[Path]:
    """A file, or the first n of a folder."""
    if source.is_dir():
        found = _images(source)
        _say_how_many(str(source), len(found[:n]), len(found))
        return found[:n]
    if not source.exists():
        raise InputError(f"{source}: no such file or folder; name a volume, a folder of them, or a finished run")
    return [source]


def _images(folder: Path) -> list[Path]:
    found = tree.without_copies(path for path in tree.files(folder) if tree.suffix(path))
    if not found:
        raise InputError(f"{folder}: no volume in it; name a folder of NIfTI, MGZ or Analyze files, or a finished run")
    return found


def _say_how_many(what: str, n: int, among: int) -> None:
    if n < among:
        print(f"note: {what}: the first {n} of {among} are shown; -n says how many", file=sys.stderr)
