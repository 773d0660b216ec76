"""Generated and reconstructed brains as NIfTI files."""

import re
from collections import Counter
from pathlib import Path

import nibabel
import numpy as np
from tqdm import tqdm

from alphagan.errors import InputError
from alphagan.generation.run import BATCH, Run
from alphagan.volumes.prepared import Volumes, to_uint8


def to_nifti(volume: np.ndarray, affine: np.ndarray) -> nibabel.Nifti1Image:
    """Wrap a uint8 cube as a NIfTI image in scanner millimetres, with nothing else in its header."""
    image = nibabel.Nifti1Image(volume, affine)
    image.header.set_xyzt_units("mm")
    return image


def write_samples(run: Run, n: int, folder: str | Path, seed: int = 0, weights: str = "G_average") -> list[Path]:
    """Write sample-0000.nii.gz ... : uint8 with background 0, RAS, millimetre affine.

    Raises
    ------
    InputError
        If the folder already holds samples, or cannot be written.
    """
    run.networks[weights]  # what is wrong with a run is told before a folder is made
    folder = _new_folder(folder, "sample-*.nii.gz")
    paths = [folder / f"sample-{i:04d}.nii.gz" for i in range(n)]
    with tqdm(total=n, unit="volume", disable=None) as bar:
        for first in range(0, n, BATCH):
            batch = paths[first : first + BATCH]
            x_rand = run.sample(len(batch), seed, first, weights)
            for path, volume in zip(batch, to_uint8(x_rand), strict=True):
                nibabel.save(to_nifti(volume, run.affine), path)
            bar.update(len(batch))
    return paths


def write_reconstructions(run: Run, volumes: Volumes, folder: str | Path, split: str = "test") -> list[Path]:
    """Write G(E(x)) of every scan of a split, in that person's own scanner space, each to a file of its own.

    Raises
    ------
    InputError
        If the split is empty, the cube sizes differ, or the folder already holds reconstructions.
    """
    rows = volumes.rows(split)
    if not rows:
        raise InputError(f"{volumes.folder}: no scans in the {split} split; choose another with --split")
    if volumes.size != run.settings.size:
        raise InputError(
            f"{run.folder} makes {run.settings.size} cubed, {volumes.folder} holds {volumes.size} cubed; name the "
            "cohort that it was trained on with --prepared"
        )
    affines = volumes.affines(rows)
    run.decode(run.encode(volumes.tensor(rows[:1])[:, 0]))  # what is wrong with a run is told before a folder is made
    names = _file_names([volumes.subjects[row] for row in rows])
    folder = _new_folder(folder, "*_rec.nii.gz")
    paths = [folder / name for name in names]
    scans = zip(paths, tqdm(rows, unit="volume", disable=None), affines, strict=True)
    for path, row, affine in scans:
        x_real = volumes.tensor([row])[:, 0]
        nibabel.save(to_nifti(to_uint8(run.decode(run.encode(x_real)))[0], affine), path)
    return paths


def _file_names(scans: list[dict[str, str]]) -> list[str]:
    """SUBJECT_SESSION_rec.nii.gz for each scan; those that would have one name are numbered.

    Characters that lead out of a folder, or that some file system does not take, become "-".
    """
    stems = ["_".join(part for part in (scan["subject"], scan["session"]) if part) for scan in scans]
    stems = [re.sub(r"[^\w .+@=,()-]|^\.+", "-", stem) for stem in stems]
    alike, seen, names = Counter(map(str.lower, stems)), Counter(), []  # "A" and "a" are one file to some systems
    for stem in stems:
        seen[stem.lower()] += 1
        number = f"_scan-{seen[stem.lower()]}" if alike[stem.lower()] > 1 else ""
        names.append(f"{stem}{number}_rec.nii.gz")
    return names


def _new_folder(folder: str | Path, pattern: str) -> Path:
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made ({error.strerror}); name another folder") from None
    if any(folder.glob(pattern)):
        raise InputError(f"{folder}: already holds {pattern}; name a new folder, so that two runs do not mix")
    return folder
