"""A scan's files as voxels in canonical RAS order, and its mask on their grid; unusable ones are refused."""

from itertools import product
from pathlib import Path
from typing import NamedTuple

import nibabel
import numpy as np
from nibabel.affines import apply_affine
from nibabel.spatialimages import SpatialImage
from scipy import ndimage

from alphagan.preparation.cohorts import Scan
from alphagan.preparation.cohorts.freesurfer import may_be_edited
from alphagan.preparation.foreground import inside_of_mask
from alphagan.preparation.orientation import affines, millimetres, peculiar, upright
from alphagan.preparation.outline import forwards
from alphagan.preparation.quality import QualityError

MOST_VOXELS = 2**28  # of one file: 645 x 645 x 645, and what is read is 2 GiB at most before it is scaled
SAME_GRID = 0.25  # voxels that two grids may lie apart by the rounding of headers
MOST_PACKED = 1100  # bytes that one byte of a .gz can stand for


class Read(NamedTuple):
    """A scan that was read.

    Attributes
    ----------
    voxels : ndarray, (X, Y, Z)
        Closest to RAS order, in the smallest type that holds them; all finite.
    affine : ndarray, (4, 4)
        From voxel to scanner millimetres.
    axes : str
        Directions of the axes as they are stored, such as "LPS".
    mask : ndarray of bool, (X, Y, Z), or None
        Which of them are brain. None: the voxels themselves tell.
    edited : bool
        Whether FreeSurfer's editor may have deleted voxels.
    words : list of str
        What was done to read them, and what the file leaves open.
    """

    voxels: np.ndarray
    affine: np.ndarray
    axes: str
    mask: np.ndarray | None
    edited: bool
    words: list[str]


def read(scan: Scan) -> Read:
    """Read one scan.

    Raises
    ------
    QualityError
        If the files cannot be read or used.
    """
    try:
        image, mask = scan.load()
        affine, mask_affine, words = affines(image, mask, scan.orientation)
        said = affine if scan.orientation is None else None
        voxels, affine, axes, unit = _canonical(image, affine, "image")
        words += unit + (peculiar(image, said) if said is not None else [])
        inside, edited = None, may_be_edited(image)
        if mask is not None:
            inside, mask_affine, *_ = _canonical(mask, mask_affine, "mask")
    except QualityError:
        raise
    except Exception as error:  # what a damaged file raises depends on where the damage is
        if scan.mask and not scan.mask.exists():
            raise QualityError(f"mask not found: {scan.mask}") from None
        cure = next(filter(None, (_misnamed(path) for path in (scan.image, scan.mask) if path)), "")
        if scan.image.name.lower().endswith(".mnc"):
            cure = "; convert it with mnc2nii, or pip install h5py"
        raise QualityError(f"unreadable: {type(error).__name__}: {' '.join(str(error).split())}{cure}") from None
    if inside is not None:
        inside = inside_of_mask(inside)
        apart = _apart_mm(mask_affine, affine, voxels.shape) if inside.shape == voxels.shape else None
        if apart is None or apart > SAME_GRID * np.linalg.norm(affine[:3, :3], axis=0).min():
            inside = _onto(inside, mask_affine, voxels.shape, affine)
            if apart is not None:
                words.append(f"the mask has the image's grid, but lies {apart:.3g} mm from it, as the headers have it")
        if not inside.any():
            raise QualityError(f"mask does not overlap: no voxel of the image is inside {scan.mask}")
    return Read(_finite(voxels, inside, words), affine, axes, inside, edited, words)


