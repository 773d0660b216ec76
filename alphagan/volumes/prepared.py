"""A prepared cohort as tensors: splits by subject, shuffled batches, augmentation."""

import csv
import hashlib
import io
import mmap
import sys
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from alphagan.errors import InputError
from alphagan.files import write_atomically
from alphagan.seeding import seeded

Array = np.ndarray | Tensor


def to_range(volumes: Array) -> Tensor:
    """Map uint8 0..255 linearly to float32 -1..1, as the paper does; background (0) becomes -1."""
    if isinstance(volumes, np.ndarray):
        volumes = torch.from_numpy(np.array(volumes))  # a copy, as torch warns of read-only memory maps
    return volumes.to(torch.float32).div_(127.5).sub_(1.0)


def as_tensor(name: str, volumes: Array) -> Tensor:
    """Take volumes as people have them: uint8 is mapped `to_range`, floats in [-1, 1] are taken as they are.

    Raises
    ------
    InputError
        If `volumes`, called `name`, is no array or tensor of such numbers.
    """
    x = volumes
    if isinstance(x, np.ndarray) and x.dtype.kind in "fu":
        # Copied only where torch could not share it: another byte order, steps backwards, read-only.
        x = torch.from_numpy(np.require(x, x.dtype.newbyteorder("="), ["C", "W"]))
    if isinstance(x, Tensor) and x.dtype == torch.uint8:
        return to_range(x)
    if isinstance(x, Tensor) and x.is_floating_point():
        return x
    found = getattr(volumes, "dtype", type(volumes).__name__)
    raise InputError(f"{name}: {found}; give an array of uint8 from 0 to 255, or of floats in [-1, 1]")


def as_given(result: Tensor, given: Array) -> Array:
    """Return what was made of an ndarray as ndarray, what was made of a tensor as tensor on its device."""
    return result.to(given.device) if isinstance(given, Tensor) else result.cpu().numpy()


def to_uint8(volumes: Array) -> np.ndarray:
    """Map float -1..1 back to uint8 0..255, rounded."""
    levels = torch.as_tensor(volumes).detach().float().add(1.0).mul(127.5).round().clamp(0, 255)
    return levels.to(torch.uint8).cpu().numpy()


def cube_affine(voxel_size_mm: np.ndarray, size: int) -> np.ndarray:
    """Affine (4, 4) of a cube in RAS millimetres with the origin at its centre."""
    affine = np.diag([*voxel_size_mm, 1.0])
    affine[:3, 3] = -(size - 1) / 2 * np.asarray(voxel_size_mm)
    return affine


