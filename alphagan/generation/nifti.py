"""Generated brains as NIfTI files: any number of them, written as they are made, and gone on with after a kill."""

import gzip
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
import torch
from nibabel.nifti1 import Nifti1Header
from nibabel.spatialimages import SpatialImage
from tqdm import tqdm

from alphagan import __version__
from alphagan.errors import InputError, named_disk_errors, whole_number
from alphagan.files import write_json
from alphagan.generation.conditional import Given
from alphagan.generation.run import BATCH, Run
from alphagan.volumes.prepared import to_uint8


@dataclass(frozen=True)
class Layout:
    """How samples lie below their folder.

    Parameters
    ----------
    name : callable, int -> str
        Path of a sample.
    pattern : str
        Fits all of these paths.
    record : str
        Path of the JSON file that tells what the samples are made of.
    description : str, optional
        Path of a file that describes the finished folder: it goes before other samples come.
    """

    name: Callable[[int], str]
    pattern: str
    record: str
    description: str | None = None


PLAIN = Layout("sample-{:04d}.nii.gz".format, "sample-*.nii.gz", "samples.json")


def to_nifti(volume: np.ndarray, affine: np.ndarray) -> nibabel.Nifti1Image:
    """Wrap a volume as a NIfTI image in scanner millimetres, with nothing else in its header."""
    image = nibabel.Nifti1Image(volume, affine)
    image.header.set_xyzt_units("mm")
    return image


def in_space_of(scan: SpatialImage, volume: np.ndarray, affine: np.ndarray) -> nibabel.Nifti1Image:
    """Wrap a volume on a scan's own grid as `to_nifti` does, in the space that the scan's header names.

    Parameters
    ----------
    scan : SpatialImage
    volume : ndarray, (X, Y, Z)
    affine : ndarray, (4, 4)
        The scan's own, in millimetres, which its header may have in another unit.
    """
    image, said = to_nifti(volume, affine), scan.header
    if not isinstance(said, Nifti1Header):
        return image
    header, to_mm = image.header, np.linalg.norm(affine[:3, :3]) / np.linalg.norm(scan.affine[:3, :3])
    header["sform_code"], header["qform_code"] = said["sform_code"], said["qform_code"]
    if not said["sform_code"]:
        for row in "xyz":
            header[f"srow_{row}"] = 0
    if said["qform_code"]:  # it may lie elsewhere than the sform: the scanner beside a template
        header["pixdim"][:4] = [said["pixdim"][0], *(to_mm * said["pixdim"][1:4])]
        for turn, axis in zip("bcd", "xyz", strict=True):
            header[f"quatern_{turn}"] = said[f"quatern_{turn}"]
            header[f"qoffset_{axis}"] = to_mm * said[f"qoffset_{axis}"]
    return image


