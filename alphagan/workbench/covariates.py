"""The command `alphagan covariates`: fit, measure and draw how generated people carry age and sex."""

import sys
from pathlib import Path

import numpy as np

from alphagan.errors import TooFewError, named_disk_errors
from alphagan.evaluation.ageing import ageing
from alphagan.evaluation.covariates import of_cohort, read_back
from alphagan.figures import ageing_maps, read_ages, save
from alphagan.files import write_atomically, write_json
from alphagan.generation.conditional import ConditionalPrior
from alphagan.generation.conditional_fit import fit_run
from alphagan.generation.load import load
from alphagan.generation.run import Run
from alphagan.generation.weights import COVARIATES
from alphagan.volumes.prepared import Volumes
from alphagan.workbench.fit_table import with_checksums

UNITS = {"mae": "mean error in years", "commonest": "naming the more common one of all"}
NOTHING = 1e-3  # of the variance of codes


def fit_and_show(
    run: Run,
    prepared: Path,
    table: str | Path,
    folder: Path,
    n: int = 512,
    seed: int = 0,
    shrink: bool = False,
    own: bool = False,
) -> dict[str, dict]:
    """Write RUN/covariates.json, and to a folder what it is worth: covariates.json, and figures where there is an age.

    Parameters
    ----------
    run : Run
        Opened from its folder.
    prepared : Path
        The prepared cohort that it was trained on.
    table : path
        Of people with their age and sex.
    folder : Path
        Made if need be.
    n, seed : int
        How many people are generated to read covariates from, and what they are drawn from.
    shrink : bool
        As `alphagan.generation.conditional_fit.fit` has it.
    own : bool
        As `alphagan.workbench.fit_table.with_checksums` has it.

    Returns
    -------
    measured : dict
        {covariate: {"real" or "generated": {measure: Estimate}}}; empty where there are too few people to tell, and
        nothing is written to the folder then.

    Raises
    ------
    InputError
        If the run has no encoder, nobody has covariates, or something cannot be written.
    """
    volumes = Volumes(prepared)
    values, notes = of_cohort(volumes, table)
    prior = fit_run(run, volumes, values, shrink)
    _say(*notes, *_not_learned(prior, {name: known[volumes.rows("train")] for name, known in values.items()}))
    if prior.explained < NOTHING:
        _say("codes of people left out do not depend on their covariates; what is asked for will not show")
    kept = with_checksums(prior, run, volumes, table, own)
    write_atomically(lambda file: file.write(kept.encode()), run.folder, COVARIATES)
    run, measured = load(run.folder, run.device), {}
    try:
        sets = dict(zip(("real", "generated"), read_back(run, volumes, values, n, seed), strict=True))
    except TooFewError as error:
        there = _earlier(folder, {Path(COVARIATES).stem, "age_read", "age_maps"})
        _say(f"not measured: {error}" + (f"; {there}" if there else ""))
        return {}
    each = {who: reading.measured(seed) for who, reading in sets.items()}
    measured = {name: {who: found[name] for who, found in each.items()} for name in prior.names}
    told = {"fit": {"people": prior.people, "shrinkage": prior.shrinkage, "explained": prior.explained}}
    told["fit"]["sha256"] = prior.sha256  # by which a card knows whose numbers these are
    told |= {
        name: {who: {key: value.as_dict() for key, value in found.items()} for who, found in sides.items()}
        for name, sides in measured.items()
    }
    not_drawn = {"age_read", "age_maps"}
    with named_disk_errors(folder):
        if "age" in measured:
            texts = {
                who: f"r {found['r'].value:.2f}, slope {found['slope'].value:.2f}"
                for who, found in measured["age"].items()
            }
            pairs = {who: (reading.told["age"], reading.read["age"]) for who, reading in sets.items()}
            save(read_ages(pairs, texts), folder / "age_read")
            not_drawn.remove("age_read")
            told["change"] = _draw_ageing(run, volumes, values, folder, seed)
            if told["change"] is not None:
                not_drawn.remove("age_maps")
        write_json(told, folder / COVARIATES)
    if there := _earlier(folder, not_drawn):
        _say(there)
    return measured


def lines(measured: dict[str, dict]) -> list[str]:
    """What was measured, for a terminal."""
    found = [
        f"{name}, read from {'held-out' if who == 'real' else who} people: "
        + ", ".join(f"{UNITS.get(key, key)} {value}" for key, value in found.items())
        + f" (n = {next(iter(found.values())).n})"
        for name, sides in measured.items()
        for who, found in sides.items()
    ]
    age = measured.get("age", {}).get("real", {}).get("r")
    if age and age.low <= 0:
        found.append(
            "it is not shown that age can be read from held-out people here (r may be 0), so that what is read says "
            "nothing"
        )
    sex = measured.get("sex", {}).get("real")
    if sex and sex["accuracy"].low <= sex["commonest"].value:
        found.append(
            "it is not shown that sex can be read from held-out people here (naming the more common one of all is "
            f"right for {sex['commonest'].value:.0%}), so that what is read says nothing"
        )
    return found


def _draw_ageing(run: Run, volumes: Volumes, values: dict, folder: Path, seed: int) -> dict[str, float] | None:
    """Draw what age does, and say how alike it is in generated and in real people; None where that cannot be shown."""
    try:
        found = ageing(run, volumes, values, seed=seed)
    except TooFewError as error:
        _say(f"not drawn: {error}")
        return None
    means = {"real": found.real, "generated": found.generated}
    counts = {"real": found.n_real, "generated": [found.n_generated] * len(found.ages)}
    save(ageing_maps(found.ages, means, counts, run.affine), folder / "age_maps")
    return found.likeness()


def _not_learned(prior: ConditionalPrior, values: dict[str, np.ndarray]) -> list[str]:
    """Why covariates of training people, by name, are not in the fit."""
    notes = []
    for name in (name for name in values if name not in prior.names):
        known = values[name][np.isfinite(values[name])]
        if not len(known):
            why = "no training person's is known"
        elif np.ptp(known) == 0:
            why = "all training people have the same"
        else:
            why = f"all training people whose {' and '.join(prior.names)} is known too have the same"
        notes.append(f"{name}: {why}, so that nothing is learned of it")
    return notes


def _earlier(folder: Path, stems: set[str]) -> str:
    """What a folder holds of files that were not written now, or ""."""
    there = sorted(path.name for stem in stems for path in folder.glob(f"{stem}.*"))
    return f"{folder} holds what an earlier fit was worth: {', '.join(there)}" if there else ""


def _say(*notes: str) -> None:
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
