"""A prepared cohort of balls whose dark middle grows with age, and an experiment on it that takes a second."""

import numpy as np
from factories import write_prepared

PARAMS = {
    "cohorts": {"tiny": {"kind": "nifti", "source": "x", "covariates": "data/prepared/tiny/people.csv"}},
    "experiments": {
        "tiny": {"cohort": "tiny", "model": "alpha_wgan_gp"},
        "without": {"cohort": "tiny", "model": "wgan_gp"},
    },
    "prepare": {"size": 16},
    "model": {"z_dim": 4, "width": 0.0625, "code_units": 8, "critic_norm": "none"},
    "train": {"iterations": 2, "batch_size": 4, "threads": 1},
    "utility": {
        **{"seeds": 2, "folds": 2, "people": [12, 24], "curve": [10], "copies": 2, "n_generated": 24},
        **{"updates": 40, "batch_size": 8, "n_bootstrap": 200},
    },
}


def balls(ages, seed=0, size=16):
    """Volumes (n, S, S, S), uint8."""
    rng = np.random.default_rng(seed)
    grid = np.meshgrid(*3 * [np.linspace(-1, 1, size)], indexing="ij")
    radius = np.sqrt(sum(axis**2 for axis in grid))
    middle = np.asarray(ages)[:, None, None, None] / 150
    values = 0.8 - 0.6 / (1 + np.exp((radius - middle) / 0.08)) + rng.normal(0, 0.05, (len(ages), *radius.shape))
    return np.where(radius < 0.9, 255 * values.clip(0.05, 1), 0).astype(np.uint8)


def write_people(folder, ages, seed=0):
    """Write them as a prepared cohort, with a table of their ages."""
    write_prepared(folder, n=len(ages))
    np.save(folder / "volumes.npy", balls(ages, seed))
    write_ages(folder, ages)
    return folder


def write_ages(folder, ages):
    """Write the table; where an age is NaN, it is not known."""
    lines = [f"sub-{number:03d},{'' if np.isnan(age) else f'{age:g}'}\n" for number, age in enumerate(ages)]
    (folder / "people.csv").write_text("subject,age\n" + "".join(lines))
