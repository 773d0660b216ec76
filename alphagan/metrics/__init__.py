"""How close generated volumes are to real ones, one file per metric.

Every metric takes volumes (n, S, S, S) as numpy arrays or tensors, float with values in [-1, 1] and background -1, or
uint8 as prepared cubes are, whose 0..255 is -1..1. Whatever is random comes from a numpy Generator, or from the seed of
one, so that figures do not depend on the device; the default is the seed 0.

Each gives an `Estimate`, or several by the names that metrics.json has for them. Intervals are 95 % and resample
subjects, not volumes: flipped, rescaled or repeated scans of one person are one unit, so say whom each volume shows.
"""

from alphagan.metrics.anatomy import compare_anatomy
from alphagan.metrics.bootstrap import Estimate
from alphagan.metrics.diversity import ms_ssim_within
from alphagan.metrics.frechet import frechet_distance
from alphagan.metrics.histogram import intensity_distance
from alphagan.metrics.mmd import mmd_as_published
from alphagan.metrics.neighbours import feature_neighbours
from alphagan.metrics.permutation import mmd_rbf
from alphagan.metrics.spectrum import Spectra, compare_spectra
from alphagan.metrics.voxelwise import mean_brain_difference, voxelwise_sd

__all__ = [
    "Estimate",
    "Spectra",
    "compare_anatomy",
    "compare_spectra",
    "feature_neighbours",
    "frechet_distance",
    "intensity_distance",
    "mean_brain_difference",
    "mmd_as_published",
    "mmd_rbf",
    "ms_ssim_within",
    "voxelwise_sd",
]
