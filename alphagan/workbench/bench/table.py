"""All rows of the speed table, and the table."""

import json
import platform
import statistics
import sys

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


def step_rows(size: int, batch: int, repeats: int, device: str = "cpu") -> list[dict]:
    """Step time and memory with the critics' BatchNorm as published and without, sampling."""
    at = f"{size} cubed, batch {batch}, {device}"

    def worker(kind: str, norm: str, precision: str = "float32") -> dict:
        return {
            "kind": kind, "size": size, "batch": batch, "device": device,
            "model": {"critic_norm": norm}, "train": {"precision": precision},
        }  # fmt: skip

    rows = []
    published = {
        "textbook": worker("textbook", "batch"),
        "float32": worker("alphagan", "batch"),
        "bf16": worker("alphagan", "batch", "bf16"),
    }
    with workers(published) as ask:
        taken = in_turn(ask, list(published), "step", repeats)
        for name, target in (("float32", 2.5), ("bf16", 5.0)):
            row = {**compare(taken["textbook"], taken[name]), "n": repeats}
            rows.append({"what": f"step, {name}, BatchNorm as published", "at": at, "target": target, **row})
        memory = {name: ask(name, "memory") for name in published}
        for name in ("float32", "bf16"):
            held = {"textbook_bytes": memory["textbook"], "alphagan_bytes": memory[name]}
            held["ratio"] = memory[name] / memory["textbook"]
            rows.append({"what": f"memory of the step, {name}", "at": at, "target": 0.5, **held})
        taken = in_turn(ask, ["textbook", "float32"], ("sample", 8 * batch), repeats)
        rows.append(
            {"what": "sampling", "at": at, "target": 3.0, **compare(taken["textbook"], taken["float32"]), "n": repeats}
        )
    unnormalised = {"textbook": worker("textbook", "none"), "bf16": worker("alphagan", "none", "bf16")}
    unnormalised["float32"] = worker("alphagan", "none")
    rate = matrix_rate(torch.bfloat16, device)
    with workers(unnormalised) as ask:
        taken = in_turn(ask, list(unnormalised), "step", repeats)
        for name in ("float32", "bf16"):
            row = {**compare(taken["textbook"], taken[name]), "n": repeats}
            flops = step_flops(size, batch, Model(critic_norm="none")) / row["alphagan_s"]
            what = f"step, {name}, critics without BatchNorm"
            row |= {"flops_per_s": flops, "share_of_bf16_matrix_rate": flops / rate}
            rows.append({"what": what, "at": at, "target": 6.5 if name == "bf16" else None, **row})
    return rows


def gpu_rows(repeats: int) -> list[dict]:
    """The rows that need a GPU: run where there is one, named as not run where there is none."""
    if not torch.cuda.is_available():
        whats = (
            "step, best setting, batch 4",
            "step, best setting, batch 32",
            "12 000 iterations at batch 4",
            "sampling",
        )
        return [{"what": what, "at": "64 cubed, GPU", "status": NOT_RUN} for what in whats]
    rows = []
    for batch in (4, 32):
        found = step_rows(64, batch, repeats, "cuda")
        for row in found:
            if "step" in row["what"] and "alphagan_s" in row:
                row["volumes_per_s"] = batch / row["alphagan_s"]
                row["hours_of_12000"] = PAPER_ITERATIONS * row["alphagan_s"] / 3600
        rows += found
    return rows


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
    """Measure everything and print it, as JSON or as a table."""
    where = where_measured()
    print(f"measuring, several minutes ({size} cubed, batch {batch}, {where['threads']} threads)", file=sys.stderr)
    rows = step_rows(size, batch, repeats)
    if not only_step:
        rows += _other_rows(rows[0]["alphagan_s"])
    rows += gpu_rows(repeats)
    if as_json:
        print(json.dumps({**where, "rows": rows}, indent=2))
        return
    rates = (f"{where[key] / 1e9:.0f}" for key in ("float32_matrix_flops_per_s", "bf16_matrix_flops_per_s"))
    print("torch {}, {} threads, matrix products {} GFLOP/s float32, {} bfloat16".format(
        where["torch"], where["threads"], *rates))  # fmt: skip
    print(f"{'':42} {'textbook':>10} {'alphagan':>10} {'ratio':>8} {'target':>8}")
    for row in rows:
        print(_line(row))


def _other_rows(step_s: float) -> list[dict]:
    """Data path, metrics and preparation; they need the packages that notebooks and tests do."""
    from alphagan.workbench.bench import data_path, metrics, preparation

    return [*data_path.measure(step_s), *metrics.measure(), *preparation.measure()]


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
