"""One brightness for both sides: what a scan was scaled by before it was averaged to a cube, its cube no longer has.

A scan's brain has its percentile 99.9 at the brightest level; averaged to voxels of a cube it is darker, by some 6 % at
32 voxels a side and differently for each scan. What a generator made is averaged already, and would keep the brightest
level. So cubes of both sides are scaled once more.
"""

from pathlib import Path

import numpy as np

from alphagan.volumes.prepared import Volumes


def scaled_again(folder: Path, upper_percentile: float) -> Volumes:
    """Scale every cube of a folder so that the percentile of its own brain's voxels is the brightest level.

    Parameters
    ----------
    folder : Path
        Of prepared volumes, whose volumes.npy is replaced.
    upper_percentile : float
        As prepare.upper_percentile.

    Examples
    --------
    >>> scaled_again(Path("work/real"), 99.9).array.max()
    255
    """
    cubes = np.lib.format.open_memmap(folder / "volumes.npy", mode="r+")
    for cube in cubes:
        if not cube.any():  # an empty one stays as it is, for the measures to refuse by name
            continue
        high = np.percentile(cube[cube > 0], upper_percentile)
        cube[:] = np.clip(np.rint(cube * (255 / high)), 0, 255)
    cubes.flush()
    return Volumes(folder)
