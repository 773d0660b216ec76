"""Cubes laid upon one another by affine maps: details can be compared whatever way a head lay in the scanner."""

from itertools import product

import numpy as np
from scipy.ndimage import affine_transform

from alphagan.preparation.resample import area_resize

SIDE = 16  # of the cubes that maps are found on
ROUNDS, STEPS = 2, 2  # of a new mean, and of Gauss-Newton's method for each: more of them find no more people again
MOST = 0.15  # that a step may change of any number of a map, so that every map can be inverted
RESOLVED = 1e-3  # what moves the mean by less, for what moves it most, is left: a ball has no direction


class Aligned:
    """Cubes and their maps onto a mean, found by brightness: inverse compositional (Baker and Matthews 2004).

    The mean is made symmetric, so that a cube and its mirror image are given mirrored maps. Brightness may differ by a
    factor, and by a slope along each axis.

    Parameters
    ----------
    cubes : ndarray, (n, S, S, S), uint8 or float32
        The first axis from left to right, background 0.
    mean : ndarray, (16, 16, 16), optional
        Another's `mean`, onto which these are mapped; by default their own.
    """

    def __init__(self, cubes: np.ndarray, mean: np.ndarray | None = None):
        self.cubes, self.mean = cubes, mean
        self.maps = np.stack([_box(cube) for cube in cubes])
        coarse = [_coarse(cube) for cube in cubes]
        for _ in range(ROUNDS):
            shown = [_warped(*pair) for pair in zip(coarse, self.maps, strict=True)]
            if mean is None:
                self.mean = np.mean([shown, [cube[::-1] for cube in shown]], (0, 1))
            steps = _steps(self.mean)
            for row, cube in enumerate(coarse):
                for step in range(STEPS):
                    now = _warped(cube, self.maps[row]) if step else shown[row]
                    change = np.einsum("ij,j", steps, (now - self.mean).ravel()).clip(-MOST, MOST)
                    self.maps[row] = self.maps[row] @ np.linalg.inv(_as_map(change))

    def __getitem__(self, row: int) -> np.ndarray:
        """A cube where its map brings it; cubic splines where voxels are few, which linear ones would blur."""
        return _warped(
            self.cubes[row].astype(np.float32), self.maps[row], order=3 if self.cubes.shape[1] < 2 * SIDE else 1
        )


def averaged(cube: np.ndarray, side: int) -> np.ndarray:
    """A cube of other voxels, mostly fewer, float32: each is the mean of what it covers."""
    if len(cube) % side:
        return area_resize(cube, (0, 0, 0), cube.shape, side).astype(np.float32)
    step = len(cube) // side
    total = np.zeros((side,) * 3, np.float32)
    for i, j, k in product(range(step), repeat=3):  # a fraction of the time of a mean over three axes
        total += cube[i::step, j::step, k::step]
    return total / step**3


def _coarse(cube: np.ndarray) -> np.ndarray:
    """A cube to find maps on, of mean 1."""
    coarse = averaged(cube, SIDE)
    return coarse / max(coarse.mean(), 1e-6)


def _box(cube: np.ndarray) -> np.ndarray:
    """The map that a brain's box fills the cube by."""
    into, size = np.eye(4), len(cube)
    for axis in range(3):
        there = np.flatnonzero(cube.any(tuple({0, 1, 2} - {axis})))
        if len(there):
            first, last = there[[0, -1]] + (0, 1)
            into[axis, [axis, 3]] = (last - first) / size, (first + last) / 2 / size - 0.5
    return into


def _warped(cube: np.ndarray, into: np.ndarray, order: int = 1) -> np.ndarray:
    """A cube, each of whose places, from -1/2 to 1/2, shows what is where a map (4, 4) takes it."""
    size, linear = len(cube), into[:3, :3]
    first = linear @ np.full(3, (1 / size - 1) / 2) + into[:3, 3]
    return affine_transform(cube, linear, (first + 0.5) * size - 0.5, order=order, mode="nearest")


def _steps(mean: np.ndarray) -> np.ndarray:
    """What takes a difference from the mean, (4096,), to the change of a map that explains most of it, (12,)."""
    places = (np.indices(mean.shape).reshape(3, -1) + 0.5) / SIDE - 0.5
    along = np.concatenate([places, np.ones((1, mean.size))])
    slopes = np.reshape(np.gradient(mean), (3, 1, -1)) * SIDE
    changes = np.concatenate([(slopes * along).reshape(12, -1), mean.ravel() * along])
    return np.linalg.pinv(changes.T, rcond=RESOLVED)[:12]


def _as_map(change: np.ndarray) -> np.ndarray:
    return np.eye(4) + np.concatenate([change.reshape(3, 4), np.zeros((1, 4))])
