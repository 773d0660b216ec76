"""The first hour: from a folder of scans to brains and an audit, away from the pipeline's own files."""

import contextlib
import tempfile
from dataclasses import replace
from pathlib import Path

from alphagan.audit.auditor import Audit, Auditor
from alphagan.errors import InputError, named_disk_errors
from alphagan.generation.load import load as load_run
from alphagan.generation.nifti import save
from alphagan.generation.run import Run
from alphagan.preparation.cohorts import find_scans
from alphagan.preparation.cohorts.check import Report, check
from alphagan.preparation.prepare import prepare
from alphagan.settings.cohorts import TemplateCohort
from alphagan.settings.config import load, parse
from alphagan.settings.paths import Paths
from alphagan.training.loop import fit
from alphagan.volumes.prepared import Volumes
from alphagan.workbench.look import is_stepped_through
from alphagan.workbench.watch import live
from alphagan.workbench.workspace import repository

COHORT, EXPERIMENT = "mine", "mine-alpha_wgan_gp_detail"
PRESET, LIKE = "presets/ixi_32.yaml", "ixi-alpha_wgan_gp_detail"  # settings that were tried on real scans, for few
N_SIMULATED = 34  # so that ten people are held out, without whom an audit says little
N_AUDITED = 64


class Start:
    """One folder of scans, and what is made of it.

    Settings are those of `presets/ixi_32.yaml` for the model with detail.

    Parameters
    ----------
    scans : str
        Folder of skull-stripped scans; empty: simulated ones, which are written as NIfTI first. Paths count from the
        repository.
    results : str
        Folder for everything that is made, which a later call goes on with; empty: a temporary one, which goes when
        Python ends.
    iterations : int
        Of the training.
    **cohort
        What else params.yaml may say of a cohort of kind nifti: modality, pattern, mask_pattern, ...

    Raises
    ------
    InputError
        If `results` is the repository itself, or a value cannot be.
    """

    def __init__(self, scans: str = "", results: str = "", iterations: int = 100, **cohort):
        base = repository()
        if results and (base / Path(results).expanduser()).resolve() == base.resolve():
            raise InputError("results: is the repository, where dvc repro keeps its own; name another folder")
        if not results:
            self._temporary = tempfile.TemporaryDirectory(prefix="alphagan-")
        self.paths = Paths(base / Path(results).expanduser() if results else Path(self._temporary.name))
        source = base / Path(scans).expanduser() if scans else _simulated(self.paths.root / "scans")
        content = load(base / PRESET).model_dump(mode="json")
        content["cohorts"] = {COHORT: {"kind": "nifti", "source": str(source), **cohort}}
        content["experiments"] = {EXPERIMENT: content["experiments"][LIKE] | {"cohort": COHORT}}
        content["paper"] = {part: None for part in content["paper"]} | {"normal": COHORT}
        content["train"] |= {"iterations": iterations, "sample_every": max(1, iterations // 10)}
        content["prepare"]["workers"] = -1 if scans else 1  # to start more takes longer than to prepare so few
        self.config = parse(content, "notebook 0")
        self.settings = self.config.settings(EXPERIMENT)

    def check(self) -> Report:
        """Look at what is in the folder, as `alphagan cohort check` does; files are named from the folder on."""
        found = check(self.config.cohort(COHORT))
        folder = Path(found.source)
        examples = tuple((who, when, str(Path(file).relative_to(folder))) for who, when, file in found.examples)
        return replace(found, source=folder.name, examples=examples)

    def prepare(self) -> Volumes:
        """Turn the scans into cubes."""
        return Volumes(prepare(COHORT, self.config, self.paths, progress=is_stepped_through()))

    def train(self) -> Run:
        """Train, or go on where the training was stopped; one that has ended is not repeated.

        Where a notebook is stepped through, losses and samples are drawn below the cell as they come.
        """
        folder = self.paths.run(COHORT, self.settings.name)
        scratch = self.paths.scratch("train", COHORT, self.settings.name)
        with live(scratch) if is_stepped_through() else contextlib.nullcontext() as on_sample:
            fit(self.settings, self.paths.prepared(COHORT), folder, scratch, on_sample)
        return load_run(folder)

    def audit(self, run: Run, seed: int = 0) -> Audit:
        """Look in new brains of a run for what it remembers, voxel by voxel: at least as many as there are scans."""
        volumes = Volumes(self.paths.prepared(COHORT))
        train, held_out = volumes.rows("train"), volumes.rows("val", "test")
        sides = [part for rows in (train, held_out) for part in (volumes.tensor(rows)[:, 0], volumes.people(rows))]
        return Auditor(*sides, seed=seed).audit(run.sample(max(N_AUDITED, len(train)), seed))


def _simulated(folder: Path) -> Path:
    """Write scans of simulated people, unless they are there."""
    cohort = TemplateCohort(kind="template", source="alphagan/preparation/cohorts/template.py", voxel_size_mm=4.0)
    with named_disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for scan in find_scans(cohort)[:N_SIMULATED]:
            path = folder / f"{scan.subject}_T1w.nii.gz"
            if not path.exists():
                save(scan.load()[0], path)
    return folder
