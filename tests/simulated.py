"""Simulated people with lesions, drawn once."""

import dataclasses
from functools import cache

import numpy as np

from alphagan.preparation.cohorts import Scan, find_scans, lesion_growth, lesions, simulation
from alphagan.settings.cohorts import TemplateCohort

KINDS = ("tumour", "stroke")


def find(**changes):
    keys = {"kind": "template", "source": "alphagan.preparation.cohorts.template", "n_subjects": 2}
    return find_scans(TemplateCohort(**keys | changes))


def voxels(image):
    return np.asanyarray(image.dataobj)


@cache
def mask_of(kind):
    """Where the first subject's lesion is."""
    return voxels(find(lesion=kind)[0].lesion_mask()) > 0


@dataclasses.dataclass(frozen=True)
class Drawn(Scan):
    """The first subject, drawn once."""

    kind: str = ""

    def load(self):
        return drawn(self.kind, self.modality), None


@cache
def drawn(kind, modality="T1w"):
    """The first subject's image."""
    return find(lesion=kind, modality=modality)[0].load()[0]


@dataclasses.dataclass
class Head:
    anatomy: simulation.Anatomy
    fractions: np.ndarray
    mni_mm: np.ndarray
    scale: float


def strokes(heads, n):
    """Strokes of the middle cerebral artery: MNI coordinates of the voxels of each, and the volume of one of them."""
    points, voxels_mm3 = [], []
    for k in range(n):
        head, rng = heads[k % len(heads)], np.random.default_rng([7, k])
        drawn = lesions.draw(rng, "stroke", head.scale)
        while drawn.territory != "middle":
            drawn = lesions.draw(rng, "stroke", head.scale)
        layers = lesion_growth.grow(rng, drawn, head.fractions, head.mni_mm)
        painted = lesions.paint("stroke", head.fractions, layers, lesions.GROWTH_MM)
        points.append(head.mni_mm[:, painted[3:].sum(0) >= 0.5].T)
        voxels_mm3.append(lesions.GROWTH_MM**3 / head.scale)
    return points, voxels_mm3


def folded(points):
    return points * [-np.sign(points[:, 0].mean()), 1, 1]
