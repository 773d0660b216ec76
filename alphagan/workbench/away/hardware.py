"""What was computed on which hardware, how long it took, and how long the rest may take."""

import json
import subprocess
import sys
from typing import Any

from alphagan.files import write_json
from alphagan.settings.json_file import read_json
from alphagan.training.progress import hours
from alphagan.workbench.away.steps import DONE, MEASURED, Step, Work
from alphagan.workbench.timetable import words

# Asked of another process: what opens a GPU keeps some of its memory, and some GPUs are one process's at a time.
ASK = """
import json, torch
there = torch.cuda.is_available()
print(json.dumps([torch.cuda.get_device_name() if there else "cpu", torch.__version__]))
"""


def ask() -> dict[str, str]:
    """Name of the GPU that torch would use, or "cpu", and torch's version."""
    told = subprocess.run([sys.executable, "-c", ASK], stdout=subprocess.PIPE, text=True, check=True).stdout
    device, torch = json.loads(told.splitlines()[-1])
    return {"device": device, "torch": torch}


def note(work: Work, step: Step, seconds: float, iterations: int, where: dict[str, str]) -> None:
    """Add to the file of a cohort that a step was worked on.

    Parameters
    ----------
    work : Work
    step : Step
    seconds : float
        That it took now.
    iterations : int
        Of a training, that were done in this time; others have none.
    where : dict
        As `ask` returns it; of every step all devices are kept, in order.
    """
    path = work.hardware(step.cohort)
    told = read_json(path)
    entry: dict[str, Any] = told.setdefault(step.name, {"seconds": 0.0, "iterations": 0, "where": []})
    entry["seconds"] += seconds
    entry["iterations"] += iterations
    entry["where"] += [where] if where not in entry["where"] else []
    if step.kind in MEASURED and (of := work.of(step)):
        entry["of"] = of
    write_json(told, path)


def describe(work: Work) -> list[str]:
    """How far every step is, in a line for each, and about how long the rest takes."""
    lines, left, unknown = [], 0.0, 0
    told = {name: entry for cohort in work.cohorts for name, entry in read_json(work.hardware(cohort)).items()}
    rates = {
        name: entry["seconds"] / entry["iterations"] for name, entry in told.items() if entry.get("iterations", 0) > 0
    }
    for step in work.steps():
        reached = work.reached(step)
        took = f", {hours(told[step.name]['seconds'])}" if step.name in told else ""
        if reached == DONE:
            lines.append(f"{words(step.name)}: done{took}")
            continue
        if step.kind != "train":
            lines.append(f"{words(step.name)}: to do")
            unknown += 1
            continue
        n = work.settings(step).train.iterations
        lines.append(f"{words(step.name)}: iteration {reached} of {n}{took}")
        rate = rates.get(step.name) or (sum(rates.values()) / len(rates) if rates else None)
        left, unknown = (left + (n - reached) * rate, unknown) if rate else (left, unknown + 1)
    if n := len(work.left()):
        known = f", about {hours(left)} of training" if left else ""
        besides = f", {unknown} {'more ' if left else ''}of unknown length" if unknown else ""
        lines.append(f"left: {n} of {len(work.steps())} steps{known}{besides}")
    else:
        lines.append("all is done")
    return lines
