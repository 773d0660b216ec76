"""Healthy people's scans with other people's chronic strokes placed into them. Always called semi-synthetic.

::

    scans/      T1w scans, found as `alphagan.preparation.cohorts.nifti` finds them (`pattern`, `mask_pattern`)
    lesions/    lesion masks, .nii or .nii.gz, non-zero inside (graded ones: above half of the largest value),
                in MNI152's space or one near it (Colin27)

Each person gets one lesion, the same in all sessions, on either side. The box around the MNI152 brain becomes the box
around the scan's own, axis by axis; nothing else is registered, so a lesion is right to about a centimetre. Inside it
the scan is almost as dark as its CSF, with a soft edge. Nothing is pushed or pulled.
"""

import zlib
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform
from nibabel.spatialimages import SpatialImage
from scipy.ndimage import affine_transform, binary_erosion, find_objects, gaussian_filter

from alphagan.errors import InputError
from alphagan.preparation import packed
from alphagan.preparation.cohorts import Scan, nifti, tree
from alphagan.preparation.cohorts.mni152 import brain_box_mm
from alphagan.preparation.foreground import find_foreground
from alphagan.preparation.quality import QualityError
from alphagan.preparation.reading import read
from alphagan.settings.cohorts import NiftiCohort, SemisyntheticStrokeCohort

VERSION = 4  # raised whenever the same files give other images
EDGE_MM = 1.0  # Gaussian width of the lesion's edge, beside the voxel's own
# Different values in a mask of labels; graded ones, such as resampled or in percent, have more. A brain mask is told by
# its plateau (`alphagan.preparation.graded`), which small lesions do not have.
MOST_LABELS = 16
LARGEST_ML = 700  # more than half of a hemisphere
OPACITY = 0.93  # the rest is what was there before: no cavity is as even as water
N_VALUES = 100_000  # enough of a brain to tell CSF by


@dataclass(frozen=True)
class SemisyntheticScan(Scan):
    """A scan with a lesion in it, placed when it is loaded. It depends on (seed, subject) and the files alone."""

    lesion: Path = Path()
    mirrored: bool = False

    @property
    def source(self) -> str:
        """The scan and the lesion, as written to subjects.csv and qc.csv."""
        return f"{self.image} with {self.lesion.name}{', mirrored' if self.mirrored else ''}"

    def fingerprint(self) -> str:
        """Text that changes when one of the files does, or which lesion is placed."""
        stat = self.lesion.stat()
        lesion = (str(self.lesion), stat.st_size, stat.st_mtime_ns, self.mirrored)
        return repr((VERSION, super().fingerprint(), lesion))

    def load(self) -> tuple[SpatialImage, SpatialImage | None]:
        """Place the lesion: float32, RAS or as `orientation` says; the brain's mask, if there is one, is as it was.

        Raises
        ------
        QualityError
            As `place` does.
        """
        image, mask, _ = self._place()
        if self.orientation:  # which will be taken for that of the stored axes again
            image = image.as_reoriented(ornt_transform(io_orientation(image.affine), axcodes2ornt(self.orientation)))
        return image, mask

    def lesion_mask(self) -> nibabel.Nifti1Image:
        """Where the lesion is at least half opaque: uint8, 0 or 1, on the image's grid."""
        image, _, opacity = self._place()
        return nibabel.Nifti1Image((opacity >= 0.5).astype(np.uint8), image.affine)

    def _place(self) -> tuple[SpatialImage, SpatialImage | None, np.ndarray]:
        image, mask = super().load()
        try:
            scanned = read(Scan("", "", self.modality, self.image, self.mask, orientation=self.orientation))
        except QualityError:  # told when the scan is prepared
            return image, mask, np.zeros(image.shape)
        voxels, size_mm = scanned.voxels.astype(np.float32), np.linalg.norm(scanned.affine[:3, :3], axis=0)
        image = nibabel.Nifti1Image(voxels, scanned.affine)
        if mask is None:
            found = find_foreground(scanned.voxels, size_mm, self.background, scanned.edited)
        else:
            found = find_foreground(scanned.mask, size_mm)
        if found.fault:
            return image, mask, np.zeros(voxels.shape)
        brain = np.zeros(voxels.shape, bool)
        brain[found.box] = found.inside
        opacity = place(packed.load(self.lesion), brain, self.mirrored, str(self.lesion)) * brain
        dark = voxels + np.float32(OPACITY) * opacity * (csf_intensity(voxels, brain) - voxels)
        return nibabel.Nifti1Image(dark, scanned.affine), mask, opacity


