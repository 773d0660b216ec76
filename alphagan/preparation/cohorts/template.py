"""Simulated subjects, drawn from the MNI152 maps that nilearn bundles. Never patients: always call them simulated."""

from dataclasses import dataclass, replace
from pathlib import Path

import nibabel
import numpy as np

from alphagan.errors import InputError
from alphagan.preparation.cohorts import Scan, lesion_growth, lesions
from alphagan.preparation.cohorts.simulation import (
    CONTRASTS,
    VERSION,
    Acquisition,
    draw_acquisition,
    draw_anatomy,
    mni_mm,
    scan,
    scanner_axis,
    tissues,
)
from alphagan.settings.cohorts import TemplateCohort


@dataclass(frozen=True)
class TemplateScan(Scan):
    """One simulated scan, drawn when it is loaded. It depends on (seed, index) alone, whoever else is drawn."""

    seed: int = 0
    index: int = 1
    voxel_size_mm: float = 3.0
    lesion: str = "none"

    @property
    def source(self) -> str:
        """Where the scan comes from: "template:sub-0007"."""
        return f"template:{self.subject}"

    def fingerprint(self) -> str:
        """Text that changes when the image does."""
        diseased = () if self.lesion == "none" else (self.lesion, lesions.VERSION)
        return repr((VERSION, self.modality, self.seed, self.index, self.voxel_size_mm, *diseased))

    def load(self) -> tuple[nibabel.Nifti1Image, None]:
        """Draw the image: float32, RAS, millimetres from the brain's centre; 0 outside the brain, so no mask."""
        fractions, acquisition, noise = self._draw()
        return self._image(scan(fractions, acquisition, self.voxel_size_mm, noise)), None

    def lesion_mask(self) -> nibabel.Nifti1Image:
        """Draw where the lesion takes at least half of a voxel: uint8, 0 or 1, on the image's grid."""
        return self._image((self._draw()[0][3:].sum(0) >= 0.5).astype(np.uint8))

    def _draw(self) -> tuple[np.ndarray, Acquisition, np.random.Generator]:
        """Fractions of CSF, grey and white matter and of a lesion's layers, how they are scanned, and the noise."""
        # One stream each, so that a later kind of draw leaves these as they are.
        shape, scanner, noise, disease = np.random.default_rng([self.seed, self.index]).spawn(4)
        anatomy, acquisition = draw_anatomy(shape), draw_acquisition(scanner, self.modality)
        if self.lesion == "none":
            return tissues(anatomy, self.voxel_size_mm), acquisition, noise
        lesion = lesions.draw(disease, self.lesion, np.exp(np.trace(anatomy.log_stretch)))
        anatomy = replace(anatomy, displacement_mm=lesions.displace(lesion, anatomy.displacement_mm))
        fractions = tissues(anatomy, self.voxel_size_mm)
        same = self.voxel_size_mm == lesions.GROWTH_MM
        coarse = fractions if same else tissues(anatomy, lesions.GROWTH_MM)
        layers = lesion_growth.grow(disease, lesion, coarse, mni_mm(anatomy, lesions.GROWTH_MM))
        fractions = lesions.paint(self.lesion, fractions, layers, self.voxel_size_mm)
        tissue = acquisition.tissue
        tissue = np.append(tissue, lesions.contrast(disease, self.lesion, self.modality, tissue))
        return fractions, replace(acquisition, tissue=tissue), noise

    def _image(self, voxels: np.ndarray) -> nibabel.Nifti1Image:
        affine = np.diag([*[self.voxel_size_mm] * 3, 1.0])
        affine[:3, 3] = scanner_axis(self.voxel_size_mm)[0]
        return nibabel.Nifti1Image(voxels, affine)


def find(cohort: TemplateCohort) -> list[Scan]:
    """List the simulated scans of a cohort; none is drawn before it is loaded.

    Raises
    ------
    InputError
        If the cohort's modality is not one that can be simulated.
    """
    if cohort.modality not in CONTRASTS:
        known = ", ".join(CONTRASTS)
        raise InputError(f"modality: a template cohort cannot simulate {cohort.modality!r}; use one of: {known}")
    return [
        TemplateScan(
            f"sub-{k:04d}", "", cohort.modality, Path(), None, cohort.seed, k, cohort.voxel_size_mm, cohort.lesion
        )
        for k in range(1, cohort.n_subjects + 1)
    ]
