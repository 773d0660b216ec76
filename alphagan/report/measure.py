"""Measure folders of NIfTI from any generator: real scans and generated volumes, prepared in the same way.

With the generator's training scans, the real ones are people whom it never saw, and its memory is audited. Without
them, the real people are divided by person: one half is compared with, the other stands in for training people.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from alphagan.audit.auditor import ENOUGH, Audit, Auditor
from alphagan.audit.spaces import FeatureSpace, VoxelSpace
from alphagan.errors import TooFewError
from alphagan.evaluation.cohort import Evaluation
from alphagan.evaluation.features.med3d import load_med3d
from alphagan.evaluation.features.network import FeatureNetwork, load_features, train_features
from alphagan.evaluation.references import faulty
from alphagan.evaluation.samples import Sample
from alphagan.evaluation.yardstick import Description, Yardstick
from alphagan.metrics.catalogue import FAULTY, FEWEST
from alphagan.report.asked import persons
from alphagan.report.doubts import doubts
from alphagan.report.options import Folders
from alphagan.report.sides import Side, read_sides
from alphagan.settings.cohorts import AS_THEY_ARE
from alphagan.settings.config import Config
from alphagan.settings.json_file import read_json
from alphagan.volumes.prepared import Volumes, write_people

MANY = 200  # training people of a feature network, of fewer of whom its floor is plainly too far


@dataclass(frozen=True)
class FolderEvaluation:
    """What was measured of two or three folders.

    Attributes
    ----------
    folders : Folders
    sides : dict of str to Side
        "real", "generated" and, where it was given, "train".
    evaluation : Evaluation
        Rows "real", "mean_brain", "gaussian_noise", "memoriser" and "generated".
    upper_percentile : float
        Of a brain's intensities, which became the brightest level.
    networks : list of str
        Names of the feature networks.
    real, floor, generated, train : Sample
        What was compared with; other real people, as many scans as were generated at most; what was compared; and what
        the feature network and the generators of known fault were made with.
    described : dict of str to Description
        Of "real" and "generated".
    affine : ndarray, (4, 4)
        The real scans' median voxel size, in which pictures are drawn.
    doubts : list of str
        Whether what was compared is what was meant: what is unusual about files, and how generated volumes seem to lie.
    audit : Audit, optional
        Of the generator's memory.
    """

    folders: Folders
    sides: dict[str, Side]
    evaluation: Evaluation
    upper_percentile: float
    networks: list[str]
    real: Sample
    floor: Sample
    generated: Sample
    train: Sample
    described: dict[str, Description]
    affine: np.ndarray
    doubts: list[str]
    audit: Audit | None = None


def measure(folders: Folders, config: Config, work: Path) -> FolderEvaluation:
    """Measure what is in the folders, preparing it below `work`; raises as `folders.evaluate_folders` does."""
    med3d = [load_med3d(config.evaluate.med3d, folders.device)] if config.evaluate.med3d else []
    sides = read_sides(config, work, folders.different_people)
    real_side, train_side = sides["real"], sides.get("train", sides["real"])
    real = _sample(real_side, "train" if real_side is not train_side else "test")
    train, generated = _sample(train_side, "train"), _generated(sides["generated"])
    network, unknown = _network(folders, config, train_side.volumes, work)
    networks = [network, *med3d]
    floor, settings = train.some(len(generated.volumes), folders.seed), config.evaluate

    auditor, left_out = None, {}
    try:
        auditor = _auditor(config, train, real, network) if "train" in sides else None
        why = "it needs the scans that the generator was trained on; name their folder with --train"
    except TooFewError as error:
        why = str(error)
    if auditor is None:
        left_out["memorisation audit, copied, authentic, brain_like"] = why
    search = auditor and auditor.searches[0]
    floors = [] if unknown is None else [unknown.some(len(generated.volumes), folders.seed), *[floor] * len(med3d)]
    yardstick = Yardstick(real, floor, settings, networks, folders.modality, search, floors)
    _say("measuring")
    bar = tqdm(total=2 + len(FAULTY) + bool(auditor), desc="evaluate", disable=None)
    rows = {"real": yardstick.measure_real()}
    bar.update()
    for name, drawn in faulty(train.volumes, AS_THEY_ARE, len(generated.volumes), 1, folders.seed):
        rows[name] = yardstick.measure(Sample(drawn))
        bar.update()
    described = {"real": yardstick.described, "generated": yardstick.describe(generated)}
    rows["generated"] = yardstick.measure(generated, described["generated"])
    bar.update()
    audit = auditor and auditor.audit(generated.volumes)
    bar.update(bool(auditor))
    bar.close()
    return FolderEvaluation(
        folders,
        sides,
        Evaluation(rows, left_out | yardstick.left_out),
        config.prepare.upper_percentile,
        [network.name for network in networks],
        real,
        floor,
        generated,
        train,
        described,
        real_side.affine,
        doubts(sides) + (_of_known(train) if unknown is None else []),
        audit,
    )


def _network(folders: Folders, config: Config, train: Volumes, work: Path) -> tuple[FeatureNetwork, Sample | None]:
    """The cohort's own feature network, if it is of these scans and settings; else one trained on half of the people.

    The others are returned too: a floor of people whom the network knows, and so holds apart from new ones, is too far.
    """
    kept = read_json(folders.features / "config.json") if folders.features else {}
    settings = config.features.model_dump(exclude={"threads"})
    if kept and (kept.get("settings"), kept.get("data")) == (settings, Volumes(folders.real).fingerprint()):
        return load_features(folders.features, folders.device), None
    known, unknown = _divided(train, work / "known" / train.folder.name, folders.seed)
    n, size = len(known.rows("train")), train.size
    long = "more than ten minutes (with --size 32 a few)" if size >= 64 and not folders.features else "minutes"
    _say(f"training the feature network on {n} scans at {size} cubed, which takes {long}")
    return train_features(known.folder, work / "features", config.features, folders.device), unknown


def _divided(train: Volumes, folder: Path, seed: int) -> tuple[Volumes, Sample | None]:
    """Half of the people, as a cohort of their own, and the others; all and none where half of them are too few."""
    rows = train.rows("train")
    people = sorted(set(train.people(rows)))
    if len(people) < 2 * FEWEST:
        return train, None
    chosen = set(np.random.default_rng(seed).permutation(people)[: len(people) // 2].tolist())
    whom = list(zip(rows, train.people(rows), strict=True))
    known, others = ([row for row, person in whom if (person in chosen) == side] for side in (True, False))
    return write_people(train, known, folder), Sample(train.tensor(others)[:, 0], train.people(others))


def _of_known(train: Sample) -> list[str]:
    if (n_people := len(set(train.people))) >= MANY:
        return []
    return [
        f"features: the network is trained on the {n_people} people of the floor, whom it holds apart from new ones: "
        "the floor of Fréchet distance, precision, recall, density and coverage is too far, by a factor of two to four "
        "of 20 to 60 people, so that like or better than it says little, and density nothing"
    ]


def _say(line: str) -> None:
    """Tell whoever waits what takes so long."""
    print(line, file=sys.stderr, flush=True)


def _sample(side: Side, split: str) -> Sample:
    rows = side.volumes.rows(split)
    return Sample(side.volumes.tensor(rows)[:, 0], side.volumes.people(rows))


def _generated(side: Side) -> Sample:
    people = persons(side.volumes.subjects)
    return Sample(_sample(side, "train").volumes, people if len(set(people)) < len(people) else None)


def _auditor(config: Config, train: Sample, real: Sample, network: FeatureNetwork) -> Auditor:
    if (n_people := len(set(real.people))) < ENOUGH:
        raise TooFewError(
            f"{n_people} people in the folder of real scans, but thresholds need {ENOUGH} whom the generator never saw"
        )
    spaces = [VoxelSpace(train.volumes), FeatureSpace(train.volumes, network.name, network.project)]
    settings, seed = config.audit, config.evaluate.seed
    # Whoever is in both folders was refused, so that equal names are of different people.
    people = [[f"{side}: {name}" for name in sample.people] for side, sample in (("train", train), ("real", real))]
    return Auditor(train.volumes, people[0], real.volumes, people[1], spaces, settings.level, settings.n_copies, seed)
