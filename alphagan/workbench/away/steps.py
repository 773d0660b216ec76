"""What a params file asks for, step by step, and how far each step is."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alphagan.errors import InputError
from alphagan.generation.load import load
from alphagan.settings.config import Config, Settings
from alphagan.settings.json_file import read_json
from alphagan.settings.paths import Paths
from alphagan.training import checkpoint, resume
from alphagan.volumes.prepared import Volumes

DONE = "done"
MEASURED = ("evaluate", "audit", "show")  # what is made of finished models, without a GPU


@dataclass(frozen=True)
class Step:
    """One command: features, evaluate, audit or show of a cohort, or train of an experiment."""

    kind: str
    cohort: str
    experiment: str | None = None

    @property
    def name(self) -> str:
        """As the pipeline's stage is called, such as train@normal-alpha_wgan_gp."""
        return f"{self.kind}@{self.experiment or self.cohort}"


class Work:
    """The steps of a params file, and what is there of them.

    Parameters
    ----------
    config : Config
        Cohorts that no experiment trains on ask for nothing.
    paths : Paths
        Below which the cohorts lie prepared.
    """

    def __init__(self, config: Config, paths: Paths):
        self.config, self.paths = config, paths
        self.cohorts = list(dict.fromkeys(chosen.cohort for chosen in config.experiments.values()))

    def steps(self) -> list[Step]:
        """All of them, in order: one cohort after the other, its experiments as the file has them."""
        found = []
        for cohort in self.cohorts:
            found.append(Step("features", cohort))
            found += [Step("train", cohort, name) for name in self.config.experiments_on(cohort)]
            found += [Step(kind, cohort) for kind in MEASURED]
        return found

    def left(self) -> list[Step]:
        """Steps that are not done.

        Raises
        ------
        InputError
            If a cohort is not prepared.
        """
        return [step for step in self.steps() if self.reached(step) != DONE]

    def progress(self) -> dict[str, int | str]:
        """How far each step is, by name."""
        return {step.name: self.reached(step) for step in self.steps()}

    def reached(self, step: Step) -> int | str:
        """`DONE`, or the iterations that the newest checkpoint of a training holds, or 0."""
        if step.kind == "train":
            if self._is_trained(step):
                return DONE
            newest = checkpoint.newest(self.checkpoints(step))
            return checkpoint.iteration_of(newest) if newest else 0
        if step.kind == "features":
            return DONE if self._has_features(step.cohort) else 0
        told = read_json(self.hardware(step.cohort)).get(step.name, {}).get("of")
        return DONE if told and told == self.of(step) and all(path.exists() for path in self.made(step)) else 0

    def data(self, cohort: str) -> str:
        """Fingerprint of a prepared cohort."""
        return Volumes(self.paths.prepared(cohort)).fingerprint()

    def settings(self, step: Step) -> Settings:
        """What a training trains with."""
        return self.config.settings(step.experiment)

    def run(self, step: Step) -> Path:
        """Folder of the run that a training makes."""
        settings = self.settings(step)
        return self.paths.run(settings.cohort, settings.name)

    def configuration(self, step: Step) -> dict[str, Any]:
        """What must be the same for a training to go on."""
        return resume.configuration_of(self.settings(step), self.data(step.cohort))

    def checkpoints(self, step: Step) -> Path:
        """Folder of a training's own checkpoints."""
        settings = self.settings(step)
        name = resume.folder_of(settings, self.data(step.cohort))
        return self.paths.scratch("train", settings.cohort, settings.name, name)

    def hardware(self, cohort: str) -> Path:
        """What was computed where, and how long it took."""
        return self.paths.reports() / "hardware" / f"{cohort}.json"

    def samples(self, cohort: str, model: str) -> Path:
        """Some dozens of a model's brains."""
        return self.paths.reports() / "samples" / cohort / f"{model}.npz"

    def figures(self, cohort: str) -> Path:
        """Folder of the figures that `show` draws."""
        return self.paths.figures(cohort, "away")

    def made(self, step: Step) -> list[Path]:
        """Files that a step makes of finished models; the last one says of which weights the numbers before are."""
        cohort = step.cohort
        if step.kind == "show":
            drawn = [path for path in sorted(self.figures(cohort).glob("*")) if path.is_file()]
            return [*(self.samples(cohort, model) for model in self.config.models(cohort)), *drawn]
        kind = {"evaluate": "metrics", "audit": "audit"}[step.kind]
        return [getattr(self.paths, kind)(cohort), self.paths.provenance(kind, cohort)]

    def of(self, step: Step) -> str | None:
        """12 hexadecimal digits that change with the weights and the settings that a measured step rests on."""
        config, cohort = self.config, step.cohort
        trained = [self.paths.run(cohort, model) for model in config.models(cohort)]
        weights = [read_json(run / "config.json").get("weights_sha256") for run in trained]
        features = self.paths.features(cohort) / "weights.pt"
        if None in weights or not features.exists():
            return None
        chosen = config.cohort(cohort)
        content = [step.kind, weights, hashlib.sha256(features.read_bytes()).hexdigest(), chosen.modality]
        # Where the file of Med3D lies is another matter than whether there is one.
        content += [config.evaluate.model_dump(exclude={"med3d"}), config.evaluate.med3d is not None]
        content += [config.audit.model_dump(), chosen.augment.model_dump()]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]

    def _is_trained(self, step: Step) -> bool:
        try:
            run = load(self.run(step))
        except InputError:  # none, or of another version
            return False
        same = run.settings.fingerprint() == self.settings(step).fingerprint()
        return same and run.config.get("data") == self.data(step.cohort)

    def _has_features(self, cohort: str) -> bool:
        folder = self.paths.features(cohort)
        told, wanted = read_json(folder / "config.json"), self.config.features.model_dump(exclude={"threads"})
        same = told.get("settings") == wanted and told.get("data") == self.data(cohort)
        return same and (folder / "weights.pt").exists()
