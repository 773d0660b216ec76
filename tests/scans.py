"""Small simulated scans on disk, stored in the ways that real ones are."""

import csv
import hashlib

import nibabel
import numpy as np
from nibabel.orientations import axcodes2ornt, inv_ornt_aff, ornt_transform

from alphagan.preparation.cohorts import Scan
from alphagan.settings.config import parse

SHAPE = (34, 42, 36)  # at 4 mm, a brain of about 1.1 litres with a margin
AFFINE = np.array([[4.0, 0, 0, -66], [0, 4, 0, -90], [0, 0, 4, -60], [0, 0, 0, 1]])


def head(seed=0, background=0.0):
    """A brain in RAS order, brighter on the left, brightest in front; integers up to 4000."""
    rng = np.random.default_rng(seed)
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij")
    inside = (x / 0.75) ** 2 + (y / 0.85) ** 2 + (z / 0.75) ** 2 < 1
    values = 1500 - 800 * x + 600 * y + 200 * z + rng.normal(0, 60, SHAPE)
    return np.where(inside, np.round(values), background).astype(np.int16)


def write(path, volume, affine=AFFINE, axes="RAS", slope=None, dtype=None):
    """Write a RAS volume with its voxels stored along other axes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    turn = ornt_transform(axcodes2ornt("RAS"), axcodes2ornt(axes))
    stored = nibabel.orientations.apply_orientation(volume, turn)
    affine = affine @ inv_ornt_aff(turn, volume.shape[:3])
    kind = nibabel.MGHImage if path.name.endswith("mgz") else nibabel.Nifti1Image
    image = kind(stored.astype(dtype or stored.dtype), affine)
    if slope:
        image.header.set_slope_inter(slope, 0)
    image.to_filename(path)
    return path


def scan_of(path, mask=None, **told):
    return Scan("ann", "", "T1w", path, mask, **told)


def truncated(path):
    write(path, head())
    path.write_bytes(path.read_bytes()[:-4000])


def text(path):
    path.write_text("not a scan")


def config_for(folder, pattern=None, mask_pattern=None, **changes):
    """Prepare a folder as the cohort "study", in small."""
    cohort = {"kind": "nifti", "source": str(folder), "pattern": pattern, "mask_pattern": mask_pattern}
    settings = {"size": 16, "workers": 1} | changes
    return parse({"cohorts": {"study": cohort}, "experiments": {}, "prepare": settings})


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def digests(folder):
    """Hash of every file of a folder, by name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
