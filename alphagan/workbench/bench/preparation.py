"""Preparation against the loop that one would first write with nilearn and numpy, on scans as FreeSurfer has them."""

import tempfile
from pathlib import Path

import nibabel
import numpy as np
from nilearn.datasets import load_mni152_template
from nilearn.image import resample_img

from alphagan.preparation.prepare import prepare
from alphagan.settings.config import parse
from alphagan.settings.paths import Paths
from alphagan.workbench.bench.timing import compare, seconds

SIDE = 256  # of FreeSurfer's conformed volumes, at 1 mm
TO_SCANNER = np.array([[-1.0, 0, 0, 128], [0, 0, 1, -128], [0, -1, 0, 128], [0, 0, 0, 1]])  # LIA, as its brainmask.mgz


def write_scans(folder: Path, n: int) -> list[Path]:
    """Write n brains as FreeSurfer's brainmask.mgz is: the MNI152 template, each with noise and a place of its own.

    Parameters
    ----------
    folder : Path
    n : int

    Returns
    -------
    paths : list of Path
        256^3, uint8, LIA, compressed.
    """
    template = load_mni152_template(resolution=1)
    brain = template.get_fdata(dtype=np.float32)
    middle = (SIDE - np.array(brain.shape)) // 2
    paths = []
    for seed in range(n):
        rng = np.random.default_rng(seed)
        noisy = brain * (160 + 8 * rng.standard_normal(brain.shape, dtype=np.float32))
        start = middle + rng.integers(-6, 7, 3)
        volume = np.zeros((SIDE, SIDE, SIDE), dtype=np.uint8)
        volume[tuple(slice(s, s + extent) for s, extent in zip(start, brain.shape, strict=True))] = np.rint(noisy)
        paths.append(folder / f"sub-{seed:03d}.mgz")
        nibabel.MGHImage(volume[::-1, :, ::-1].transpose(0, 2, 1), TO_SCANNER).to_filename(paths[-1])
    return paths


def textbook(paths: list[Path], size: int) -> np.ndarray:
    """Crop, resample and scale one scan after another, (n, S, S, S) uint8."""
    cubes = []
    for path in paths:
        image = nibabel.load(path)
        volume = image.get_fdata()
        inside = [np.flatnonzero((volume > 0).any(axis=others)) for others in ((1, 2), (0, 2), (0, 1))]
        start, stop = (np.array([line[at] + shift for line in inside]) for at, shift in ((0, 0), (-1, 1)))
        width = (stop - start) / size
        cropped, grid = image.affine.copy(), np.diag([*width, 1.0])
        cropped[:3, 3] = (image.affine @ [*start, 1])[:3]
        grid[:3, 3] = (width - 1) / 2
        scan = nibabel.Nifti1Image(volume[tuple(map(slice, start, stop))], cropped)
        resampled = resample_img(scan, cropped @ grid, (size,) * 3, force_resample=True, copy_header=True)
        cube = np.clip(resampled.get_fdata() / np.percentile(volume[volume > 0], 99.9), 0, 1)
        cubes.append(np.rint(255 * cube).astype(np.uint8))
    return np.stack(cubes)


def measure(size: int = 64, n: int = 16, repeats: int = 3, workers: int = 2) -> list[dict]:
    """Prepare the same scans both ways, in turn.

    Parameters
    ----------
    size : int
        Side of the cubes.
    n : int
        Scans.
    repeats : int
        Timed pairs, after one that is not counted: it starts the worker processes, which takes about a second.
    workers : int
        Processes.

    Returns
    -------
    rows : list of dict
        what, at, target; textbook_s, alphagan_s: median seconds for n scans; ratio: median of the pairwise ratios; n.
    """
    with tempfile.TemporaryDirectory(prefix="alphagan-bench-") as folder:
        paths = write_scans(Path(folder), n)
        cohort = {"kind": "nifti", "source": folder}
        config = parse({"cohorts": {"bench": cohort}, "experiments": {}, "prepare": {"size": size, "workers": workers}})

        def ours() -> None:
            with tempfile.TemporaryDirectory(prefix="alphagan-bench-") as root:
                prepare("bench", config, Paths(Path(root)), progress=False)

        times = [(seconds(lambda: textbook(paths, size)), seconds(ours)) for _ in range(repeats + 1)][1:]
    at = f"256^3 .mgz to {size}^3, {workers} workers"
    return [{"what": "preparation", "at": at, "target": ">= 5x", **compare(*zip(*times, strict=True)), "n": n}]
