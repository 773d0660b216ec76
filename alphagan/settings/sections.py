"""The sections of params.yaml that are the same for every cohort and experiment."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from alphagan.settings.cohorts import Name, Section, Seed

Fraction = Annotated[float, Field(ge=0.0, lt=1.0)]

# A cube's side is k 2^n: k in 4..7 is what the innermost layers see, n the number of up-samplings.
SIZES = tuple(sorted(k * 2**n for k in (4, 5, 6, 7) for n in range(2, 7) if k * 2**n <= 256))


def _known_size(size: int) -> int:
    if size not in SIZES:
        raise ValueError(f"must be one of {', '.join(map(str, SIZES))}")
    return size


Size = Annotated[int, AfterValidator(_known_size)]


class Split(Section):
    """Share of subjects (people, not scans) that are held out."""

    val: Fraction = 0.1
    test: Fraction = 0.2
    seed: Seed = 2019

    @model_validator(mode="after")
    def _leaves_training(self):
        if self.val + self.test >= 1:
            raise ValueError("val + test must be below 1, so that scans are left to train on")
        return self


class Cube(Section):
    """What a cube of a scan depends on; kept with a run, so that further scans can be prepared alike."""

    size: Size = 32
    fit: Literal["stretch", "pad"] = "stretch"
    field_of_view_mm: Annotated[float, Field(gt=0)] | None = None
    upper_percentile: Annotated[float, Field(gt=50, le=100)] = 99.9

    @model_validator(mode="after")
    def _field_of_view_needs_pad(self):
        if self.field_of_view_mm is not None and self.fit != "pad":
            raise ValueError("field_of_view_mm only has a meaning with fit: pad")
        return self


class Prepare(Cube):
    """From a scan to a cube (paper, section 3).

    `duplicates`: what becomes of a scan with the same voxels as an earlier one. Of real scans it is a double; of
    generated volumes it is a finding, to be kept.
    """

    min_brain_ml: Annotated[float, Field(ge=0)] = 500.0
    max_saturated: Annotated[float, Field(gt=0, le=1)] = 0.05
    duplicates: Literal["leave_out", "keep"] = "leave_out"
    split: Split = Split()
    workers: Annotated[int, Field(ge=-1)] = -1

    @field_validator("workers")
    @classmethod
    def _some_workers(cls, value):
        if value == 0:
            raise ValueError("must be a number of processes, or -1 for one per core")
        return value

    @property
    def cube(self) -> Cube:
        """The part that decides what a cube looks like."""
        return Cube(**self.model_dump(include=set(Cube.model_fields)))


class Model(Section):
    """Networks and loss weights; the defaults are the paper's.

    `codes`: normalised ends E in a BatchNorm without parameters, so that encoded codes have the mean and the variance
    of random ones. `joint_batch`: G makes reconstructed and random volumes in one batch, with common statistics.
    `penalty_every`: D's gradient penalty is computed in every so many of its steps, and counts as often (Karras et al.
    2020). `augmentation`: both has D see real and generated volumes augmented alike, so that G makes none that are.
    `critic_shift`, `critic_cutout`: half of what D sees is moved by up to so many voxels along each axis, and half has
    a hole whose sides are such a share of the cube's. `detail_weight`: how much more than the rest detail counts for D.
    `head`: G ends in a resize-convolution as published, or in one to the Haar bands of the volume, which blurs less.
    """

    z_dim: Annotated[int, Field(ge=1)] = 1000
    width: Annotated[float, Field(gt=0, le=4)] = 1.0
    code_units: Annotated[int, Field(ge=1)] = 4096
    critic_norm: Literal["batch", "group", "none"] = "batch"
    penalty: Literal["both", "either"] = "both"
    penalty_every: Annotated[int, Field(ge=1)] = 1
    lambda1: Annotated[float, Field(ge=0)] = 10.0
    lambda2: Annotated[float, Field(ge=0)] = 10.0
    reconstruction: Literal["mean", "balanced"] = "mean"
    generator_steps: Annotated[int, Field(ge=1)] = 2
    codes: Literal["free", "normalised"] = "free"
    joint_batch: bool = False
    augmentation: Literal["real", "both"] = "real"
    critic_shift: Annotated[int, Field(ge=0)] = 0
    critic_cutout: Fraction = 0.0
    detail_weight: Annotated[float, Field(ge=1)] = 1.0
    head: Literal["resize", "haar"] = "resize"


# Keys of `train` that say where a run is computed and what is spent on it, not what is computed.
WHERE = {
    *("device", "devices", "threads", "deterministic", "cuda_graphs", "checkpoint_activations"),
    *("checkpoint_every", "sample_every"),
}


class Train(Section):
    """Optimisation and bookkeeping; the defaults are the paper's where it states them.

    `lr_decay`: share of the iterations, the last ones, over which the learning rate falls linearly to 0.
    `lr_decay_critics`: whether that of D and C falls too; a D that slows down learns its people by heart.
    """

    seed: Seed = 2019
    iterations: Annotated[int, Field(ge=1)] = 12000
    batch_size: Annotated[int, Field(ge=2)] = 4
    lr: Annotated[float, Field(gt=0)] = 0.0002
    lr_decay: Annotated[float, Field(ge=0, le=1)] = 0.0
    lr_decay_critics: bool = True
    betas: list[Fraction] = Field(default=[0.9, 0.999])
    ema_decay: Fraction = 0.999
    early_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.1
    checkpoint_every: Annotated[int, Field(ge=1)] = 500
    sample_every: Annotated[int, Field(ge=1)] = 500
    precision: Literal["float32", "bf16"] = "float32"
    deterministic: bool = True
    cuda_graphs: bool = True
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

    @property
    def early_iteration(self) -> int:
        """Iteration after which G is kept for comparison."""
        return max(1, round(self.early_fraction * self.iterations))

    @model_validator(mode="after")
    def _every_device_has_its_share(self):
        if self.batch_size % self.devices:
            raise ValueError(f"batch_size: {self.batch_size} is not a multiple of devices: {self.devices}")
        return self


class Features(Section):
    """How the feature network of a cohort is trained, which several metrics rest on."""

    seed: Seed = 2019
    iterations: Annotated[int, Field(ge=1)] = 250
    batch_size: Annotated[int, Field(ge=2)] = 32
    lr: Annotated[float, Field(gt=0)] = 0.002
    temperature: Annotated[float, Field(gt=0)] = 0.2
    threads: Annotated[int, Field(ge=1)] | None = None


class Evaluate(Section):
    """Sample sizes of the evaluation; the defaults are the paper's where it states them.

    `neighbour`: which neighbour sets the radius of precision, recall, density and coverage. `med3d`: the file
    resnet_50_23dataset.pth, for the same metrics on Med3D's features.
    """

    seed: Seed = 2019
    n_generated: Annotated[int, Field(ge=8)] = 512
    real_copies: Annotated[int, Field(ge=1)] = 4
    n_pairs: Annotated[int, Field(ge=2)] = 1000
    mmd_batch: Annotated[int, Field(ge=2)] = 8
    mmd_repeats: Annotated[int, Field(ge=1)] = 100
    n_bootstrap: Annotated[int, Field(ge=100)] = 1000
    n_permutations: Annotated[int, Field(ge=1)] = 1000
    neighbour: Annotated[int, Field(ge=1)] = 5
    med3d: str | None = None


class Audit(Section):
    """The memorisation audit.

    `level`: share of new people that a threshold may flag. `n_copies`: training scans that are copied for the positive
    controls. `inversion_steps`: of the search for the code of a scan; 0 leaves that attack out.
    """

    level: Annotated[float, Field(gt=0, lt=1)] = 0.05
    n_copies: Annotated[int, Field(ge=2)] = 64
    inversion_steps: Annotated[int, Field(ge=0)] = 50


class Paper(Section):
    """Which cohort stands for which of the paper's in its table and figures; what is null is left out."""

    normal: Name | None = None
    tumour_flair: Name | None = None
    tumour_t2: Name | None = None
    stroke: Name | None = None
