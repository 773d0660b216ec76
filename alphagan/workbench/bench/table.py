"""All rows of the speed table, and the table."""

import json
import platform
import statistics
import sys
from collections.abc import Iterator

import torch

from alphagan.settings.sections import Model
from alphagan.workbench.bench.timing import compare, seconds
from alphagan.workbench.bench.workers import in_turn, workers
from alphagan.workbench.plan import step_flops

PAPER_ITERATIONS = 12_000
NOT_RUN = "not run: no GPU"


def matrix_rate(dtype: torch.dtype = torch.float32, device: str = "cpu", side: int = 2048, repeats: int = 7) -> float:
    """Floating-point operations a second of a square matrix product, median of several."""
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))

    def multiply() -> None:
        a @ b
        if device == "cuda":
            torch.cuda.synchronize()

    return 2 * side**3 / statistics.median([seconds(multiply) for _ in range(repeats + 1)][1:])


def step_rows(size: int, batch: int, repeats: int, device: str = "cpu") -> Iterator[dict]:
    """Step time and memory with the critics' BatchNorm as published and without, sampling; each row as it is known."""
    at = f"{size} cubed, batch {batch}, {device}"

    def worker(kind: str, norm: str, precision: str = "float32") -> dict:
        return {
            "kind": kind, "size": size, "batch": batch, "device": device,
            "model": {"critic_norm": norm}, "train": {"precision": precision},
        }  # fmt: skip

    def against_textbook(taken: dict, name: str) -> dict:
        row = {**compare(taken["textbook"], taken[name]), "n": repeats}
        return row | {
            "volumes_per_s": batch / row["alphagan_s"],
            "hours_of_12000": PAPER_ITERATIONS * row["alphagan_s"] / 3600,
        }

    published = {
        "textbook": worker("textbook", "batch"),
        "float32": worker("alphagan", "batch"),
        "bf16": worker("alphagan", "batch", "bf16"),
    }
    with workers(published) as ask:
        taken = in_turn(ask, list(published), "step", repeats)
        for name, target in (("float32", 2.5), ("bf16", 5.0)):
            what = f"step, {name}, BatchNorm as published"
            yield {"what": what, "at": at, "target": target, **against_textbook(taken, name)}
        taken = in_turn(ask, ["textbook", "float32"], ("sample", 8 * batch), repeats)
        yield {
            "what": "sampling",
            "at": at,
            "target": 3.0,
            **compare(taken["textbook"], taken["float32"]),
            "n": repeats,
        }
        memory = {name: ask(name, "memory") for name in published}
        for name in ("float32", "bf16"):
            held = {"textbook_bytes": memory["textbook"], "alphagan_bytes": memory[name]}
            held["ratio"] = memory[name] / memory["textbook"]
            yield {"what": f"memory of the step, {name}", "at": at, "target": 0.5, **held}
    unnormalised = {"textbook": worker("textbook", "none"), "bf16": worker("alphagan", "none", "bf16")}
    unnormalised["float32"] = worker("alphagan", "none")
    rate = matrix_rate(torch.bfloat16, device, 8192 if device == "cuda" else 2048)
    with workers(unnormalised) as ask:
        taken = in_turn(ask, list(unnormalised), "step", repeats)
        for name in ("float32", "bf16"):
            row = against_textbook(taken, name)
            flops = step_flops(size, batch, Model(critic_norm="none")) / row["alphagan_s"]
            what = f"step, {name}, critics without BatchNorm"
            row |= {"flops_per_s": flops, "share_of_bf16_matrix_rate": flops / rate}
            yield {"what": what, "at": at, "target": 6.5 if name == "bf16" else None, **row}


def gpu_rows(repeats: int) -> Iterator[dict]:
    """The rows that need a GPU: run where there is one, named as not run where there is none."""
    if torch.cuda.is_available():
        for batch in (4, 32):
            yield from step_rows(64, batch, repeats, "cuda")
    else:
        for batch in (4, 32):
            yield {"what": f"step and sampling, batch {batch}", "at": "64 cubed, GPU", "status": NOT_RUN}


def where_measured() -> dict:
    """Hardware and software beside the numbers."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "processor": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "gpu": gpu,
        "torch": torch.__version__,
        "float32_matrix_flops_per_s": matrix_rate(torch.float32),
        "bf16_matrix_flops_per_s": matrix_rate(torch.bfloat16),
    }


def main(size: int, batch: int, repeats: int, as_json: bool, only_step: bool) -> None:
    """Measure everything and print it, as a table whose lines come as they are known, or as JSON in the end."""
    where = where_measured()
    print(f"measuring, several minutes ({size} cubed, batch {batch}, {where['threads']} threads)", file=sys.stderr)
    rows = _rows(size, batch, repeats, only_step)
    if as_json:
        print(json.dumps({**where, "rows": list(rows)}, indent=2))
        return
    rates = (f"{where[key] / 1e9:.0f}" for key in ("float32_matrix_flops_per_s", "bf16_matrix_flops_per_s"))
    print("torch {}, {} threads, matrix products {} GFLOP/s float32, {} bfloat16".format(
        where["torch"], where["threads"], *rates))  # fmt: skip
    print(f"{'':42} {'textbook':>10} {'alphagan':>10} {'ratio':>8} {'target':>8}")
    for row in rows:
        print(_line(row), flush=True)


def _rows(size: int, batch: int, repeats: int, only_step: bool) -> Iterator[dict]:
    """All rows. Data path, metrics and preparation need the packages that notebooks and tests do."""
    step_s = None
    for row in step_rows(size, batch, repeats):
        step_s = step_s or row["alphagan_s"]  # of the first
        yield row
    if not only_step:
        from alphagan.workbench.bench import data_path, metrics, preparation

        yield from (*data_path.measure(step_s), *metrics.measure(), *preparation.measure())
    yield from gpu_rows(repeats)


def _line(row: dict) -> str:
    name = f"{row['what']}"
    if "status" in row:
        return f"{name:42} {row['at']}: {row['status']}"
    if "share" in row:
        return f"{name:42} {'':10} {'':10} {row['share']:>7.2%} {row['target']:>8}"
    unit, scale = ("GB", 1e-9) if "textbook_bytes" in row else ("s", 1.0)
    values = (row[f"{who}_{'bytes' if unit == 'GB' else 's'}"] * scale for who in ("textbook", "alphagan"))
    target = "" if row["target"] is None else str(row["target"])
    return "{:42} {:>8.3f} {unit} {:>8.3f} {unit} {:>7.2f}x {:>8}".format(
        name, *values, row["ratio"], target, unit=unit
    )
