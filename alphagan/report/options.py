"""What `alphagan evaluate` is told about folders."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import nibabel

from alphagan.errors import InputError
from alphagan.preparation.cohorts import tree
from alphagan.settings.config import Config, parse
from alphagan.settings.json_file import read_json
from alphagan.settings.preparation import NAME as DESCRIPTION
from alphagan.settings.sections import Cube
from alphagan.volumes.prepared import Volumes

OF_GENERATED = {"generated", "output", "generated_pattern", "background", "orientation", "med3d", "seed", "device"}


@dataclass(frozen=True)
class Folders:
    """What is compared, and how both sides are prepared.

    Attributes
    ----------
    real : Path
        Real scans, skull-stripped; of people whom the generator was not trained on where `train` is given. Or the
        folder of a prepared cohort: see `of_cohort`.
    generated : Path
        What the generator made.
    train : Path, optional
        The scans that it was trained on.
    size, fit : int, str
        As under `prepare` in params.yaml.
    pattern, train_pattern, generated_pattern : str, optional
        Which files are scans and whom they show; see `alphagan.preparation.cohorts.nifti`. `pattern` is of the real
        scans, and of the training scans unless these have one of their own.
    different_people : bool
        Whether equal names in `real` and `train` are those of different people, as where both are numbered from 0.
    background, orientation : float, str, optional
        Of generated volumes: what is not above it is background; directions of the stored axes, such as "LPS". Without
        them, the one is found and the other is what the headers say.
    modality : str
        Of the scans; decides which anatomy can be told.
    med3d : str, optional
        The file resnet_50_23dataset.pth, for the same metrics on Med3D's features.
    seed : int
    device : str
        Where feature networks are computed.
    features : Path, optional
        Folder of the cohort's own feature network, taken where it is of these scans and settings; else one is trained.
    """

    real: Path
    generated: Path
    train: Path | None = None
    size: int = 64
    fit: str = "stretch"
    pattern: str | None = None
    train_pattern: str | None = None
    generated_pattern: str | None = None
    different_people: bool = False
    background: float | None = None
    orientation: str | None = None
    modality: str = "T1w"
    med3d: str | None = None
    seed: int = 2019
    device: str = "cpu"
    features: Path | None = None

    @classmethod
    def of_cohort(cls, prepared: Path, generated: Path, **others) -> "Folders":
        """Compare a folder with the held-out people of a prepared cohort; trained on were its training people.

        Generated volumes are prepared as the cohort was; `others` are attributes that say nothing of real scans.
        """
        told = read_json(prepared / DESCRIPTION)
        fit, modality = told.get("fit", cls.fit), told.get("modality", cls.modality)
        return cls(prepared, generated, size=Volumes(prepared).size, fit=fit, modality=modality, **others)

    @property
    def fitted(self) -> str:
        """How brains fill their cubes: fit, or field_of_view."""
        return "field_of_view" if read_json(self.real / DESCRIPTION).get("field_of_view_mm") else self.fit

    def config(self, sections: Mapping[str, dict] | None = None) -> Config:
        """Settings as a params file would hold them.

        No scan is refused for being small or clipped: that is what a faulty generator makes, and both sides are
        prepared alike.
        """
        folders = {"real": self.real, "generated": self.generated, "train": self.train}
        patterns = {
            "real": self.pattern,
            "train": self.train_pattern or self.pattern,
            "generated": self.generated_pattern,
        }
        cohorts = {
            name: {
                "kind": "nifti",
                "source": str(folder),
                "pattern": patterns[name],
                "modality": self.modality,
            }
            for name, folder in folders.items()
            if folder is not None
        }
        cohorts["generated"] |= {"background": self.background, "orientation": self.orientation}
        content = {
            "prepare": {"size": self.size, "fit": self.fit, "min_brain_ml": 0.0, "max_saturated": 1.0},
            "features": {"seed": self.seed},
            "evaluate": {"seed": self.seed, "med3d": self.med3d},
        }
        told = read_json(self.real / DESCRIPTION)  # of a prepared cohort; a folder of scans has none
        content["prepare"] |= {key: told[key] for key in ("field_of_view_mm", "upper_percentile") if key in told}
        for name, changes in (sections or {}).items():
            content[name] = content.get(name, {}) | changes
        return parse({"cohorts": cohorts, "experiments": {}, **content}, "evaluate")


def _side(generated: Path) -> int:
    """Side of the cubes that a generator made; 64 where they are none, or of a size that no network has."""
    image = next((path for path in sorted(generated.rglob("*")) if tree.suffix(path)), None)
    with contextlib.suppress(Exception):  # what cannot be read is told when it is prepared
        shape = nibabel.load(image).shape
        if len(set(shape)) == 1 and len(shape) == 3:
            return Cube(size=shape[0]).size
    return Folders.size


def from_options(
    cohort: str | None, given: Mapping[str, object], prepared: Path | None = None, features: Path | None = None
) -> tuple[Folders, Path] | None:
    """Read the options of `alphagan evaluate`; None where a cohort's models are meant.

    Parameters
    ----------
    cohort : str, optional
        The positional argument.
    given : mapping
        Options by name, among others; those that were not given are None.
    prepared, features : Path, optional
        Folders of the prepared cohort and of its feature network, if a cohort is named.

    Returns
    -------
    folders : Folders
    output : Path

    Raises
    ------
    InputError
        If neither a cohort nor folders are named, one of the folders is missing, or an option is at odds with a cohort.
    """
    known = (*(key.name for key in fields(Folders)), "output")
    named = {name: given[name] for name in known if given.get(name) is not None}
    if cohort is not None and not named:
        return None
    if cohort is not None:
        for option in named.keys() - OF_GENERATED:
            raise InputError(
                f"--{option.replace('_', '-')}: is for folders of scans, but the cohort {cohort!r} is named too, whose "
                "scans are prepared; leave one of the two out"
            )
        for option in ("generated", "output"):
            if option not in named:
                raise InputError(f"--{option}: is missing; a folder beside a cohort needs --generated and --output")
        output = named.pop("output")
        return Folders.of_cohort(prepared, **named, features=features), output
    if not named:
        raise InputError("evaluate: name a cohort, or folders with --real, --generated and --output")
    if given.get("params") is not None:
        raise InputError("--params: is for cohorts; folders are described by options alone")
    for option in ("train_pattern", "different_people"):
        if option in named and "train" not in named:
            raise InputError(f"--{option.replace('_', '-')}: is about the training scans; name them with --train")
    for name in ("real", "generated", "output"):
        if name not in named:
            raise InputError(f"--{name}: is missing; folders need --real, --generated and --output")
    output = named.pop("output")
    named.setdefault("size", _side(named["generated"]))
    return Folders(**named), output
