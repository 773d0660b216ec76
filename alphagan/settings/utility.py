"""The section `utility` of params.yaml: whether generated brains help a reader of age."""

from typing import Annotated

from pydantic import Field, field_validator, model_validator

from alphagan.settings.cohorts import Key, Section, Seed

People = Annotated[int, Field(ge=10)]  # a reader is tuned by cross-validation over them


class Utility(Section):
    """Design of the experiment.

    `experiments`: whose models generate; null: all of the cohort that have an encoder. `seeds`: of training people,
    generators and readers, so many of each. `folds`: readers and generators learn from all folds but one and are tested
    on that one; null: tested on the cohort's own test people. `people`: how many the generators and readers learn from.
    `curve`: how many the reader of real scans alone learns from besides, in whose measure a gain is told.
    `copies`: augmented ones of each scan. `shift`: by up to so many voxels. `n_generated`: volumes of each generator.
    `share`: of a batch, that is generated. `learning_rates`: among which cross-validation over training people chooses.
    `invisible`: years; smaller differences are declared to be none before anything is seen.
    """

    experiments: list[Key] | None = None
    seed: Seed = 2019
    seeds: Annotated[int, Field(ge=1)] = 5
    folds: Annotated[int, Field(ge=2)] | None = 5
    people: Annotated[list[People], Field(min_length=1)] = Field(default=[32, 64, 128])
    curve: list[People] = Field(default=[16])
    copies: Annotated[int, Field(ge=1)] = 8
    shift: Annotated[int, Field(ge=0)] = 1
    n_generated: Annotated[int, Field(ge=16)] = 512
    share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    updates: Annotated[int, Field(ge=1)] = 400
    batch_size: Annotated[int, Field(ge=4)] = 32
    learning_rates: Annotated[list[Annotated[float, Field(gt=0, le=1)]], Field(min_length=1)] = Field(
        default=[0.03, 0.1, 0.3, 1.0]
    )
    invisible: Annotated[float, Field(ge=0)] = 0.7
    n_bootstrap: Annotated[int, Field(ge=100)] = 10000

    @field_validator("people", "curve")
    @classmethod
    def _each_once(cls, value):
        if len(set(value)) < len(value):
            raise ValueError("has a number twice")
        return sorted(value)

    @model_validator(mode="after")
    def _a_curve(self):
        if len(self.numbers) < 2:
            raise ValueError("people and curve: name two numbers of people at least, between which a gain can be told")
        return self

    @property
    def numbers(self) -> list[int]:
        """How many people the reader of real scans alone learns from, each once, in order."""
        return sorted({*self.people, *self.curve})
