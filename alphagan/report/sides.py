"""The folders that are compared, each prepared as a cohort; what is refused is kept in mind, with the reason."""

import csv
import os
import sys
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from alphagan.errors import InputError, TooFewError
from alphagan.preparation.cohorts import Scan, nifti, tree
from alphagan.preparation.cohorts.same_person import own_people, spelled_alike, visits, visits_of_others
from alphagan.preparation.doubles import doubles, landmark, shared
from alphagan.preparation.prepare import prepare
from alphagan.preparation.quality import unusual
from alphagan.report.asked import refuse_one_person, trained_on
from alphagan.report.brightness import scaled_again
from alphagan.report.misfits import made_of_others, passed_over
from alphagan.settings.config import Config
from alphagan.settings.paths import Paths
from alphagan.volumes.prepared import Volumes, write_people


@dataclass(frozen=True)
class Side:
    """One prepared folder.

    Attributes
    ----------
    source : Path
    volumes : Volumes
        What passed quality control.
    n_found : int
        Files that were taken for scans.
    refused : list of (str, str)
        Path below `source`, and why it was left out.
    axes : str
        Directions of the axes of most of the files, as their headers have them, or as they were named.
    unusual : list of str
        What quality control noted of volumes that it kept.
    """

    source: Path
    volumes: Volumes
    n_found: int
    refused: list[tuple[str, str]]
    axes: str
    unusual: list[str]

    @property
    def files(self) -> list[str]:
        """What each volume is called."""
        paths = [row.get("source", row["subject"]) for row in self.volumes.subjects]
        names = [Path(path).name for path in paths]
        alike = len(set(names)) < len(names)  # as where folders are people
        return [path.removeprefix(f"{self.source}/") for path in paths] if alike else names

    @property
    def identical(self) -> set[int]:
        """Rows with the same voxels as an earlier one, but for rounding."""
        return set(doubles([landmark(volume) for volume in self.volumes.array], self.volumes.array.__getitem__))

    def copied(self, other: "Side") -> dict[int, int]:
        """Rows with the voxels of one of the other side's, but for rounding, and that one's."""
        return shared(self.volumes.array, other.volumes.array)

    @property
    def median_ml(self) -> float:
        """Median volume of the cubes' brains by their headers, in which voxels at the edge count whole on all sides."""
        voxels = self.volumes.voxel_sizes_mm(self.volumes.rows()).prod(1) / 1000
        return float(np.median([np.count_nonzero(cube) for cube in self.volumes.array] * voxels))

    @property
    def affine(self) -> np.ndarray:
        """Voxel to mm of the median voxel size, (4, 4)."""
        return np.diag([*np.median(self.volumes.voxel_sizes_mm(self.volumes.rows()), axis=0), 1.0])


def read_sides(config: Config, work: Path, different_people: bool = False) -> dict[str, Side]:
    """Prepare the cohorts "real", "generated" and, if there is one, "train" of a config, below `work`.

    Cubes of all sides are scaled once more, each to its own percentile, as `alphagan.report.brightness` says. Where
    "real" is the folder of a prepared cohort, its held-out people are real, its training people train. Without
    training scans half of the real people are in the split "train", the others in "test". All else is "train".
    With `different_people`, equal names in real and train mean nothing; equal voxels are refused all the same.

    Raises
    ------
    InputError
        If a folder is missing, holds no usable scan or is named twice, or someone is in real and train.
    TooFewError
        If too few people are left to compare, or all generated volumes were read as one person.
    """
    real, generated = (config.cohorts[name].source for name in ("real", "generated"))
    if os.path.realpath(real) == os.path.realpath(generated):
        raise InputError(f"{generated}: is named as --real and as --generated; name the folder that a generator filled")
    prepared = (Path(real) / "volumes.npy").is_file()
    sides = _with_cohort(config, work) if prepared else _with_scans(config, work, different_people)
    high = config.prepare.upper_percentile
    sides = {name: replace(side, volumes=scaled_again(side.volumes.folder, high)) for name, side in sides.items()}
    with_train = "train" in sides
    fewest = {"real": 2, "train": 2} if with_train else {"real": 4}
    for name, needed in fewest.items():
        volumes = sides[name].volumes
        if (n := len(set(volumes.people(volumes.rows())))) < needed:
            why = "" if with_train else ", two to compare with and two in the place of training people"
            raise TooFewError(f"{sides[name].source}: scans of {n} people; evaluation needs {needed}{why}: add scans")
    if (n := len(sides["generated"].volumes.array)) < 2:
        raise TooFewError(f"{sides['generated'].source}: {n} generated volume; evaluation needs two: generate more")
    refuse_one_person(sides["generated"].source, sides["generated"].volumes.subjects)  # some may have been left out
    return sides


def _with_scans(config: Config, work: Path, different_people: bool) -> dict[str, Side]:
    scans = {name: _find(config, name) for name in config.cohorts}
    across = []
    if "train" in config.cohorts and not different_people:
        _refuse_shared_people(scans["real"], scans["train"])
        across = [line for doubt in (spelled_alike, visits_of_others) if (line := doubt(scans["real"], scans["train"]))]
        for line in across:
            print(f"real and train: {line}", file=sys.stderr)
    sides = {name: _prepare(name, config, work) for name in config.cohorts}
    sides["real"].unusual.extend(f"beside train, {line}" for line in across)
    for name in [name for name in sides if name != "generated"]:
        within = own_people(scans[name]) or visits(scans[name]), spelled_alike(scans[name])
        sides[name].unusual.extend(filter(None, within))
    if "train" in sides:
        _refuse_shared_scans(sides["real"], sides["train"])
    return sides


