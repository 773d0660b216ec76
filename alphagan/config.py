"""params.yaml as checked, immutable objects: unknown keys, wrong types and impossible values are refused."""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from alphagan.cohort_config import AnyCohort, Augment, Name, Section
from alphagan.departures import DEPARTURES
from alphagan.errors import InputError

Fraction = Annotated[float, Field(ge=0.0, lt=1.0)]

# A cube's side is k 2^n: k in 4..7 is what the innermost layers see, n the number of up-samplings.
SIZES = tuple(sorted(k * 2**n for k in (4, 5, 6, 7) for n in range(2, 7) if k * 2**n <= 256))


class Split(Section):
    """Share of subjects (people, not scans) that are held out."""

    val: Fraction = 0.1
    test: Fraction = 0.2
    seed: Annotated[int, Field(ge=0)] = 2019

    @model_validator(mode="after")
    def _leaves_training(self):
        if self.val + self.test >= 1:
            raise ValueError("val + test must be below 1, so that scans are left to train on")
        return self


class Prepare(Section):
    """From a scan to a cube (paper, section 3)."""

    size: int = 32
    fit: Literal["stretch", "pad"] = "stretch"
    field_of_view_mm: Annotated[float, Field(gt=0)] | None = None
    upper_percentile: Annotated[float, Field(gt=50, le=100)] = 99.9
    min_brain_ml: Annotated[float, Field(ge=0)] = 500.0
    max_saturated: Annotated[float, Field(gt=0, le=1)] = 0.05
    split: Split = Split()
    workers: int = -1

    @field_validator("workers")
    @classmethod
    def _some_workers(cls, value):
        if value == 0:
            raise ValueError("must be a number of processes, or -1 for one per core")
        return value

    @field_validator("size")
    @classmethod
    def _known_size(cls, value):
        if value not in SIZES:
            raise ValueError(f"must be one of {', '.join(map(str, SIZES))}")
        return value

    @model_validator(mode="after")
    def _field_of_view_needs_pad(self):
        if self.field_of_view_mm is not None and self.fit != "pad":
            raise ValueError("field_of_view_mm only has a meaning with fit: pad")
        return self


class Model(Section):
    """Networks and loss weights; the defaults are the paper's."""

    z_dim: Annotated[int, Field(ge=1)] = 1000
    width: Annotated[float, Field(gt=0, le=4)] = 1.0
    code_units: Annotated[int, Field(ge=1)] = 4096
    critic_norm: Literal["batch", "group", "none"] = "batch"
    penalty: Literal["both", "either"] = "both"
    lambda1: Annotated[float, Field(ge=0)] = 10.0
    lambda2: Annotated[float, Field(ge=0)] = 10.0
    reconstruction: Literal["mean", "balanced"] = "mean"
    generator_steps: Annotated[int, Field(ge=1)] = 2


# Keys of `train` that say where a run is computed and what is spent on it, not what is computed.
WHERE = {"device", "devices", "threads", "deterministic", "checkpoint_activations", "checkpoint_every", "sample_every"}


class Train(Section):
    """Optimisation and bookkeeping; the defaults are the paper's where it states them."""

    seed: Annotated[int, Field(ge=0)] = 2019
    iterations: Annotated[int, Field(ge=1)] = 12000
    batch_size: Annotated[int, Field(ge=2)] = 4
    lr: Annotated[float, Field(gt=0)] = 0.0002
    betas: list[Fraction] = Field(default=[0.9, 0.999])
    ema_decay: Fraction = 0.999
    early_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.1
    checkpoint_every: Annotated[int, Field(ge=1)] = 500
    sample_every: Annotated[int, Field(ge=1)] = 500
    precision: Literal["float32", "bf16"] = "float32"
    deterministic: bool = True
    checkpoint_activations: bool = False
    device: Literal["auto", "cpu", "cuda"] = "auto"
    devices: Annotated[int, Field(ge=1)] = 1
    threads: Annotated[int, Field(ge=1)] | None = None

    @field_validator("betas")
    @classmethod
    def _two(cls, value):
        if len(value) != 2:
            raise ValueError("expects [beta1, beta2]")
        return value

    @model_validator(mode="after")
    def _every_device_has_its_share(self):
        if self.batch_size % self.devices:
            raise ValueError(f"batch_size: {self.batch_size} is not a multiple of devices: {self.devices}")
        return self


class Evaluate(Section):
    """Sample sizes of the evaluation; the defaults are the paper's."""

    seed: Annotated[int, Field(ge=0)] = 2019
    n_generated: Annotated[int, Field(ge=8)] = 512
    real_copies: Annotated[int, Field(ge=1)] = 4
    n_pairs: Annotated[int, Field(ge=2)] = 1000
    mmd_batch: Annotated[int, Field(ge=2)] = 8
    mmd_repeats: Annotated[int, Field(ge=1)] = 100
    n_bootstrap: Annotated[int, Field(ge=100)] = 1000


