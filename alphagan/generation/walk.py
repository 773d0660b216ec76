"""Walk from one code to another."""

from pathlib import Path

import numpy as np

from alphagan.errors import InputError
from alphagan.generation.nifti import new_folder, save, to_nifti
from alphagan.generation.run import Run
from alphagan.volumes.prepared import to_uint8


def walk(z_from: np.ndarray, z_to: np.ndarray, n: int) -> np.ndarray:
    """Codes on the arc from one code to another, at equal angles, both ends among them.

    Random codes in many dimensions are all about equally long. Half way along a straight line they would be shorter
    than any that G was trained with, on the arc they are not (Shoemake 1985).

    Parameters
    ----------
    z_from, z_to : array, (z_dim,)
    n : int
        How many codes, at least 2.

    Returns
    -------
    codes : ndarray, (n, z_dim), float32

    Raises
    ------
    InputError
        If the codes differ in length, or n is below 2.
    """
    start, end = (np.asarray(z, dtype=np.float64) for z in (z_from, z_to))
    if start.ndim != 1 or start.shape != end.shape:
        raise InputError(f"z_from, z_to: shapes {start.shape} and {end.shape}; give two codes of one length")
    if n < 2:
        raise InputError(f"n: {n} codes; a walk needs both its ends")
    share = np.linspace(0, 1, n)[:, None]
    lengths = np.linalg.norm(start), np.linalg.norm(end)
    angle = np.arccos(np.clip(start @ end / max(lengths[0] * lengths[1], 1e-12), -1, 1))
    # One direction, opposite ones, between which no arc is the shortest, or none, as the code of zeros has
    if np.sin(angle) < 1e-6 or 0 in lengths:
        return (start + share * (end - start)).astype(np.float32)
    weights = np.sin((1 - share) * angle) / np.sin(angle), np.sin(share * angle) / np.sin(angle)
    length = lengths[0] + share * (lengths[1] - lengths[0])
    return (length * (weights[0] * start / lengths[0] + weights[1] * end / lengths[1])).astype(np.float32)


def write_walk(
    run: Run, z_from: np.ndarray, z_to: np.ndarray, n: int, folder: str | Path, weights: str = "G_average"
) -> np.ndarray:
    """Write step-0000.nii.gz ... : what G makes of the codes of a `walk`, as samples are written.

    Parameters
    ----------
    run : Run
    z_from, z_to, n
        As `walk` has them.
    folder : str or Path
        Made if need be.
    weights
        As `Run.sample` has them.

    Returns
    -------
    volumes : ndarray, (n, S, S, S), uint8
        What was written.

    Raises
    ------
    InputError
        If the folder already holds a walk, or cannot be written.
    """
    folder, volumes = Path(folder), to_uint8(run.decode(walk(z_from, z_to, n), weights))
    new_folder(folder)
    if any(folder.glob("step-*.nii.gz")):
        raise InputError(f"{folder}: already holds step-*.nii.gz; name a new folder, so that two walks do not mix")
    for i, volume in enumerate(volumes):
        save(to_nifti(volume, run.affine), folder / f"step-{i:04d}.nii.gz")
    return volumes
