"""Run the pipeline's independent stages side by side; `dvc repro` itself runs them one after another."""

import contextlib
import json
import os
import re
import subprocess
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

from alphagan.errors import InputError, named_disk_errors
from alphagan.files import held
from alphagan.settings.config import load
from alphagan.workbench.cache import mend_half_written
from alphagan.workbench.progress import Progress
from alphagan.workbench.timetable import Timetable

LOG, TIMES, LOCK = (Path("scratch", name) for name in ("repro.log", "repro_times.json", "repro.lock"))
LAST = 20  # lines of a failed stage that are shown
EDGE = re.compile(r'"([^"]+)"(?: -> "([^"]+)")?;')
ITERATION = re.compile(r": iteration (\d+)/(\d+),")  # what a training says in a log
UNCHANGED = re.compile(r"^Stage '.*' didn't change, skipping")
# What dvc says of itself; not shown with a stage's last words.
ADVICE = re.compile(
    r"^(Use `dvc push`|To track|To enable|\tgit add|\tdvc config|Updating lock|Generating lock|Running st)"
)
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def read_graph(dot: str) -> dict[str, set[str]]:
    """Stages, each with those that must be done before it, from the output of ``dvc dag --dot``."""
    before: dict[str, set[str]] = {}
    for first, then in EDGE.findall(dot):
        before.setdefault(first, set())
        if then:
            before.setdefault(then, set()).add(first)
    return before


def to_run(graph: dict[str, set[str]], changed: set[str]) -> dict[str, set[str]]:
    """Part of the graph that may have to run: what changed, and all that follows from it."""
    chosen = set(changed)
    for stage in TopologicalSorter(graph).static_order():
        if graph[stage] & chosen:
            chosen.add(stage)
    return {stage: before & chosen for stage, before in graph.items() if stage in chosen}


def repro(jobs: int, dvc: str = "dvc") -> int:
    """Bring the whole pipeline up to date, and say how it goes.

    Every stage is run by ``dvc repro --single-item``, so that results, lock file and run cache are those of
    ``dvc repro``. Processor cores are shared out among the jobs. When a stage fails, those under way are finished.
    Everything that the stages say goes to scratch/repro.log.

    Parameters
    ----------
    jobs : int
        Stages at a time.
    dvc : str
        The program.

    Returns
    -------
    status : int
        Exit status: 0, or that of the first stage that failed, or 130 after Ctrl-C.

    Raises
    ------
    InputError
        If another one runs in this folder, dvc cannot read the pipeline, or the log cannot be written.
    """
    with named_disk_errors(LOCK):
        LOCK.parent.mkdir(parents=True, exist_ok=True)
        with held(LOCK) as alone:
            if not alone:
                raise InputError(f"{Path.cwd()}: another `make repro` is at work here; wait until it ends, or stop it")
            return _repro(jobs, dvc)


def _repro(jobs: int, dvc: str) -> int:
    print("looking for what has changed", flush=True)
    print("".join(f"note: {line}\n" for line in mend_half_written(Path())), end="", flush=True)
    graph = read_graph(_ask(dvc, "dag", "--dot"))
    stages = to_run(graph, _changed(dvc) & set(graph))
    timetable = Timetable(stages, TIMES, iterations=_iterations())
    with _log() as log, Progress(timetable, jobs, len(graph), LOG) as progress:
        status = _run_all(stages, jobs, _Runner(dvc, jobs, log, progress)) if stages else 0
        progress.summary(status)
    return status


def _iterations() -> dict[str, int]:
    """Of each training; nothing where params.yaml cannot be read, which whoever needs it will say."""
    try:
        config = load()
    except InputError:
        return {}
    return {f"train@{name}": config.settings(name).train.iterations for name in config.experiments}


def _changed(dvc: str) -> set[str]:
    """Stages that have changed, once those that look for changes where dvc does not have looked."""
    status = json.loads(_ask(dvc, "status", "--json"))
    if always := {stage for stage, reasons in status.items() if "always changed" in reasons}:
        said = _ask(dvc, "repro", "--single-item", *sorted(always))
        print("".join(f"{line}\n" for line in said.splitlines() if line.startswith("note: ")), end="", flush=True)
        status = json.loads(_ask(dvc, "status", "--json"))
    return set(status) - always