class Experiment(Section):
    """A cohort, a model to train on it, and what it changes in the sections `model` and `train`.

    The model's name is its family (alpha_wgan_gp, alpha_gan, vae_gan, wgan_gp), or begins with it, as
    alpha_wgan_gp_z100 does. `variant: released` does all that the authors' released code did otherwise than the paper,
    `departures` names single ones of those. Overrides stay in force either way.
    """

    cohort: Name
    model: Name
    variant: Literal["paper", "released"] = "paper"
    departures: list[str] = Field(default=[])
    overrides: dict[Literal["model", "train"], dict[str, Any]] = Field(default={})

    @field_validator("model")
    @classmethod
    def _known_family(cls, value):
        if family(value) is None:
            raise ValueError(f"{value!r} is not {', '.join(DEPARTURES)}, or one of them with an ending such as _z100")
        return value

    @model_validator(mode="after")
    def _known_departures(self):
        known = DEPARTURES[self.family]
        for name in self.departures:
            if name not in known:
                raise ValueError(f"departures: {name!r} is not one that {self.family} has ({', '.join(known)})")
        return self

    @property
    def family(self) -> str:
        """Which class of `alphagan.objectives` trains it."""
        return family(self.model)

    def departs(self) -> list[str]:
        """List all departures that are on, in their documented order."""
        return [name for name in DEPARTURES[self.family] if self.variant == "released" or name in self.departures]


def family(model: str) -> str | None:
    """Family of a model's name, alpha_wgan_gp of alpha_wgan_gp_z100; None if it has none."""
    return next((name for name in DEPARTURES if model == name or model.startswith(f"{name}_")), None)


class Paper(Section):
    """Which cohort stands for which of the paper's in its table and figures; what is null is left out."""

    normal: Name | None = None
    tumour_flair: Name | None = None
    tumour_t2: Name | None = None
    stroke: Name | None = None


class Config(Section):
    """The whole of params.yaml."""

    cohorts: dict[Name, AnyCohort]
    experiments: dict[Name, Experiment]
    prepare: Prepare = Prepare()
    model: Model = Model()
    train: Train = Train()
    evaluate: Evaluate = Evaluate()
    paper: Paper = Paper()

    @model_validator(mode="after")
    def _paper_fits(self):
        for key, cohort in self.paper:
            if cohort is not None and cohort not in self.cohorts:
                known = ", ".join(self.cohorts)
                raise ValueError(f"paper.{key}: {cohort!r} is not under cohorts; name one of {known}, or null")
        return self

    @model_validator(mode="after")
    def _experiments_fit(self):
        runs = {}
        for key, experiment in self.experiments.items():
            if experiment.cohort not in self.cohorts:
                known = ", ".join(self.cohorts) or "none"
                raise ValueError(
                    f"experiments.{key}.cohort: {experiment.cohort!r} is not under cohorts (known: {known})"
                )
            for section, changes in experiment.overrides.items():
                _override(getattr(self, section), changes, f"experiments.{key}.overrides.{section}")
            run = (experiment.cohort, experiment.model)
            if run in runs:
                raise ValueError(f"experiments.{key}: same cohort and model as {runs[run]}; both would write one run")
            runs[run] = key
        return self

    def settings(self, experiment: str) -> "Settings":
        """What one experiment trains with, overrides applied.

        Raises
        ------
        InputError
            If params.yaml has no such experiment.
        """
        if experiment not in self.experiments:
            known = ", ".join(self.experiments) or "none"
            raise InputError(f"experiment {experiment!r} is not under experiments in params.yaml (known: {known})")
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
            **sections,
        )


class Settings(Section):
    """All that decides how one run trains; written beside its weights as config.json."""

    cohort: Name
    name: Name
    size: int
    augment: Augment
    departures: list[str] = Field(default=[])
    model: Model
    train: Train

    @property
    def family(self) -> str:
        """Which class of `alphagan.objectives` trains it."""
        return family(self.name)

    def fingerprint(self) -> str:
        """12 hexadecimal digits that change with any setting of what is computed, not with where it is computed."""
        content = self.model_dump(mode="json", exclude={"train": WHERE})
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def _override(section: Section, changes: dict, where: str) -> Section:
    try:
        return type(section).model_validate({**section.model_dump(), **changes})
    except ValidationError as error:
        raise ValueError(f"{where}.{_first_problem(error)}") from None


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    # The path of a cohort's key has its kind in it, which the file has not.
    path = [part for i, part in enumerate(problem["loc"]) if not (i == 2 and problem["loc"][0] == "cohorts")]
    key = ".".join(str(part) for part in path)
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "float_type" and isinstance(problem["input"], str):
        message = f"{problem['input']!r} is text to YAML; write a number with a decimal point, such as 0.0001 or 1.0e-4"
    elif problem["type"] == "extra_forbidden":
        message = "unknown key; see params.yaml in the repository for the known ones"
    return f"{key}: {message}" if key else message


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
        raise InputError(f"{where}: {_first_problem(error)}") from None


def load(path: str | Path = "params.yaml") -> Config:
    """Read and check a params file.

    Raises
    ------
    InputError
        If the file is missing, is not YAML, or does not fit the schema.
    """
    path = Path(path)
    try:
        content = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run from the repository's root, or name one with --params") from None
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected sections such as cohorts: and experiments:, found {type(content).__name__}")
    return parse(content, str(path))
