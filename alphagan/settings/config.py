"""params.yaml as checked, immutable objects: unknown keys, wrong types and impossible values are refused."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, model_validator

from alphagan.errors import InputError
from alphagan.settings import yaml_file
from alphagan.settings.cohorts import AS_THEY_ARE, AnyCohort, Augment, Key, Name, Section
from alphagan.settings.departures import DEPARTURES, UNUSED
from alphagan.settings.problems import first_problem
from alphagan.settings.sections import WHERE, Audit, Cube, Evaluate, Features, Model, Paper, Prepare, Size, Train
from alphagan.settings.utility import Utility


def _of_a_family(name: str) -> str:
    if family(name) is None:
        raise ValueError(f"{name!r} is not {', '.join(DEPARTURES)}, or one of them with an ending such as _z100")
    if name.endswith(("_early", "_batch_statistics")):
        raise ValueError(f"{name!r}: another model's metrics have rows of that name; choose another ending")
    return name


ModelName = Annotated[Name, AfterValidator(_of_a_family)]


class Experiment(Section):
    """A cohort, a model to train on it, and what it changes in the sections `model` and `train`.

    The model's name is its family (alpha_wgan_gp, alpha_gan, vae_gan, wgan_gp), or begins with it, as
    alpha_wgan_gp_z100 does. `variant: released` does all that the authors' released code did otherwise than the paper,
    `departures` names single ones of those. Overrides stay in force either way.
    """

    cohort: Name
    model: ModelName
    variant: Literal["paper", "released"] = "paper"
    departures: list[str] = Field(default=[])
    overrides: dict[Literal["model", "train"], dict[str, Any]] = Field(default={})

    @model_validator(mode="after")
    def _known_departures(self):
        known = DEPARTURES[self.family]
        for name in self.departures:
            if name not in known:
                raise ValueError(f"departures: {name!r} is not one that {self.family} has ({', '.join(known)})")
        return self

    @property
    def family(self) -> str:
        """Which class of `alphagan.models` trains it."""
        return family(self.model)

    def departs(self) -> list[str]:
        """List all departures that are on, in their documented order."""
        return [name for name in DEPARTURES[self.family] if self.variant == "released" or name in self.departures]


def family(model: str) -> str | None:
    """Family of a model's name, alpha_wgan_gp of alpha_wgan_gp_z100; None if it has none."""
    return next((name for name in DEPARTURES if model == name or model.startswith(f"{name}_")), None)


