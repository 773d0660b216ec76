"""What the commands do that use a finished run: thin wrappers, as those in `alphagan.workbench.commands`."""

import re
import sys
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path

from alphagan.errors import InputError, named_disk_errors


def sample(args) -> None:
    """Write generated brains."""
    from alphagan.generation.bids import write_bids
    from alphagan.generation.conditional import ExtrapolationWarning, chosen
    from alphagan.generation.nifti import write_samples
    from alphagan.settings.paths import Paths
    from alphagan.workbench.fitted import described, doubts
    from alphagan.workbench.told import told_by

    run, asked = _run(args), (args.seed, args.weights, args.force)
    given = chosen(args.age, args.sex)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExtrapolationWarning)  # said once, below
        run.random_codes(1, **given)  # whom nothing was fitted for is told before anything asks the fit
        notes = []
        if given:
            notes = run.prior.notes(given) + doubts(described(run.prior, Paths().reports(), told_by(run)), given)
        if args.bids:
            from alphagan.workbench.card import card, facts

            known = facts(run)
            if args.weights != "G_average":  # which alone is measured and audited under the model's own name
                known |= {"metrics": None, "audit": None, "exported": None}
            readme = card(known) + _made_by(args, given, notes)
            write_bids(run, args.n, args.output, readme, *asked, args.modality, given)
        elif args.modality:
            raise InputError("--modality: names the contrast in BIDS; add --bids, or leave it out")
        else:
            write_samples(run, args.n, args.output, *asked, given=given)
    if given:
        notes = [*notes, *_of_changed_table(run)]
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    print(args.output)


def _of_changed_table(run) -> list[str]:
    """Whether the table of ages and sexes says otherwise than when a run was fitted; it names folders."""
    from alphagan.workbench.fit_table import changed, in_words

    found = changed(run)
    return [in_words(found, f"the fit of {run.folder}")] if found else []


def _made_by(args, given: Mapping, notes: Iterable[str]) -> str:
    """What the README of a data set says of how it was made, and of people of an age or a sex."""
    options = [f"--{name} {value:g}" if name == "age" else f"--{name} {value}" for name, value in given.items()]
    if args.weights != "G_average":
        options.append(f"--weights {args.weights}")
    command = " ".join(["alphagan sample FILE_OR_FOLDER", f"-n {args.n} -o FOLDER --bids --seed {args.seed}", *options])
    made = f"\n## How these were made\n\n```\n{command}\n```\n"
    if not given:
        return made
    asked = ", ".join(f"{name} {value:g}" if name == "age" else f"{name} {value}" for name, value in given.items())
    told = "".join(f" **{note[0].upper()}{note[1:]}.**" for note in notes)
    return f"{made}\n## What was asked for\n\nAll of these people: {asked}.{told}\n"


def covariates(args) -> None:
    """Fit how codes depend on age and sex, and say what that is worth."""
    from alphagan.settings.config import load
    from alphagan.settings.paths import Paths
    from alphagan.volumes.prepared import Volumes
    from alphagan.workbench.covariates import fit_and_show, lines
    from alphagan.workbench.fit_table import PARAMS
    from alphagan.workbench.provenance import note_other_scans

    run = _run(args)
    cohort = run.settings.cohort
    if not run.folder.is_dir():
        raise InputError(f"{run.folder}: is one file; name the run's folder, and export it again afterwards")
    table = args.table or load(args.params).cohort(cohort).covariates
    if not table:
        raise InputError(f"{args.params}: cohorts.{cohort}: names no table of age and sex; add covariates, or --table")
    if args.output.resolve() == run.folder.resolve():
        raise InputError(f"{args.output}: is the run's folder, which keeps its fit there; name another with -o")
    prepared = args.prepared or Paths().prepared(cohort)
    note_other_scans([run.folder], Volumes(prepared))
    own = not args.table and args.params == PARAMS
    measured = fit_and_show(run, prepared, table, args.output, args.n, args.seed, args.shrink, own)
    for line in lines(measured):
        print(line)
    if measured:
        print(args.output)


