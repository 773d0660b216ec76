"""A training while it runs: losses and newest samples, drawn again as they come, or handed to TensorBoard.

A training writes history.csv and samples/ below scratch/ as they grow, and knows nothing of who looks at them.
"""

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock, Thread

import numpy as np
import pandas as pd

from alphagan.errors import InputError, named_disk_errors
from alphagan.figures import loss_curves, save_montage
from alphagan.figures.common import write
from alphagan.training.loop import OnSample
from alphagan.training.resume import CONFIGURATION

EVERY = 2.0  # seconds between looks


@dataclass(frozen=True)
class Glance:
    """What a training has come to.

    Parameters
    ----------
    folder : Path
        Where it keeps its checkpoints.
    n_iterations : int
        That it will take.
    history : DataFrame
        Loss terms, as in history.csv; one row at least.
    samples : tuple of Path
        Pictures of generated brains, the newest last.
    """

    folder: Path
    n_iterations: int
    history: pd.DataFrame
    samples: tuple[Path, ...]

    @property
    def iteration(self) -> int:
        """Iterations that the history tells of."""
        return int(self.history["iteration"].iloc[-1])


def glance(scratch: Path, since: float = 0.0) -> Glance | None:
    """Look at the training below a folder that wrote last.

    Parameters
    ----------
    scratch : Path
        ``scratch/train/COHORT/MODEL``.
    since : float
        Only at what was written after this time, in seconds since 1970.

    Returns
    -------
    Glance or None
        None where there is none that has told of an iteration.
    """
    told = [(path.stat().st_mtime, path) for path in scratch.glob("*/history.csv")]
    told = [(written, path.parent) for written, path in told if written > since]
    if not told:
        return None
    _, folder = max(told)
    history = pd.read_csv(folder / "history.csv")
    settings = json.loads((folder / CONFIGURATION).read_text(encoding="utf-8"))
    samples = tuple(sorted((folder / "samples").glob("iteration-*.png")))
    return Glance(folder, settings["train"]["iterations"], history, samples) if len(history) else None


def follow(scratch: Path, every: float = EVERY, since: float = 0.0, stop: Event | None = None) -> Iterator[Glance]:
    """Look again and again, and give what is new: until the last iteration, or until somebody says stop.

    Parameters
    ----------
    scratch, since
        As `glance` has them.
    every : float
        Seconds between looks.
    stop : Event, optional
        Ends it after one more look; the last iteration does not.
    """
    waiting, seen = stop or Event(), None
    while True:
        ended = waiting.is_set()
        found = glance(scratch, since)
        if found and seen != (seen := (found.folder, found.iteration, found.samples)):
            yield found
        if ended or (stop is None and found and found.iteration >= found.n_iterations):
            return
        waiting.wait(every)


def draw(glances: Iterable[Glance], path: Path) -> Iterator[str]:
    """Keep a picture of the losses up to date, and say where the training is."""
    for found in glances:
        write(_losses(found), path, "png")
        yield _line(found)


def to_tensorboard(glances: Iterable[Glance], folder: Path) -> Iterator[str]:
    """Hand every loss term and picture to TensorBoard, and say where the training is.

    What an earlier call wrote into the same folder is taken back: a history is always handed over whole.

    Raises
    ------
    InputError
        If TensorBoard is not installed, or the folder cannot be written to.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ModuleNotFoundError:
        raise InputError("TensorBoard is not installed; run `pip install 'alphagan[tensorboard]'`") from None
    from matplotlib.image import imread

    writer, told, n_rows, shown = None, None, 0, set()
    try:
        for found in glances:
            if found.folder != told:  # a run of its own for each configuration
                told, n_rows, shown = found.folder, 0, set()
                if writer is not None:
                    writer.close()
                with named_disk_errors(folder):
                    writer = SummaryWriter(str(folder / found.folder.name), purge_step=0)
            for row in found.history.iloc[n_rows:].to_dict("records"):
                for term in found.history.columns.drop("iteration"):
                    writer.add_scalar(f"losses/{term}", row[term], int(row["iteration"]))
            for picture in (picture for picture in found.samples if picture not in shown):
                iteration = int(picture.stem.removeprefix("iteration-"))
                writer.add_image("samples", imread(picture)[..., :3], iteration, dataformats="HWC")
            n_rows, shown = len(found.history), set(found.samples)
            writer.flush()
            yield _line(found)
    finally:
        if writer:
            writer.close()


@contextmanager
def live(scratch: Path, every: float = EVERY) -> Iterator[OnSample]:
    """Show losses and samples of the training in the body below a notebook's cell, while it runs.

    Parameters
    ----------
    scratch, every
        As `follow` has them.

    Yields
    ------
    on_sample : callable
        What the training is to draw its samples with: matplotlib draws in one thread at a time.
    """
    stop, drawing = Event(), Lock()

    def on_sample(volumes: np.ndarray, path: Path) -> None:
        with drawing:
            save_montage(volumes, path)

    thread = Thread(target=_show, args=(follow(scratch, every, time.time(), stop), drawing), daemon=True)
    thread.start()
    try:
        yield on_sample
    finally:
        stop.set()
        thread.join()


def _show(glances: Iterable[Glance], drawing: Lock) -> None:
    from IPython.display import Image, display

    shown = {}
    for found in glances:
        with drawing:
            losses = _losses(found)._repr_png_()
        parts = {"losses": Image(data=losses)}
        if found.samples:
            parts["samples"] = Image(filename=str(found.samples[-1]))
        for name, part in parts.items():
            if name in shown:
                shown[name].update(part)
            else:
                shown[name] = display(part, display_id=True)


def _losses(found: Glance):
    title = f"iteration {found.iteration} of {found.n_iterations}"
    return loss_curves(found.history, smoothing=min(51, 1 + len(found.history) // 10), title=title)


def _line(found: Glance) -> str:
    terms = found.history.iloc[-1].drop("iteration")
    told = ", ".join(f"{term} {value:.3g}" for term, value in terms.items())
    return f"iteration {found.iteration}/{found.n_iterations}: {told}"
