"""What a notebook works on: the pipeline's own files, or a small run in a temporary folder."""

import json
import os
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch

import alphagan
from alphagan import figures
from alphagan.audit.auditor import Audit
from alphagan.errors import InputError
from alphagan.evaluation.cohort import Evaluation
from alphagan.evaluation.features.network import FeatureNetwork, load_features, train_features
from alphagan.evaluation.references import faulty
from alphagan.evaluation.samples import drawn, real_sample
from alphagan.generation.run import Run
from alphagan.preparation.prepare import prepare
from alphagan.settings.config import Config, load, parse
from alphagan.settings.paths import Paths
from alphagan.settings.preparation import check_preparation
from alphagan.training.loop import fit
from alphagan.volumes.prepared import Volumes, cube_affine
from alphagan.workbench.ablation import recorded
from alphagan.workbench.provenance import of_other_weights
from alphagan.workbench.results import keep_audit, keep_metrics


def _simulated(modality: str = "T1w", **more) -> dict:
    source = "alphagan/preparation/cohorts/template.py"
    return {
        "kind": "template", "source": source, "modality": modality, "n_subjects": 16, "voxel_size_mm": 6.0, **more
    }  # fmt: skip


# Small enough for every notebook to make its own data and models within seconds, too small to look like brains.
SMOKE = {
    "cohorts": {
        "normal": _simulated(n_subjects=40),
        "tumour_flair": _simulated("FLAIR", lesion="tumour", augment={"flip": True, "intensity": None}),
        "tumour_t2": _simulated("T2w", lesion="tumour", augment={"flip": True, "intensity": None}),
        "stroke": _simulated(lesion="stroke", augment={"flip": True, "intensity": None}),
    },
    "experiments": {
        **{f"normal-{model}": {"cohort": "normal", "model": model} for model in figures.PAPER_MODELS},
        **{
            f"{cohort}-alpha_wgan_gp": {"cohort": cohort, "model": "alpha_wgan_gp"}
            for cohort in ("tumour_flair", "tumour_t2", "stroke")
        },
    },
    "prepare": {"size": 16, "workers": 1},
    "model": {
        "z_dim": 16,
        "width": 0.125,
        "code_units": 32,
        "critic_norm": "none",
        "reconstruction": "balanced",
        "lambda2": 1.0,
    },
    "train": {
        "iterations": 20, "batch_size": 4, "lr": 0.001, "betas": [0.5, 0.9], "ema_decay": 0.9, "device": "cpu",
        "threads": 1
    },
    "features": {"iterations": 30, "batch_size": 8, "threads": 1},
    "evaluate": {"n_generated": 32, "n_pairs": 40, "mmd_batch": 4, "mmd_repeats": 10, "n_bootstrap": 100},
    "audit": {"n_copies": 16, "inversion_steps": 10},
    "utility": {"experiments": ["normal-alpha_wgan_gp"], "folds": 2, "seeds": 1, "people": [12, 20], "curve": [10]},
    "paper": {"normal": "normal", "tumour_flair": "tumour_flair", "tumour_t2": "tumour_t2", "stroke": "stroke"},
}  # fmt: skip


