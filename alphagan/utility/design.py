"""What is compared on which people, as params.yaml has it, and where each part of it is kept."""

import ast
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from alphagan.errors import InputError
from alphagan.models import OBJECTIVES
from alphagan.settings.cohorts import Augment, TemplateCohort
from alphagan.settings.config import Config, Settings
from alphagan.settings.paths import Paths
from alphagan.settings.preparation import check_preparation
from alphagan.settings.utility import Utility
from alphagan.training.resume import code
from alphagan.utility.generators import FLOORS
from alphagan.utility.people import Cell, People, cells, people_of
from alphagan.volumes.prepared import Volumes

REAL, CLASSICAL, ALONE = "real", "classical", "_alone"
LATER = {"invisible", "n_bootstrap", "seeds", "people", "curve", "experiments"}  # which change no part
PACKAGE = Path(__file__).parents[1]
DECIDES = [f"utility/{name}.py" for name in ("people", "reader", "generators", "experiment")]
DECIDES += ["generation/conditional.py", "generation/conditional_fit.py"]


@dataclass(frozen=True)
class Design:
    """What is compared on which people.

    Parameters
    ----------
    cohort : str
    utility : Utility
    people : People
    models : dict of str to Settings
        Whose generators are trained, by the name of the model.
    augment : Augment
        Of the cohort.
    folder : Path
        For parts, and for trainings that are under way.
    simulated : bool
        Whether nobody of them was ever scanned.
    only : int, optional
        The one seed whose parts are asked for.
    """

    cohort: str
    utility: Utility
    people: People
    models: dict[str, Settings]
    augment: Augment
    folder: Path
    simulated: bool = False
    only: int | None = None

    @property
    def title(self) -> str:
        """Of figures; simulated people are always called so."""
        return f"Age read from {'simulated ' if self.simulated else ''}people, cohort {self.cohort}"

    @property
    def sources(self) -> tuple[str, ...]:
        """Where volumes come from: real people, the floors, each model."""
        return (REAL, *FLOORS, *self.models)

    @property
    def arms(self) -> tuple[str, ...]:
        """What a reader learns from, REAL and CLASSICAL first."""
        return (REAL, CLASSICAL, *FLOORS, *self.models, *(f"{model}{ALONE}" for model in self.models))

    def parts(self) -> Iterator[tuple[Cell, str, Path]]:
        """Every cell and source, and where its part is kept; one seed after the other, fewer people first."""
        every = sorted(cells(self.people, self.utility), key=lambda cell: (cell.seed, cell.n, cell.fold))
        for cell in (cell for cell in every if self.only in (None, cell.seed)):
            for source in self.sources if cell.n in self.utility.people else (REAL,):
                yield cell, source, self.folder / self._kept(source) / f"{cell.name}.json"

    def _kept(self, source: str) -> str:
        if source not in self.models:
            return source
        return f"{source}-{self.models[source].fingerprint()}"


def design(config: Config, cohort: str, paths: Paths) -> Design:
    """Read the section `utility`, and the prepared people.

    Raises
    ------
    InputError
        If there is no such section, the cohort is not prepared, has no ages or one alone, or a model has no encoder.
    """
    utility = config.utility
    if utility is None:
        raise InputError("params.yaml: no section utility; copy that of presets/utility_simulated.yaml")
    section, prepared = config.cohort(cohort), paths.prepared(cohort)
    check_preparation(config, cohort, prepared)
    chosen = utility.experiments or [
        name
        for name, experiment in config.experiments.items()
        if experiment.cohort == cohort and "E" in OBJECTIVES[experiment.family].names
    ]
    models = {}
    for name in chosen:
        settings = config.settings(name)
        if settings.cohort != cohort:
            raise InputError(f"utility.experiments: {name} is on {settings.cohort}, not {cohort}; leave it out")
        if "E" not in OBJECTIVES[settings.family].names:
            raise InputError(f"utility.experiments: {name} has no encoder, so that nobody's age can be asked of it")
        models[settings.name] = settings
    if not models:
        raise InputError(f"utility: no experiment on {cohort} has an encoder; add one under experiments")
    people = people_of(Volumes(prepared), section)
    if len(set(people.ages)) == 1:
        raise InputError(f"{prepared}: everybody is {people.ages[0]:g} years old, so that there is no age to read")
    folder = paths.scratch("utility", cohort, _fingerprint(utility, people, section.augment))
    return Design(cohort, utility, people, models, section.augment, folder, isinstance(section, TemplateCohort))


def _fingerprint(utility: Utility, people: People, augment: Augment) -> str:
    """12 hexadecimal digits that change with what decides a part: settings, scans, ages, and code.

    Of the code also that of trainings, as readers and floors augment, crop and draw with it.
    """
    told = [code(), *(ast.unparse(ast.parse((PACKAGE / name).read_bytes())) for name in DECIDES)]
    told += [people.volumes.fingerprint(), people.ages.tolist(), augment.model_dump(mode="json")]
    told.append(utility.model_dump(mode="json", exclude=LATER))
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]
