"""Train one model on one prepared cohort. Needs torch, numpy, pyyaml, pydantic and tqdm, nothing else."""

import contextlib
import hashlib
import json
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from alphagan import __version__
from alphagan.errors import InputError, named_disk_errors
from alphagan.files import holding, write_atomically
from alphagan.settings.config import Settings
from alphagan.training import checkpoint, resume
from alphagan.training.arithmetic import arithmetic, choose_device
from alphagan.training.distributed import World
from alphagan.training.engine import Training
from alphagan.training.health import refuse_divergence, refuse_non_finite
from alphagan.training.memory import keep_freed_memory
from alphagan.training.progress import Progress
from alphagan.volumes.prepared import Volumes

LOOK_EVERY = 10  # iterations between looks at the losses, which on a GPU wait for the device
TELL_EVERY = 2.0  # seconds between histories for whoever watches

OnSample = Callable[[np.ndarray, Path], None]


class Interrupted(SystemExit):
    """Training was asked to stop; a checkpoint is saved, and the exit status tells that the run is not finished."""


def fit(
    settings: Settings,
    prepared: Path,
    run: Path,
    scratch: Path,
    on_sample: OnSample | None = None,
    *,
    progress: bool | None = None,
    world: World | None = None,
) -> Path:
    """Train, or go on training, and write the finished run.

    It goes on from its newest checkpoint, or from that of a run which is the same but for fewer iterations. It writes
    what an uninterrupted run writes, but for a G_early that the shorter run kept sooner, after the iteration that
    config.json tells as `early_iteration`.

    Parameters
    ----------
    settings : Settings
        From `Config.settings`.
    prepared : Path
        Folder of the prepared cohort.
    run : Path
        Made whole at the end: weights.pt, config.json, history.csv, samples/.
    scratch : Path
        Checkpoints, and history.csv and samples/ as they grow; a folder below it for each configuration, data and code.
    on_sample : callable, (volumes, path without suffix), optional
        Draws a grid of samples while training.
    progress : bool, optional
        Speed, losses and memory on stderr; see `Progress`.
    world : World, optional
        The processes that train together, by default this one on `train.device`. All read, the first alone writes and
        speaks.

    Returns
    -------
    run : Path

    Raises
    ------
    InputError
        If the cohort is not prepared, does not fit the settings, the disk is full, a checkpoint is not this run's, or
        another process trains it.
    FloatingPointError
        If a loss or a weight is not finite, or a loss diverges, naming the iteration and the last good checkpoint.
    Interrupted
        On SIGTERM or Ctrl-C, after saving a checkpoint, with a non-zero exit status.
    """
    # Initialise
    train = settings.train
    world = world or World(choose_device(train.device))
    writes = world.rank == 0
    volumes = Volumes(prepared)
    if volumes.size != settings.size:
        raise InputError(
            f"prepare.size is {settings.size}, but {prepared} holds {volumes.size} cubed; prepare it again"
        )
    if run.exists() and not run.is_dir():
        raise InputError(f"{run}: is a file, where the finished run would go; move it away")
    if not (rows := volumes.rows("train")):
        raise InputError(f"{prepared}: nobody is in the split train; prepare it again")
    volumes.voxel_sizes_mm(rows)  # a finished run is told them; what is wrong with the table is said now
    data = volumes.fingerprint()
    configuration, work = resume.configuration_of(settings, data), scratch / resume.folder_of(settings, data)
    title = f"{settings.cohort} {settings.name}"
    say = checkpoint.to_stderr if writes else lambda message: None

    with contextlib.ExitStack() as alone, arithmetic(train.deterministic, train.threads), _signals() as asked:
        busy = f"another process trains {title}"
        world.on_first(lambda: alone.enter_context(holding(work / ".lock", busy)))
        if world.device.type == "cpu":
            keep_freed_memory()
        training = Training(settings, world)

        # Resume
        saved, origin = resume.start(settings, configuration, work, run, training.device, say)
        if saved:
            training.restore(saved)
        world.check_same("weights, settings and scans", training.networks, f"{work.name} {training.iteration}")
        del saved  # as large as the networks and the optimisers' state
        world.on_first(lambda: resume.describe(work, configuration, origin))

        # Train
        pending, stop, due = [], 0, time.monotonic() + TELL_EVERY
        shown = Progress(title, training.iteration, train.iterations, training.device, progress if writes else False)
        try:
            with shown:
                while training.iteration < train.iterations and not stop:
                    pending.append(training.step(volumes, rows))
                    done, losses = training.iteration, None
                    stop, look = world.agree(asked[0] if asked else 0, shown.due)
                    save_now = bool(stop) or done % train.checkpoint_every == 0 or done == train.iterations
                    if save_now or done % LOOK_EVERY == 0 or look:
                        losses, pending = training.record(pending), []
                        refuse_divergence(training.columns, training.history)
                        if writes and (now := time.monotonic()) >= due:
                            with contextlib.suppress(InputError):  # of a full disk, which the next checkpoint tells of
                                _write_history(training, work)
                            # A long history is told more seldom, lest it take the time that it tells of.
                            due = now + max(TELL_EVERY, 50 * (time.monotonic() - now))
                    # Before the checkpoint: a run that is killed while it draws goes back, and draws again.
                    if on_sample and done % train.sample_every == 0:
                        world.on_first(lambda: _draw(training, work / "samples", on_sample))
                    if save_now:
                        world.on_first(lambda: _save(training, work, configuration))
                    shown.step(done, losses, now=save_now)
            if stop:
                say(f"{title}: {signal.Signals(stop).name}, saved at iteration {done}; start it again to go on")
                raise Interrupted(128 + stop)
            world.on_first(lambda: _publish(training, volumes, work, run))
        except FloatingPointError as error:
            good = checkpoint.newest(work, before=getattr(error, "since", None))
            hint = f"the last good checkpoint is {good}" if good else "there is no checkpoint from before"
            raise FloatingPointError(f"{title}: {error}; {hint}") from None
    return run


