"""How long the pipeline's stages take: measured, kept for the next run, and what is left estimated from both."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

from alphagan.files import write_json

# Kind of stage: how a person calls it, and the part of the work that its time counts to.
KINDS = {
    "strip": ("strip the notebooks", "figures"),
    "scans": ("list the scans of", "preparation"),
    "prepare": ("prepare", "preparation"),
    "features": ("train the feature network of", "feature networks"),
    "networks": ("draw the networks", "figures"),
    "train": ("train", "training"),
    "training": ("show the training on", "figures"),
    "evaluate": ("evaluate", "evaluation"),
    "generate": ("show what is generated from", "figures"),
    "audit": ("audit", "audit"),
    "figures": ("draw the paper's figures", "figures"),
    "collect": ("collect the metrics", "evaluation"),
}
A_STAGE, AN_ITERATION = 30.0, 0.08  # seconds, where nothing is known; to order stages, never to tell a time
PARTS = ("preparation", "feature networks", "training", "evaluation", "audit", "figures", "others")


def words(stage: str) -> str:
    """Name of a stage for a person: "train normal alpha_wgan_gp" for train@normal-alpha_wgan_gp."""
    kind, _, key = stage.partition("@")
    return f"{KINDS.get(kind, (kind,))[0]} {key.replace('-', ' ', 1) if kind == 'train' else key}".rstrip()


@dataclass(frozen=True)
class Spent:
    """When a stage ran, in seconds of a monotonic clock, and the processor time of all its processes, in seconds."""

    start: float
    end: float
    core_seconds: float


class Timetable:
    """What is done, under way and left.

    Parameters
    ----------
    graph : dict of str to set of str
        Stages that may have to run, each with those before it.
    times : path
        Seconds that each stage took in earlier runs, if there were any; `keep` writes it.
    clock : callable
        Seconds.
    iterations : dict of str to int, optional
        Of trainings: how many each has.
    """

    def __init__(
        self,
        graph: dict[str, set[str]],
        times: Path,
        clock: Callable[[], float] = time.monotonic,
        iterations: dict[str, int] | None = None,
    ):
        self.graph, self.times, self.clock, self.iterations = graph, times, clock, iterations or {}
        self.past: dict[str, float] = _read(times)
        self.began = clock()
        self.started: dict[str, float] = {}  # under way
        self.marks: dict[str, list[tuple[float, float]]] = {}  # of a training: when which share of it was done
        self.spent: dict[str, Spent] = {}
        self.unchanged: set[str] = set()  # dvc found that they need not run
        self.failed: set[str] = set()

    @property
    def elapsed(self) -> float:
        """Seconds so far."""
        return self.clock() - self.began

    @property
    def n_done(self) -> int:
        """Stages that need no more time."""
        return len(self.spent) + len(self.unchanged)

    def urgency(self) -> dict[str, float]:
        """Of each stage, seconds of the longest chain of stages that begins with it: the longest is to start first."""
        chain: dict[str, float] = {}
        after = {stage: [other for other, before in self.graph.items() if stage in before] for stage in self.graph}
        for stage in reversed([*TopologicalSorter(self.graph).static_order()]):
            guess = A_STAGE + AN_ITERATION * self.iterations.get(stage, 0)
            chain[stage] = self.past.get(stage, guess) + max((chain[other] for other in after[stage]), default=0.0)
        return chain

    def begin(self, stage: str) -> None:
        """A stage starts."""
        self.started[stage] = self.clock()

    def advance(self, stage: str, share: float) -> None:
        """Take note of how much of a training is done, which need not have started at 0."""
        marks = self.marks.setdefault(stage, [])
        marks[1:] = [(self.clock(), share)]  # the first and the last are enough

    def end(self, stage: str, status: int, core_seconds: float, unchanged: bool) -> float:
        """A stage has ended; returns its seconds."""
        start, end = self.started.pop(stage), self.clock()
        if status:
            self.failed.add(stage)
        elif unchanged:
            self.unchanged.add(stage)
        else:
            self.spent[stage] = Spent(start, end, core_seconds)
        return end - start

    def keep(self) -> None:
        """Write how long each stage took, for the next run to estimate from."""
        took = {stage: spent.end - spent.start for stage, spent in self.spent.items()}
        write_json(self.past | took, self.times)

    def to_go(self, jobs: int) -> tuple[float, bool]:
        """Estimate what is left.

        A stage takes what it took in an earlier run, times how much longer those of its kind take now; else what those
        of its kind have taken on average, or for an iteration; a training as long as its iterations so far say.

        Returns
        -------
        seconds : float
            Until all is done, `jobs` stages at a time.
        complete : bool
            False where nothing is known of some stages, which are left out of the sum.
        """
        ended, now = self.spent.keys() | self.unchanged | self.failed, self.clock()
        expected = {stage: self._expected(stage, now) for stage in self.graph if stage not in ended}
        left = {
            stage: max(0.0, (seconds or 0.0) - (now - self.started.get(stage, now)))
            for stage, seconds in expected.items()
        }
        until: dict[str, float] = {}  # the longest chain of stages that ends with this one
        for stage in TopologicalSorter(self.graph).static_order():
            until[stage] = left.get(stage, 0.0) + max((until[before] for before in self.graph[stage]), default=0.0)
        return max([sum(left.values()) / jobs, *until.values()]), None not in expected.values()

    def _expected(self, stage: str, now: float) -> float | None:
        marks = self.marks.get(stage, [])
        if len(marks) == 2 and marks[1][1] > marks[0][1]:
            (first, done), (last, share) = marks
            return last - self.started[stage] + (1 - share) * (last - first) / (share - done)
        alike = {other: spent.end - spent.start for other, spent in self.spent.items() if _kind(other) == _kind(stage)}
        if stage in self.past:
            known = alike.keys() & self.past.keys()
            before = sum(self.past[other] for other in known)
            return self.past[stage] * (sum(alike[other] for other in known) / before if before else 1.0)
        work = sum(self.iterations.get(other, 1) for other in alike)
        return sum(alike.values()) * self.iterations.get(stage, 1) / work if alike else None

    def parts(self) -> dict[str, tuple[int, float, float]]:
        """Stages, seconds during which at least one was under way, and core seconds, of each part of the work."""
        parts: dict[str, list[Spent]] = {part: [] for part in PARTS}
        for stage, spent in self.spent.items():
            parts[KINDS.get(_kind(stage), (None, "others"))[1]].append(spent)
        return {
            part: (len(spent), _covered(spent), sum(one.core_seconds for one in spent))
            for part, spent in parts.items()
            if spent
        }


def _kind(stage: str) -> str:
    return stage.partition("@")[0]


def _covered(spent: list[Spent]) -> float:
    """Seconds in at least one of the intervals, which may overlap."""
    total, reached = 0.0, float("-inf")
    for one in sorted(spent, key=lambda one: one.start):
        total += max(0.0, one.end - max(one.start, reached))
        reached = max(reached, one.end)
    return total


def _read(times: Path) -> dict[str, float]:
    try:
        return {str(stage): float(seconds) for stage, seconds in json.loads(times.read_text()).items()}
    except (OSError, ValueError, AttributeError, TypeError):  # absent or damaged: then nothing is known
        return {}
