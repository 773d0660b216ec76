"""A prepared cohort as tensors: splits by subject, shuffled batches, augmentation."""

import csv
import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from alphagan.cohort_config import Augment
from alphagan.errors import InputError
from alphagan.seeding import seeded


def to_range(volumes: np.ndarray | Tensor) -> Tensor:
    """Map uint8 0..255 linearly to float32 -1..1, as the paper does; background (0) becomes -1."""
    if isinstance(volumes, np.ndarray):
        volumes = torch.from_numpy(np.array(volumes))  # a copy, as torch warns of read-only memory maps
    return volumes.to(torch.float32).div_(127.5).sub_(1.0)


def to_uint8(volumes: Tensor) -> np.ndarray:
    """Map float -1..1 back to uint8 0..255, rounded."""
    return volumes.detach().float().add(1.0).mul(127.5).round().clamp(0, 255).to(torch.uint8).cpu().numpy()


class Volumes:
    """The volumes of one prepared cohort, read from disk as they are needed.

    Parameters
    ----------
    folder : Path
        Made by `alphagan.prepare`: volumes.npy and subjects.csv.

    Attributes
    ----------
    array : ndarray, (N, S, S, S), uint8, memory-mapped
    subjects : list of dict
        The rows of subjects.csv, in the order of `array`.

    Raises
    ------
    InputError
        If a file is missing or the two do not belong together.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        try:
            self.array = np.load(self.folder / "volumes.npy", mmap_mode="r")
            with open(self.folder / "subjects.csv", newline="") as file:
                self.subjects = list(csv.DictReader(file))
        except FileNotFoundError as error:
            raise InputError(f"{error.filename}: not found; run `alphagan prepare {self.folder.name}` first") from None
        except ValueError as error:
            raise InputError(f"{self.folder / 'volumes.npy'}: damaged ({error}); prepare the cohort again") from None
        if len(self.subjects) != len(self.array):
            raise InputError(
                f"{self.folder}: subjects.csv and volumes.npy disagree in length; prepare the cohort again"
            )

    @property
    def size(self) -> int:
        """Side S of the cubes."""
        return self.array.shape[-1]

    def rows(self, *splits: str) -> list[int]:
        """Rows of the scans in the named splits ("train", "val", "test"); all scans where none is named."""
        return [row for row, subject in enumerate(self.subjects) if not splits or subject["split"] in splits]

    def people(self, rows: Sequence[int]) -> list[str]:
        """Who each row is a scan of."""
        return [self.subjects[row]["subject"] for row in rows]

    def affines(self, rows: Sequence[int]) -> np.ndarray:
        """Affines from voxel of the cube to scanner millimetres, (n, 4, 4)."""
        names = [f"a{i}{j}" for i in range(3) for j in range(4)]
        top = np.array([[float(self.subjects[row][name]) for name in names] for row in rows]).reshape(-1, 3, 4)
        return np.concatenate([top, np.broadcast_to([[[0.0, 0.0, 0.0, 1.0]]], (len(top), 1, 4))], axis=1)

    def voxel_sizes_mm(self, rows: Sequence[int]) -> np.ndarray:
        """Voxel sizes of the cubes in millimetres, (n, 3)."""
        return np.linalg.norm(self.affines(rows)[:, :3, :3], axis=1)

    def tensor(self, rows: Sequence[int], device: torch.device | str = "cpu") -> Tensor:
        """Read rows as (n, 1, S, S, S) float32 in [-1, 1]."""
        return to_range(torch.from_numpy(self.array[np.asarray(rows, dtype=int)]).to(device)).unsqueeze(1)

    def fingerprint(self) -> str:
        """12 hexadecimal digits that change with the scans, their splits or the way they were prepared."""
        return hashlib.sha256((self.folder / "subjects.csv").read_bytes()).hexdigest()[:12]


@lru_cache(maxsize=4)
def _order(n: int, seed: int, epoch: int) -> np.ndarray:
    return torch.randperm(n, generator=seeded("cpu", "order", seed, epoch)).numpy()


def batch_indices(n: int, batch_size: int, draw: int, seed: int) -> np.ndarray:
    """Positions of the `draw`-th batch in an endless sequence of shuffled passes over n items.

    Every item appears once per pass; a batch may straddle two passes. Depends on the arguments alone, so that a
    resumed run goes on where it stopped.

    Returns
    -------
    indices : ndarray, (batch_size,), int64 in 0..n-1
    """
    positions = np.arange(draw * batch_size, (draw + 1) * batch_size)
    return np.array([_order(n, seed, int(position // n))[position % n] for position in positions])


def augment(x: Tensor, how: Augment, generator: torch.Generator) -> Tensor:
    """Flip left and right, and scale intensities, each sample for itself (paper, section 3).

    Parameters
    ----------
    x : Tensor, (B, 1, X, Y, Z), float32 in [-1, 1], X from left to right (RAS)
    how : Augment
        flip: with probability 1/2. intensity [low, high]: multiply by U(low, high) with background at 0.
    generator : torch.Generator
        On the device of `x`.
    """
    shape = (len(x), 1, 1, 1, 1)
    if how.flip:
        flipped = torch.rand(shape, device=x.device, generator=generator) < 0.5
        x = torch.where(flipped, x.flip(2), x)
    if how.intensity:
        low, high = how.intensity
        scale = low + (high - low) * torch.rand(shape, device=x.device, generator=generator)
        x = (x + 1) * scale - 1
    return x
