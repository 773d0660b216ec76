"""How a simulated tumour or stroke grows on a head's own tissue maps; what they are like is said in `lesions.py`."""

import numpy as np
from scipy.ndimage import find_objects, gaussian_filter

from alphagan.preparation.cohorts.lesions import GROWTH_MM, LAYERS, TERRITORIES, Lesion
from alphagan.preparation.cohorts.mni152 import fine_noise, in_cerebrum, near_ventricles

CORE_SHARE = (0.25, 0.55)  # of the whole tumour
NECROSIS_SHARE = (0.15, 0.6)  # of the core
CAVITY_SHARE = (0.55, 0.9)  # of the lesion
SEEPING_STEPS, LEAST_SEEPED = 20, 1e-7
REACH = {"tumour": 2.0, "stroke": 4.0}  # no part of a lesion is farther from its centre, in radii of a ball as large


def grow(rng: np.random.Generator, lesion: Lesion, fractions: np.ndarray, mni_mm: np.ndarray) -> np.ndarray:
    """Grow the lesion on a head's tissue.

    Parameters
    ----------
    rng : numpy.random.Generator
        For its outline.
    fractions : ndarray, shape (3, S, S, S)
        CSF, grey and white matter in voxels of `GROWTH_MM`, with the lesion's displacement in them.
    mni_mm : ndarray, shape (3, S, S, S)
        Where those voxels are, but for displacements, in MNI coordinates.

    Returns
    -------
    ndarray, shape (n_layers, S, S, S), float32
        Opacity of the layers of `LAYERS`, 0 to 1, each to be painted over those before it.
    """
    near = _distance2(mni_mm, lesion.centre_mm) < (15 + REACH[lesion.kind] * lesion.radius_mm) ** 2
    box = find_objects((fractions.any(0) & near).astype(np.uint8))[0]
    layers = np.zeros((len(LAYERS[lesion.kind]), *fractions.shape[1:]), np.float32)
    shape_of = _tumour if lesion.kind == "tumour" else _stroke
    layers[:, *box] = shape_of(rng, lesion, fractions[:, *box], mni_mm[:, *box])
    return layers


def _distance2(mni_mm: np.ndarray, centre: np.ndarray, unit: tuple[float, ...] = (1.0, 1.0, 1.0)) -> np.ndarray:
    """Squared distance from a point, each axis in a unit of its own."""
    return sum(((x - float(c)) / u) ** 2 for x, c, u in zip(mni_mm, centre, unit, strict=True))


def _smallest(score: np.ndarray, volume_ml: float, weight: np.ndarray) -> float:
    """Score below which the voxels, each counting as `weight` of its volume, have that volume together."""
    found = np.flatnonzero(weight)
    order = found[np.argsort(score.ravel()[found])]
    reached = np.cumsum(weight.ravel()[order]) * GROWTH_MM**3 / 1000
    return float(score.ravel()[order[min(np.searchsorted(reached, volume_ml), order.size - 1)]])


def _below(score: np.ndarray, threshold: float, softness: float) -> np.ndarray:
    """1 below the threshold, 0 above, a ramp of that width between."""
    return np.clip((threshold - score) / softness + 0.5, 0, 1)


def _tumour(rng: np.random.Generator, lesion: Lesion, fractions: np.ndarray, mni_mm: np.ndarray) -> np.ndarray:
    csf, grey, white = fractions
    shape, brain = csf.shape, fractions.any(0) & in_cerebrum(mni_mm)
    outline, texture = fine_noise(rng, shape, 9.0), fine_noise(rng, shape, 6.0)
    core_ml = lesion.volume_ml * rng.uniform(*CORE_SHARE)
    necrosis_ml = core_ml * rng.uniform(*NECROSIS_SHARE)

    beyond_falx = mni_mm[0] * float(lesion.centre_mm[0]) < 0
    from_centre = np.sqrt(_distance2(mni_mm, lesion.centre_mm)) * np.where(beyond_falx, np.float32(2), 1)
    score = from_centre * np.exp(0.3 * outline + 0.15 * texture) * (1 + 2 * csf)
    core = _below(score, _smallest(score, core_ml, brain), 3.0) * brain
    score = from_centre * np.exp(0.3 * outline + 0.3 * texture)
    necrosis = _below(score, _smallest(score, necrosis_ml, core), 3.0) * core

    # Oedema seeps from the core through white matter, is slowed by grey matter and the dense corpus callosum, stopped
    # by CSF and the tentorium, and thins out on its way.
    lets_through = brain * np.minimum(white + 0.15 * grey, 1) * np.exp(0.15 * texture - 0.15)
    lets_through *= 1 - 0.5 * np.exp(-((mni_mm[0] / 8) ** 2))
    seeped = core
    for _ in range(SEEPING_STEPS):
        seeped = np.maximum(core, lets_through * gaussian_filter(seeped, 1.0, truncate=2.0))
    depth = -np.log(np.maximum(seeped, LEAST_SEEPED))
    replaced = sum(share * tissue for share, tissue in zip(LAYERS["tumour"]["oedema"], fractions, strict=True))
    reached = (core + (1 - core) * replaced) * (seeped > np.e * LEAST_SEEPED)
    oedema = _below(depth, _smallest(depth, lesion.volume_ml, reached), 0.7) * (1 - 0.12 * np.abs(texture))
    return np.stack([oedema * brain, core, necrosis]).astype(np.float32)


def _stroke(rng: np.random.Generator, lesion: Lesion, fractions: np.ndarray, mni_mm: np.ndarray) -> np.ndarray:
    territory, shape = TERRITORIES[lesion.territory], fractions[0].shape
    outline, texture = fine_noise(rng, shape, 10.0), fine_noise(rng, shape, 6.0)
    side = np.sign(lesion.centre_mm[0])
    middle = np.array(territory["centre"]) * [-side, 1, 1]
    from_seed, from_middle = (_distance2(mni_mm, centre, territory["sd"]) for centre in (lesion.centre_mm, middle))
    score = np.sqrt(from_seed) + 0.1 * from_middle + 0.8 * outline + 0.15 * texture
    ventricles = (fractions[0] > 0.5) & near_ventricles(mni_mm)
    open_to_it = fractions.any(0) & in_cerebrum(mni_mm) & (mni_mm[0] * side > 0) & ~ventricles
    lesioned = _below(score, _smallest(score, lesion.volume_ml, open_to_it), 0.2) * open_to_it
    score = score + 0.25 * texture
    cavity_ml = lesion.volume_ml * rng.uniform(*CAVITY_SHARE)
    cavity = _below(score, _smallest(score, cavity_ml, lesioned), 0.4) * lesioned * (1 - 0.12 * np.abs(texture))
    return np.stack([lesioned, cavity]).astype(np.float32)
