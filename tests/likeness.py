"""Simulated brains to be stored in some layout, and how like one of them a scan is that was found there."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import nibabel
import numpy as np

from alphagan.preparation.cohorts import Scan
from alphagan.preparation.cohorts.simulation import Acquisition, draw_anatomy, scan, tissues
from alphagan.preparation.resample import prepare_scan
from alphagan.settings.sections import Prepare

VOXEL_MM = 4.0
SEED = 2019
CONTRASTS = {"T1w": (0.3, 0.8, 1.0), "T1wGd": (0.35, 0.85, 1.0), "T2w": (1.0, 0.6, 0.45), "FLAIR": (0.15, 0.7, 0.55)}
NO_BIAS = np.zeros(9)


@lru_cache(maxsize=64)
def fractions(index: int) -> nibabel.Nifti1Image:
    """CSF, grey and white matter of one head, (X, Y, Z, 3), RAS, centred on the brain."""
    maps = np.moveaxis(tissues(draw_anatomy(np.random.default_rng([SEED, index])), VOXEL_MM), 0, -1)
    affine = np.diag([*[VOXEL_MM] * 3, 1.0])
    affine[:3, 3] = -VOXEL_MM * (maps.shape[0] - 1) / 2
    return nibabel.Nifti1Image(maps, affine)


@lru_cache(maxsize=64)
def brain(index: int, modality: str = "T1w") -> nibabel.Nifti1Image:
    """One scan of that head, skull-stripped; white matter of T1w is about 1."""
    maps = fractions(index)
    acquisition = Acquisition(np.array(CONTRASTS[modality]), NO_BIAS, 0.01)
    noise = np.random.default_rng([SEED, index, list(CONTRASTS).index(modality)])
    return nibabel.Nifti1Image(scan(np.moveaxis(maps.dataobj, -1, 0), acquisition, VOXEL_MM, noise), maps.affine)


@dataclass(frozen=True)
class Reference(Scan):
    """The scan that was written, as it was before it was stored anywhere."""

    index: int = 0

    def load(self):
        return brain(self.index, self.modality), None


def likeness(found: Scan, index: int, size: int = 16) -> tuple[float, float]:
    """Prepare a scan and what it was made from: their correlation, and its best with a flipped or turned one."""
    settings = Prepare(size=size)
    cube = prepare_scan(found, settings).cube.astype(float)
    reference = prepare_scan(Reference("", "", found.modality, Path(), index=index), settings).cube.astype(float)
    turned = [np.flip(cube, axes) for axes in (0, 1, 2, (0, 1), (0, 2), (1, 2))] + [cube.transpose(0, 2, 1)]
    return _correlation(cube, reference), max(_correlation(other, reference) for other in turned)


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])
