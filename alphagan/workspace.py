"""What a notebook works on: the pipeline's own files, or a small run in a temporary folder."""

import os
import tempfile
from pathlib import Path

from alphagan.config import Config, load, parse
from alphagan.errors import InputError
from alphagan.evaluation import evaluate, write_metrics
from alphagan.generate import Run
from alphagan.paths import Paths
from alphagan.prepare import prepare
from alphagan.training import fit
from alphagan.volumes import Volumes

# Small enough for every notebook to make its own data and model within seconds, too small to look like brains.
SMOKE = {
    "cohorts": {
        "template": {
            "kind": "template",
            "source": "alphagan/cohorts/template.py",
            "n_subjects": 24,
            "voxel_size_mm": 6.0,
        }
    },
    "experiments": {"template-alpha_wgan_gp": {"cohort": "template", "model": "alpha_wgan_gp"}},
    "prepare": {"size": 16, "workers": 1},
    "model": {
        "z_dim": 16,
        "width": 0.125,
        "code_units": 32,
        "critic_norm": "none",
        "reconstruction": "balanced",
        "lambda2": 1.0,
    },
    "train": {"iterations": 40, "batch_size": 4, "lr": 0.001, "betas": [0.5, 0.9], "ema_decay": 0.9, "device": "cpu"},
    "evaluate": {"n_generated": 32, "n_pairs": 40, "mmd_batch": 4, "mmd_repeats": 10, "n_bootstrap": 100},
}


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
            os.chdir(root)  # paths in params.yaml, such as data/raw/ixi, count from the repository
            self.paths = Paths(root)
        elif profile == "smoke":
            self._temporary = tempfile.TemporaryDirectory(prefix="alphagan-")
            self.config, self.paths = parse(SMOKE, "smoke profile"), Paths(Path(self._temporary.name))
        else:
            raise InputError(f"profile: {profile!r} is unknown; use smoke or full")

    def title(self, cohort: str) -> str:
        """Name of a cohort for figures; simulated subjects are always called so."""
        simulated = self.config.cohorts[cohort].kind == "template"
        return f"{cohort} (simulated)" if simulated else cohort

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

    def metrics(self, cohort: str) -> dict:
        """Evaluate every model of a cohort, and keep the result as a file."""
        for experiment in self.experiments(cohort):
            self.run(experiment)
        metrics = evaluate(self.config, cohort, self.paths)
        write_metrics(metrics, self.paths.metrics(cohort))
        return metrics

    def _is_there(self, folder: Path) -> bool:
        # In the full profile a missing folder is an error that its reader reports, not a reason to start hours of work.
        return self.profile == "full" or folder.exists()


def _repository() -> Path:
    for folder in (Path.cwd(), *Path.cwd().parents):
        if (folder / "params.yaml").exists():
            return folder
    raise InputError(f"{Path.cwd()}: no params.yaml here or above; start Jupyter inside the repository")
