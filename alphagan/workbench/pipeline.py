"""Run the pipeline's independent stages side by side; `dvc repro` itself runs them one after another."""

import os
import re
import subprocess
import threading
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter

from alphagan.errors import InputError

ADVICE = ("Use `dvc push`", "To track", "To enable", "\tgit add", "\tdvc config")  # what dvc adds to every stage
EDGE = re.compile(r'"([^"]+)"(?: -> "([^"]+)")?;')


def read_graph(dot: str) -> dict[str, set[str]]:
    """Stages, each with those that must be done before it, from the output of ``dvc dag --dot``."""
    before: dict[str, set[str]] = {}
    for first, then in EDGE.findall(dot):
        before.setdefault(first, set())
        if then:
            before.setdefault(then, set()).add(first)
    return before


def repro(jobs: int, dvc: str = "dvc") -> int:
    """Bring the whole pipeline up to date.

    Every stage is run by ``dvc repro --single-item``, so that results, lock file and run cache are those of
    ``dvc repro``. Processor cores are shared out among the jobs. When a stage fails, those under way are finished.

    Parameters
    ----------
    jobs : int
        Stages at a time.
    dvc : str
        The program.

    Returns
    -------
    status : int
        Exit status: 0, or that of the first stage that failed.

    Raises
    ------
    InputError
        If dvc cannot read the pipeline.
    """
    listed = subprocess.run([dvc, "dag", "--dot"], capture_output=True, text=True)
    if listed.returncode:
        raise InputError(f"dvc.yaml: {' '.join(listed.stderr.split()) or 'dvc dag failed'}")
    graph = TopologicalSorter(read_graph(listed.stdout))
    graph.prepare()
    threads = str(max(1, (os.cpu_count() or 1) // jobs))
    environment = {"OMP_NUM_THREADS": threads, "LOKY_MAX_CPU_COUNT": threads, **os.environ}
    running: dict[Future, str] = {}
    status, printing = 0, threading.Lock()
    with ThreadPoolExecutor(jobs) as pool:
        while graph.is_active():
            # The longest stages first, so that the last ones to be left are short.
            for stage in sorted(graph.get_ready(), key=lambda stage: not stage.startswith("train@")):
                if not status:
                    running[pool.submit(_run, dvc, stage, environment, printing)] = stage
            if not running:
                break
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                status = status or future.result()
                graph.done(running.pop(future))
    return status


def _run(dvc: str, stage: str, environment: dict[str, str], printing: threading.Lock) -> int:
    """Run one stage and pass on what it says, each line with the stage's name."""
    command = [dvc, "--wait-for-lock", "repro", "--single-item", stage]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        for line in process.stdout:
            if line.strip() and not line.startswith(ADVICE):
                with printing:
                    print(f"{stage}: {line.rstrip()}", flush=True)
    return process.returncode
