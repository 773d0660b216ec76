"""The foreground of a volume: its box, its largest piece, and what FreeSurfer's editor took out of it."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import ndimage

DELETED = 1  # what FreeSurfer's editor leaves of a voxel
BLOCK_MM = 8.0
BLOCKS = 16  # along a side of the box, at least
MAX_SPECKS = 0.1  # of the foreground: what is more is no speck


@dataclass(frozen=True)
class Foreground:
    """What is brain.

    Attributes
    ----------
    first, last : ndarray, (3,), int
        First and one past the last voxel of the box around it; zeros where there is none.
    voxels : ndarray, (X, Y, Z)
        Those of the box, in C order.
    inside : ndarray of bool, (X, Y, Z)
        Which of them are brain.
    background : float
        What the background is, or is near to.
    threshold : float
        Distance from it up to which a voxel is background; 0 where only the very value is.
    n_specks : int
        Voxels that were left out as being apart.
    n_deleted : int
        Voxels that were deleted by hand with FreeSurfer's editor.
    fault : str
        Why this may be no brain after all; "" where all is well.
    """

    first: np.ndarray
    last: np.ndarray
    voxels: np.ndarray
    inside: np.ndarray
    background: float = 0.0
    threshold: float = 0.0
    n_specks: int = 0
    n_deleted: int = 0
    fault: str = ""

    @property
    def box(self) -> tuple[slice, ...]:
        """The box, to index a volume by."""
        return tuple(map(slice, self.first, self.last))

    @property
    def exact(self) -> bool:
        """Whether brain is all that is not 0 in the box."""
        return not (self.background or self.threshold or self.n_specks)

    @cached_property
    def values(self) -> np.ndarray:
        """Of the voxels that are brain, (n,)."""
        return self.voxels[self.inside]

    @cached_property
    def n_voxels(self) -> int:
        """How many voxels are brain."""
        return np.count_nonzero(self.inside)

    @property
    def fill(self) -> float:
        """Share of the box that is brain."""
        return self.n_voxels / max(1, self.inside.size)

    def within(self, shape: tuple[int, ...]) -> np.ndarray:
        """Which voxels of the volume, (X, Y, Z), are brain."""
        whole = np.zeros(shape, bool)
        whole[self.box] = self.inside
        return whole

    def words(self) -> list[str]:
        """What was done, a line for each."""
        said = []
        if self.threshold:
            near = f"within {self.threshold:.4g} of {self.background:.4g}"
            said.append(f"the background is not even: what is {near} was taken for it")
        elif self.background:
            said.append(f"the background is {self.background:.4g}, not 0")
        if self.n_deleted:
            said.append(f"{self.n_deleted} voxels have the value 1 of FreeSurfer's deleted voxels, left out")
        if self.n_specks:
            plural = "voxels lie" if self.n_specks > 1 else "voxel lies"
            said.append(f"specks: {self.n_specks} {plural} apart from the brain, left out")
        return said


def boxed(
    voxels: np.ndarray, inside: np.ndarray | None = None, background: float = 0.0, threshold: float = 0.0
) -> Foreground:
    """The box around what is inside; by default, around all that is not 0."""
    first, last = bounding_box(voxels if inside is None else inside)
    box = tuple(map(slice, first, last))
    cropped = in_order(voxels[box])
    inside = cropped != 0 if inside is None else in_order(inside[box])
    return Foreground(first, last, cropped, inside, float(background), float(threshold))


def largest_piece(found: Foreground, voxel_size_mm: np.ndarray) -> Foreground:
    """Leave out specks: pieces of which no block shares a face with one of the largest.

    A block has sides of 8 mm, or of a sixteenth of the box where that is less. Where specks would be more than a tenth
    of all, nothing is left out, and `fault` says so.
    """
    blocks, sides = found.inside, []
    for axis, size_mm in enumerate(voxel_size_mm):
        sides.append(max(1, min(round(BLOCK_MM / size_mm), blocks.shape[axis] // BLOCKS)))
        blocks = _any_of(blocks, sides[axis], axis)
    pieces, n_pieces = ndimage.label(blocks)
    if n_pieces < 2:
        return found
    for axis, (n, side) in enumerate(zip(found.inside.shape, sides, strict=True)):
        pieces = np.take(pieces, np.arange(n) // side, axis=axis)
    return _only_largest(found, pieces)


def connected(found: Foreground, most_apart: float = MAX_SPECKS) -> Foreground:
    """Keep the largest part whose voxels touch face to face, and what it surrounds.

    `most_apart` is the share of all that may be left out.
    """
    parts, n = ndimage.label(found.inside)
    found = found if n < 2 else _only_largest(found, parts, most_apart)
    return replace(found, inside=ndimage.binary_fill_holes(found.inside))


def _only_largest(found: Foreground, pieces: np.ndarray, most_apart: float = MAX_SPECKS) -> Foreground:
    sizes = np.bincount(pieces[found.inside])
    apart = int(sizes.sum() - sizes.max())
    if apart > most_apart * sizes.sum():
        n, share = np.count_nonzero(sizes), apart / sizes.sum()
        fault = f"in {n} pieces: {share:.0%} of what is not background lies apart from the largest; remove what is not "
        cures = "brain, or give mask_pattern, or, where it is a rim around the field, the value inside it as background"
        return replace(found, fault=f"{fault}{cures}")
    return replace(_cut(found, found.inside & (pieces == sizes.argmax())), n_specks=found.n_specks + apart)


def _cut(found: Foreground, inside: np.ndarray) -> Foreground:
    """Make the box smaller, to fit what is inside."""
    first, last = bounding_box(inside)
    box = tuple(map(slice, first, last))
    return replace(
        found,
        first=found.first + first,
        last=found.first + last,
        voxels=np.ascontiguousarray(found.voxels[box]),
        inside=np.ascontiguousarray(inside[box]),
    )


def _any_of(inside: np.ndarray, n: int, axis: int) -> np.ndarray:
    """Whether any of n neighbours along an axis is inside, for each n of them."""
    lines = np.moveaxis(inside, axis, 0)
    blocks = lines[::n].copy()
    for start in range(1, n):
        part = lines[start::n]
        blocks[: len(part)] |= part
    return np.moveaxis(blocks, 0, axis)


def without_deleted(found: Foreground) -> Foreground:
    """Take out what was deleted by hand.

    That is regions of the value 1, where some voxel has no other neighbours but these and background: tissue as dark as
    that comes in single voxels.
    """
    ones, brain = found.voxels == DELETED, found.voxels > DELETED
    if found.voxels.dtype.kind not in "iu" or not (ones.any() and brain.any()):  # no ones, or a mask
        return found
    around = np.pad(brain, 1)
    places = np.unravel_index(np.flatnonzero(ones), ones.shape)
    shifts = np.ravel_multi_index(np.indices((3, 3, 3)).reshape(3, -1), around.shape)
    first = np.ravel_multi_index(places, around.shape)
    beside = np.logical_or.reduce([around.ravel()[first + shift] for shift in shifts])
    if beside.all():
        return found
    core = np.zeros(ones.shape, bool)
    core[tuple(place[~beside] for place in places)] = True
    deleted = ndimage.binary_propagation(core, mask=ones)
    voxels = np.where(deleted, 0, found.voxels).astype(found.voxels.dtype)
    return _cut(replace(found, voxels=voxels, n_deleted=int(np.count_nonzero(deleted))), found.inside & ~deleted)


def bounding_box(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First and one past the last voxel that is not zero, two (3,) arrays of int; six zeros where there is none."""
    along, turned = np.argmax(np.abs(mask.strides)), forwards(mask)
    face, line = False, []
    for plane in np.moveaxis(mask[turned], along, 0):  # in the order of memory
        inside = plane != 0
        line.append(inside.any())
        face = face | inside
    lines = [face.any(axis=1), face.any(axis=0)]
    lines.insert(along, np.array(line))
    found = [np.flatnonzero(line[way]) for line, way in zip(lines, turned, strict=True)]
    if not found[0].size:
        return np.zeros((2, 3), dtype=int)
    return np.array([line[0] for line in found]), np.array([line[-1] + 1 for line in found])


def forwards(voxels: np.ndarray) -> tuple[slice, ...]:
    """Index that turns axes which lie backwards in memory, so that going through them takes a fraction of the time."""
    return tuple(slice(None, None, -1 if stride < 0 else 1) for stride in voxels.strides)


def in_order(voxels: np.ndarray) -> np.ndarray:
    """Copy to C order and the processor's byte order, by planes that are small enough to be transposed in its cache."""
    copy = np.empty(voxels.shape, voxels.dtype.newbyteorder("="))
    along = 1 if np.argmin(np.abs(voxels.strides)) == 0 else 0
    for source, target in zip(np.moveaxis(voxels, along, 0), np.moveaxis(copy, along, 0), strict=True):
        target[:] = source
    return copy
