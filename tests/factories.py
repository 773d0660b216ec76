"""Small things that many tests need: settings, prepared cohorts."""

import csv
import hashlib
import socket
from pathlib import Path

import numpy as np

from alphagan.settings.cohorts import Augment
from alphagan.settings.config import Settings
from alphagan.settings.sections import Model, Train


def tiny_settings(size=16, model=None, name="alpha_wgan_gp", departures=(), **train) -> Settings:
    """Settings of a run that takes seconds."""
    model = {"z_dim": 8, "width": 0.0625, "code_units": 16} | (model or {})
    train = {"iterations": 4, "batch_size": 4, "checkpoint_every": 2, "sample_every": 2, "seed": 7} | train
    sections = {"model": Model(**model), "train": Train(**train)}
    return Settings(cohort="tiny", name=name, size=size, augment=Augment(), departures=list(departures), **sections)


def write_prepared(folder: Path, n=20, size=16, seed=0) -> Path:
    """Write a prepared cohort of n simulated blobs, one person each; 60 % train, 20 % val, 20 % test."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*3 * [np.linspace(-1, 1, size)], indexing="ij"))
    radii = rng.uniform(0.6, 0.9, (n, 3, 1, 1, 1))
    inside = ((grid / radii) ** 2).sum(1) < 1
    values = 120 + 100 * np.sin(4 * grid[0]) * rng.uniform(0.5, 1, (n, 1, 1, 1))
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "volumes.npy", np.where(inside, values, 0).astype(np.uint8))
    affine = np.array([[5.0, 0, 0, -40], [0, 6, 0, -48], [0, 0, 5, -40]]).ravel()
    names = [f"a{i}{j}" for i in range(3) for j in range(4)]
    with open(folder / "subjects.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["row", "subject", "session", "split", *names])
        for row in range(n):
            split = ("train", "val", "test")[(row % 5 == 3) + 2 * (row % 5 == 4)]
            writer.writerow([row, f"sub-{row:03d}", "", split, *affine])
    return folder


def digests(run: Path) -> list[str]:
    """Hashes of what a finished run must repeat to the byte."""
    return [hashlib.sha256((run / name).read_bytes()).hexdigest() for name in ("weights.pt", "history.csv")]


def summed(loss, x_real, draws):
    """A phase's loss as one graph, and its terms; training differentiates summand by summand."""
    summands = []
    terms = loss(x_real, draws, summands.append)
    return sum(summands), terms


def free_port() -> int:
    """Number of a port on which nobody listens."""
    with socket.socket() as listening:
        listening.bind(("localhost", 0))
        return listening.getsockname()[1]
