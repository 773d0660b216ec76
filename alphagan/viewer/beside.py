"""The real scan that a volume is nearest to, and how near other people are to theirs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from tqdm import tqdm

from alphagan.audit.nearest import Nearest, nearest, same_person
from alphagan.audit.spaces import VoxelSpace
from alphagan.errors import InputError, TooFewError
from alphagan.preparation.cohorts import Scan
from alphagan.preparation.quality import QualityError
from alphagan.preparation.resample import prepare_scan
from alphagan.settings.paths import Paths
from alphagan.settings.sections import Prepare
from alphagan.viewer.shown import Shown, from_cube, from_file
from alphagan.volumes.prepared import Volumes


@dataclass(frozen=True)
class Neighbour:
    """The nearest real scan of one volume.

    Parameters
    ----------
    scan : int
        Its position.
    mirrored : bool
        Whether it is its mirror image that is near.
    words : str
        How near, beside what is usual.
    """

    scan: int
    mirrored: bool
    words: str


@dataclass(frozen=True)
class RealScans:
    """Real scans as cubes of one size.

    Parameters
    ----------
    cubes : ndarray, (m, S, S, S), uint8
    people : sequence of str, (m,)
        Whom they show.
    what : str
        "training scan" or "real scan".
    show : callable, (int) -> Shown
        The scan at a position.
    new_people : ndarray, (k, S, S, S), uint8, optional
        Scans of others, by which is known what is usual; without them, the scans are compared with each other.
    sources : sequence of Path
        Files they are made from, or `sources_of` a cohort, where they are known: no volume is its own neighbour.
    """

    cubes: np.ndarray
    people: Sequence[str]
    what: str
    show: Callable[[int], Shown]
    new_people: np.ndarray | None = None
    sources: Sequence[Path] = ()

    def neighbours(self, queries: np.ndarray, sources: Sequence[Path] = ()) -> list[Neighbour]:
        """Find the scan nearest to each of n volumes.

        Parameters
        ----------
        queries : ndarray, (n, S, S, S), uint8
            Prepared as the scans are.
        sources : sequence of Path, (n,)
            Files they are made from.

        Raises
        ------
        TooFewError
            If there are fewer than two scans to compare with.
        """
        own = np.array([[source == other for other in self.sources] for source in sources], dtype=bool)
        found = nearest(self._space.similarity(queries), leave_out=own if own.any() else None)
        return [
            Neighbour(int(found.scan[i]), bool(found.mirrored[i]), self._words(found, i)) for i in range(len(queries))
        ]

    @cached_property
    def _space(self) -> VoxelSpace:
        if len(self.cubes) < 2:
            raise TooFewError(f"--real: {len(self.cubes)} real scan that can be used; name two or more to compare with")
        return VoxelSpace(self.cubes)

    @cached_property
    def _usual(self) -> str:
        """How near other people are to their nearest scan."""
        whose, queries, leave_out = "held-out people", self.new_people, None
        if queries is None or not len(queries):
            whose, queries, leave_out = "these people to each other", self.cubes, same_person(self.people)
        try:
            usual = nearest(self._space.similarity(queries), leave_out).similarity
        except TooFewError:  # of one person, or two
            return ""
        low, middle, high = np.percentile(usual, (5, 50, 95))
        return f" ({whose}: {middle:.2f}, mostly {low:.2f} to {high:.2f})"

    def _words(self, found: Nearest, i: int) -> str:
        mirrored = "Shown mirrored. " if found.mirrored[i] else ""
        return (
            f"{mirrored}Correlation {found.similarity[i]:.2f}{self._usual}. "
            f"Distance {found.distance[i]:.2f}, {found.relative[i]:.2f} of the mean to the next ones"
        )


def prepared_scans(volumes: Volumes, fingerprint: str | None, names: bool) -> RealScans:
    """Scans of a prepared cohort: the training scans of a model whose data have this fingerprint, else all."""
    trained = fingerprint == volumes.fingerprint()
    rows = volumes.rows("train") if trained else volumes.rows()
    held_out = volumes.rows("val", "test") if trained else []
    what, affines, people = "training scan" if trained else "real scan", volumes.affines(rows), volumes.people(rows)

    def show(scan: int) -> Shown:
        who = people[scan] if names else f"{scan + 1} of {len(rows)}"
        return from_cube(volumes.array[rows[scan]], affines[scan], f"Nearest {what}, {who}")

    return RealScans(volumes.array[rows], people, what, show, volumes.array[held_out], sources_of(volumes, rows))


def sources_of(volumes: Volumes, rows: Sequence[int]) -> list[Path]:
    """What tells cubes of a prepared cohort from one another, as paths tell files."""
    return [volumes.folder.resolve() / str(row) for row in rows]


def scans_of_folder(files: Sequence[Path], size: int, names: bool) -> RealScans:
    """Scans that are files, each prepared as a cube of this side; those that fail quality control are passed over."""
    cubes, kept = [], []
    for path in tqdm(files, desc="real scans", unit="scan", disable=None):
        try:
            cubes.append(as_cube(path, size))
            kept.append(path)
        except QualityError:
            continue
    if not kept:
        raise InputError(f"{files[0].parent}: none of its {len(files)} scans is a skull-stripped brain; name others")

    def show(scan: int) -> Shown:
        who = kept[scan].name if names else f"{scan + 1} of {len(kept)}"
        return from_file(kept[scan], f"Nearest real scan, {who}")

    sources = [path.resolve() for path in kept]
    return RealScans(np.stack(cubes), [str(path) for path in kept], "real scan", show, None, sources)


def as_cube(path: Path, size: int) -> np.ndarray:
    """Prepare a file as a cube (S, S, S), uint8; raises QualityError where it is no skull-stripped brain."""
    return prepare_scan(Scan("", "", "", path), Prepare(size=size, min_brain_ml=0, max_saturated=1)).cube


def prepared_cohort(name: str | Path) -> Volumes | None:
    """Find a prepared cohort by its name or folder; None where there is none."""
    for folder in (Path(name), Paths().prepared(str(name))):
        if (folder / "volumes.npy").is_file():
            return Volumes(folder)
    return None
