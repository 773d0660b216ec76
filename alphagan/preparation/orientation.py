"""Which way is up: what a header says of it, what it leaves open, and the affine of axes that somebody names."""

import nibabel
import numpy as np
from nibabel.nifti1 import Nifti1Header
from nibabel.orientations import (
    apply_orientation,
    axcodes2ornt,
    inv_ornt_aff,
    io_orientation,
    ornt2axcodes,
    ornt_transform,
)
from nibabel.spatialimages import SpatialImage
from nibabel.volumeutils import shape_zoom_affine

CENTRED_MM = 1e-3  # by which an affine about the middle of its grid may be off it, for rounding
FLAG = 28  # byte at which the header of .mgh has goodRASFlag
SKEW, OBLIQUE = 3.0, 30.0  # degrees from which it is told
OPPOSITE = dict(zip("RLAPSI", "LRPAIS", strict=True))
SIZES = 0.02  # of voxels, by which qform and sform may differ before it is told


def says_nothing(image: SpatialImage) -> str:
    """Why an image's header does not tell the direction of its axes, or "" if it does.

    Parameters
    ----------
    image : SpatialImage

    Returns
    -------
    str

    Examples
    --------
    >>> says_nothing(nibabel.Nifti1Image(np.zeros((2, 2, 2), np.uint8), np.eye(4)))
    'its affine only scales the axes'
    """
    header, affine = image.header, image.affine
    if isinstance(header, Nifti1Header):
        if not (header["qform_code"] or header["sform_code"]):
            return "its header has neither qform nor sform"
    elif isinstance(header, nibabel.AnalyzeHeader):
        if np.allclose(affine, header.get_best_affine()):  # another one stood in a .mat file beside it
            return "headers of Analyze do not tell it"
    elif isinstance(image, nibabel.MGHImage) and not _is_placed(image):
        return "its header says that its axes mean nothing (goodRASFlag)"
    # As np.eye(4), which many write for want of it, or SimpleITK's, which is -1, -1, 1; or nibabel's, about the middle.
    if np.array_equal(affine, np.diag(scales := np.diag(affine))) and scales.all():
        return "its affine only scales the axes" + (" and turns some round" if (scales < 0).any() else "")
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    if len(shape := _volume(image)) == 3 and np.abs(affine - shape_zoom_affine(shape, sizes)).max() < CENTRED_MM:
        return "its affine is what nibabel fills in where there is none"
    return ""


def _is_placed(image: nibabel.MGHImage) -> bool:
    """Whether the header as it is stored says where axes point; nibabel says so of all."""
    holder = image.file_map["image"]
    if holder.filename is None and holder.fileobj is None:  # made in memory
        return True
    with holder.get_prepare_fileobj("rb") as file:
        return file.read(FLAG + 2)[FLAG:] != bytes(2)


def directions(affine: np.ndarray) -> str:
    """Directions of the axes of an affine, such as "LPS"; "?" for one that has none.

    Examples
    --------
    >>> directions(np.diag([-1.0, -1, 2, 1])), directions(np.diag([1.0, 1, 0, 1]))
    ('LPS', 'RA?')
    """
    return _letters(io_orientation(affine))


def upright(voxels: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray, str]:
    """Order and direct the axes of a volume as close to RAS as they can be without resampling.

    Parameters
    ----------
    voxels : ndarray, (X, Y, Z)
    affine : ndarray, (4, 4)

    Returns
    -------
    voxels : ndarray, (X', Y', Z')
        A view.
    affine : ndarray, (4, 4)
    axes : str
        Directions as they were, as in `directions`.
    """
    stored = io_orientation(affine)
    axes = _letters(stored)
    if axes == "RAS":
        return voxels, affine, axes
    return apply_orientation(voxels, stored), affine @ inv_ornt_aff(stored, voxels.shape), axes


def named(affine: np.ndarray, shape: tuple[int, ...], axes: str) -> np.ndarray:
    """Affine of axes in the directions that are named, with the voxel sizes of another; 0 mm in the middle.

    Parameters
    ----------
    affine : ndarray, (4, 4)
    shape : tuple of int
        Of the volume; what is beyond three axes is passed over.
    axes : str
        Such as "LPS": to the left, the back and the top.

    Returns
    -------
    affine : ndarray, (4, 4)

    Examples
    --------
    >>> named(np.diag([1.0, 2, 3, 1]), (11, 11, 11), "LPS").tolist()
    [[-1.0, 0.0, 0.0, 5.0], [0.0, -2.0, 0.0, 10.0], [0.0, 0.0, 3.0, -15.0], [0.0, 0.0, 0.0, 1.0]]
    """
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    turn = ornt_transform(axcodes2ornt("RAS"), axcodes2ornt(axes))
    order = turn[:, 0].astype(int)  # where each axis of RAS is stored
    upright = np.diag([*sizes[order], 1.0])
    found = upright @ inv_ornt_aff(turn, np.array(shape[:3])[order])
    found[:3, 3] = -found[:3, :3] @ ((np.array(shape[:3]) - 1) / 2)
    return found


