"""Train one model on one prepared cohort. Needs torch, numpy, pyyaml, pydantic and tqdm, nothing else."""

import json
import shutil
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from alphagan import __version__, checkpoint
from alphagan.config import Settings
from alphagan.engine import Training
from alphagan.errors import InputError
from alphagan.volumes import Volumes

LOG_EVERY = 10  # iterations between looks at the losses, which on a GPU wait for the device
SHOWN = ("L_G", "L_D", "L_C", "l1")  # loss terms beside the progress bar

OnSample = Callable[[np.ndarray, Path], None]


class Interrupted(SystemExit):
    """Training was asked to stop; a checkpoint is saved, and the exit status tells that the run is not finished."""


def choose_device(name: str) -> torch.device:
    """Resolve "auto" to a GPU where there is one.

    Raises
    ------
    InputError
        If "cuda" is asked for and there is none.
    """
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise InputError("train.device: cuda is asked for and torch finds no GPU; use auto or cpu")
    return torch.device("cuda" if available and name != "cpu" else "cpu")


def fit(settings: Settings, prepared: Path, run: Path, scratch: Path, on_sample: OnSample | None = None) -> Path:
    """Train, or go on training from the newest checkpoint, and write the finished run.

    Parameters
    ----------
    settings : Settings
        From `Config.settings`.
    prepared : Path
        Folder of the prepared cohort.
    run : Path
        Made whole at the end: weights.pt, config.json, history.csv, samples/.
    scratch : Path
        Checkpoints, and history.csv and samples/ as they grow; below it, a folder for each configuration and data.
    on_sample : callable, (volumes, path without suffix), optional
        Draws a grid of samples while training.

    Returns
    -------
    run : Path

    Raises
    ------
    InputError
        If the cohort is not prepared, does not fit the settings, or the disk is full.
    FloatingPointError
        If a loss is not finite, naming the iteration and the last good checkpoint.
    Interrupted
        On SIGTERM or Ctrl-C, after saving a checkpoint, with a non-zero exit status.
    """
    # Initialise
    train = settings.train
    if train.threads:
        torch.set_num_threads(train.threads)  # sums of floats depend on their number
    volumes = Volumes(prepared)
    if volumes.size != settings.size:
        raise InputError(
            f"prepare.size is {settings.size}, but {prepared} holds {volumes.size} cubed; prepare it again"
        )
    rows = volumes.rows("train")
    work = scratch / f"{settings.fingerprint()}-{volumes.fingerprint()}"
    (work / "samples").mkdir(parents=True, exist_ok=True)
    training = Training(settings, choose_device(train.device))

    # Resume
    saved = checkpoint.load_newest(work, training.device)
    if saved:
        training.restore(saved)

    # Train
    asked: list[int] = []
    previous = {number: signal.signal(number, lambda number, _: asked.append(number)) for number in _signals()}
    bar = tqdm(
        total=train.iterations, initial=training.iteration, desc=f"{settings.cohort} {settings.name}", disable=None
    )
    pending = []
    try:
        while training.iteration < train.iterations:
            pending.append(training.step(volumes, rows))
            bar.update()
            done = training.iteration
            save_now = done % train.checkpoint_every == 0 or done == train.iterations or asked
            if save_now or done % LOG_EVERY == 0:
                last = training.record(pending)
                pending = []
                bar.set_postfix({name: f"{value:.3g}" for name, value in last.items() if name in SHOWN})
            if done % train.sample_every == 0 and on_sample:
                on_sample(training.sample(), work / "samples" / f"iteration-{done:06d}")
            if save_now:
                checkpoint.save(training.state(), work, done)
                training.write_history(work / "history.csv")
            if asked:
                raise Interrupted(128 + asked[0])
    except FloatingPointError as error:
        raise FloatingPointError(f"{error}; the last good checkpoint is in {work}") from None
    finally:
        bar.close()
        for number, handler in previous.items():
            signal.signal(number, handler)

    # Finish
    return _publish(training, volumes, work, run)


def _signals() -> tuple[int, ...]:
    """Signals that ask a run to stop; Python lets only the main thread listen to them."""
    listening = threading.current_thread() is threading.main_thread()
    return (signal.SIGTERM, signal.SIGINT) if listening else ()


def _publish(training: Training, volumes: Volumes, work: Path, run: Path) -> Path:
    """Put the finished run together beside its final place, then move it there in one step."""
    rows = volumes.rows("train")
    facts = {
        "format": checkpoint.FORMAT,
        "alphagan": __version__,
        "torch": torch.__version__,
        "scans": len(rows),
        "people": len(set(volumes.people(rows))),
        "data": volumes.fingerprint(),
        "voxel_size_mm": volumes.voxel_sizes_mm(rows).mean(0).round(4).tolist(),
    }
    whole = work / "run"
    shutil.rmtree(whole, ignore_errors=True)
    checkpoint.save_atomically(training.weights(), whole, "weights.pt")
    (whole / "config.json").write_text(json.dumps(training.settings.model_dump(mode="json") | facts, indent=2) + "\n")
    training.write_history(whole / "history.csv")
    shutil.copytree(work / "samples", whole / "samples")
    shutil.rmtree(run, ignore_errors=True)
    run.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(whole, run)
    return run
