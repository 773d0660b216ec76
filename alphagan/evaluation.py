"""Measure trained models of one cohort against people they never saw, beside real against real."""

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from alphagan.cohort_config import Augment
from alphagan.config import Config, Evaluate
from alphagan.errors import InputError
from alphagan.generate import Run, sample
from alphagan.metrics.bootstrap import Estimate
from alphagan.metrics.mmd import MMD
from alphagan.metrics.ms_ssim import ms_ssim_as_published_index_pairs, ms_ssim_index_pairs
from alphagan.metrics.pairs import mean_over_pairs, random_pairs
from alphagan.metrics.voxelwise import mean_brain_difference, voxelwise_sd
from alphagan.paths import Paths
from alphagan.seeding import Draws, seeded
from alphagan.volumes import Volumes, augment

PROPOSED = "alpha_wgan_gp"  # the paper's own model
PAPER_UNIT = 1e-4  # the paper's table shows MMD^2 times this


@dataclass(frozen=True)
class Sample:
    """Volumes to be compared, and whom they show.

    Parameters
    ----------
    volumes : Tensor, (n, S, S, S), float32 in [-1, 1]
    people : list of str, optional
        Subject of each volume; None where every volume is a subject of its own, as generated ones are.
    """

    volumes: Tensor
    people: list[str] | None = None


def real_sample(volumes: Volumes, splits: Sequence[str], how: Augment, copies: int, seed: int) -> Sample:
    """Real scans with the augmentation that the model trained with, `copies` of each.

    The paper takes augmented scans as real. The copies of one person stay together in every interval.

    Raises
    ------
    InputError
        If fewer than two people are in these splits.
    """
    rows = volumes.rows(*splits)
    people = volumes.people(rows)
    if len(set(people)) < 2:
        found = f"{len(set(people))} people in {' + '.join(splits)}"
        raise InputError(f"{volumes.folder}: {found}; evaluation needs two: add scans, or raise prepare.split.test")
    draws = Draws(seeded("cpu", "real", seed, *splits))
    x = torch.cat([augment(volumes.tensor(rows), how, draws) for _ in range(copies)])
    return Sample(x[:, 0], people * copies)


def generated_samples(run: Run, settings: Evaluate) -> Iterator[tuple[str, Sample]]:
    """Name and volumes of a run's generator; of the proposed model's also early in training, and as the paper used it.

    Yields
    ------
    name : str
        MODEL: moving average of the weights, eval mode. MODEL_early: the same after a tenth of the iterations (or
        whatever train.early_fraction says). MODEL_batch_statistics: raw weights, BatchNorm in training mode.
    sample : Sample
    """
    name, n, seed = run.settings.name, settings.n_generated, settings.seed
    yield name, Sample(torch.cat(list(sample(run.generator(), n, seed))))
    if name != PROPOSED:
        return
    yield f"{name}_early", Sample(torch.cat(list(sample(run.generator("G_early"), n, seed))))
    as_published = sample(run.generator("G"), n, seed, batch=settings.mmd_batch, batch_statistics=True)
    yield f"{name}_batch_statistics", Sample(torch.cat(list(as_published)))


def mean_brain(train: Sample, n: int) -> Sample:
    """A generator that only knows the mean of the training scans."""
    return Sample(train.volumes.mean(0).expand(n, -1, -1, -1).clone())


def diversity(found: Sample, settings: Evaluate) -> dict[str, Estimate]:
    """MS-SSIM within a sample, over pairs of different subjects: the lower, the more diverse; and voxel-wise spread."""
    rng = np.random.default_rng(settings.seed)
    pairs = random_pairs(len(found.volumes), settings.n_pairs, found.people, generator=rng)
    return {
        "ms_ssim": mean_over_pairs(ms_ssim_index_pairs(found.volumes, pairs), pairs, found.people),
        "ms_ssim_as_published": mean_over_pairs(
            ms_ssim_as_published_index_pairs(found.volumes, pairs), pairs, found.people
        ),
        "voxelwise_sd": voxelwise_sd(found.volumes, found.people, settings.n_bootstrap, generator=rng),
    }


