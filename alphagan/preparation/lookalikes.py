"""Cubes that look more alike than those of two people do: perhaps one person under two names, or a mirror image."""

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import gaussian_filter

from alphagan.preparation.alignment import SIDE, Aligned, averaged

# Correlation of two cubes laid upon one another, less what is wider than a sixteenth of their side and less the mean of
# all. Of 184 people of IXI at 32 cubed two reach 0.57, perhaps relatives, and no other two 0.38; a second visit of 46
# of them that was made up (turned by up to 9 degrees, a gamma of 0.8 to 1.2, a bias field of 50 %, noise) has 0.65 at
# least, at 16 cubed nine of ten have more than 0.6.
ALIKE = 0.6
# The same with the mean. Few scans that differ from all others in one way, as of another contrast or upside down, share
# that, but have 0.90 with one another at most, and second visits 0.92 at least. Several scans of one person are a part
# of the mean: two people of IXI have 0.95 at most, ten models' samples too.
CLOSE, SAME = 0.91, 0.96
UNLIKE = 0.3  # the first measure of two people, mostly
WIDTH = 1 / 16  # of the side: the Gaussian whose blur is taken off
TINY = 1e-6  # of rounding, where all are the same
AT_A_TIME = 512
FEWEST = 1400  # voxels of a brain, by the median: of 184 people with 1151 each, in padded cubes, some look alike
MOST = 5000  # cubes of a side; of more no two are compared, as that would take minutes and gigabytes


class Details:
    """What is compared of cubes: each laid upon a mean, less its blur.

    Parameters
    ----------
    cubes : ndarray, (n, S, S, S), uint8
        The first axis from left to right.
    onto : Details, optional
        Of cubes whose mean it is, with which these can be compared; by default their own.

    Attributes
    ----------
    values : ndarray, (n, s, s, s), float32
        Of mean 0 and length 1; larger cubes are averaged down to 32 cubed. None of more than 5000 cubes, or where
        brains have so few voxels that different ones look alike.
    """

    def __init__(self, cubes: np.ndarray, onto: "Details | None" = None):
        few = np.median([np.count_nonzero(cube) for cube in cubes]) < FEWEST
        self.values, self.mean = np.empty((0, SIDE, SIDE, SIDE), np.float32), None
        if few or len(cubes) > MOST or (onto is not None and onto.mean is None):
            return
        side = min(cubes.shape[1], 2 * SIDE)
        if side < cubes.shape[1]:
            cubes = np.stack([averaged(cube, side) for cube in cubes])
        aligned = Aligned(cubes, None if onto is None else onto.mean)
        self.mean = aligned.mean
        self.values = np.empty((len(cubes), side, side, side), np.float32)
        for row, details in enumerate(self.values):
            cube = aligned[row]
            details[:] = cube - gaussian_filter(cube, WIDTH * side, truncate=2)
            details -= details.mean()
            details /= max(np.linalg.norm(details), 1e-6)


def look_alikes(
    mine: Details, people: Sequence[str], theirs: Details | None = None, names: Sequence[str] | None = None
) -> list[tuple[int, int, bool]]:
    """Find pairs of cubes of people with different names that look like one person.

    Parameters
    ----------
    mine : Details
        Of n cubes.
    people : sequence of n str
        Whom each shows.
    theirs : Details, optional
        Of m cubes to compare with, laid upon the same mean; by default every pair of the first is compared.
    names : sequence of m str, optional
        Whom those show; by default nobody of `people`, whatever they are called.

    Returns
    -------
    pairs : list of (int, int, bool)
        Row among the first and row among the others, or a later one among the first, and whether one is the other's
        mirror image. A pair that is alike both ways is given once.
    """
    others, names = (mine, people) if theirs is None else (theirs, names)
    ones, twos = mine.values, others.values
    if not (len(ones) and len(twos)):
        return []
    ones, twos = (values.reshape(len(values), -1) for values in (ones, twos))
    means, shares = (ones.mean(0), twos.mean(0)), (1 / len(ones), 1 / len(twos))
    # What taking off a mean that a pair is part of leaves of its likeness.
    limit = ALIKE - shares[0] if theirs is None else ALIKE * np.sqrt(np.prod(1 - np.array(shares)))
    found: dict[tuple[int, int], bool] = {}
    for i in range(0, len(ones), AT_A_TIME):
        for j in range(i if theirs is None else 0, len(twos), AT_A_TIME):
            one, two = ones[i : i + AT_A_TIME] - means[0], twos[j : j + AT_A_TIME]
            for flipped in (True, False):
                shown = (_mirrored(two) if flipped else two) - means[1]
                own = one @ shown.T
                whole = own + (one @ means[1])[:, None] + shown @ means[0] + means[0] @ means[1]
                alike = own > limit * np.outer(*(np.linalg.norm(side, axis=1) for side in (one, shown))) + TINY
                for a, b in (np.argwhere((alike & (whole > CLOSE)) | (whole > SAME)) + np.array([i, j])).tolist():
                    another = names is None or people[a] != names[b]
                    if another and (theirs is not None or a < b):
                        found[a, b] = flipped
    return [(a, b, flipped) for (a, b), flipped in sorted(found.items())]


def strangers(mine: Details, people: Sequence[str]) -> list[tuple[int, int]]:
    """Find people some of whose scans look like somebody else's: the first row of each, and one that is unlike it."""
    if not len(mine.values):
        return []
    values = mine.values.reshape(len(mine.values), -1)
    mean = values.mean(0)
    first: dict[str, int] = {}
    found: dict[str, tuple[int, int]] = {}
    for row, person in enumerate(people):
        one, other = values[first.setdefault(person, row)], values[row]
        own, length = (one - mean) @ (other - mean), np.linalg.norm(one - mean) * np.linalg.norm(other - mean)
        if own < UNLIKE * length and one @ other < CLOSE:
            found.setdefault(person, (first[person], row))
    return list(found.values())


def described(pairs: list[tuple[int, int, bool]], mine: Sequence[str], theirs: Sequence[str]) -> str | None:
    """Say how many there are, and name the first, by what each row of the two sides is called; None where none is."""
    if not pairs:
        return None
    i, j, flipped = pairs[0]
    how = "the mirror image of" if flipped else "the scan of"
    look = "pair of people looks like one person" if len(pairs) == 1 else "pairs of people look like one person each"
    return (
        f"{len(pairs)} {look}, such as {mine[i]} and {theirs[j]} ({how} the same "
        "brain, it seems): if they are, take one out, or give both one name, so that no split divides them"
    )


def _mirrored(values: np.ndarray) -> np.ndarray:
    side = round(values.shape[1] ** (1 / 3))
    return values.reshape(-1, side, side, side)[:, ::-1].reshape(values.shape)