def _ask(dvc: str, *question: str) -> str:
    try:
        answer = subprocess.run([dvc, "--wait-for-lock", *question], capture_output=True, text=True)
    except FileNotFoundError:
        raise InputError(f"{dvc}: no such program; activate the environment first: . .venv/bin/activate") from None
    if "not a git repository" in answer.stderr:
        raise InputError(
            f"{Path.cwd()}: no Git repository, which dvc looks for; run `git init`, or, to do without Git, "
            "`dvc config --local core.no_scm true`"
        )
    if answer.returncode:
        raise InputError(f"dvc.yaml: {' '.join(answer.stderr.split()) or f'dvc {question[0]} failed'}")
    return answer.stdout


@contextlib.contextmanager
def _log() -> Iterator:
    with named_disk_errors(LOG):
        LOG.parent.mkdir(parents=True, exist_ok=True)
        with open(LOG, "w", encoding="utf-8", buffering=1) as log:
            yield log


def _run_all(stages: dict[str, set[str]], jobs: int, runner: "_Runner") -> int:
    graph = TopologicalSorter(stages)
    graph.prepare()
    running: dict[Future, str] = {}
    ready: set[str] = set()
    urgency = runner.progress.timetable.urgency()
    status = 0
    with ThreadPoolExecutor(jobs) as pool:
        try:
            while graph.is_active():
                ready.update(graph.get_ready())
                while ready and len(running) < jobs and not status:
                    stage = max(sorted(ready), key=urgency.__getitem__)
                    ready.remove(stage)
                    running[pool.submit(runner.run, stage)] = stage
                if not running:
                    break
                finished, _ = wait(running, timeout=1, return_when=FIRST_COMPLETED)
                for future in finished:
                    stage, ended = running.pop(future), future.result()
                    runner.progress.end(stage, ended.status, ended.core_seconds, ended.unchanged, ended.last)
                    status = status or ended.status
                    graph.done(stage)
                runner.progress.tick()
        except KeyboardInterrupt:  # which the stages have seen too
            runner.progress.say("interrupted; waiting for what is under way")
            for future in running:
                future.cancel()
            status = 130
    return status


@dataclass(frozen=True)
class _Ended:
    """How a stage ended: its exit status, what it took, and its last words."""

    status: int
    core_seconds: float
    unchanged: bool
    last: list[str]


class _Runner:
    """Runs one stage after another in each of several threads; what they say goes to one log, line by line."""

    def __init__(self, dvc: str, jobs: int, log, progress: Progress):
        self.dvc, self.log, self.progress, self.writing = dvc, log, progress, threading.Lock()
        threads = str(max(1, (os.cpu_count() or 1) // jobs))
        self.environment = {"OMP_NUM_THREADS": threads, "LOKY_MAX_CPU_COUNT": threads, **os.environ}

    def run(self, stage: str) -> _Ended:
        """Run a stage, read what it says while it does, and count the processor time of all its processes."""
        self.progress.begin(stage)
        self._write(stage, f"== starts {time.strftime('%Y-%m-%d %H:%M:%S')}")
        unchanged, last = False, deque(maxlen=LAST)
        command = [self.dvc, "--wait-for-lock", "repro", "--single-item", stage]
        with subprocess.Popen(
            command,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            for line in process.stdout:
                self._write(stage, line.rstrip())
                unchanged = unchanged or bool(UNCHANGED.match(line))
                if line.strip() and not ADVICE.match(line):
                    last.append(COLOUR.sub("", line.rstrip()))
                if found := ITERATION.search(line):
                    self.progress.advance(stage, *map(int, found.groups()))
            _, how, usage = os.wait4(process.pid, 0)
            process.returncode = status = os.waitstatus_to_exitcode(how)
        core_seconds = usage.ru_utime + usage.ru_stime
        how = f"exit status {status}, {core_seconds:.1f} core seconds"
        self._write(stage, f"== ends {time.strftime('%Y-%m-%d %H:%M:%S')}, {how}")
        return _Ended(status, core_seconds, unchanged, list(last))

    def _write(self, stage: str, line: str) -> None:
        with self.writing:
            self.log.write(f"{stage}: {line}\n")