class Workspace:
    """Configuration and files of one profile.

    Parameters
    ----------
    profile : {"smoke", "full"}
        "full": params.yaml and the files that `dvc repro` makes. "smoke": a small simulated cohort and model, made on
        demand in a temporary folder, so that stepping through a notebook never touches the pipeline's files.
    root : path, optional
        The repository; by default the nearest folder upwards with a params.yaml.

    Attributes
    ----------
    config : Config
    paths : Paths
    """

    def __init__(self, profile: str = "smoke", root: str | Path | None = None):
        self.profile = profile
        if profile == "full":
            root = Path(root) if root else repository()
            self.config: Config = load(root / "params.yaml")
            _every_cohort_is_used(self.config)
            os.chdir(root)  # paths in params.yaml, such as data/raw/ixi, count from the repository
            self.paths = Paths(root)
        elif profile == "smoke":
            self._temporary = tempfile.TemporaryDirectory(prefix="alphagan-")
            self.config, self.paths = parse(SMOKE, "smoke profile"), Paths(Path(self._temporary.name))
        else:
            raise InputError(f"profile: {profile!r} is unknown; use smoke or full")

    def title(self, cohort: str) -> str:
        """Name of a cohort for figures; simulated subjects are always called so."""
        made = {"template": " (simulated)", "semisynthetic_stroke": " (semi-synthetic)"}
        return cohort + made.get(self.config.cohorts[cohort].kind, "")

    def paper_cohorts(self) -> dict[str, str]:
        """What stands for which of the paper's cohorts; where nothing is set, the first cohort for the normal one."""
        chosen = {part: cohort for part, cohort in self.config.paper if cohort is not None}
        return chosen or {"normal": next(iter(self.config.cohorts))}

    def brains(self, cohort: str, n: int | None = None) -> tuple[dict[str, torch.Tensor], np.ndarray]:
        """Augmented held-out scans ("real") and every model's volumes, and the affine to draw them with.

        Parameters
        ----------
        cohort : str
        n : int, optional
            Volumes of each model; by default evaluate.n_generated.

        Returns
        -------
        brains : dict of str to Tensor, (n, S, S, S), float32 in [-1, 1]
        affine : ndarray, (4, 4)
        """
        settings, volumes = self.config.evaluate, self.prepared(cohort)
        how = self.config.cohorts[cohort].augment
        brains = {"real": real_sample(volumes, ["test"], how, settings.real_copies, settings.seed).volumes}
        for experiment, model in self.experiments(cohort).items():
            brains[model] = drawn(self.run(experiment), n or settings.n_generated, settings.seed)
        return brains, cube_affine(volumes.voxel_sizes_mm(volumes.rows("train")).mean(0), volumes.size)

    def training_scans(self, cohort: str) -> tuple[torch.Tensor, np.ndarray]:
        """Training scans (n, S, S, S) in [-1, 1], not augmented, and the affine to draw them with."""
        volumes = self.prepared(cohort)
        rows = volumes.rows("train")
        return volumes.tensor(rows)[:, 0], cube_affine(volumes.voxel_sizes_mm(rows).mean(0), volumes.size)

    def faulty(self, cohort: str, n: int) -> dict[str, torch.Tensor]:
        """Volumes of the generators with a known fault, n of each."""
        settings, how = self.config.evaluate, self.config.cohorts[cohort].augment
        return dict(faulty(self.training_scans(cohort)[0], how, n, settings.real_copies, settings.seed))

    def z_dims(self, cohort: str) -> dict[str, int]:
        """Length of each model's code."""
        return {model: self.config.settings(name).model.z_dim for name, model in self.experiments(cohort).items()}

    def experiments(self, cohort: str) -> dict[str, str]:
        """Experiments on a cohort: name in params.yaml to name of the model."""
        return self.config.experiments_on(cohort)

    def prepared(self, cohort: str) -> Volumes:
        """Scans of a cohort, prepared first where that has not been done.

        Raises
        ------
        InputError
            If params.yaml no longer says how they were prepared, or they cannot be read.
        """
        folder = self.paths.prepared(cohort)
        if not self._is_there(folder):
            return Volumes(prepare(cohort, self.config, self.paths, progress=False))
        for line in check_preparation(self.config, cohort, folder):
            warnings.warn(line, stacklevel=2)
        return Volumes(folder)

    def run(self, experiment: str) -> Run:
        """A trained model; in the smoke profile trained on the spot."""
        settings = self.config.settings(experiment)
        folder = self.paths.run(settings.cohort, settings.name)
        if not self._is_there(folder):
            prepared = self.prepared(settings.cohort).folder
            fit(settings, prepared, folder, self.paths.scratch("train", settings.cohort, settings.name))
        return alphagan.load(folder)

    def features(self, cohort: str) -> FeatureNetwork:
        """A cohort's feature network; in the smoke profile trained on the spot."""
        folder = self.paths.features(cohort)
        if self._is_there(folder):
            return load_features(folder)
        return train_features(self.prepared(cohort).folder, folder, self.config.features)

    def evaluate(self, cohort: str) -> Evaluation:
        """Measure every model of a cohort, and keep the numbers as a file."""
        self._train(cohort)
        return keep_metrics(self.config, cohort, self.paths)

    def audit(self, cohort: str) -> dict[str, Audit]:
        """Look for what the models of a cohort remember, and keep the numbers as a file."""
        self._train(cohort)
        return keep_audit(self.config, cohort, self.paths)

    def metrics(self, cohort: str) -> dict:
        """What `evaluate` measured.

        Raises
        ------
        InputError
            If it has not been called yet, in the full profile.
        """
        path = self.paths.metrics(cohort)
        if self.profile == "smoke" and not path.exists():
            return self.evaluate(cohort).as_dict()
        for line in of_other_weights(self.config, cohort, self.paths):
            warnings.warn(line, stacklevel=2)
        try:
            return json.loads(path.read_text())
        except FileNotFoundError:
            raise InputError(f"{path}: not found; run `dvc repro evaluate@{cohort}` first") from None

    def recorded(self) -> list[tuple[Config, dict]]:
        """Params and metrics of the experiments that DVC has; none in the smoke profile."""
        return recorded(self.paths.root) if self.profile == "full" else []

    def _train(self, cohort: str) -> None:
        self.prepared(cohort)
        self.features(cohort)
        for experiment in self.experiments(cohort):
            self.run(experiment)

    def _is_there(self, folder: Path) -> bool:
        # In the full profile a missing folder is an error that its reader reports, not a reason to start hours of work.
        return self.profile == "full" or folder.exists()


def published(name: str) -> dict:
    """Read results/NAME/metrics.json, which is kept in the repository: {cohort: {model: {metric: ...}}}."""
    return json.loads((repository() / "results" / name / "metrics.json").read_text(encoding="utf-8"))


def _every_cohort_is_used(config: Config) -> None:
    used = {experiment.cohort for experiment in config.experiments.values()}
    for cohort in config.cohorts:
        if cohort not in used:
            raise InputError(
                f"params.yaml: cohorts.{cohort}: no experiment trains on it; add one, or comment the cohort out"
            )


def repository() -> Path:
    """Nearest folder upwards that has a params.yaml."""
    for folder in (Path.cwd(), *Path.cwd().parents):
        if (folder / "params.yaml").exists():
            return folder
    raise InputError(f"{Path.cwd()}: no params.yaml here or above; start Jupyter inside the repository")
