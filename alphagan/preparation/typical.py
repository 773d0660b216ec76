"""How much each brain of a cohort is like the others: those that are least so are the ones to look at first."""

import numpy as np

from alphagan.errors import TooFewError
from alphagan.preparation.upright import standardised


def likeness(volumes: np.ndarray) -> np.ndarray:
    """Correlation of each brain with the mean of the others.

    However bright, large or wide a brain was in its scan, its cube is compared. Which value is too low cannot be said:
    odd anatomy, motion and a bad brain mask all lower it, so that it gives an order and no verdict.

    Parameters
    ----------
    volumes : ndarray, (n, S, S, S)
        Cubes of brains, background 0. They are gone through one by one, so that a mapped file is never read whole.

    Returns
    -------
    ndarray, (n,), float64, -1 to 1

    Raises
    ------
    TooFewError
        If there are fewer than two.

    Examples
    --------
    >>> _, y, z = np.indices((8, 8, 8))
    >>> brains = np.stack([y + 0.5 * z**2] * 4)
    >>> brains[2] = brains[2, :, ::-1]
    >>> int(likeness(brains).argmin())
    2
    """
    if len(volumes) < 2:
        raise TooFewError(f"{len(volumes)} brains; which is least like the others takes two: add scans")
    total = sum(standardised(volume[None])[0] for volume in volumes)
    found = []
    for volume in volumes:
        (one,) = standardised(volume[None])
        others = total - one
        found.append(one @ others / max(float(np.linalg.norm(others)), 1e-12))
    return np.array(found)