class Volumes:
    """The volumes of one prepared cohort, read from disk as they are needed.

    Parameters
    ----------
    folder : Path
        Made by `alphagan.preparation.prepare`: volumes.npy and subjects.csv.

    Attributes
    ----------
    array : ndarray, (N, S, S, S), uint8, memory-mapped

    Raises
    ------
    InputError
        If a file is missing or damaged, or the two do not belong together.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        path = self.folder / "volumes.npy"
        try:
            self.array = np.lib.format.open_memmap(path, mode="r")
            with open(self.folder / "subjects.csv", "rb") as file:
                if b"row" not in file.readline():
                    raise self._lacking("row")
                n_subjects = sum(1 for line in file if line.strip())
        except FileNotFoundError as error:
            raise InputError(f"{error.filename}: not found; run `alphagan prepare {self.folder.name}` first") from None
        except OSError as error:
            raise InputError(f"{error.filename}: cannot be read ({error.strerror}); prepare the cohort again") from None
        except ValueError as error:
            raise InputError(f"{path}: damaged ({error}); prepare the cohort again") from None
        if self.array.dtype != np.uint8 or self.array.ndim != 4 or len(set(self.array.shape[1:])) != 1:
            held = f"{self.array.dtype} of shape {self.array.shape}"
            raise InputError(f"{path}: holds {held}, not cubes of uint8; prepare the cohort again")
        if n_subjects != len(self.array):
            raise InputError(
                f"{self.folder}: subjects.csv and volumes.npy disagree in length; prepare the cohort again"
            )
        self._columns: dict[str, list[str]] = {}

    @cached_property
    def subjects(self) -> list[dict[str, str]]:
        """The rows of subjects.csv, in the order of `array`: some 2 kB of memory each, so read when first needed."""
        self._column("subject"), self._column("session")  # what is wrong with them is told there
        with open(self.folder / "subjects.csv", newline="", encoding="utf-8-sig") as file:
            return list(csv.DictReader(file))

    @property
    def size(self) -> int:
        """Side S of the cubes."""
        return self.array.shape[-1]

    def rows(self, *splits: str) -> list[int]:
        """Rows of the scans in the named splits ("train", "val", "test"); all scans where none is named."""
        return [row for row, split in enumerate(self._column("split")) if not splits or split in splits]

    def people(self, rows: Sequence[int]) -> list[str]:
        """Who each row is a scan of."""
        subjects = self._column("subject")
        return [subjects[row] for row in rows]

    def affines(self, rows: Sequence[int]) -> np.ndarray:
        """Affines from voxel of the cube to scanner millimetres, (n, 4, 4)."""
        affines = np.zeros((len(rows), 4, 4))
        affines[:, 3, 3] = 1
        affines[:, :3] = self._tops[np.asarray(rows, dtype=int)]
        return affines

    def voxel_sizes_mm(self, rows: Sequence[int]) -> np.ndarray:
        """Voxel sizes of the cubes in millimetres, (n, 3)."""
        return np.linalg.norm(self.affines(rows)[:, :3, :3], axis=1)

    def brain_ml(self, rows: Sequence[int]) -> np.ndarray:
        """Volumes of the brains in millilitres, as they were measured in the scans, (n,)."""
        told = self._column("brain_ml")
        return np.array([told[row] for row in rows], float)

    def tensor(self, rows: Sequence[int], device: torch.device | str = "cpu") -> Tensor:
        """Read rows as (n, 1, S, S, S) float32 in [-1, 1]."""
        rows = np.asarray(rows, dtype=int)
        self._ask_for(rows)
        return to_range(torch.from_numpy(self.array[rows]).to(device)).unsqueeze(1)

    def fingerprint(self) -> str:
        """12 hexadecimal digits that change with the scans, their splits or the way they were prepared."""
        return hashlib.sha256((self.folder / "subjects.csv").read_bytes()).hexdigest()[:12]

    def _column(self, name: str) -> list[str]:
        """One column of subjects.csv; the others are not kept."""
        if name not in self._columns:
            self._columns[name] = [sys.intern(cell) for (cell,) in self._cells([name])]
        return self._columns[name]

    @cached_property
    def _tops(self) -> np.ndarray:
        """First three rows of every affine, (N, 3, 4)."""
        cells = self._cells([f"a{i}{j}" for i in range(3) for j in range(4)])
        try:
            tops = np.fromiter((float(cell) for row in cells for cell in row), dtype=float, count=12 * len(self.array))
        except ValueError as error:
            raise self._damaged(str(error)) from None
        if not np.isfinite(tops).all():
            raise self._damaged("affines that are not finite")
        return tops.reshape(-1, 3, 4)

    def _cells(self, names: list[str]) -> Iterator[list[str]]:
        """What is in these columns of subjects.csv, row after row in the order of `array`."""
        try:
            with open(self.folder / "subjects.csv", newline="", encoding="utf-8-sig") as file:
                reader = csv.reader(file)
                header = next(reader, [])
                if missing := [name for name in ("row", *names) if name not in header]:
                    raise self._lacking(missing[0])
                number, at = header.index("row"), [header.index(name) for name in names]
                for row, cells in enumerate(filter(None, reader)):
                    if cells[number] != str(row):
                        raise self._damaged(f"row {cells[number]} stands in the place of {row}")
                    if names == ["split"] and cells[at[0]] not in ("train", "val", "test"):
                        raise self._damaged(f"{cells[at[0]]!r} is no split")
                    yield [cells[place] for place in at]
        except (UnicodeDecodeError, csv.Error) as error:
            raise self._damaged(str(error)) from None
        except IndexError:
            raise self._damaged("a line is too short") from None

    def _lacking(self, name: str) -> InputError:
        return InputError(f"{self.folder / 'subjects.csv'}: no column {name}; prepare the cohort again")

    def _damaged(self, why: str) -> InputError:
        return InputError(f"{self.folder / 'subjects.csv'}: damaged ({why}); prepare the cohort again")

    def _ask_for(self, rows: np.ndarray) -> None:
        """Have the system read whole scans side by side: what is not in memory yet would come page by page."""
        mapped, n_bytes = self.array._mmap, self.array[0].nbytes
        if not hasattr(mapped, "madvise"):  # Windows
            return
        first = self.array.offset % mmap.ALLOCATIONGRANULARITY
        for row in rows % len(self.array):
            begin = first + int(row) * n_bytes
            page = begin - begin % mmap.PAGESIZE
            mapped.madvise(mmap.MADV_WILLNEED, page, begin + n_bytes - page)


def write_people(volumes: Volumes, rows: Sequence[int], folder: Path) -> Volumes:
    """Write some rows of a prepared cohort as one of their own, all of them in the split "train".

    Parameters
    ----------
    volumes : Volumes
    rows : sequence of int
    folder : Path
        Replaced file by file.
    """
    lines = [volumes.subjects[row] | {"row": str(number), "split": "train"} for number, row in enumerate(rows)]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    write_atomically(lambda file: np.save(file, volumes.array[rows]), folder, "volumes.npy")
    write_atomically(lambda file: file.write(text.getvalue().encode()), folder, "subjects.csv")
    return Volumes(folder)


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
