"""Simulated tumours and strokes for the simulated subjects of `alphagan.preparation.cohorts.template`. Never patients.

A lesion is drawn (`draw`), pushes or pulls the tissue around it (`displace`), grows on the head's own tissue maps
(`lesion_growth.grow`), takes the place of tissue (`paint`) and has its own intensities (`contrast`). Nothing depends on
how the head is scanned but the last, so one subject has one lesion in T1w, T2w and FLAIR, and at every voxel size.

Tumour: a high-grade glioma, that is a necrotic centre in an irregular rim, and oedema that has diffused through white
matter, so that it runs into gyri as fingers and stops at cortex. Its volumes, shares and push are set by hand to look
like BraTS. Stroke: a chronic infarct, that is a cavity as dark as CSF with a gliotic edge in the territory of one
cerebral artery, and a lateral ventricle that has widened towards it. Where in the territory of the middle cerebral
artery, how large and how long, is fitted to the 131 masks of chronic strokes in LESYMAP (Pustina et al., Apache-2.0;
Colin27 space, left hemisphere); `alphagan.evaluation.spread` has the comparison.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.ndimage import affine_transform, gaussian_filter

from alphagan.preparation.cohorts.mni152 import GRID_MM, grid_points_mm, in_cerebrum, smallest_jacobian, template

VERSION = 1  # raised whenever the same settings give other lesions
GROWTH_MM = GRID_MM / 2  # voxels in which lesions grow, whatever the scan's
# What a lesion consists of, and the share of CSF, grey and white matter that each layer takes the place of.
LAYERS = {
    "tumour": {"oedema": (0.0, 0.25, 1.0), "rim": (1.0, 1.0, 1.0), "necrosis": (1.0, 1.0, 1.0)},
    "stroke": {"gliosis": (0.0, 1.0, 1.0), "cavity": (1.0, 1.0, 1.0)},
}
# Mean and standard deviation of each layer's intensity, where white matter is 1. Oedema and rim are such that simulated
# tumours are to white matter as the lesions of Open MS Data are (N = 3, `spread.OPEN_MS_REFERENCE`), gliosis
# likewise; necrosis is set by hand. A cavity is as that scan's CSF.
INTENSITY = {
    "T1w": {"oedema": (0.72, 0.04), "rim": (0.72, 0.04), "necrosis": (0.45, 0.06), "gliosis": (0.65, 0.04)},
    "T2w": {"oedema": (2.10, 0.15), "rim": (1.75, 0.12), "necrosis": (2.60, 0.25), "gliosis": (2.10, 0.15)},
    "FLAIR": {"oedema": (1.55, 0.05), "rim": (1.40, 0.06), "necrosis": (0.85, 0.15), "gliosis": (1.55, 0.05)},
}

# Millilitres: log-normal, drawn again until within the limits. A tumour's are the head's own, set by hand; a stroke's
# are MNI152's, fitted to LESYMAP (N = 131; 5 to 376 ml, median 76).
VOLUME_ML = {
    "tumour": {"median": 80.0, "log_sd": 0.6, "limits": (20.0, 200.0)},
    "stroke": {"median": 80.0, "log_sd": 1.0, "limits": (5.0, 376.0)},
}
MASS_EFFECT = (0.15, 0.4)  # how far tissue at the centre is magnified: 1 / (1 - x) along each axis
PRESSED_MM, WIDENED_MM = (2.0, 7.0), (3.0, 9.0)  # pull away from, or towards, the ventricles near a lesion
VENTRICLE_REACH_MM = 30.0
LEAST_JACOBIAN = 0.02  # below that of heads, or large ventricles would leave no room for a lesion

# Centre and standard deviation of the left middle, posterior and anterior cerebral arteries' territories, MNI mm. The
# first is fitted to LESYMAP, the others, of which it has few, are set by hand. How often: acute infarcts of these
# arteries alone in Kim et al. 2014 (doi:10.1161/JAHA.114.001119), 1341, 230 and 49.
TERRITORIES = {
    "middle": {"centre": (-41.0, -10.0, 24.0), "sd": (13.0, 31.0, 20.0), "share": 0.83, "volume": 1.0},
    "posterior": {"centre": (-20.0, -75.0, 2.0), "sd": (12.0, 17.0, 12.0), "share": 0.14, "volume": 0.4},
    "anterior": {"centre": (-8.0, 28.0, 38.0), "sd": (8.0, 30.0, 22.0), "share": 0.03, "volume": 0.4},
}


@dataclass(frozen=True, eq=False)
class Lesion:
    """One lesion: where, how large, and what it does to its surroundings.

    Parameters
    ----------
    kind : str
        "tumour" or "stroke".
    centre_mm : ndarray, shape (3,)
        Where it began, MNI coordinates.
    volume_ml : float
        Of the whole lesion, in the head.
    territory : str
        A stroke's artery, a key of `TERRITORIES`; "" for a tumour.
    mass_effect : float
        How far tissue at the centre is magnified: 1 / (1 - x) along each axis.
    ventricle_mm : float
        Pull towards the ventricles nearby; positive widens them.
    """

    kind: str
    centre_mm: np.ndarray
    volume_ml: float
    territory: str
    mass_effect: float
    ventricle_mm: float

    @property
    def radius_mm(self) -> float:
        """Radius of a ball as large as the lesion."""
        return float(np.cbrt(3000 * self.volume_ml / (4 * np.pi)))


def draw(rng: np.random.Generator, kind: str, head_scale: float = 1.0) -> Lesion:
    """Draw a lesion in either hemisphere.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws.
    kind : str
        "tumour" or "stroke".
    head_scale : float
        Volume of the head relative to MNI152's.
    """
    volume, limits = 0.0, VOLUME_ML[kind]["limits"]
    while not limits[0] <= volume <= limits[1]:
        volume = VOLUME_ML[kind]["median"] * np.exp(VOLUME_ML[kind]["log_sd"] * rng.standard_normal())
    if kind == "tumour":
        points, probability = _origins()
        centre = rng.choice(points, p=probability) + rng.uniform(-GRID_MM / 2, GRID_MM / 2, 3)
        return Lesion(kind, centre, volume, "", rng.uniform(*MASS_EFFECT), -rng.uniform(*PRESSED_MM))
    name = rng.choice(list(TERRITORIES), p=[territory["share"] for territory in TERRITORIES.values()])
    territory = TERRITORIES[name]
    centre = rng.normal(territory["centre"], territory["sd"])
    centre[0] = -abs(centre[0]) if rng.random() < 0.5 else abs(centre[0])
    volume *= head_scale * territory["volume"]
    return Lesion(kind, centre, volume, str(name), 0.0, rng.uniform(*WIDENED_MM))


def displace(lesion: Lesion, displacement_mm: np.ndarray) -> np.ndarray:
    """Add the lesion's mass effect, or the widening of the ventricles beside it, to a head's displacement.

    Parameters
    ----------
    displacement_mm : ndarray, shape (3, X, Y, Z)
        As in `alphagan.preparation.cohorts.simulation.Anatomy`.

    Returns
    -------
    ndarray, shape (3, X, Y, Z)
        With a Jacobian determinant of at least `LEAST_JACOBIAN`; what is added is made weaker until it has.
    """
    shared = template()
    away = grid_points_mm() - lesion.centre_mm[:, None, None, None]
    squared = (away**2).sum(0)
    added = -lesion.mass_effect * np.exp(-squared / (2 * lesion.radius_mm**2)) * shared.free * away
    added += lesion.ventricle_mm * np.exp(-squared / (2 * VENTRICLE_REACH_MM**2)) * shared.ventricle_pull
    for strength in (1.0, 0.8, 0.6, 0.4, 0.2):
        displaced = displacement_mm + np.float32(strength) * added.astype(np.float32)
        if smallest_jacobian(displaced) >= LEAST_JACOBIAN:
            return displaced
    return displacement_mm


def paint(kind: str, fractions: np.ndarray, layers: np.ndarray, voxel_size_mm: float) -> np.ndarray:
    """Put a lesion in the place of tissue.

    Parameters
    ----------
    fractions : ndarray, shape (3, S, S, S)
        CSF, grey and white matter in voxels of any size.
    layers : ndarray, shape (n_layers, S', S', S')
        As `lesion_growth.grow` returns them, on a cube with the same centre.

    Returns
    -------
    ndarray, shape (3 + n_layers, S, S, S), float32
        The sum of each voxel is what it was.
    """
    if voxel_size_mm != GROWTH_MM:
        layers = np.stack([_resampled(layer, fractions.shape[1], voxel_size_mm / GROWTH_MM) for layer in layers])
    painted = [*fractions]
    for shares, opacity in zip(LAYERS[kind].values(), layers, strict=True):
        shares = (*shares, *[1.0] * (len(painted) - 3))  # of other layers, all
        taken = [np.float32(share) * opacity * below for share, below in zip(shares, painted, strict=True)]
        painted = [below - part for below, part in zip(painted, taken, strict=True)] + [sum(taken)]
    return np.stack(painted)


def contrast(rng: np.random.Generator, kind: str, modality: str, tissue: np.ndarray) -> np.ndarray:
    """Draw the intensities of the lesion's layers in a scan whose CSF, grey and white matter are `tissue`, (3,)."""
    z = rng.standard_normal(len(LAYERS[kind]))
    known = [INTENSITY[modality].get(name, (tissue[0], 0.0)) for name in LAYERS[kind]]
    return np.array([mean + sd * z for (mean, sd), z in zip(known, z, strict=True)])


@lru_cache(maxsize=1)
def _origins() -> tuple[np.ndarray, np.ndarray]:
    """Where in white matter a tumour may begin, (n, 3) MNI mm, and how likely, (n,)."""
    white = gaussian_filter(template().fractions[2], 4.0)[::GRID_MM, ::GRID_MM, ::GRID_MM]
    points = grid_points_mm()
    likely = np.where(in_cerebrum(points) & (white > 0.3), white, 0).astype(np.float64)
    found = likely > 0
    return points[:, found].T, likely[found] / likely[found].sum()


def _resampled(layer: np.ndarray, n: int, scale: float) -> np.ndarray:
    """Cube of side n around the same centre, its voxels `scale` times as large."""
    offset = (layer.shape[0] - 1) / 2 - scale * (n - 1) / 2
    return affine_transform(layer, [scale] * 3, offset, (n, n, n), order=1)
