"""Scans given back: G(E(x)) of a prepared cohort, and of any scan on its own grid, with the difference."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import nibabel
import numpy as np
from scipy import ndimage
from tqdm import tqdm

from alphagan.errors import InputError
from alphagan.generation.nifti import in_space_of, new_folder, save, to_nifti
from alphagan.generation.run import Run
from alphagan.preparation.cohorts import Scan, names, tree
from alphagan.preparation.orientation import affines, millimetres
from alphagan.preparation.quality import QualityError
from alphagan.preparation.resample import Prepared, prepare_scan
from alphagan.settings.sections import Cube, Prepare
from alphagan.volumes.prepared import Volumes, to_uint8

UNKNOWN = Scan("", "", "", Path())  # whose contrast, orientation and background nobody told


class Reconstruction(NamedTuple):
    """A scan given back.

    Attributes
    ----------
    x_real : NIfTI image
        What E saw of the scan, on the scan's grid and in its intensities, float32; what is not brain is background.
    x_rec : NIfTI image
        G(E(x)), likewise.
    error : NIfTI image
        Their absolute difference.
    """

    x_real: nibabel.Nifti1Image
    x_rec: nibabel.Nifti1Image
    error: nibabel.Nifti1Image


def how_prepared(run: Run, otherwise: Cube | None = None) -> Cube:
    """How the training scans of a run became cubes, so that others can be prepared alike.

    Parameters
    ----------
    run : Run
    otherwise : Cube, optional
        For a run that does not tell.

    Raises
    ------
    InputError
        If it does not tell, or tells otherwise, or that is of another size.
    """
    cube = run.settings.prepare or otherwise
    if otherwise and otherwise != cube:
        told, named = (section.model_dump(exclude_none=True) for section in (cube, otherwise))
        raise InputError(f"--params: has {named}, but {run.folder} tells that its scans had {told}; leave it out")
    if cube is None:
        raise InputError(
            f"{run.folder / 'config.json'}: does not tell how scans were prepared, as runs of earlier versions do not; "
            "name the params file that it was trained with: --params params.yaml"
        )
    if cube.size != run.settings.size:
        raise InputError(f"{run.folder} makes {run.settings.size} cubed, but prepare.size is {cube.size}; name another")
    return cube


def prepared_scan(path: str | Path, cube: Cube, like: Scan = UNKNOWN) -> Prepared:
    """Prepare one skull-stripped scan as a run's training scans were.

    Parameters
    ----------
    path : str or Path
        Any file that nibabel reads.
    cube : Cube
        As `how_prepared` returns it.
    like : Scan
        Whose contrast, orientation and background it has; its files count for nothing.

    Raises
    ------
    InputError
        If there is no such file, it is no brain, with the reason, or float32 cannot hold its values.
    """
    scan = replace(like, image=Path(path), mask=None)
    if not scan.image.exists():
        raise InputError(f"{path}: no such file; name a skull-stripped scan")
    shared = {name: getattr(cube, name) for name in Cube.model_fields}
    try:
        # Somebody chose this scan, so that no limits of a cohort apply; what is unusual about its size is noted.
        prepared = prepare_scan(scan, Prepare(**shared, min_brain_ml=1e-3, max_saturated=1.0))
    except QualityError as refusal:
        raise InputError(f"{path}: {refusal}") from None
    if (largest := max(map(abs, prepared.intensity))) > float(np.finfo(np.float32).max):
        raise InputError(f"{path}: has values of {largest:.3g}, which float32 cannot hold; divide them")
    return prepared


def on_grid(cube: np.ndarray, affine: np.ndarray, shape: Sequence[int], onto: np.ndarray) -> np.ndarray:
    """Resample a cube to another grid, linearly; outside it is 0.

    Parameters
    ----------
    cube : ndarray, (S, S, S)
    affine : ndarray, (4, 4)
        From its voxels to millimetres.
    shape : sequence of int, (3,)
        Of the other grid.
    onto : ndarray, (4, 4)
        From the other grid's voxels to the same millimetres.

    Returns
    -------
    ndarray, `shape`, float32
    """
    to_cube = np.linalg.inv(affine) @ onto
    # Zeros beyond the edge take part, as the outermost half voxel would be cut off otherwise.
    return ndimage.affine_transform(
        cube.astype(np.float32), to_cube, output_shape=tuple(shape), order=1, mode="grid-constant"
    )


def reconstruct(
    run: Run, path: str | Path, cube: Cube, weights: str = "G_average", like: Scan = UNKNOWN
) -> Reconstruction:
    """Give back one scan on its own grid.

    `path`, `cube` and `like` are as in `prepared_scan`, `weights` as in `Run.decode`.

    Raises
    ------
    InputError
        If the scan cannot be used, or the run has no encoder.
    """
    return _given_back(run, path, prepared_scan(path, cube, like), weights, like)


def write_scan_reconstructions(
    run: Run,
    scans: Sequence[str | Path],
    folder: str | Path,
    cube: Cube,
    weights: str = "G_average",
    like: Scan = UNKNOWN,
) -> tuple[dict[Path, str], dict[Path, str]]:
    """Write NAME_prepared, NAME_rec and NAME_error of every scan, on its own grid.

    Files are named after the scan's; where several have one name, such as brainmask.mgz, after who is on them.

    Returns
    -------
    refused, noted : dict of Path to str
        Scans that cannot be used, and why; notes on the others.

    Raises
    ------
    InputError
        If the run has no encoder, or the folder already holds reconstructions.
    """
    scans, refused, noted = [Path(scan) for scan in scans], {}, {}
    stems = _stems(folder, [_who(scan, scans) for scan in scans])
    for scan, stem in zip(tqdm(scans, unit="scan", disable=None), stems, strict=True):
        try:
            prepared = prepared_scan(scan, cube, like)
        except InputError as refusal:
            refused[scan] = str(refusal)
            continue
        if note := "; ".join(filter(None, [names.another_contrast(scan, like.modality), prepared.note])):
            noted[scan] = note
        images = _given_back(run, scan, prepared, weights, like)
        for ending, image in zip(("prepared", "rec", "error"), images, strict=True):
            save(image, stem.with_name(f"{stem.name}_{ending}.nii.gz"))
    return refused, noted


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
    who = [(volumes.subjects[row]["subject"], volumes.subjects[row]["session"]) for row in rows]
    paths = [stem.with_name(f"{stem.name}_rec.nii.gz") for stem in _stems(folder, who)]
    scans = zip(paths, tqdm(rows, unit="volume", disable=None), affines, strict=True)
    for path, row, affine in scans:
        x_real = volumes.tensor([row])[:, 0]
        save(to_nifti(to_uint8(run.decode(run.encode(x_real)))[0], affine), path)
    return paths


def _given_back(run: Run, path: Path, prepared: Prepared, weights: str, like: Scan) -> Reconstruction:
    x_real = prepared.cube[None]
    x_rec = run.decode(run.encode(x_real), weights)
    image = nibabel.load(path)
    shape = [n for n in image.shape if n != 1] if len(image.shape) > 3 else image.shape
    onto, _ = millimetres(affines(image, None, like.orientation)[0], shape)
    (low, high), ground = prepared.intensity, prepared.background

    def given_back(levels: np.ndarray) -> np.ndarray:
        # The ground may lie among the brain's values, as after a z-score.
        above = np.where(levels >= 0.5, low + (high - low) / 255 * levels - ground, 0)
        return ground + on_grid(above, prepared.affine, shape, onto)

    real, rec = given_back(x_real[0].astype(float)), given_back((x_rec[0] + 1) * 127.5)
    affine, _ = millimetres(image.affine, shape)  # which is what the written header says
    return Reconstruction(*(in_space_of(image, volume, affine) for volume in (real, rec, np.abs(real - rec))))


def _who(scan: Path, scans: list[Path]) -> tuple[str, ...]:
    """What a scan's files are named after."""
    name = names.read(scan.absolute())
    several = sum(tree.stem(other) == tree.stem(scan) for other in scans) > 1
    return (name.subject, name.session) if several and name.subject else (tree.stem(scan),)


def _stems(folder: str | Path, who: list[tuple[str, ...]]) -> list[Path]:
    """FOLDER/SUBJECT_SESSION for each scan; those that would have one name are numbered.

    Characters that lead out of a folder, or that some file system does not take, become "-".
    """
    folder = Path(folder)
    new_folder(folder)
    if there := next((path.name for path in sorted(folder.iterdir()) if tree.suffix(path)), None):
        raise InputError(f"{folder}: already holds {there}; name a new folder, so that scans and runs do not mix")
    stems = ["_".join(filter(None, parts)) for parts in who]
    stems = [re.sub(r"[^\w .+@=,()-]|^\.+", "-", stem) for stem in stems]
    alike, seen, numbered = Counter(map(str.lower, stems)), Counter(), []  # "A" and "a" are one file to some systems
    for stem in stems:
        seen[stem.lower()] += 1
        number = f"_scan-{seen[stem.lower()]}" if alike[stem.lower()] > 1 else ""
        numbered.append(folder / f"{stem}{number}")
    return numbered
