"""A small brain with the contrast of a T1w scan, and what becomes of it."""

import numpy as np
from scans import SHAPE, scan_of, write
from scipy.ndimage import distance_transform_edt

from alphagan.preparation.resample import prepare_scan
from alphagan.settings.sections import Prepare

AFFINE = np.diag([4.6, 4.6, 4.6, 1]) + np.array([[0, 0, 0, -76], [0, 0, 0, -95], [0, 0, 0, -80], [0] * 4])
INSIDE = sum(np.abs(x / 0.85) ** 1.8 for x in np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij")) < 1


def brain(inverted=False):
    """Dark at its surface and brighter to its middle, as T1w is; RAS."""
    depth = distance_transform_edt(INSIDE)
    values = np.minimum(200 + 250 * depth, 1200) + np.random.default_rng(0).normal(0, 20, SHAPE)
    return np.where(depth > 0, 1500 - values if inverted else values, 0).astype(np.int16)


def prepared(folder, volume, affine=AFFINE, mask=None, size=32, **told):
    path = write(folder / "sub-01.nii.gz", volume, affine)
    return prepare_scan(scan_of(path, mask, **told), Prepare(size=size))