def save(image: nibabel.Nifti1Image, path: Path) -> None:
    """Write a .nii.gz to the bytes that `nibabel.save` writes, and give it its name once it is whole.

    Raises
    ------
    InputError
        If the disk is full or not writable.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with named_disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(temporary, "wb") as file, gzip.GzipFile("", "wb", 1, file, mtime=0) as packed:
                packed.write(image.to_bytes())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


def write_samples(
    run: Run,
    n: int,
    folder: str | Path,
    seed: int = 0,
    weights: str = "G_average",
    force: bool = False,
    layout: Layout = PLAIN,
    given: Given | None = None,
) -> list[Path]:
    """Write sample-0000.nii.gz ... : uint8 with background 0, RAS, millimetre affine.

    Memory holds a batch, however many are asked for. A folder that a killed call left is gone on with, to the bytes of
    one that was not; a folder of fewer such samples is filled up.

    Parameters
    ----------
    run : Run
    n, seed, weights
        As `Run.sample` has them.
    folder : str or Path
        Made if need be.
    force : bool
        Replace other samples, instead of refusing the folder.
    layout : Layout
        How they lie below the folder.
    given : dict, optional
        "age", "sex" or both, as `Run.sample` has them.

    Returns
    -------
    paths : list of Path

    Raises
    ------
    InputError
        If the folder already holds other samples, or cannot be written.
    """
    run.networks[weights]  # what is wrong with a run is told before a folder is made
    folder, given = Path(folder), given or {}
    n = whole_number("n", n, 0)
    run.random_codes(1, seed, **given)
    facts = {
        **{"weights_sha256": run.networks.sha256, "weights": weights, "seed": seed, "device": run.device.type},
        **{"alphagan": __version__, "torch": torch.__version__},
        **({"covariates": dict(given), "fit_sha256": run.prior.sha256} if given else {}),
        **({"data": run.config["data"]} if "data" in run.config else {}),  # of whoever it was trained on
    }
    _begin(folder, n, facts, force, layout)
    paths = [folder / layout.name(i) for i in range(n)]
    n_bytes = nibabel.Nifti1Header.sizeof_hdr + 4 + run.settings.size**3
    done = [_is_whole(path, n_bytes) for path in paths]
    with tqdm(total=n, initial=sum(done), unit="volume", disable=None) as bar:
        for first in range(0, n, BATCH):
            batch = range(first, min(first + BATCH, n))
            missing = [i for i in batch if not done[i]]
            if not missing:
                continue
            # The whole batch, as the last bits of a volume depend on how many there are.
            volumes = to_uint8(run.sample(len(batch), seed, first, weights, **given))
            for i in missing:
                save(to_nifti(volumes[i - first], run.affine), paths[i])
            bar.update(len(missing))
    return paths


def _begin(folder: Path, n: int, facts: dict, force: bool, layout: Layout) -> None:
    """Note what is being made, once it is known that nothing else is there; with `force`, remove that."""
    new_folder(folder)
    there, record = list(folder.glob(layout.pattern)), folder / layout.record
    others = (path for path in folder.rglob("[!.]*.nii*") if not path.match(layout.pattern))
    if other := next(others, None):
        raise InputError(f"{folder}: holds {other.relative_to(folder)}, which would lie among them; name a new folder")
    before = _read(record)
    known = {"data": facts.get("data"), **before} if before and "data" in facts else dict(before)  # old ones lack it
    n_known = known.pop("n", 0)
    if force and (known != facts or n < n_known):
        stale = there
    else:
        _refuse_others(f"{folder}: already holds {layout.pattern}", n, facts, there, known, n_known)
        # The last batch of fewer samples was a smaller one.
        stale = [folder / layout.name(i) for i in range(n_known - n_known % BATCH, n_known)] if n > n_known else []
    changed = before != {"n": n, **facts}
    if changed and layout.description:
        stale.append(folder / layout.description)
    with named_disk_errors(folder):
        for path in stale:
            path.unlink(missing_ok=True)
    if changed:
        write_json({"n": n, **facts}, record)


def _refuse_others(holds: str, n: int, facts: dict, there: list[Path], known: dict, n_known: int) -> None:
    cure = "name a new folder, or add --force to replace them"
    keys = dict.fromkeys([*facts, *known])
    changed = [f"{key} {known.get(key)} -> {facts.get(key)}" for key in keys if known.get(key) != facts.get(key)]
    if there and not known:
        raise InputError(f"{holds}; {cure}")
    if there and changed:
        raise InputError(f"{holds} made otherwise ({', '.join(changed)}); {cure}")
    if there and n < n_known:
        raise InputError(f"{holds}, {n_known} of the same kind; ask for as many or more, or name a new folder")


def _read(record: Path) -> dict:
    try:
        return json.loads(record.read_text())
    except (FileNotFoundError, ValueError):
        return {}


def new_folder(folder: Path) -> None:
    """Make a folder, if need be.

    Raises
    ------
    InputError
        If it cannot be made, or is that of a run.
    """
    if (folder / "config.json").exists():
        raise InputError(f"{folder}: is the folder of a run; name a new one")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made ({error.strerror}); name another folder") from None


def _is_whole(path: Path, n_bytes: int) -> bool:
    """Whether a file holds so many bytes, as its end says; one that was cut or emptied has another end."""
    try:
        with open(path, "rb") as file:
            file.seek(-4, os.SEEK_END)
            return int.from_bytes(file.read(), "little") == n_bytes
    except OSError:  # not there, or shorter than that
        return False