def distance(real: Sample, found: Sample, bandwidth: float, settings: Evaluate) -> dict[str, Estimate]:
    """How far a sample is from held-out people: MMD^2 as published and unbiased, and the difference of the means."""
    rng = np.random.default_rng(settings.seed)
    mmd = MMD(real.volumes, found.volumes, real.people, found.people)
    published = mmd.as_published(settings.mmd_batch, settings.mmd_repeats, settings.n_bootstrap, generator=rng)
    return {
        "mmd_as_published": Estimate(
            *(PAPER_UNIT * value for value in (published.value, published.low, published.high)), published.n
        ),
        "mmd_unbiased": mmd.unbiased("linear", n_bootstrap=settings.n_bootstrap, generator=rng),
        "mmd_rbf": mmd.unbiased("rbf", bandwidth, settings.n_bootstrap, generator=rng),
        "mean_brain_difference": mean_brain_difference(
            real.volumes, found.volumes, real.people, found.people, settings.n_bootstrap, generator=rng
        ),
    }


def evaluate(config: Config, cohort: str, paths: Paths) -> dict[str, dict[str, dict]]:
    """Measure every trained model of a cohort on its held-out people.

    Returns
    -------
    metrics : dict
        {model: {metric: {"value", "low", "high", "n"}}}. The row "real" is the floor: held-out people against the
        training people (disjoint), and the diversity among held-out people. The row "mean_brain" is a generator that
        returns the mean of the training scans.

    Raises
    ------
    InputError
        If a model of the cohort is not trained, or too few people are held out.
    """
    settings, how = config.evaluate, config.cohorts[cohort].augment
    volumes = Volumes(paths.prepared(cohort))
    real = real_sample(volumes, ["test"], how, settings.real_copies, settings.seed)
    train = real_sample(volumes, ["train"], how, settings.real_copies, settings.seed)
    bandwidth = MMD(real.volumes, train.volumes, real.people, train.people).median_distance
    experiments = [experiment for experiment in config.experiments.values() if experiment.cohort == cohort]
    n_rows = 2 + sum(3 if experiment.model == PROPOSED else 1 for experiment in experiments)
    bar = tqdm(total=n_rows, desc=f"evaluate {cohort}", disable=None)
    rows = {"real": distance(real, train, bandwidth, settings) | diversity(real, settings)}
    bar.update()
    average = mean_brain(train, settings.n_generated)
    rows["mean_brain"] = distance(real, average, bandwidth, settings) | diversity(average, settings)
    bar.update()
    for experiment in experiments:
        for name, found in generated_samples(Run.load(paths.run(cohort, experiment.model)), settings):
            rows[name] = distance(real, found, bandwidth, settings) | diversity(found, settings)
            bar.update()
    bar.close()
    return {name: {metric: estimate.as_dict() for metric, estimate in row.items()} for name, row in rows.items()}


def write_metrics(metrics: dict, path: Path) -> None:
    """Write metrics with 6 significant digits."""

    def rounded(value):
        if isinstance(value, dict):
            return {key: rounded(entry) for key, entry in value.items()}
        return float(f"{value:.6g}") if isinstance(value, float) else value

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rounded(metrics), indent=2) + "\n")


def collect(config: Config, paths: Paths) -> Path:
    """Put the metrics of every cohort into one reports/metrics.json, and the histories of all runs into one folder."""
    history = paths.reports() / "history"
    history.mkdir(parents=True, exist_ok=True)
    for experiment in config.experiments.values():
        run = paths.run(experiment.cohort, experiment.model)
        shutil.copyfile(run / "history.csv", history / f"{experiment.cohort}-{experiment.model}.csv")
    path = paths.reports() / "metrics.json"
    write_metrics({cohort: json.loads(paths.metrics(cohort).read_text()) for cohort in config.cohorts}, path)
    return path