def stored(directions: str, axes: str) -> str:
    """Directions of a file's own axes, when the array that its header made RAS has others.

    Parameters
    ----------
    directions : str
        Of the array that should be RAS.
    axes : str
        Of the file, as its header has them.

    Examples
    --------
    >>> stored("LPS", "RAS"), stored("LPS", "LPS"), stored("ARS", "SAR")
    ('LPS', 'RAS', 'SRA')
    """
    true = dict(zip("RAS", directions, strict=True))
    return "".join(true[axis] if axis in true else OPPOSITE[true[OPPOSITE[axis]]] for axis in axes)


def mirrored(axes: str) -> str:
    """The same directions with left and right exchanged."""
    return axes.translate(str.maketrans("LR", "RL"))


def affines(
    image: SpatialImage, mask: SpatialImage | None, axes: str | None
) -> tuple[np.ndarray, np.ndarray | None, list[str]]:
    """From voxel to millimetres, for an image and its mask.

    Where only one of two images of equal shape tells its orientation, it tells that of the other.

    Parameters
    ----------
    image, mask : SpatialImage
    axes : str, optional
        As in `named`, in place of what the headers say.

    Returns
    -------
    affine, mask_affine : ndarray, (4, 4)
    words : list of str
        What is unknown, or was taken from elsewhere.
    """
    if axes is not None:
        named_mask = mask and named(mask.affine, _volume(mask), axes)
        return named(image.affine, _volume(image), axes), named_mask, _overruled(image, axes)
    why = says_nothing(image)
    if mask is not None and _volume(image) == _volume(mask):
        if why and not says_nothing(mask):
            return mask.affine, mask.affine, [f"orientation of the image unknown, as {why}: taken from its mask"]
        if says_nothing(mask):
            mask = image
    if not why:
        return image.affine, mask and mask.affine, []
    taken = f"taken for {directions(image.affine)}, left and right cannot be told (orientation names it)"
    words = f"orientation unknown, as {why}: {taken}"
    return image.affine, mask and mask.affine, [words]


def millimetres(affine: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, list[str]]:
    """Take an affine for one in metres or micrometres where only that makes a field of view that could hold a brain.

    Units that headers name are not asked: many name wrong ones.
    """
    longest = float((np.linalg.norm(affine[:3, :3], axis=0) * shape).max())
    for unit, factor, found in (("metres", 1000.0, longest < 2), ("micrometres", 0.001, longest > 20_000)):
        if found:
            scaled = np.diag([factor, factor, factor, 1.0]) @ affine
            return scaled, [f"voxel sizes were taken for {unit}, as the field would be {longest:.3g} mm long"]
    return affine, []


def peculiar(image: SpatialImage, affine: np.ndarray) -> list[str]:
    """Say what is unusual about an image's axes, which are neither turned nor straightened.

    Parameters
    ----------
    image : SpatialImage
    affine : ndarray, (4, 4)
        What was taken for its affine; no axis has length 0.
    """
    said, header = [], image.header
    if np.count_nonzero(affine[:3, :3]) > 3:
        axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
        skew = np.degrees(np.arcsin(np.abs(axes.T @ axes - np.eye(3)).max().clip(0, 1)))
        if skew > SKEW:
            said.append(f"the axes are {skew:.0f} degrees from being at right angles, and were taken as if they were")
        away = np.degrees(np.arccos(np.abs(axes).max(axis=0).min().clip(0, 1)))
        if away > OBLIQUE:
            said.append(f"the axes lie {away:.0f} degrees from those of the scanner: the volume was not turned")
    if isinstance(header, Nifti1Header) and header["sform_code"]:
        sform, qform = header.get_sform(), header.get_qform(coded=True)[0]
        if qform is not None and not np.allclose(qform[:3, :3], sform[:3, :3]):  # which takes less time
            one, other = directions(qform), directions(sform)
            if one != other:
                said.append(f"qform says {one} and sform {other}: the second was taken")
        sizes, pixdim = np.linalg.norm(affine[:3, :3], axis=0), np.abs(header["pixdim"][1:4])
        if not np.allclose(sizes, pixdim, rtol=SIZES):
            one, other = (" x ".join(f"{size:.3g}" for size in each) for each in (pixdim, sizes))
            said.append(f"pixdim has voxels of {one} mm and sform {other} mm: the second was taken")
    return said


def _overruled(image: SpatialImage, axes: str) -> list[str]:
    """Say where axes that are named are others than those of a header that tells them."""
    if says_nothing(image) or (told := directions(image.affine)) == axes:
        return []
    return [
        f"the axes were taken for {axes}, as orientation names them, and not for {told}, as the header says: keep "
        "scans whose headers are right out of a cohort with an orientation"
    ]


def _letters(stored: np.ndarray) -> str:
    return "".join(code or "?" for code in ornt2axcodes(stored))


def _volume(image: SpatialImage) -> tuple[int, ...]:
    """The shape without what is only there to be more than three axes."""
    return tuple(n for n in image.shape if n != 1) if len(image.shape) > 3 else tuple(image.shape)
