"""Folders of NIfTI files with simulated people in them, and how to look at them quickly."""

import numpy as np
from scans import head, write
from scipy.ndimage import gaussian_filter

from alphagan.report.measure import measure
from alphagan.report.sides import read_sides

QUICK = {
    "prepare": {"workers": 1},
    "features": {"iterations": 8, "threads": 1},
    "evaluate": {"n_pairs": 40, "mmd_repeats": 5, "n_bootstrap": 100, "n_permutations": 19},
    "audit": {"n_copies": 4},
}


def person(number, noise=0.0):
    """A head with the features of one person, the same at every call, and noise of another scan."""
    rng = np.random.default_rng([7, number])
    scan = head(number).astype(float)
    field = gaussian_filter(rng.normal(size=scan.shape), 3)
    other = np.random.default_rng([8, number]).normal(0, noise, scan.shape)
    return np.where(scan != 0, scan * np.exp(0.35 * field / field.std()) + other, 0).clip(0).astype(np.float32)


def fill(folder, numbers, name="sub-{:03d}_T1w.nii", noise=0.0, file_numbers=None):
    """One scan for each of the numbered people, under the name of another number where `file_numbers` says so."""
    for number, shown in zip(numbers, file_numbers or numbers, strict=True):
        write(folder / name.format(shown), person(number, noise))
    return folder


def read(folders, work):
    return read_sides(folders.config(QUICK), work, folders.different_people)


def measured(folders, work):
    return measure(folders, folders.config(QUICK), work)