def _canonical(image: SpatialImage, affine: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray, str, list[str]]:
    """Voxels (X, Y, Z), scaled, closest to RAS, in the smallest type; affine; axes as stored; words on its unit."""
    shape = tuple(map(int, image.shape))
    described = " x ".join(map(str, shape))
    if np.prod(shape, dtype=float) > MOST_VOXELS:  # before a byte is read: a header may ask for terabytes
        raise QualityError(f"too large: the header of the {name} says {described}, above {MOST_VOXELS} voxels")
    path = image.file_map["image"].filename
    n_bytes = np.prod(shape, dtype=float) * image.get_data_dtype().itemsize
    if path and n_bytes > MOST_PACKED * Path(path).stat().st_size:
        raise QualityError(f"unreadable: the header of the {name} says {described}, more than the file can hold")
    axes = [n for n in shape if n != 1] if len(shape) > 3 else shape
    if len(axes) != 3 or min(axes) < 2:
        raise QualityError(f"wrong dimensionality: the {name} is {described}, not one volume")
    voxels = np.asanyarray(image.dataobj).reshape(axes, order="A")
    if voxels.dtype.kind not in "biuf":
        raise QualityError(f"wrong data type: the {name} holds {voxels.dtype}, not one number per voxel")
    affine, words = millimetres(affine, voxels.shape)
    if not np.isfinite(affine).all() or not 1e-9 < abs(np.linalg.det(affine[:3, :3])) < 1e9:
        raise QualityError(f"unusable affine: voxels of the {name} have no volume in millimetres")
    return *upright(voxels, affine), words


def _apart_mm(one: np.ndarray, other: np.ndarray, shape: tuple[int, ...]) -> float:
    """Largest distance in millimetres between the corners of two grids of one shape."""
    corners = np.array([*product(*((0, n - 1) for n in shape))])
    return float(np.linalg.norm(apply_affine(one - other, corners), axis=1).max())


def _misnamed(path: Path) -> str:
    """Say what is wrong with the name of a file that is packed and not called .gz, or the reverse; or ""."""
    if not path.is_file() or path.suffix.lower() not in (".gz", ".nii", ".img"):
        return ""
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    if packed == (path.suffix.lower() == ".gz"):
        return ""
    return "; it is packed: rename it to end in .gz" if packed else "; it is not packed: rename it to end without .gz"


def _finite(voxels: np.ndarray, inside: np.ndarray | None, words: list[str]) -> np.ndarray:
    """Make background of what is not finite outside the brain: outside the mask, or reaching the edge of the field."""
    if voxels.dtype.kind != "f" or np.isfinite(voxels[forwards(voxels)]).all():
        return voxels
    bad = ~np.isfinite(voxels)
    edges = [np.take(bad, (0, -1), axis) for axis in range(3)]
    if inside is None:
        parts, _ = ndimage.label(bad)
        outer = np.unique(np.concatenate([np.take(parts, (0, -1), axis).ravel() for axis in range(3)]))
        lost = bad & ~np.isin(parts, outer)
    else:
        lost = bad & inside
    if n_lost := np.count_nonzero(lost):
        raise QualityError(f"not finite: {n_lost} voxels of the image are NaN or infinite, inside the brain")
    if bad.all():
        raise QualityError("not finite: every voxel of the image is NaN or infinite")
    words.append(f"{np.count_nonzero(bad)} voxels outside the brain are NaN or infinite, taken for background")
    around = 0.0
    if np.mean(np.concatenate([edge.ravel() for edge in edges])) < 0.5:  # the background is mostly a number
        faces = [np.take(voxels, (0, -1), axis).ravel() for axis in range(3)]
        around = np.nanmedian(np.where(np.isfinite(faces := np.concatenate(faces)), faces, np.nan))
    return np.where(bad, voxels.dtype.type(around), voxels)


def _onto(inside: np.ndarray, mask_affine: np.ndarray, shape: tuple[int, int, int], affine: np.ndarray) -> np.ndarray:
    from nilearn.image import resample_img  # slow to import, and needed for masks on another grid only

    mask = nibabel.Nifti1Image(inside.astype(np.uint8), mask_affine)
    options = {"interpolation": "nearest", "force_resample": True, "copy_header": True}
    return np.asanyarray(resample_img(mask, affine, shape, **options).dataobj) != 0