def reconstruct(args) -> int:
    """Write reconstructions of scans, or of a prepared cohort; 1 if a scan cannot be used."""
    from alphagan.generation.reconstruction import write_reconstructions, write_scan_reconstructions
    from alphagan.settings.paths import Paths
    from alphagan.volumes.prepared import Volumes
    from alphagan.workbench.provenance import note_other_scans

    if args.scans and (args.split or args.prepared):
        raise InputError("--split, --prepared: of a prepared cohort; leave them out where scans are named")
    if not args.scans and args.params:
        raise InputError("--params: of scans; name some, or leave it out")
    run, refused = _run(args), {}
    if args.scans:
        cube = _how_prepared(run, args.params)
        refused, noted = write_scan_reconstructions(run, args.scans, args.output, cube, like=_like(run))
        for scan, note in noted.items():
            print(f"note: {scan}: {note}", file=sys.stderr)
        for reason in refused.values():
            print(f"left out: {reason}", file=sys.stderr)
    else:
        volumes = Volumes(args.prepared or Paths().prepared(run.settings.cohort))
        note_other_scans([run.folder], volumes)
        write_reconstructions(run, volumes, args.output, args.split or "test")
    print(args.output)
    return int(bool(refused))


def interpolate(args) -> None:
    """Write the brains between two codes, and show them as a moving picture."""
    from alphagan.figures import save_animation
    from alphagan.generation.walk import write_walk

    run = _run(args)
    z_from, z_to = (_code(run, end, args) for end in (args.start, args.end))
    volumes = write_walk(run, z_from, z_to, args.n, args.output, args.weights)
    with named_disk_errors(Path(args.output)):
        save_animation(volumes, Path(args.output) / "walk", run.affine)
    print(args.output)


def info(args) -> None:
    """Say what a run is."""
    import json

    from alphagan.generation.load import load
    from alphagan.workbench.card import facts, lines

    found = facts(load(args.run))
    print(json.dumps(found, indent=2, ensure_ascii=False) if args.json else "\n".join(lines(found)))


def card(args) -> None:
    """Write the model card of a run."""
    from alphagan.files import write_atomically
    from alphagan.generation.load import load
    from alphagan.workbench.card import card, facts

    if args.output is not None:
        _refuse_there(args)
    text = card(facts(load(args.run)))
    if args.output is None:
        print(text, end="")
        return
    print(write_atomically(lambda file: file.write(text.encode()), args.output.parent, args.output.name))


def export(args) -> None:
    """Write a run as one file, with its card."""
    from alphagan.generation.load import load
    from alphagan.generation.share import export
    from alphagan.workbench.card import card, facts
    from alphagan.workbench.told import to_tell

    _refuse_there(args)
    run = load(args.run)
    known = facts(run)
    told = to_tell(known, card(known))
    for note in _of_changed_table(run):
        print(f"note: {note}", file=sys.stderr)
    print(export(run, args.output, args.all, told.pop("card"), told))


def _refuse_there(args) -> None:
    if args.output.exists() and not args.force:
        raise InputError(f"{args.output}: is there already; name another file with -o, or add --force")


def _code(run, end: str, args):
    """Code of a sample, INDEX or SEED:INDEX, or of a scan."""
    from alphagan.generation.reconstruction import prepared_scan

    if sample := re.fullmatch(r"(?:(\d+):)?(\d+)", end):
        seed, index = sample.groups()
        return run.random_codes(1, args.seed if seed is None else int(seed), int(index))[0]
    if re.fullmatch(r"(-?\d+:)?-?\d+", end):
        raise InputError(f"{end}: samples are INDEX or SEED:INDEX, and counted from 0; name one of these, or a scan")
    prepared = prepared_scan(end, _how_prepared(run, args.params), _like(run))
    if prepared.note:
        print(f"note: {end}: {prepared.note}", file=sys.stderr)
    return run.encode(prepared.cube[None])[0]


def _run(args):
    from alphagan.generation.device import usable
    from alphagan.generation.load import load

    return load(args.run, usable(args.device))


def _how_prepared(run, params: Path | None):
    from alphagan.generation.reconstruction import how_prepared
    from alphagan.settings.config import load

    return how_prepared(run, load(params).prepare.cube if params else None)


def _like(run):
    """Contrast of a run's scans, and, where its cohort lies prepared, how they are stored and what is around them."""
    from alphagan.preparation.cohorts import Scan
    from alphagan.settings.paths import Paths
    from alphagan.settings.preparation import stored_as

    prepared = Paths().prepared(run.settings.cohort)
    if known := stored_as(prepared):
        words = ", ".join(f"{key} {value}" for key, value in known.items())
        print(f"note: scans are taken as those of the cohort were: {words} ({prepared})", file=sys.stderr)
    return Scan("", "", run.settings.modality or "", Path(), **known)
