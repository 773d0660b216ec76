"""A scan's files as voxels in canonical RAS order, and its mask on their grid; unusable ones are refused."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import product
from pathlib import Path
from typing import NamedTuple

import nibabel
import numpy as np
from nibabel.affines import apply_affine, from_matvec
from nibabel.spatialimages import SpatialImage
from scipy import ndimage

from alphagan.preparation import unreadable
from alphagan.preparation.cohorts import Scan
from alphagan.preparation.cohorts.freesurfer import FreesurferScan, may_be_edited
from alphagan.preparation.masks import inside_of_mask
from alphagan.preparation.orientation import affines, millimetres, peculiar, upright
from alphagan.preparation.outline import forwards
from alphagan.preparation.quality import QualityError

MOST_VOXELS = 2**28  # of one file: 645 x 645 x 645, and what is read is 2 GiB at most before it is scaled
SAME_GRID = 0.25  # voxels that two grids may lie apart by the rounding of headers
FEW_ENCLOSED = 0.01  # of the voxels that are numbers: those of a brain that were 0 by chance; of IXI's, 11 voxels
MOST_PACKED = 1100  # bytes that one byte of a .gz can stand for
_mended: ContextVar[list[str] | None] = ContextVar("mended", default=None)  # what nibabel says, where somebody asks


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
    with _heard() as mended:
        found = _read(scan)
    return found._replace(words=[*mended, *found.words])


def _read(scan: Scan) -> Read:
    try:
        image, mask = scan.load()
        affine, mask_affine, words = affines(image, mask, scan.orientation)
        said = affine if scan.orientation is None else None
        voxels, affine, axes, unit = _canonical(image, affine, "image")
        words += unit + (peculiar(image, said) if said is not None else [])
        inside, edited = None, isinstance(scan, FreesurferScan) or may_be_edited(scan.image, image)
        if mask is not None:
            inside, mask_affine, *_ = _canonical(mask, mask_affine, "mask")
    except QualityError:
        raise
    except np.linalg.LinAlgError:
        raise QualityError(_no_affine("image")) from None
    except Exception as error:  # what a damaged file raises depends on where the damage is
        raise QualityError(unreadable.of_files(scan, error)) from None
    if inside is not None:
        inside, graded = inside_of_mask(inside, may_be_edited(scan.mask, mask))
        words += graded
        if not inside.any():
            raise QualityError(f"mask is empty: {scan.mask} marks no voxel; make it anew")
        apart = _apart_mm(mask_affine, affine, voxels.shape) if inside.shape == voxels.shape else None
        if apart is None or apart > SAME_GRID * np.linalg.norm(affine[:3, :3], axis=0).min():
            inside = _onto(inside, mask_affine, voxels.shape, affine)
            if apart is not None:
                words.append(f"the mask has the image's grid, but lies {apart:.3g} mm from it, as the headers have it")
        if not inside.any():
            raise QualityError(
                f"mask does not overlap: no voxel of the image is inside {scan.mask}; give the one of this image, in "
                "its space"
            )
    return Read(_finite(voxels, inside, words), affine, axes, inside, edited, words)


def _canonical(image: SpatialImage, affine: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray, str, list[str]]:
    """Voxels (X, Y, Z), scaled, closest to RAS, in the smallest type; affine; axes as stored; words on its unit."""
    shape = tuple(map(int, image.shape))
    described = " x ".join(map(str, shape))
    if np.prod(shape, dtype=float) > MOST_VOXELS:  # before a byte is read: a header may ask for terabytes
        raise QualityError(
            f"too large: the header of the {name} says {described}, above {MOST_VOXELS} voxels; copy it again, or "
            "crop it if it is so large"
        )
    path = image.file_map["image"].filename
    n_bytes = np.prod(shape, dtype=float) * image.get_data_dtype().itemsize
    if path and n_bytes > MOST_PACKED * Path(path).stat().st_size:
        raise QualityError(
            f"unreadable: the header of the {name} says {described}, more than the file can hold; {unreadable.AGAIN}"
        )
    axes = [n for n in shape if n != 1] if len(shape) > 3 else shape
    if len(axes) != 3 or min(axes) < 2:
        cure = "take one out of it (fslroi)" if len(axes) > 3 else "convert all its slices again"
        raise QualityError(f"wrong dimensionality: the {name} is {described}, not one volume; {cure}, or leave it out")
    try:
        voxels = np.asanyarray(image.dataobj).reshape(axes, order="A")
    except Exception as error:
        raise QualityError(f"unreadable: the {name} {unreadable.described(error)}") from None
    if voxels.dtype.kind not in "biuf":
        held = "colours" if voxels.dtype.names else voxels.dtype
        raise QualityError(
            f"wrong data type: the {name} holds {held}, not one real number per voxel; convert it, or leave it out"
        )
    affine, words = millimetres(affine, voxels.shape)
    if not np.isfinite(affine).all() or not 1e-9 < abs(np.linalg.det(affine[:3, :3])) < 1e9:
        raise QualityError(_no_affine(name))
    return *upright(voxels, affine), words


def _apart_mm(one: np.ndarray, other: np.ndarray, shape: tuple[int, ...]) -> float:
    """Largest distance in millimetres between the corners of two grids of one shape."""
    corners = np.array([*product(*((0, n - 1) for n in shape))])
    return float(np.linalg.norm(apply_affine(one - other, corners), axis=1).max())


def _finite(voxels: np.ndarray, inside: np.ndarray | None, words: list[str]) -> np.ndarray:
    """Make background of what is not finite outside the brain: outside the mask, or reaching the edge of the field."""
    if voxels.dtype.kind != "f" or np.isfinite(voxels[forwards(voxels)]).all():
        return voxels
    bad = ~np.isfinite(voxels)
    mostly = np.mean(np.concatenate([np.take(bad, (0, -1), axis).ravel() for axis in range(3)])) >= 0.5
    if inside is None:
        parts, _ = ndimage.label(bad)
        outer = np.unique(np.concatenate([np.take(parts, (0, -1), axis).ravel() for axis in range(3)]))
        lost = bad & ~np.isin(parts, outer)
    else:
        lost = bad & inside
    n_lost, n_finite = np.count_nonzero(lost), np.count_nonzero(~bad)
    # Where every 0 was made NaN, as by x[x == 0] = nan, single dark voxels of the brain were, too.
    few = n_lost <= FEW_ENCLOSED * n_finite and np.isnan(voxels[lost]).all()
    for_zero = mostly and inside is None and few and not (voxels == 0).any()
    if n_lost and not for_zero:
        raise QualityError(
            f"not finite: {n_lost} voxels of the image are NaN or infinite, inside the brain; write numbers there"
        )
    if not n_finite:
        raise QualityError("not finite: every voxel of the image is NaN or infinite; make it anew, or leave it out")
    words.append(f"{np.count_nonzero(bad)} voxels outside the brain are NaN or infinite, taken for background")
    if n_lost:
        words[-1] = f"{words[-1]}, and so were {n_lost} of them inside it, as no voxel is 0"
    around = 0.0
    if not mostly:  # the background is a number
        faces = [np.take(voxels, (0, -1), axis).ravel() for axis in range(3)]
        around = np.nanmedian(np.where(np.isfinite(faces := np.concatenate(faces)), faces, np.nan))
    return np.where(bad, voxels.dtype.type(around), voxels)


@contextmanager
def _heard() -> Iterator[list[str]]:
    """Collect what nibabel mends in headers, which it would print."""
    said = []
    before = _mended.set(said)
    try:
        yield said
    finally:
        _mended.reset(before)


def _hear(record: logging.LogRecord) -> bool:
    """Keep for whoever asks what would be printed."""
    said = _mended.get()
    if said is not None:
        said.append(f"nibabel mended the header: {record.getMessage().replace(';', ',')}")
    return said is None


nibabel.imageglobals.logger.addFilter(_hear)


def _no_affine(name: str) -> str:
    return (
        f"unusable affine: voxels of the {name} have no volume in millimetres; put voxel sizes and directions into its "
        "header again (fslorient, or conversion anew)"
    )


def _onto(inside: np.ndarray, mask_affine: np.ndarray, shape: tuple[int, int, int], affine: np.ndarray) -> np.ndarray:
    from nilearn.image import resample_img  # slow to import, and needed for masks on another grid only

    # with a rim of 0: what nilearn takes beyond the centres of the outermost voxels is 0, half of their width too early
    rim = from_matvec(mask_affine[:3, :3], apply_affine(mask_affine, [-1, -1, -1]))
    mask = nibabel.Nifti1Image(np.pad(inside.astype(np.uint8), 1), rim)
    options = {"interpolation": "nearest", "force_resample": True, "copy_header": True}
    return np.asanyarray(resample_img(mask, affine, shape, **options).dataobj) != 0
