"""A volume as the page holds it: levels of grey, closest to RAS, averaged down where the page would be too large."""

import gzip
from dataclasses import dataclass, replace
from pathlib import Path

import nibabel
import numpy as np
from nibabel.affines import obliquity
from scipy.sparse import csr_array

from alphagan.errors import InputError
from alphagan.preparation.cohorts import Scan
from alphagan.preparation.orientation import says_nothing
from alphagan.preparation.quality import QualityError
from alphagan.preparation.reading import read
from alphagan.preparation.resample import axis_weights, cube_affine

COUNTED = 1_000_000  # voxels of which percentiles are taken
PAIRS = ("LR", "PA", "IS")
NOT_STRAIGHT = 1.0  # degrees from which a scan's axes are said to be oblique


@dataclass(frozen=True)
class Shown:
    """One volume.

    Parameters
    ----------
    levels : ndarray, (X, Y, Z), uint8
        Closest to RAS; of a mirror image, LAS.
    affine : ndarray, (4, 4)
        From voxel to millimetres.
    title : str
    intensity : tuple of float
        The volume's own intensities that became 0 and 255.
    window : tuple of float
        Levels that are black and white at first.
    unknown : str
        Why left and right cannot be told; "" where they can.
    notes : tuple of str
        What was done to show it.
    """

    levels: np.ndarray
    affine: np.ndarray
    title: str
    intensity: tuple[float, float] = (0.0, 255.0)
    window: tuple[float, float] = (0.0, 255.0)
    unknown: str = ""
    notes: tuple[str, ...] = ()

    @property
    def sizes_mm(self) -> np.ndarray:
        """Sides of a voxel, (3,)."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)

    @property
    def ends(self) -> list[str]:
        """Letters at the low and the high end of each axis, such as "LR"; "??" where they are unknown."""
        codes = nibabel.aff2axcodes(self.affine)
        pairs = [next(pair for pair in PAIRS if code in pair) for code in codes]
        known = [pair if pair[1] == code else pair[::-1] for pair, code in zip(pairs, codes, strict=True)]
        return ["??"] * 3 if self.unknown else known

    def packed(self) -> bytes:
        """Levels, the last axis fastest, as gzip of the same bytes each time."""
        return gzip.compress(self.levels.tobytes(), compresslevel=6, mtime=0)

    def mirrored(self) -> "Shown":
        """The mirror image on the same grid, which says that its first axis runs to the left."""
        flip = np.diag([-1.0, 1, 1, 1])
        flip[0, 3] = self.levels.shape[0] - 1
        return replace(self, levels=self.levels[::-1], affine=self.affine @ flip)

    def within(self, n_bytes: int) -> "Shown":
        """Average down until the packed levels take no more than so many bytes."""
        shown, mm = self, float(self.sizes_mm.min())
        while (excess := len(shown.packed()) / n_bytes) > 1 and max(shown.levels.shape) > 1:
            mm *= max(1.05, excess ** (1 / 3))
            shown = self._averaged(mm)
        return shown

    def _averaged(self, mm: float) -> "Shown":
        """Average down to voxels of about `mm` along each axis on which they are smaller."""
        shape = np.array(self.levels.shape)
        n = np.maximum(np.minimum(shape, np.rint(shape * self.sizes_mm / mm)), 1).astype(int)
        levels = self.levels.astype(np.float32)
        for axis in range(3):
            weights = csr_array(axis_weights(shape[axis], 0, shape[axis], n[axis]).astype(np.float32))
            moved = np.moveaxis(levels, axis, 0)
            averaged = weights @ moved.reshape(shape[axis], -1)
            levels = np.moveaxis(averaged.reshape(-1, *moved.shape[1:]), 0, axis)
        coarse = replace(
            self,
            levels=np.ascontiguousarray(np.rint(levels).astype(np.uint8)),
            affine=cube_affine(self.affine, np.zeros(3), shape, n),
        )
        sizes = " × ".join(f"{size:.1f}" for size in coarse.sizes_mm)
        return replace(coarse, notes=(*self.notes, f"averaged down to {sizes} mm for this page"))


def from_cube(cube: np.ndarray, affine: np.ndarray, title: str) -> Shown:
    """Show a prepared or generated cube (S, S, S), uint8 in RAS order, whose full range is black to white."""
    return Shown(np.ascontiguousarray(cube), affine, title)


def from_file(path: Path, title: str) -> Shown:
    """Show a file that nibabel reads, without the empty planes around what is in it.

    Raises
    ------
    InputError
        If it is no single volume.
    """
    scan = Scan("", "", "", path)
    try:
        found = read(scan)
        unknown = says_nothing(scan.load()[0])
    except QualityError as error:
        raise InputError(f"{path}: cannot be shown ({error}); name a file of one volume") from None
    around = np.median(np.concatenate([np.take(found.voxels, (0, -1), axis).ravel() for axis in range(3)]))
    inside = found.voxels != around
    voxels, affine, inside = _trimmed(found.voxels, found.affine, inside)
    levels, intensity, window = _to_levels(voxels, voxels[inside], float(around))
    return Shown(levels, affine, title, intensity, window, unknown, tuple(_notes(affine)))


def _notes(affine: np.ndarray):
    degrees = np.degrees(obliquity(affine)).max()
    if degrees >= NOT_STRAIGHT:
        yield f"cut along its own axes, up to {degrees:.0f}° from those of the scanner"


def _trimmed(voxels: np.ndarray, affine: np.ndarray, inside: np.ndarray):
    """Cut off planes without a voxel `inside`; all of it is left where there is none."""
    spans = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        planes = np.flatnonzero(inside.any(others))
        spans.append(slice(planes[0], planes[-1] + 1) if planes.size else slice(None))
    box = tuple(spans)
    moved = affine.copy()
    moved[:3, 3] += affine[:3, :3] @ [span.start or 0 for span in spans]
    return voxels[box], moved, inside[box]


def _to_levels(voxels: np.ndarray, inside: np.ndarray, around: float):
    """Levels, the intensities that became 0 and 255, and the levels that are black and white at first."""
    few = inside[:: max(1, inside.size // COUNTED)].astype(np.float64)
    if few.size == 0:
        few = np.array([around])
    low, high = np.percentile(few, (0.1, 99.9))
    reach = (high - low) or np.inf
    if low - reach <= around <= high + reach:  # else -1000 around a brain of 0 to 1 would take all the levels
        low, high = min(low, around), max(high, around)
    if voxels.dtype == np.uint8:
        intensity, levels = (0.0, 255.0), voxels
    else:
        intensity = (float(low), float(high if high > low else low + 1))
        scale = 255 / (intensity[1] - intensity[0])
        levels = np.rint(np.clip((voxels.astype(np.float32) - intensity[0]) * scale, 0, 255)).astype(np.uint8)
    black, white = ((np.array([low, np.percentile(few, 99.5)]) - intensity[0]) * 255 / np.ptp(intensity)).clip(0, 255)
    return np.ascontiguousarray(levels), intensity, (float(black), float(max(white, black + 1)))
