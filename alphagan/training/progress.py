"""What a training says while it runs: a bar on a terminal, a line now and then in a log, nothing in a notebook."""

import os
import sys
import time
from collections import deque

import torch
from tqdm import tqdm

SHOWN = ("L_G", "L_D", "L_C", "l1")  # loss terms that are shown
EVERY = 30.0  # seconds between lines in a log
WINDOW = 60.0  # seconds of the past that the speed is measured over


class Progress:
    """Speed, time left, losses and memory of a training, on stderr.

    Parameters
    ----------
    title : str
    done, total : int
        Iterations.
    device : torch.device
    wanted : bool, optional
        By default a bar where stderr is a terminal and nothing elsewhere. True asks for lines elsewhere, False for
        nothing anywhere.
    """

    def __init__(self, title: str, done: int, total: int, device: torch.device, wanted: bool | None = None):
        self.title, self.total, self.device = title, total, device
        terminal = sys.stderr.isatty()
        self.lines = bool(wanted) and not terminal
        self.bar = tqdm(
            total=total,
            initial=done,
            desc=title,
            disable=wanted is False or not terminal,
            dynamic_ncols=True,
            file=sys.stderr,
        )
        self.marks = deque()  # (seconds, iterations done) of the last minute
        self.spoke = time.monotonic()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_) -> None:
        self.bar.close()

    @property
    def due(self) -> bool:
        """Whether it is time to say something, even if that means to wait for the device."""
        return (self.lines or not self.bar.disable) and time.monotonic() - self.spoke >= EVERY

    def step(self, done: int, losses: dict[str, float] | None = None, now: bool = False) -> None:
        """Take note of an iteration.

        Parameters
        ----------
        done : int
            Iterations so far.
        losses : dict, optional
            Loss terms, where they are known.
        now : bool
            Say it in a log even if the last line is recent.
        """
        self.bar.update()
        if losses or not self.marks:  # counted from the end of the first iteration, which may compile
            self._mark(done)
        if not losses:
            return
        shown = {name: f"{value:.3g}" for name, value in losses.items() if name in SHOWN}
        shown["memory"] = f"{memory_bytes(self.device) / 1e9:.2f} GB"
        self.bar.set_postfix(shown)
        if now or self.due:
            self.spoke = time.monotonic()
            if self.lines:
                print(self._line(done, shown), file=sys.stderr, flush=True)

    def _mark(self, done: int) -> None:
        self.marks.append((time.monotonic(), done))
        while len(self.marks) > 2 and self.marks[-1][0] - self.marks[1][0] > WINDOW:
            self.marks.popleft()

    def _line(self, done: int, shown: dict[str, str]) -> str:
        (start, first), (end, last) = self.marks[0], self.marks[-1]
        speed, left = "? iterations/s", "? left"
        if last > first:
            rate = (last - first) / max(end - start, 1e-9)
            speed, left = f"{rate:.3g} iterations/s", f"{hours((self.total - done) / rate)} left"
        rest = [f"{name} {value}" for name, value in shown.items()]
        return ", ".join([f"{self.title}: iteration {done}/{self.total}", speed, left, *rest])


def hours(seconds: float) -> str:
    """Write a duration as h:mm:ss."""
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def memory_bytes(device: torch.device) -> int:
    """Most memory that torch has held on a GPU; on a CPU what the process holds now, or its most on macOS."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except FileNotFoundError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # in bytes on macOS, which has no /proc
