"""Strokes and tumours, found in every volume alike: the largest patch of brain unlike its mirror image."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from alphagan.errors import InputError
from alphagan.metrics.bootstrap import Estimate, share
from alphagan.metrics.checks import check_labels, check_volumes
from alphagan.metrics.histogram import brain_masks
from alphagan.volumes.prepared import Array

# By what share of the brain's mean brightness a window's mean is above that of the window opposite: strokes and tumours
# are darker than tissue in T1w, and brighter in the others, where they have to be as far above the brain's mean too, or
# the side opposite a hole would count. Chosen so that what is counted is what an eye sees: in T1w, with 0.3 over three
# voxels, noise and faint shadows of generated brains count as well, and 80 % of 512 had a "stroke", where one sees one
# in 5 of 12. Of 160 simulated healthy brains at most 4 % have such a patch (32 cubed, 4 mm), of 96 with a stroke (T1w)
# 80 %, with a tumour 90 % (T2w) and 86 % (FLAIR).
CONTRAST = {"T1w": -0.45, "T2w": 0.45, "FLAIR": 0.35}
INSIDE = 0.9  # of a window that has to be brain on both sides
HEALTHY = 0.95  # share of healthy brains whose patches are smaller than what counts as a lesion


@dataclass(frozen=True)
class Lesions:
    """What is found in some people; each counts once, with the mean over the scans there are.

    Parameters
    ----------
    share : Estimate
        Of people who show a lesion, with its 95 % interval (Clopper and Pearson).
    quartiles : tuple of float
        Of the lesions' sizes, in millilitres: a quarter, half and three quarters of people with one have a smaller.
    contrast : tuple of float
        The same of how much darker (T1w) or brighter a lesion is than the other side, over the brain's mean brightness.
    left : Estimate or None
        Share of lesions on the left side, of people with one; None where there is none.
    frequency : ndarray, (S, S, S)
        Share of people with a lesion at each voxel, 0 to 1.
    """

    share: Estimate
    quartiles: tuple[float, float, float]
    contrast: tuple[float, float, float]
    left: Estimate | None
    frequency: np.ndarray


def lesion_patches(x: Array, modality: str = "T1w", masks: np.ndarray | None = None) -> np.ndarray:
    """Find in each brain the largest connected patch that is plainly darker, or brighter, than the other side.

    Parameters
    ----------
    x : ndarray or Tensor, (n, S, S, S)
        Volumes, float in [-1, 1] or uint8, the first axis from left to right.
    modality : str
        T1w, where lesions are darker, or T2w or FLAIR, where they are brighter, also than the brain's mean.
    masks : ndarray of bool, (n, S, S, S), optional
        The volumes' `brain_masks`, if they are known already.

    Returns
    -------
    ndarray of bool, (n, S, S, S)
        All False where there is none. A lesion that lies alike on both sides is not seen, nor where there is no brain
        on one of them.

    Raises
    ------
    InputError
        If a volume is all background, or the modality is another.
    """
    x = check_volumes("volumes", x)
    if modality not in CONTRAST:
        raise InputError(f"modality: lesions are looked for in {', '.join(CONTRAST)}, not in {modality}")
    masks, sign = brain_masks(x) if masks is None else masks, np.sign(CONTRAST[modality])
    found, window = np.zeros(x.shape, bool), 2 * (x.shape[1] // 13) + 1  # about a sixth of the side, and odd
    for patch, volume, mask in zip(found, x.cpu().numpy(), masks, strict=True):
        values, both = (volume + 1.0) * mask, (mask & mask[::-1]).astype(float)
        near = ndimage.uniform_filter(both, window)
        local, mean = ndimage.uniform_filter(values * both, window) / np.maximum(near, INSIDE), values[mask].mean()
        above = sign * (local - local[::-1])
        if sign > 0:
            above = np.minimum(above, local - mean)
        label, n = ndimage.label((above > abs(CONTRAST[modality]) * mean) & (near > INSIDE))
        if n:
            patch[:] = label == 1 + np.bincount(label.ravel())[1:].argmax()
    return found


def smallest_lesion(healthy: Array, modality: str = "T1w", groups: Sequence | None = None) -> float:
    """Size in voxels above which a patch is larger than any of 95 % of healthy people, whom `groups` tells apart."""
    sizes = lesion_patches(healthy, modality).sum((1, 2, 3))
    who = _people(groups, len(sizes))
    largest = np.zeros(who.max() + 1, sizes.dtype)  # of all visits: with any other size more than 5 % could have one
    np.maximum.at(largest, who, sizes)
    return float(np.quantile(largest, HEALTHY))


def lesions(
    x: Array,
    smallest: float,
    voxel_ml: float | np.ndarray,
    modality: str = "T1w",
    groups: Sequence | None = None,
) -> Lesions:
    """Count and measure the lesions of volumes.

    Parameters
    ----------
    x : ndarray or Tensor, (n, S, S, S)
        As `lesion_patches` has them.
    smallest : float
        Voxels that a lesion has to exceed; of healthy people `smallest_lesion`.
    voxel_ml : float or ndarray, (n,)
        Volume of a voxel in millilitres; cubes that brains were stretched to fill have one each.
    modality : str
        As above.
    groups : sequence of labels, optional
        Subject of each volume. None: each its own.

    Raises
    ------
    InputError
        As `lesion_patches` and `check_labels` do.
    """
    x = check_volumes("volumes", x)
    who = _people(groups, len(x))
    masks = brain_masks(x)
    patches = lesion_patches(x, modality, masks)
    sizes = patches.sum((1, 2, 3))
    there, millilitres = sizes > smallest, sizes * voxel_ml
    seen, volumes, whose = patches[there], x.cpu().numpy()[there] + 1.0, who[there]
    contrast = [
        abs((v - v[::-1])[patch].mean()) / v[mask].mean()
        for v, patch, mask in zip(volumes, seen, masks[there], strict=True)
    ]
    middle = seen.shape[1] // 2
    on_left = seen[:, :middle].sum((1, 2, 3)) > seen[:, -middle:].sum((1, 2, 3))
    ill, left = _of_each(there, who), _of_each(on_left, whose)
    return Lesions(
        share(float(ill.sum()), len(ill)),
        *(_quartiles(_of_each(values, whose)) for values in (millilitres[there], np.array(contrast))),
        share(float(left.sum()), len(left)) if len(left) else None,
        _frequency(seen, whose, np.bincount(who)),
    )


def _people(groups: Sequence | None, n_volumes: int) -> np.ndarray:
    """Number people from 0, of whom there may be one: a share of few has a wide interval by itself."""
    labels = np.arange(n_volumes) if groups is None else check_labels("groups", groups, n_volumes)
    return np.unique(labels, return_inverse=True)[1]


def _of_each(values: np.ndarray, who: np.ndarray) -> np.ndarray:
    """Mean over the scans of each person who has any."""
    who = np.unique(who, return_inverse=True)[1]
    return np.bincount(who, values) / np.bincount(who)


def _frequency(seen: np.ndarray, whose: np.ndarray, scans: np.ndarray) -> np.ndarray:
    """Share of people with a lesion at each voxel, of patches and whose they are, and how many scans each has."""
    total = np.zeros(seen.shape[1:])
    for person in np.unique(whose):
        total += seen[whose == person].sum(0) / scans[person]
    return total / len(scans)


def _quartiles(values: np.ndarray) -> tuple[float, float, float]:
    return tuple(map(float, np.quantile(values, (0.25, 0.5, 0.75)))) if len(values) else (np.nan,) * 3
