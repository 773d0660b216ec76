"""One slice: the steps that are left, in order, until all are done or the time is up."""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

from alphagan.settings.config import load
from alphagan.settings.paths import Paths
from alphagan.training import choose_device
from alphagan.workbench.away import archive, hardware
from alphagan.workbench.away.pack import MANIFEST, PARAMS, alone, manifest
from alphagan.workbench.away.state import STATE, adopt, gather
from alphagan.workbench.away.steps import DONE, MEASURED, Step, Work
from alphagan.workbench.timetable import words

STOP = 0.9  # share of the time after which a slice begins to stop; the rest is for a checkpoint and the archive
LAST = 0.97  # after which what does not stop is ended
WRITING = 0.05  # share of the time that may go into archives while something is still being trained
NEEDED = {"evaluate": ("scipy",), "audit": ("scipy",), "show": ("scipy", "matplotlib")}
LOOK = 0.5  # seconds between looks at the clock and at checkpoints


def run(root: Path, minutes: float, back: Path) -> int:
    """Work for some minutes in the folder of an unpacked archive, and write what comes back.

    The archive that comes back is written in the end, and before whenever there is something new and it costs little
    time, so that even a process that is killed leaves one.

    Parameters
    ----------
    root : Path
        The folder; its code is what runs.
    minutes : float
        The limit, from now on.
    back : Path
        The archive to write.

    Returns
    -------
    status : int
        0, whether all is done, the time is up or it was told to stop; 1 if a step failed.

    Raises
    ------
    InputError
        If the folder is none, another slice is at work in it, or a GPU is asked for and there is none.
    """
    began = time.monotonic()
    cure = "unpack what alphagan away pack wrote, and run in its folder"
    told = manifest(root, f"{root.resolve()}: no {MANIFEST}; {cure}")
    with alone(Paths(root)):
        work = Work(load(root / PARAMS), Paths(root))
        choose_device(work.config.train.device)
        if (root / STATE).is_dir():
            adopt(root, work)

        def bring() -> None:
            members = [(name, root / name) for name in (MANIFEST, PARAMS)]
            archive.write(back, [*members, *gather(work, told["known"])])

        bring()
        status = Slice(work, root / PARAMS, bring).work_until(began + STOP * 60 * minutes, began + LAST * 60 * minutes)
        bring()
        say(f"comes back: {back}")
    return status


class Slice:
    """The steps that are left of some work.

    Parameters
    ----------
    work : Work
    params : Path
        Its params file.
    bring : callable, optional
        Writes what there is so far.
    """

    def __init__(self, work: Work, params: Path, bring: Callable[[], None] | None = None):
        self.work, self.params, self.bring = work, params, bring
        self.where = hardware.ask()
        self.asked: list[int] = []
        self.began = time.monotonic()

    def work_until(self, stop: float = float("inf"), last: float = float("inf")) -> int:
        """Do one step after the other.

        Parameters
        ----------
        stop, last : float
            Moments of `time.monotonic` when the step under way is told to stop, and is ended.

        Returns
        -------
        status : int
            1 if a step failed, else 0.
        """
        say(f"on {self.where['device']}, torch {self.where['torch']}")
        status = 0
        with told_to_stop() as self.asked:
            for step in self.work.left():
                lacking = [name for name in NEEDED.get(step.kind, ()) if find_spec(name) is None]
                if lacking:
                    say(f"{words(step.name)}: left for home, as there is no {' and no '.join(lacking)} here")
                    continue
                if self.asked or time.monotonic() >= stop:
                    break
                if status := self._do(step, stop, last):
                    say(f"{words(step.name)}: failed, see above")
                    break
        for line in hardware.describe(self.work):
            say(line)
        return status

    def _do(self, step: Step, stop: float, last: float) -> int:
        say(words(step.name))
        began, before = time.monotonic(), self.work.reached(step)
        command, root = self._command(step), self.work.paths.root
        with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as child:
            stopped = self._wait(child, step, stop, last)
        after, seconds = self.work.reached(step), time.monotonic() - began
        iterations = self._iterations(step, after) - self._iterations(step, before)
        if child.returncode == 0 or iterations:
            hardware.note(self.work, step, seconds, iterations, self.where)
        if stopped and step.kind in MEASURED and seconds > 0.5 * (stop - self.began):
            say(f"{words(step.name)}: takes longer than such a slice, and cannot be done in parts; leave it for home")
        return 0 if stopped or child.returncode == 0 else 1

    def _wait(self, child: subprocess.Popen, step: Step, stop: float, last: float) -> bool:
        """Wait for a step's end, whoever asks for it; returns whether it was asked to stop."""
        told, known, written, took = False, self.work.reached(step), time.monotonic(), 0.0
        while child.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(LOOK)
            now = time.monotonic()
            if not told and (self.asked or now >= stop):
                told = True
                child.send_signal(signal.SIGTERM)
            if now >= last:
                child.kill()
            cheap = self.bring and not told and now - written >= took / WRITING
            if cheap and (reached := self.work.reached(step)) != known:
                with contextlib.suppress(FileNotFoundError):  # a checkpoint made room for the next one
                    self.bring()
                known, written, took = reached, time.monotonic(), time.monotonic() - now
        return told or bool(self.asked)

    def _iterations(self, step: Step, reached: int | str) -> int:
        if step.kind != "train":
            return 0
        return self.work.settings(step).train.iterations if reached == DONE else reached

    def _command(self, step: Step) -> list[str]:
        command = {
            "train": ["train", step.experiment],
            "features": ["features", step.cohort, "--device", choose_device(self.work.config.train.device).type],
            "show": ["away", "show", step.cohort],
        }.get(step.kind, [step.kind, step.cohort])
        params = str(self.params.resolve())
        return [sys.executable, "-m", "alphagan.workbench.away.child", *command, "--params", params]


def say(line: str) -> None:
    """Print a line on stderr at once; stdout is left to archives."""
    print(line, file=sys.stderr, flush=True)


@contextlib.contextmanager
def told_to_stop() -> Iterator[list[int]]:
    """Collect SIGTERM and Ctrl-C, instead of ending with them."""
    asked: list[int] = []
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, lambda number, _: asked.append(number)) for number in numbers}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
