"""What a notebook works on: the pipeline's own files, or a small run in a temporary folder."""

import json
import os
import tempfile
from pathlib import Path

import numpy as np
import torch

from alphagan import figures
from alphagan.ablation import recorded
from alphagan.config import Config, load, parse
from alphagan.errors import InputError
from alphagan.evaluation import evaluate, real_sample, write_metrics
from alphagan.generate import Run, cube_affine, sample
from alphagan.paths import Paths
from alphagan.prepare import prepare
from alphagan.training import fit
from alphagan.volumes import Volumes

MODELS = tuple(name for name in figures.MODELS if name not in ("real", "mean_brain"))  # the paper's


def _simulated(modality: str = "T1w", **more) -> dict:
    source = "alphagan/cohorts/template.py"
    return {
        "kind": "template", "source": source, "modality": modality, "n_subjects": 16, "voxel_size_mm": 6.0, **more
    }  # fmt: skip


# Small enough for every notebook to make its own data and models within seconds, too small to look like brains.
SMOKE = {
    "cohorts": {
        "normal": _simulated(),
        "tumour_flair": _simulated("FLAIR", lesion="tumour", augment={"flip": True, "intensity": None}),
        "tumour_t2": _simulated("T2w", lesion="tumour", augment={"flip": True, "intensity": None}),
        "stroke": _simulated(lesion="stroke", augment={"flip": True, "intensity": None}),
    },
    "experiments": {
        **{f"normal-{model}": {"cohort": "normal", "model": model} for model in MODELS},
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
    "evaluate": {"n_generated": 32, "n_pairs": 40, "mmd_batch": 4, "mmd_repeats": 10, "n_bootstrap": 100},
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
            root = Path(root) if root else _repository()
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
            G = self.run(experiment).generator()
            brains[model] = torch.cat(list(sample(G, n or settings.n_generated, settings.seed)))
        return brains, cube_affine(volumes.voxel_sizes_mm(volumes.rows("train")).mean(0), volumes.size)

    def z_dims(self, cohort: str) -> dict[str, int]:
        """Length of each model's code."""
        return {model: self.config.settings(name).model.z_dim for name, model in self.experiments(cohort).items()}

    def experiments(self, cohort: str) -> dict[str, str]:
        """Experiments on a cohort: name in params.yaml to name of the model."""
        return {name: chosen.model for name, chosen in self.config.experiments.items() if chosen.cohort == cohort}

    def prepared(self, cohort: str) -> Volumes:
        """Scans of a cohort, prepared first where that has not been done."""
        folder = self.paths.prepared(cohort)
        return Volumes(folder if self._is_there(folder) else prepare(cohort, self.config, self.paths, progress=False))

    def run(self, experiment: str) -> Run:
        """A trained model; in the smoke profile trained on the spot."""
        settings = self.config.settings(experiment)
        folder = self.paths.run(settings.cohort, settings.name)
        if not self._is_there(folder):
            prepared = self.prepared(settings.cohort).folder
            fit(settings, prepared, folder, self.paths.scratch("train", settings.cohort, settings.name))
        return Run.load(folder)

    def evaluate(self, cohort: str) -> dict:
        """Measure every model of a cohort, and keep the result as a file."""
        for experiment in self.experiments(cohort):
            self.run(experiment)
        metrics = evaluate(self.config, cohort, self.paths)
        write_metrics(metrics, self.paths.metrics(cohort))
        return metrics

    def metrics(self, cohort: str) -> dict:
        """What `evaluate` measured.

        Raises
        ------
        InputError
            If it has not been called yet, in the full profile.
        """
        path = self.paths.metrics(cohort)
        if self.profile == "smoke" and not path.exists():
            return self.evaluate(cohort)
        try:
            return json.loads(path.read_text())
        except FileNotFoundError:
            raise InputError(f"{path}: not found; run `dvc repro evaluate@{cohort}` first") from None

    def recorded(self) -> list[tuple[Config, dict]]:
        """Params and metrics of the experiments that DVC has; none in the smoke profile."""
        return recorded(self.paths.root) if self.profile == "full" else []

    def _is_there(self, folder: Path) -> bool:
        # In the full profile a missing folder is an error that its reader reports, not a reason to start hours of work.
        return self.profile == "full" or folder.exists()


def _every_cohort_is_used(config: Config) -> None:
    used = {experiment.cohort for experiment in config.experiments.values()}
    for cohort in config.cohorts:
        if cohort not in used:
            raise InputError(
                f"params.yaml: cohorts.{cohort}: no experiment trains on it; add one, or comment the cohort out"
            )


def _repository() -> Path:
    for folder in (Path.cwd(), *Path.cwd().parents):
        if (folder / "params.yaml").exists():
            return folder
    raise InputError(f"{Path.cwd()}: no params.yaml here or above; start Jupyter inside the repository")