def find(cohort: SemisyntheticStrokeCohort) -> list[Scan]:
    """Find the scans and give each person a lesion; none is placed before its scan is loaded.

    Raises
    ------
    InputError
        If a folder is missing, there is no lesion, the scans are not T1w, or as `nifti.find` has it.
    """
    if cohort.modality != "T1w":
        raise InputError(f"modality: strokes as dark as CSF belong into T1w scans, not {cohort.modality!r}; use T1w")
    source = tree.folder(cohort.source)
    scans = nifti.find(
        NiftiCohort(
            kind="nifti",
            source=str(source / "scans"),
            modality=cohort.modality,
            pattern=cohort.pattern,
            mask_pattern=cohort.mask_pattern,
        )
    )
    lesions = [path for path in tree.files(tree.folder(source / "lesions")) if path.name.endswith((".nii", ".nii.gz"))]
    if not lesions:
        raise InputError(f"{source / 'lesions'}: no lesion masks found; put some there, .nii or .nii.gz, in MNI space")
    placed = []
    for scan in scans:
        rng = np.random.default_rng([cohort.seed, zlib.crc32(scan.subject.encode())])
        lesion, mirrored = lesions[rng.integers(len(lesions))], bool(rng.random() < 0.5)
        placed.append(
            SemisyntheticScan(
                scan.subject, scan.session, scan.modality, scan.image, scan.mask, lesion=lesion, mirrored=mirrored
            )
        )
    return placed


def place(lesion: SpatialImage, brain: np.ndarray, mirrored: bool = False, name: str = "lesion") -> np.ndarray:
    """Carry a lesion from MNI space into a brain.

    Parameters
    ----------
    lesion : SpatialImage
        Non-zero inside, or above half of the largest value where they are graded; in MNI millimetres.
    brain : ndarray of bool, shape (X, Y, Z)
        In RAS order.
    mirrored : bool
        Whether to swap left and right.
    name : str
        What an error calls the lesion.

    Returns
    -------
    ndarray, shape (X, Y, Z), float32
        Opacity, 0 to 1; not yet cut to the brain.

    Raises
    ------
    QualityError
        If the lesion is empty, larger than a stroke can be, or outside the MNI152 brain.
    """
    mask = np.nan_to_num(np.asanyarray(lesion.dataobj), nan=0.0, posinf=0.0, neginf=0.0)
    mask = mask.reshape(mask.shape[:3])
    inside = mask > mask.max() / 2 if np.unique(mask).size > MOST_LABELS else mask != 0
    if not inside.any():
        raise QualityError(f"lesion is empty: {name} marks no voxel; remove it")
    if (ml := inside.sum() * abs(np.linalg.det(lesion.affine[:3, :3])) / 1000) > LARGEST_ML:
        raise QualityError(
            f"lesion too large: {name} marks {ml:.0f} ml, more than a stroke can be; write it as 1 and all else as 0"
        )
    low_mm, high_mm = brain_box_mm()
    middle_mm = nibabel.affines.apply_affine(lesion.affine, np.argwhere(inside)).mean(0)
    if (middle_mm < low_mm).any() or (middle_mm > high_mm).any():
        where = ", ".join(f"{c:.0f}" for c in middle_mm)
        raise QualityError(
            f"lesion outside: the middle of {name}, ({where}) mm, is not in the MNI152 brain; bring it to MNI space"
        )
    (box,) = find_objects(brain.astype(np.uint8))
    first, last = np.array([(side.start, side.stop) for side in box]).T
    step_mm = (high_mm - low_mm) / (last - first)  # of a voxel of the scan, in MNI space
    to_mni = nibabel.affines.from_matvec(np.diag(step_mm), low_mm + (0.5 - first) * step_mm)
    if mirrored:
        to_mni = np.diag([-1.0, 1, 1, 1]) @ to_mni
        to_mni[0, 3] += low_mm[0] + high_mm[0]
    width_mm = np.hypot(EDGE_MM, step_mm.mean() / 2.355)
    zooms = np.linalg.norm(lesion.affine[:3, :3], axis=0)
    soft = gaussian_filter(inside.astype(np.float32), width_mm / zooms, truncate=3.0)
    return affine_transform(soft, np.linalg.inv(lesion.affine) @ to_mni, output_shape=brain.shape, order=1)


def csf_intensity(voxels: np.ndarray, brain: np.ndarray) -> np.float32:
    """Lower quartile of the darkest of three classes, as most of its voxels are partly brain; T1w."""
    deep = binary_erosion(brain)
    values = voxels[deep if deep.any() else brain]
    values = values[:: 1 + values.size // N_VALUES]
    means = np.quantile(values, [0.05, 0.45, 0.85])
    for _ in range(30):
        nearest = np.abs(values[:, None] - means).argmin(1)
        means = np.array([values[nearest == k].mean() if (nearest == k).any() else means[k] for k in range(3)])
    darkest = min(0.0, float(values.min()))  # of z-scores and the like, whose brains reach below 0
    # Never the background itself, so that the lesion stays brain.
    return np.float32(max(np.quantile(values[nearest == 0], 0.25), darkest + 0.01 * (means[2] - darkest)))
