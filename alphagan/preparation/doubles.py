"""Cubes that show one and the same scan, also where a conversion rounded its values otherwise."""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.spatial import KDTree

ROUNDING = 2  # of 255: no voxel of two conversions differs by more; scans of one person in one session do by tens
N_BLOCKS = 3  # along each side


def landmark(cube: np.ndarray) -> np.ndarray:
    """Mean of each of 27 blocks, (27,): cubes that differ by d at most in each voxel do so here, and people by more.

    Of 184 people at 32 voxels, the nearest two are 6.6 of 255 apart in some block.
    """
    cuts = [len(cube) * block // N_BLOCKS for block in range(N_BLOCKS)]
    sums = cube.astype(np.float32)
    for axis in range(3):
        sums = np.add.reduceat(sums, cuts, axis=axis)
    widths = np.diff([*cuts, len(cube)])
    return (sums / np.einsum("i,j,k->ijk", widths, widths, widths)).ravel()


def doubles(landmarks: Sequence[np.ndarray], cube: Callable[[int], np.ndarray]) -> dict[int, int]:
    """Which cubes show the same scan as an earlier one, and which.

    Parameters
    ----------
    landmarks : sequence of ndarray, (27,)
    cube : callable, int -> ndarray, (S, S, S), uint8
        Reads the cube that a landmark is of.

    Returns
    -------
    first : dict of int to int
        Of a later one to the first.
    """
    tree, first = KDTree(np.asarray(landmarks)), {}
    for i, mine in enumerate(landmarks):
        if i not in first:
            first |= {j: i for j in _near(tree, mine) if j > i and j not in first and _same(cube(i), cube(j))}
    return first


def shared(cubes: np.ndarray, others: np.ndarray) -> dict[int, int]:
    """Which cubes (n, S, S, S) show a scan that is among others (m, S, S, S), and which of them; both uint8."""
    tree, found = KDTree(np.stack([landmark(cube) for cube in others])), {}
    for i, cube in enumerate(cubes):
        for j in _near(tree, landmark(cube)):
            if i not in found and _same(cube, others[j]):
                found[i] = j
    return found


def _near(tree: KDTree, mark: np.ndarray) -> list[int]:
    return tree.query_ball_point(mark, ROUNDING + 0.01, p=np.inf, return_sorted=True)


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    return int(np.abs(one.astype(np.int16) - other).max()) <= ROUNDING
