"""A scan's files as voxels in canonical RAS order, and its mask on their grid; unusable ones are refused."""

import nibabel
import numpy as np
from nibabel.spatialimages import SpatialImage

from alphagan.preparation.cohorts import Scan
from alphagan.preparation.quality import QualityError


def read(scan: Scan) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Read one scan.

    Returns
    -------
    voxels : ndarray, (X, Y, Z)
        Closest to RAS order, in the smallest type that holds them.
    affine : ndarray, (4, 4)
        From voxel to scanner millimetres.
    mask : ndarray of bool, (X, Y, Z), or None
        Which of them are brain. None: those that are not zero.

    Raises
    ------
    QualityError
        If the files cannot be read or used.
    """
    try:
        image, mask = scan.load()
        voxels, affine = _canonical(image, "image")
        if mask is None:
            return voxels, affine, None
        inside, mask_affine = _canonical(mask, "mask")
    except QualityError:
        raise
    except Exception as error:  # what a damaged file raises depends on where the damage is
        if scan.mask and not scan.mask.exists():
            raise QualityError(f"mask not found: {scan.mask}") from None
        raise QualityError(f"unreadable: {type(error).__name__}: {' '.join(str(error).split())}") from None
    inside = inside != 0
    if inside.shape != voxels.shape or not np.allclose(mask_affine, affine, atol=1e-3):
        inside = _onto(inside, mask_affine, voxels.shape, affine)
    if not inside.any():
        raise QualityError(f"mask does not overlap: no voxel of the image is inside {scan.mask}")
    return voxels, affine, inside


def _canonical(image: SpatialImage, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Voxels (X, Y, Z), scaled, closest to RAS order, in the smallest type that holds them; and their affine."""
    voxels, affine = np.asanyarray(image.dataobj), image.affine
    while voxels.ndim > 3 and voxels.shape[-1] == 1:
        voxels = voxels[..., 0]
    if voxels.ndim != 3 or min(voxels.shape) < 2:
        shape = " x ".join(map(str, map(int, image.shape)))
        raise QualityError(f"wrong dimensionality: the {name} is {shape}, not one volume")
    if voxels.dtype.kind not in "biuf":
        raise QualityError(f"wrong data type: the {name} holds {voxels.dtype}, not one number per voxel")
    if voxels.dtype.kind == "f" and (n_bad := np.count_nonzero(~np.isfinite(voxels))):
        raise QualityError(f"not finite: {n_bad} voxels of the {name} are NaN or infinite")
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise QualityError(f"unusable affine: voxels of the {name} have no volume in millimetres")
    canonical = nibabel.as_closest_canonical(SpatialImage(voxels, affine))
    return np.asanyarray(canonical.dataobj), canonical.affine


def _onto(inside: np.ndarray, mask_affine: np.ndarray, shape: tuple[int, int, int], affine: np.ndarray) -> np.ndarray:
    from nilearn.image import resample_img  # slow to import, and needed for masks on another grid only

    mask = nibabel.Nifti1Image(inside.astype(np.uint8), mask_affine)
    options = {"interpolation": "nearest", "force_resample": True, "copy_header": True}
    return np.asanyarray(resample_img(mask, affine, shape, **options).dataobj) != 0
