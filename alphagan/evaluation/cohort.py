"""Measure trained models of one cohort, beside real scans and generators of known fault."""

import csv
import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from tqdm import tqdm

from alphagan.audit.auditor import ENOUGH
from alphagan.errors import InputError
from alphagan.evaluation.features.med3d import load_med3d
from alphagan.evaluation.features.network import FeatureNetwork, load_features
from alphagan.evaluation.memory import auditor
from alphagan.evaluation.references import faulty
from alphagan.evaluation.samples import PROPOSED, VARIANTS, Sample, generated_samples, real_sample
from alphagan.evaluation.yardstick import Row, Yardstick
from alphagan.files import write_atomically, write_json
from alphagan.generation.load import load
from alphagan.metrics.catalogue import FAULTY
from alphagan.settings.config import Config
from alphagan.settings.paths import Paths
from alphagan.volumes.prepared import Volumes


@dataclass(frozen=True)
class Evaluation:
    """What was measured.

    Attributes
    ----------
    rows : dict
        {model: {metric: Estimate}}. The row "real" is the floor: training people, of whom there are as many volumes as
        of a generator, against held-out people, and the diversity among held-out people. The rows "mean_brain",
        "gaussian_noise" and "memoriser" are generators of known fault.
    left_out : dict of str to str
        Metrics that there were too few volumes or people for, and models that make no brains, and why.
    """

    rows: dict[str, Row]
    left_out: dict[str, str]

    def as_dict(self) -> dict[str, dict[str, dict]]:
        """As written to metrics.json."""
        return {name: {key: estimate.as_dict() for key, estimate in row.items()} for name, row in self.rows.items()}


def feature_networks(config: Config, cohort: str, paths: Paths) -> list[FeatureNetwork]:
    """The cohort's own feature network and, where evaluate.med3d names its file, Med3D's."""
    own = load_features(paths.features(cohort))
    return [own] if config.evaluate.med3d is None else [own, load_med3d(config.evaluate.med3d)]


def evaluate(config: Config, cohort: str, paths: Paths) -> Evaluation:
    """Measure every trained model of a cohort on its held-out people.

    Raises
    ------
    InputError
        If a model of the cohort or its feature network is not trained, or too few people are held out.
    """
    chosen, settings = config.cohort(cohort), config.evaluate
    how = chosen.augment
    volumes = Volumes(paths.prepared(cohort))
    scans = volumes.tensor(volumes.rows("train"))[:, 0]
    real = real_sample(volumes, ["test"], how, settings.real_copies, settings.seed)
    copies = -(-settings.n_generated // len(scans))
    floor = real_sample(volumes, ["train"], how, copies, settings.seed)
    # Scans are in the order of their names: where not all are taken, the first would be those of a few sites.
    n = settings.n_generated
    floor = floor.some(n, settings.seed) if copies == 1 else floor.first(n)
    networks = feature_networks(config, cohort, paths)
    search, left_out = None, {}
    held_out = len(set(volumes.people(volumes.rows("val", "test"))))
    if held_out >= ENOUGH:
        search = auditor(config, volumes).searches[0]
    else:
        why = f"{held_out} people are held out, but a threshold needs {ENOUGH}; hold out more (prepare.split)"
        left_out = {"copied, authentic, brain_like": why}
    yardstick = Yardstick(real, floor, settings, networks, chosen.modality, search)

    folders = [paths.run(cohort, model) for model in config.models(cohort)]
    n_samples = sum(3 if load(folder).settings.name == PROPOSED else 1 for folder in folders)
    bar = tqdm(total=1 + len(FAULTY) + n_samples, disable=None)
    bar.set_description(f"evaluate {cohort}")
    rows = {"real": yardstick.measure_real()}
    bar.update()
    known = faulty(scans, how, settings.n_generated, settings.real_copies, settings.seed)
    samples = ((name, Sample(drawn)) for name, drawn in known)
    # One run after the other, as each keeps its networks.
    made = chain.from_iterable(generated_samples(load(folder), settings) for folder in folders)
    for name, found in chain(samples, made):
        try:
            rows[name] = yardstick.measure(found)
        except InputError as error:  # a model that makes empty volumes, or none at all: the others are measured
            left_out[name] = str(error)
        bar.update()
    bar.close()
    return Evaluation(rows, left_out | yardstick.left_out)


def collect(config: Config, paths: Paths) -> Path:
    """Put the metrics of every cohort into one reports/metrics.json, and the histories of all runs below one folder.

    There each loss term has a folder with a file for each run that has it, as DVC draws one column of all of them. Rows
    of models that the parameters name no longer are left out.

    Raises
    ------
    InputError
        If a model is not trained or a cohort not evaluated, or the disk is full or not writable.
    """
    for name, experiment in config.experiments.items():
        cohort, model = experiment.cohort, experiment.model
        text = _made(paths.run(cohort, model) / "history.csv", f"train@{name}").decode()
        iterations, *terms = zip(*csv.reader(text.splitlines()), strict=True)
        for term, *values in terms:
            lines = "".join(f"{i},{value}\n" for i, value in zip(iterations, [term, *values], strict=True)).encode()
            folder = paths.reports() / "history" / term
            write_atomically(lambda file, lines=lines: file.write(lines), folder, f"{cohort}-{model}.csv")
    path = paths.reports() / "metrics.json"
    found = {cohort: json.loads(_made(paths.metrics(cohort), f"evaluate@{cohort}")) for cohort in config.cohorts}
    others = {cohort: dropped(config, cohort, rows) for cohort, rows in found.items()}
    kept = {
        cohort: {name: row for name, row in rows.items() if name not in others[cohort]}
        for cohort, rows in found.items()
    }
    write_json(kept, path)
    return path


def dropped(config: Config, cohort: str, rows: Iterable[str]) -> list[str]:
    """Rows of a cohort's metrics that are of none of the models that the parameters name now."""
    models = config.models(cohort)
    known = {"real", *FAULTY, *models, *(VARIANTS if PROPOSED in models else ())}
    return [name for name in rows if name not in known]


def _made(path: Path, stage: str) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: not found; run `dvc repro {stage}` first") from None
