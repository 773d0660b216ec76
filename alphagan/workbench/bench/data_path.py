"""What share of a training step goes into reading, converting and augmenting its scans, at any size of the cohort."""

import csv
import statistics
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import torch

from alphagan.preparation.prepare import AFFINE_COLUMNS
from alphagan.seeding import Draws, seeded
from alphagan.settings.cohorts import Augment
from alphagan.volumes.augmentation import augment
from alphagan.volumes.prepared import Volumes, batch_indices
from alphagan.workbench.bench.timing import seconds


def write_sparse_cohort(folder: Path, n: int, size: int) -> Path:
    """Write a prepared cohort of n scans whose voxels are a hole in the file: as long as a real one, and empty.

    Parameters
    ----------
    folder : Path
        Where volumes.npy and subjects.csv go.
    n, size : int
        Scans; side of the cubes.

    Returns
    -------
    folder : Path
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "volumes.npy", "wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "|u1", "fortran_order": False, "shape": (n, size, size, size)}
        )
        file.truncate(file.tell() + n * size**3)
    affine = [2.5, 0, 0, -80.125, 0, 2.875, 0, -104.5, 0, 0, 2.375, -72.25]
    with open(folder / "subjects.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["row", "subject", "session", "source", "split", *AFFINE_COLUMNS])
        for row in range(n):
            person = row // 2  # everyone was scanned twice
            source = f"data/raw/cohort/sub-{person:06d}/ses-{row % 2}/mri/brainmask.mgz"
            split = ("train", "train", "train", "val", "test")[person % 5]
            writer.writerow([row, f"sub-{person:06d}", row % 2, source, split, *affine])
    return folder


def measure(
    step_s: float,
    size: int = 64,
    batch: int = 4,
    n: int = 100_000,
    batches_per_step: int = 2,
    repeats: int = 100,
    device: str = "cpu",
) -> list[dict]:
    """Time the scans of a step in a cohort of n, most of them not read before, then the same ones again.

    Parameters
    ----------
    step_s : float
        Seconds of a training step at this size and batch, on this device.
    size, batch, n : int
        Side of the cubes; scans in a batch, and in the cohort.
    batches_per_step : int
        2 for the paper's model.
    repeats : int
        Steps.
    device : str
        Where the batches go.

    Returns
    -------
    rows : list of dict
        what, at, target; share: of the step, 0..1, median. What a disk takes to find and deliver is not in it, as the
        file is a hole; processor, page faults and copies are.
    """
    device = torch.device(device)
    rows = []
    with tempfile.TemporaryDirectory(prefix="alphagan-bench-") as folder:
        volumes = Volumes(write_sparse_cohort(Path(folder), n, size))
        train = volumes.rows("train")

        def step(number: int) -> None:
            draws = Draws(seeded(device, "step", 0, number))
            for draw in range(number * batches_per_step, (number + 1) * batches_per_step):
                picked = [train[i] for i in batch_indices(len(train), batch, draw, seed=0)]
                augment(volumes.tensor(picked, device), Augment(), draws)
            if device.type == "cuda":
                torch.cuda.synchronize()

        for when in ("read for the first time", "read before"):
            share = statistics.median(seconds(partial(step, number)) for number in range(repeats)) / step_s
            at = f"{size}^3, {batches_per_step} batches of {batch}, {n} scans, {device.type}"
            rows.append({"what": f"data path, scans {when}", "at": at, "target": "< 3 %", "share": share})
    return rows