class Config(Section):
    """The whole of params.yaml."""

    cohorts: dict[Key, AnyCohort]
    experiments: dict[Key, Experiment]
    prepare: Prepare = Prepare()
    model: Model = Model()
    train: Train = Train()
    features: Features = Features()
    evaluate: Evaluate = Evaluate()
    audit: Audit = Audit()
    paper: Paper = Paper()
    utility: Utility | None = None

    @model_validator(mode="after")
    def _names_differ(self):
        for section in ("cohorts", "experiments"):
            seen = {}
            for key in getattr(self, section):
                if (other := seen.setdefault(key.lower(), key)) != key:
                    raise ValueError(f"{section}.{key}: differs from {other} in case alone, which some disks ignore")
        return self

    @model_validator(mode="after")
    def _cohorts_exist(self):
        named = [(f"paper.{key}", cohort) for key, cohort in self.paper if cohort is not None]
        named += [(f"experiments.{key}.cohort", experiment.cohort) for key, experiment in self.experiments.items()]
        for key, cohort in named:
            if cohort not in self.cohorts:
                raise ValueError(_unknown(f"{key}:", cohort, "cohorts", self.cohorts))
        return self

    @model_validator(mode="after")
    def _experiments_fit(self):
        runs = {}
        for key, experiment in self.experiments.items():
            changed = {}
            for section, changes in experiment.overrides.items():
                where = f"experiments.{key}.overrides.{section}"
                changed[section] = _override(getattr(self, section), changes, where)
                for name in changes.keys() & set(UNUSED[experiment.family]):
                    as_published = section != "model" or changes[name] == Model.model_fields[name].default
                    if not as_published:
                        raise ValueError(f"{where}.{name}: has no effect on {experiment.model}; leave it out")
            self._fits_the_cube(key, experiment, changed.get("model", self.model))
            run = (experiment.cohort, experiment.model.lower())
            if run in runs:
                raise ValueError(f"experiments.{key}: same cohort and model as {runs[run]}; both would write one run")
            runs[run] = key
        return self

    def _fits_the_cube(self, key: str, experiment: Experiment, model: Model) -> None:
        """Refuse what a cube of `prepare.size` is too small for, or has no eighths for."""
        size = self.prepare.size
        if "patch_critic" in experiment.departs() and size & (size - 1):
            raise ValueError(
                f"experiments.{key}: patch_critic takes a prepare.size of 16, 32, 64, 128 or 256, not {size}"
            )
        if model.critic_shift > size // 4:
            raise ValueError(f"experiments.{key}: model.critic_shift is more than a quarter of prepare.size, {size}")
        if model.critic_cutout and round(model.critic_cutout * size) < 1:
            raise ValueError(
                f"experiments.{key}: model.critic_cutout is less than a voxel of {size}; make it larger, or 0"
            )

    def cohort(self, name: str) -> AnyCohort:
        """Look a cohort up.

        Raises
        ------
        InputError
            If params.yaml has no such cohort.
        """
        if name not in self.cohorts:
            raise InputError(_unknown("cohort", name, "cohorts", self.cohorts))
        return self.cohorts[name]

    def experiments_on(self, cohort: str) -> dict[str, str]:
        """Experiments on a cohort: name in params.yaml to name of the model."""
        return {name: chosen.model for name, chosen in self.experiments.items() if chosen.cohort == cohort}

    def models(self, cohort: str) -> list[str]:
        """Models that are trained on a cohort."""
        return list(self.experiments_on(cohort).values())

    def settings(self, experiment: str) -> "Settings":
        """What one experiment trains with, overrides applied.

        Raises
        ------
        InputError
            If params.yaml has no such experiment.
        """
        if experiment not in self.experiments:
            raise InputError(_unknown("experiment", experiment, "experiments in params.yaml", self.experiments))
        chosen = self.experiments[experiment]
        sections = {
            name: _override(getattr(self, name), chosen.overrides.get(name, {}), name) for name in ("model", "train")
        }
        return Settings(
            cohort=chosen.cohort,
            name=chosen.model,
            size=self.prepare.size,
            augment=self.cohorts[chosen.cohort].augment,
            departures=chosen.departs(),
            prepare=self.prepare.cube,
            modality=self.cohorts[chosen.cohort].modality,
            **sections,
        )


class Settings(Section):
    """All that decides how one run trains; written beside its weights as config.json.

    `prepare`, `modality`: how its scans became cubes, and their contrast; null where that is not known.
    """

    cohort: Name
    name: ModelName
    size: Size
    augment: Augment
    departures: list[str] = Field(default=[])
    model: Model
    train: Train
    prepare: Cube | None = None
    modality: Name | None = None

    @property
    def family(self) -> str:
        """Which class of `alphagan.models` trains it."""
        return family(self.name)

    @property
    def trained_augment(self) -> Augment:
        """Augmentation that the run trains with, departures applied."""
        return AS_THEY_ARE if "no_augmentation" in self.departures else self.augment

    def fingerprint(self) -> str:
        """12 hexadecimal digits that change with any setting of what is computed, not with where it is computed."""
        content = self.model_dump(mode="json", exclude={"train": WHERE})
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def _unknown(what: str, name: str, where: str, known: Iterable[str]) -> str:
    return f"{what} {name!r} is not under {where} (known: {', '.join(known) or 'none'})"


def _override(section: Section, changes: dict, where: str) -> Section:
    try:
        return type(section).model_validate({**section.model_dump(), **changes})
    except ValidationError as error:
        raise ValueError(f"{where}.{first_problem(error)}") from None


def parse(content: dict, where: str = "params.yaml") -> Config:
    """Check a dictionary against the schema.

    Raises
    ------
    InputError
        Naming `where`, the key and what is wrong with its value.
    """
    try:
        return Config.model_validate(content)
    except ValidationError as error:
        raise InputError(f"{where}: {first_problem(error)}") from None


def load(path: str | Path = "params.yaml") -> Config:
    """Read and check a params file.

    Raises
    ------
    InputError
        If the file is missing, cannot be read, is not YAML, or does not fit the schema.
    """
    content = yaml_file.read(path)
    if content is None:
        raise InputError(f"{path}: is empty; give it cohorts: and experiments:, or copy a file of presets/")
    if not isinstance(content, dict):
        found = "a list" if isinstance(content, list) else "text"
        raise InputError(f"{path}: expected sections such as cohorts: and experiments:, found {found}")
    return parse(content, str(path))