def _with_cohort(config: Config, work: Path) -> dict[str, Side]:
    folder = Path(config.cohorts["real"].source)
    _find(config, "generated")
    table = folder / "qc.csv"
    noted = unusual(table) if table.is_file() else []  # of all people of the cohort, said once
    sides = {"real": _people(folder, work, "held out", ("val", "test"), noted)}
    sides["train"] = _people(folder, work, "trained on", ("train",), [])
    sides["generated"] = generated = _prepare("generated", config, work)
    if set(trained_on(generated.source)) - {Volumes(folder).fingerprint()}:
        generated.unusual.append(
            f"their model was trained on another cohort than {folder.name} as it is prepared now, or on another split: "
            "where the same people are in both it may have been trained on some who are held out here, and what is "
            "said of its memory is wrong; evaluate beside the cohort that it was trained on, or train it again"
        )
    return sides


def _people(prepared: Path, work: Path, role: str, splits: tuple[str, ...], noted: list[str]) -> Side:
    """Some people of a prepared cohort, written below `work` as a cohort of their own."""
    volumes, folder = Volumes(prepared), work / role / prepared.name
    if not (rows := volumes.rows(*splits)):
        raise TooFewError(f"{prepared}: nobody is in the split {' or '.join(splits)}; prepare.split says who is")
    return Side(Path(f"{prepared.name}, {role}"), write_people(volumes, rows, folder), len(rows), [], "RAS", noted)


def _find(config: Config, name: str) -> list[Scan]:
    cohort = config.cohorts[name]
    scans = nifti.find(cohort)
    if not scans:
        option = {"generated": "--generated-pattern", "train": "--train-pattern or --pattern"}.get(name, "--pattern")
        unread = "in it; check the folder, and write arrays as .nii.gz (nibabel.save)"
        cure = f"that fits {cohort.pattern!r}; check {option}" if cohort.pattern else unread
        raise InputError(f"{cohort.source}: no NIfTI file {cure}")
    made = tree.generated(scans)
    if name != "generated" and 0 < len(made) < len(scans):
        raise InputError(
            f"{made[0]}: alphagan sample wrote it, and {len(made) - 1} more of the {len(scans)} files of --{name}; "
            "take them out of the folder of real scans"
        )
    ends = {tree.stem(scan.image).rpartition("_")[2] for scan in scans}
    if name == "generated" and {"prepared", "rec", "error"} <= ends:
        raise InputError(
            f"{cohort.source}: holds what `alphagan reconstruct` wrote, prepared scans and errors too; choose what was "
            "given back with --generated-pattern '{subject}_rec.nii.gz'"
        )
    if name == "generated":
        rows = [
            {"row": str(row), "subject": scan.subject, "session": scan.session, "source": scan.source}
            for row, scan in enumerate(scans)
        ]
        refuse_one_person(Path(cohort.source), rows)
    return scans


def _prepare(name: str, config: Config, work: Path) -> Side:
    divided = name == "real" and "train" not in config.cohorts
    changes = {
        "split": config.prepare.split.model_copy(
            update={"val": 0.0, "test": 0.5 if divided else 0.0, "seed": config.evaluate.seed}
        ),
        "duplicates": "keep" if name == "generated" else "leave_out",
    }
    paths, source = Paths(work), config.cohorts[name].source
    try:
        folder = prepare(name, config.model_copy(update={"prepare": config.prepare.model_copy(update=changes)}), paths)
    except InputError:
        for table in work.glob(f"scratch/prepare/{name}/*/qc.csv"):  # there when every scan was refused
            _, refused, _ = _quality(table, source)
            file, reason = refused[0]
            named = name == "generated" and "background" in reason
            cure = "; the option for generated volumes is --background VALUE" if named else ""
            raise InputError(
                f"{source}: none of its {len(refused)} scans passes quality control; {file}: {reason}{cure}"
            ) from None
        raise
    volumes = Volumes(folder)
    n_found, refused, axes = _quality(folder / "qc.csv", source)
    noted = unusual(folder / "qc.csv")
    if name == "generated":
        noted += made_of_others(Path(row["source"]) for row in volumes.subjects)
        if config.cohorts[name].pattern:
            noted += passed_over(Path(source), n_found)
    return Side(Path(source), volumes, n_found, refused, axes, noted)


def _quality(table: Path, source: str) -> tuple[int, list[tuple[str, str]], str]:
    """Number of scans, path and reason of those that were refused, and most usual axes of the others."""
    with open(table, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    place = f"{Path(source)}/"
    refused = [(row["source"].removeprefix(place), row["reason"].replace(place, "")) for row in rows if row["reason"]]
    (axes, _), *_ = Counter(row["axes"] for row in rows if row["axes"]).most_common() or [("", 0)]
    return len(rows), refused, axes


def _refuse_shared_people(real: list[Scan], train: list[Scan]) -> None:
    known = {scan.subject: scan for scan in train}
    for scan in real:
        if scan.subject in known:
            raise InputError(
                f"{scan.source}: subject {scan.subject} is in {known[scan.subject].source} too; real people must not "
                "be among the training people: take the person out of one folder; where equal names are different "
                "people, add --different-people, or tell who is who with --pattern and --train-pattern"
            )


def _refuse_shared_scans(real: Side, train: Side) -> None:
    """Refuse a scan that is in both folders under two names."""
    if copied := real.copied(train):
        row, theirs = next(iter(copied.items()))
        raise InputError(
            f"{real.volumes.subjects[row]['source']}: same voxels as {train.volumes.subjects[theirs]['source']}; real "
            "people must not be among the training people: take the scan out of one folder"
        )
