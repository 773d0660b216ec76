"""What of the work is done, as files that travel, and how they are taken into their places on the other side.

A cohort that travels lacks what names files, so that its fingerprint is another one there than here: what is taken in
gets that of the side where it is. So does the fingerprint of the code that trains, which another Python may spell
otherwise.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from alphagan.errors import InputError, named_disk_errors
from alphagan.files import write_atomically
from alphagan.settings.json_file import read_json
from alphagan.training import checkpoint, resume
from alphagan.workbench.away.archive import Member
from alphagan.workbench.away.steps import DONE, Step, Work

STATE = "state"  # folder in the archive
OF_A_RUN = ("weights.pt", "config.json", "history.csv")


def gather(work: Work, known: Mapping[str, int | str]) -> Iterator[Member]:
    """Files of every step that is further than the other side knows; of unfinished trainings the newest checkpoint.

    Parameters
    ----------
    work : Work
    known : mapping
        As `Work.progress` returns it.

    Yields
    ------
    name, path
        Of a file below `STATE`.
    """
    for step in work.steps():
        reached = work.reached(step)
        if not reached or reached == known.get(step.name, 0):
            continue
        if step.kind == "features":
            folder = work.paths.features(step.cohort)
            yield from _named(work, [folder / "weights.pt", folder / "config.json"])
        elif step.kind != "train":
            yield from _named(work, work.made(step))
        elif reached == DONE:
            run = work.run(step)
            yield from _named(work, [*(run / name for name in OF_A_RUN), *_pictures(run)])
        else:
            folder = work.checkpoints(step)
            files = [checkpoint.newest(folder), folder / resume.CONFIGURATION, *_pictures(folder)]
            for path in files:
                yield f"{STATE}/{_travelling(work, step)}/{path.relative_to(folder).as_posix()}", path
    yield from _named(work, [path for cohort in work.cohorts if (path := work.hardware(cohort)).exists()])


def adopt(root: Path, work: Work, same_code: bool = True) -> list[str]:
    """Move what was gathered into its places, where that is further than what is there.

    Parameters
    ----------
    root : Path
        Folder that holds `STATE`, which is empty afterwards; on the disk of `work`.
    work : Work
    same_code : bool
        Whether checkpoints are of the code that trains here.

    Returns
    -------
    notes : list of str
        What was left out, a line for each.

    Raises
    ------
    InputError
        If a run or a checkpoint is damaged or of other settings, or the disk is full or not writable.
    """
    notes, state = [], root / STATE
    with named_disk_errors(work.paths.root):
        for step in work.steps():
            if work.reached(step) == DONE:
                continue
            if step.kind == "train":
                _adopt_run(state, work, step)
                if same_code:
                    _adopt_checkpoint(state, work, step)
                elif (state / _travelling(work, step)).exists():
                    notes.append(f"{step.name}: its checkpoint is of other code than trains here; left out")
            elif step.kind == "features":
                _place(state, work, work.paths.features(step.cohort), work.data(step.cohort))
        for cohort in work.cohorts:
            _place_files(state, work, cohort)
        shutil.rmtree(state, ignore_errors=True)
    return notes


def _named(work: Work, paths: list[Path]) -> Iterator[Member]:
    for path in paths:
        yield f"{STATE}/{path.relative_to(work.paths.root).as_posix()}", path


def _pictures(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "samples").glob("*") if path.is_file())


def _travelling(work: Work, step: Step) -> Path:
    """Folder of a checkpoint on the way, without the fingerprint of either side."""
    settings = work.settings(step)
    return Path("scratch", "train", settings.cohort, settings.name)


def _adopt_run(state: Path, work: Work, step: Step) -> None:
    run = work.run(step)
    source = state / run.relative_to(work.paths.root)
    if not source.is_dir():
        return
    told = read_json(source / "config.json").get("weights_sha256")
    try:
        with open(source / "weights.pt", "rb") as file:
            whole = hashlib.file_digest(file, "sha256").hexdigest() == told
    except FileNotFoundError:
        whole = False
    if not whole:
        raise InputError(f"{source.relative_to(state)}: weights and config.json do not belong together; bring it again")
    (source / "samples").mkdir(exist_ok=True)  # which has no member where no picture was drawn
    _place(state, work, run, work.data(step.cohort))


def _place(state: Path, work: Work, folder: Path, data: str) -> None:
    """Move a trained network to its folder, as one of the scans that are prepared here."""
    source = state / folder.relative_to(work.paths.root)
    if not (source / "config.json").is_file():
        return
    config = read_json(source / "config.json") | {"data": data}
    text = json.dumps(config, indent=2) + "\n"
    write_atomically(lambda file: file.write(text.encode()), source, "config.json")
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    source.rename(folder)


def _adopt_checkpoint(state: Path, work: Work, step: Step) -> None:
    source, folder = state / _travelling(work, step), work.checkpoints(step)
    come, there = checkpoint.newest(source), checkpoint.newest(folder)
    if come is None or (there and checkpoint.iteration_of(there) >= checkpoint.iteration_of(come)):
        return
    theirs, mine = read_json(source / resume.CONFIGURATION), work.configuration(step)
    own = {key: mine[key] for key in ("data", "code")}
    if changed := checkpoint.differences(theirs | own, mine):
        raise InputError(f"{step.name}: its checkpoint is of other settings ({', '.join(changed)}); pack again")
    found = checkpoint.load_newest(source, "cpu", theirs)
    if found is None:
        raise InputError(f"{step.name}: its checkpoint is damaged; bring it again")
    content = {key: value for key, value in found.items() if key not in ("format", "iteration", "configuration")}
    if (source / "samples").is_dir():
        shutil.copytree(source / "samples", folder / "samples", dirs_exist_ok=True)
    resume.describe(folder, mine, folder)
    checkpoint.save(content, folder, found["iteration"], mine)


def _place_files(state: Path, work: Work, cohort: str) -> None:
    """Numbers, pictures and samples of one cohort; what says of which weights numbers are goes first and comes last."""
    paths = work.paths
    numbers = [(paths.metrics(cohort), paths.provenance("metrics", cohort))]
    numbers += [(paths.audit(cohort), paths.provenance("audit", cohort))]
    for made, of in numbers:
        if _at(state, work, made).is_file() and _at(state, work, of).is_file():
            of.unlink(missing_ok=True)
            _move(state, work, made)
            _move(state, work, of)
    for model in work.config.models(cohort):
        _move(state, work, work.samples(cohort, model))
    for path in sorted(_at(state, work, work.figures(cohort)).glob("*")):
        _move(state, work, work.figures(cohort) / path.name)
    _move(state, work, work.hardware(cohort))


def _at(state: Path, work: Work, path: Path) -> Path:
    return state / path.relative_to(work.paths.root)


def _move(state: Path, work: Work, path: Path) -> None:
    source = _at(state, work, path)
    if source.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(source, path)
