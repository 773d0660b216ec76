"""Cubes that look more alike than those of two people do: perhaps one person under two names, or a mirror image."""

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import gaussian_filter

# Correlation of two cubes less what is wider than a sixteenth of their side. Of 184 people of IXI no two reach 0.82 at
# 32 cubed, of 160 simulated ones 0.86, mirrored or not; one scan after a gamma of 1.15, a bias field of 20 %, noise of
# 2 %, or resampling by a quarter and back has 0.96 at least.
ALIKE = 0.94
WIDTH = 1 / 16  # of the side: the Gaussian whose blur is taken off
AT_A_TIME = 512
SIDE = 32  # of what is compared, to less than twice that: larger cubes are averaged down
FEWEST = 1400  # voxels of a brain, by the median: of 184 people with 1151 each, in padded cubes, two pairs reach 0.94
MOST = 5000  # cubes of a side; of more no two are compared, as that would take minutes and gigabytes


def look_alikes(
    cubes: np.ndarray, people: Sequence[str], others: np.ndarray | None = None, names: Sequence[str] | None = None
) -> list[tuple[int, int, bool]]:
    """Find pairs of cubes of people with different names that look like one person.

    Parameters
    ----------
    cubes : ndarray, (n, S, S, S), uint8
        The first axis from left to right.
    people : sequence of n str
        Whom each shows.
    others : ndarray, (m, S, S, S), optional
        Cubes to compare with; by default every pair of `cubes` is.
    names : sequence of m str, optional
        Whom `others` show; by default nobody of `people`, whatever they are called.

    Returns
    -------
    pairs : list of (int, int, bool)
        Row among `cubes` and row among `others`, or a later one among `cubes`, and whether one is the other's mirror
        image. A pair that is alike both ways is given once. None of more than 5000 cubes, or where brains have so few
        voxels that different ones look alike.
    """
    if max(len(cubes), len(cubes if others is None else others)) > MOST:
        return []
    if np.median([np.count_nonzero(cube) for cube in cubes]) < FEWEST:
        return []
    details = _details(cubes)
    theirs = details if others is None else _details(others)
    side = round(theirs.shape[1] ** (1 / 3))
    mirrored = theirs.reshape(-1, side, side, side)[:, ::-1].reshape(theirs.shape)
    names = people if others is None else names
    found: dict[tuple[int, int], bool] = {}
    for start in range(0, len(details), AT_A_TIME):
        mine = details[start : start + AT_A_TIME]
        for flipped, shown in ((True, mirrored), (False, theirs)):
            for i, j in np.argwhere(mine @ shown.T > ALIKE).tolist():
                i += start
                another = names is None or people[i] != names[j]
                if another and (others is not None or i < j):
                    found[i, j] = flipped
    return [(i, j, flipped) for (i, j), flipped in sorted(found.items())]


def described(pairs: list[tuple[int, int, bool]], mine: Sequence[str], theirs: Sequence[str]) -> str | None:
    """Say how many there are, and name the first, by what each row of the two sides is called; None where none is."""
    if not pairs:
        return None
    i, j, flipped = pairs[0]
    how = "the mirror image of" if flipped else "the scan of"
    return (
        f"{len(pairs)} pairs of people look like one person each, such as {mine[i]} and {theirs[j]} ({how} the same "
        "brain, it seems): if they are, take one out, or give both one name, so that no split divides them"
    )


def _details(cubes: np.ndarray) -> np.ndarray:
    """Cubes less their blur, each with mean 0 and length 1, (n, s^3) float32."""
    size = cubes.shape[1]
    step = next(step for step in range(max(1, size // SIDE), 0, -1) if size % step == 0)
    side = size // step
    details = np.empty((len(cubes), side**3), np.float32)
    for row, cube in zip(details, cubes, strict=True):
        values = cube.reshape((side, step) * 3).mean((1, 3, 5), dtype=np.float32)
        row[:] = (values - gaussian_filter(values, WIDTH * side)).ravel()
    details -= details.mean(1, keepdims=True)
    return details / np.maximum(np.linalg.norm(details, axis=1, keepdims=True), 1e-6)