@contextlib.contextmanager
def _signals() -> Iterator[list[int]]:
    """Collect the signals that ask a run to stop; Python lets only the main thread listen to them."""
    asked: list[int] = []
    listening = threading.current_thread() is threading.main_thread()
    numbers = (signal.SIGTERM, signal.SIGINT) if listening else ()
    before = {number: signal.signal(number, lambda number, _: asked.append(number)) for number in numbers}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)


def _draw(training: Training, folder: Path, on_sample: Callable[[np.ndarray, Path], None]) -> None:
    with named_disk_errors(folder):
        folder.mkdir(exist_ok=True)
        on_sample(training.sample(), folder / f"iteration-{training.iteration:06d}")


def _save(training: Training, work: Path, configuration: dict) -> None:
    checkpoint.save(training.state(), work, training.iteration, configuration)
    _write_history(training, work)


def _write_history(training: Training, folder: Path) -> None:
    """Write one line per iteration, with 9 significant digits."""
    lines = [",".join(["iteration", *training.columns])]
    lines += [",".join([str(i), *(f"{value:.9g}" for value in row)]) for i, row in enumerate(training.history, 1)]
    text = "\n".join(lines) + "\n"
    write_atomically(lambda file: file.write(text.encode()), folder, "history.csv")


def _publish(training: Training, volumes: Volumes, work: Path, run: Path) -> None:
    """Put the finished run together beside its final place, then move it there in one step."""
    rows = volumes.rows("train")
    facts = {
        "format": checkpoint.FORMAT,
        "alphagan": __version__,
        "torch": torch.__version__,
        "scans": len(rows),
        "people": len(set(volumes.people(rows))),
        "data": volumes.fingerprint(),
        "early_iteration": training.early_iteration,  # of G_early
        "voxel_size_mm": volumes.voxel_sizes_mm(rows).mean(0).round(4).tolist(),
    }
    weights = training.weights(volumes, rows)
    refuse_non_finite(weights, training.iteration)
    partial = run.with_name(f".{run.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        written = write_atomically(lambda file: torch.save(weights, file), partial, "weights.pt")
        facts["weights_sha256"] = hashlib.sha256(written.read_bytes()).hexdigest()  # they belong together
        config = json.dumps(training.settings.model_dump(mode="json") | facts, indent=2) + "\n"
        write_atomically(lambda file: file.write(config.encode()), partial, "config.json")
        _write_history(training, partial)
        with named_disk_errors(partial):
            (partial / "samples").mkdir()
            for path in sorted((work / "samples").glob("*")):
                shutil.copy(path, partial / "samples")
            shutil.rmtree(run, ignore_errors=True)
            partial.rename(run)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
