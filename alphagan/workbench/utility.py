"""The command `alphagan utility`: run the experiment, or go on with it, and write what came out."""

import contextlib
import sys
from dataclasses import replace
from pathlib import Path

from alphagan.errors import InputError, named_disk_errors
from alphagan.figures import save
from alphagan.files import held, write_atomically, write_json
from alphagan.settings.config import Config
from alphagan.settings.paths import Paths
from alphagan.utility.design import REAL, Design, design
from alphagan.utility.experiment import Errors, guesses, run
from alphagan.utility.findings import Finding, beyond_guess, findings
from alphagan.utility.shown import errors, guessing, table

FILES = "utility.json", "table.md", "errors"


def run_and_show(config: Config, cohort: str | None, paths: Paths, only: int | None = None) -> Path:
    """Run what is missing, and write numbers, table and figure to reports/utility/COHORT.

    Parameters
    ----------
    config : Config
    cohort : str, optional
        By default the only one.
    paths : Paths
    only : int, optional
        Run this seed's parts alone, and write nothing but these, so that processes can work side by side.

    Returns
    -------
    folder : Path
        With what came out; of one seed alone, with its parts.

    Raises
    ------
    InputError
        If there are several cohorts and none is named, no such seed, another process runs the same seeds, or as
        `alphagan.utility.design.design` and `alphagan.utility.experiment.run` do.
    """
    if cohort is None and len(config.cohorts) != 1:
        raise InputError(f"utility: name one of the cohorts {', '.join(config.cohorts)}")
    chosen = design(config, cohort or next(iter(config.cohorts)), paths)
    every = range(chosen.utility.seeds)
    if only is not None and only not in every:
        raise InputError(f"--only-seed: {only} is none of utility.seeds, 0 to {every[-1]}")
    chosen = replace(chosen, only=only)
    with named_disk_errors(chosen.folder), contextlib.ExitStack() as locks:
        chosen.folder.mkdir(parents=True, exist_ok=True)
        for seed in every if only is None else [only]:
            if not locks.enter_context(held(chosen.folder / f".seed-{seed}.lock")):
                raise InputError(f"{chosen.folder}: another process runs seed {seed} of this experiment; wait for it")
        measured = run(chosen, lambda line: print(line, file=sys.stderr, flush=True), progress=True)
    if only is not None:
        return chosen.folder
    return write(chosen, measured, paths.reports() / "utility" / chosen.cohort)


def write(chosen: Design, measured: Errors, folder: Path) -> Path:
    """Write what came out of an experiment into a folder."""
    found = found_of(chosen, measured)
    people = chosen.utility.people
    numbers, words, picture = FILES
    n = max(people)
    asked = chosen.utility
    guess, difference = beyond_guess(measured[n][REAL], guesses(chosen)[n], asked.n_bootstrap, asked.seed)
    line = guessing(guess, difference, n)
    told = {"guess": {"error": guess.as_dict(), "real": difference.as_dict()}}
    with named_disk_errors(folder):
        write_json({"design": described(chosen), "findings": as_dict(found)} | told, folder / numbers)
        write_atomically(lambda file: file.write(f"{table(found, people)}\n{line}\n".encode()), folder, words)
        save(errors(found, chosen.title), folder / picture)
    return folder


def found_of(chosen: Design, measured: Errors) -> dict[int, dict[str, Finding]]:
    """Compare the arms of an experiment."""
    asked = chosen.utility
    return findings(measured, asked.people, asked.invisible, asked.n_bootstrap, asked.seed)


def as_dict(found: dict[int, dict[str, Finding]]) -> dict:
    """What a file holds of findings."""
    return {str(n): {arm: told.as_dict() for arm, told in arms.items()} for n, arms in found.items()}


def described(chosen: Design) -> dict:
    """What a reader has to know of an experiment."""
    trainings = {
        model: settings.model_dump(mode="json", include={"size", "model", "train"})
        for model, settings in chosen.models.items()
    }
    tested = {place for cell, _, _ in chosen.parts() for place in cell.test.tolist()}
    return {
        "cohort": chosen.cohort,
        "people": len(chosen.people.rows),
        "tested": len(tested),
        "utility": chosen.utility.model_dump(mode="json"),
        "models": trainings,
    }
