"""How each kind of cohort is described in params.yaml."""

import re
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]


def _carried(name: object) -> str:
    """Refuse what DVC (a dot is a path to it) or YAML would take for something else than this text."""
    fine = isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name)
    if not fine or not _is_text(name) or re.fullmatch(NUMBERS, name, re.IGNORECASE):
        raise ValueError(
            f"{name!r} is no name that DVC can hand on: use letters, digits, _ and - (no dot), and "
            "neither a number nor a word that YAML reads as one of its values, such as yes or null"
        )
    return name


def _is_text(name: str) -> bool:
    """Whether YAML reads a word as such, and neither as a value nor as a date that there is not."""
    try:
        return isinstance(yaml.safe_load(name), str)
    except ValueError:
        return False


NUMBERS = r"[\d_-]+(e[\d_-]+)?"  # to the YAML of DVC, beside those of PyYAML
Key = Annotated[str, BeforeValidator(_carried)]  # of a cohort or an experiment


Seed = Annotated[int, Field(ge=0, lt=2**63)]  # what every generator takes
OLDEST = 120  # years
USUAL = {name.lower(): name for name in ("T1w", "T2w", "FLAIR", "PDw", "T1wGd")}  # of BIDS, as checks ask for them
USUAL |= {"t1": "T1w", "mprage": "T1w", "t2": "T2w", "pd": "PDw", "t1ce": "T1wGd", "t1c": "T1wGd"}


class Section(BaseModel):
    """Base of every section: strict types, finite numbers, no unknown keys, no change after loading."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, content):
        for key in content if isinstance(content, dict) else ():
            if key not in cls.model_fields:
                near = get_close_matches(str(key), cls.model_fields, n=1)
                hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(cls.model_fields)}"
                raise PydanticCustomError("unknown_key", "unknown key; {hint}", {"key": str(key), "hint": hint})
        return content


class Augment(Section):
    """Augmentation of real scans (paper, section 3): flip alone for diseased brains, both for normal ones."""

    flip: bool = True
    intensity: list[float] | None = [0.7, 1.0]

    @field_validator("intensity")
    @classmethod
    def _range(cls, value):
        if value is not None and not (len(value) == 2 and 0 < value[0] <= value[1] <= 1):
            raise ValueError("expects [low, high] with 0 < low <= high <= 1, or null")
        return value


AS_THEY_ARE = Augment(flip=False, intensity=None)


class Cohort(Section):
    """What every cohort has.

    `source`: the folder of scans, or the code that draws or downloads them. `expected`: how many scans
    `alphagan cohort check` should find. `background`: what is not above it is background; null: found for each scan.
    `orientation`: directions of the stored axes, such as LPS, where the headers do not tell them, or not rightly.
    `covariates`: a table of people with their age and sex, such as BIDS' participants.tsv.
    """

    source: str
    modality: Name = "T1w"
    augment: Augment = Augment()
    expected: Annotated[int, Field(ge=1)] | None = None
    background: float | None = None
    orientation: str | None = None
    covariates: str | None = None

    @field_validator("modality")
    @classmethod
    def _as_bids_has_it(cls, value):
        usual = USUAL.get(value.lower(), value)
        if value != usual:
            raise ValueError(f"is called {usual} here; write that")
        return value

    @field_validator("orientation")
    @classmethod
    def _three_axes(cls, value):
        pairs = ("LR", "AP", "SI")
        if value is not None and (len(value) != 3 or any(len(set(value) & set(pair)) != 1 for pair in pairs)):
            raise ValueError("expects three letters, one each of R or L, A or P, S or I, such as LPS")
        return value


class TemplateCohort(Cohort):
    """Simulated subjects, drawn from the MNI152 maps that nilearn bundles; healthy, or each with a `lesion`."""

    kind: Literal["template"]
    n_subjects: Annotated[int, Field(ge=2)] = 160
    seed: Seed = 2019
    voxel_size_mm: Annotated[float, Field(ge=1.0, le=6.0)] = 3.0
    lesion: Literal["none", "tumour", "stroke"] = "none"


class NiftiCohort(Cohort):
    """Any folder tree of .nii, .nii.gz or .mgz files; see alphagan.preparation.cohorts.nifti for the patterns."""

    kind: Literal["nifti"]
    pattern: str | None = None
    mask_pattern: str | None = None


class FreesurferCohort(Cohort):
    """A SUBJECTS_DIR, or ADNI's download tree.

    `selection`: the table of images that ADNI's archive exports; `group` and, if any are named, `visits` say which of
    its rows are meant. Without a table every scan is.
    """

    kind: Literal["freesurfer"]
    modality: Literal["T1w"] = "T1w"
    volume: Literal["brainmask", "brain", "norm"] = "brainmask"
    selection: str | None = None
    group: str = "CN"
    visits: Annotated[list[str], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _selects_from_a_table(self):
        if self.selection is None and (self.group != "CN" or self.visits is not None):
            raise ValueError("group and visits choose from a table; name it as the cohort's selection")
        if self.selection is not None and not Path(self.selection).is_relative_to(self.source):
            raise ValueError(f"selection: put or link the table into {self.source}, so that a change of it is noticed")
        return self


class BratsCohort(Cohort):
    """BraTS as its owners publish it, 2018 and later."""

    kind: Literal["brats"]
    modality: Literal["T1w", "T1wGd", "T2w", "FLAIR"] = "FLAIR"
    grade: Literal["HGG", "LGG", "all"] = "HGG"


class AtlasCohort(Cohort):
    """ATLAS R1.1 or R2.0, with the tissue maps that SPM12 made beside each scan.

    `sessions`: which time points to take, t01 or 1 for instance; null takes all.
    """

    kind: Literal["atlas"]
    modality: Literal["T1w"] = "T1w"
    tissue_threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    sessions: Annotated[list[str], Field(min_length=1)] | None = None


class BidsCohort(Cohort):
    """BIDS, raw or derivatives.

    `space`, `desc`: what the names of the scans have after space- and desc-; null where they have none. `res`: what
    they have after res-; null takes any.
    """

    kind: Literal["bids"]
    space: Name | None = None
    res: Name | None = None
    desc: Name | None = None


class OpenneuroCohort(Cohort):
    """A public data set that is downloaded to `folder` when it is first needed.

    `source`: the list of its files, alphagan/preparation/cohorts/registry/DATASET.txt. `url`: a mirror that has them.
    """

    kind: Literal["openneuro"]
    dataset: Literal["ds002748", "ixi"]
    folder: str
    url: str | None = None
    modality: Literal["T1w"] = "T1w"


class SemisyntheticStrokeCohort(Cohort):
    """Real scans in `source`/scans with real lesion masks from `source`/lesions placed into them."""

    kind: Literal["semisynthetic_stroke"]
    pattern: str | None = None
    mask_pattern: str | None = None
    seed: Seed = 2019


AnyCohort = Annotated[
    TemplateCohort
    | NiftiCohort
    | FreesurferCohort
    | BratsCohort
    | AtlasCohort
    | BidsCohort
    | OpenneuroCohort
    | SemisyntheticStrokeCohort,
    Field(discriminator="kind"),
]
