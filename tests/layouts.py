"""Small cohorts on disk, laid out and stored as their owners publish them; the brains are simulated.

Each function writes n people into a folder and returns the cohort's section of params.yaml. Orientation, data type and
names are the real ones; voxels are `scale` millimetres and grids as much smaller, so scale=1 has the real sizes.
"""

import csv
from pathlib import Path

import nibabel
import numpy as np
from likeness import brain, fractions
from nibabel.orientations import axcodes2ornt
from pydantic import TypeAdapter
from scipy.ndimage import affine_transform, binary_dilation

from alphagan.settings.cohorts import AnyCohort, Cohort, FreesurferCohort

SEQUENCES_2018 = {"flair": "FLAIR", "t1": "T1w", "t1ce": "T1wGd", "t2": "T2w"}
SEQUENCES_2023 = {"t2f": "FLAIR", "t1n": "T1w", "t1c": "T1wGd", "t2w": "T2w"}
ADNI_COLUMNS = (
    *("Image Data ID", "Subject", "Group", "Sex", "Age", "Visit", "Modality", "Description", "Type", "Acq Date"),
    *("Format", "Downloaded"),
)


def cohort(section: dict, **changes) -> Cohort:
    """Read a cohort's section of params.yaml, as written by a function below."""
    return TypeAdapter(AnyCohort).validate_python(section | changes)


def freesurfer(folder, **keys):
    """Section of a cohort whose folder is laid out already."""
    return FreesurferCohort(kind="freesurfer", source=str(folder), **keys)


def who(scans):
    """Subject and session of each scan."""
    return {(scan.subject, scan.session) for scan in scans}


def subjects_dir(folder: Path, n: int = 8, scale: int = 4, names: list[str] | None = None) -> dict:
    """FreeSurfer's SUBJECTS_DIR, with fsaverage and a link as FreeSurfer leaves them there."""
    for index, name in enumerate(names or [f"sub-{k:02d}" for k in range(1, n + 1)]):
        write_conformed(folder / name / "mri" / "brainmask.mgz", index, scale)
    average = folder / "fsaverage" / "mri" / "brainmask.mgz"
    average.parent.mkdir(parents=True)
    average.touch()
    (folder / "lh.EC_average").symlink_to(average.parents[1].resolve())
    return {"kind": "freesurfer", "source": str(folder)}


def adni(folder: Path, n: int = 8, scale: int = 4) -> dict:
    """ADNI's tree and table: n people labelled CN, the first with two visits, and one labelled MCI."""
    rows = []
    for index in range(n + 1):
        subject = f"{2 + index % 3:03d}_S_{295 + index:04d}"
        visits = ("sc", "m06") if index == 0 else ("sc",)
        for month, visit in zip((4, 10), visits, strict=False):
            image_id = f"I{45108 + 100 * index + month}"
            day = f"2006-{month:02d}-18_08_20_30.0"
            place = folder / "ADNI" / subject / "FreeSurfer_Cross-Sectional_Processing_brainmask" / day / image_id
            write_conformed(place / "mri" / "brainmask.mgz", index, scale, shift_mm=3 * len(rows))
            group = "CN" if index < n else "MCI"
            what = ("MRI", "FreeSurfer Cross-Sectional Processing brainmask", "Post-processed", f"{month}/18/2006")
            rows.append([image_id, subject, group, "F", "74", visit, *what, "MGH", ""])
    write_table(folder / "CN_list.csv", ADNI_COLUMNS, rows)
    return {"kind": "freesurfer", "source": str(folder), "selection": str(folder / "CN_list.csv"), "expected": n + 1}


def brats(folder: Path, n: int = 8, scale: int = 4, release: int = 2018) -> dict:
    """BraTS of 2018, 2020, 2021 or 2023: n people, of high grade where a grade is known, and one of low grade."""
    grades = []
    for index in range(n + (release < 2021)):
        grade = "HGG" if index < n else "LGG"
        case = {
            2018: f"{grade}/Brats18_CBICA_A{chr(65 + index)}B_1",
            2020: f"BraTS20_Training_{index + 1:03d}",
            2021: f"BraTS2021_{index:05d}",
            2023: f"BraTS-GLI-{index:05d}-000",
        }[release]
        grades.append([grade, *["NA"] * 4, Path(case).name])
        join, ext = ("-" if release == 2023 else "_"), (".nii" if release == 2020 else ".nii.gz")
        sequences = SEQUENCES_2023 if release == 2023 else SEQUENCES_2018
        for sequence, modality in {**sequences, "seg": None}.items():
            path = folder / case / f"{Path(case).name}{join}{sequence}{ext}"
            image = _place(brain(index, modality or "T1w"), "LPS", (240, 240, 155), scale)
            image = _retyped(image, 600, np.int16) if modality else _blob(image, np.int16)
            affine = image.affine.copy()
            affine[:3, 3] = (0, (image.shape[1] - 1) * scale, 0)  # as in SRI24 space
            _save(path, image.get_fdata().astype(np.int16), affine)
    if release == 2020:
        columns = ["Grade", *(f"BraTS_{year}_subject_ID" for year in (2017, 2018)), "TCGA_TCIA_subject_ID"]
        columns += ["BraTS_2019_subject_ID", "BraTS_2020_subject_ID"]
        write_table(folder / "name_mapping.csv", columns, grades)
    section = {"kind": "brats", "source": str(folder), "modality": "FLAIR", "augment": {"intensity": None}}
    return section | ({"grade": "HGG"} if release < 2021 else {"grade": "all"})


def atlas(folder: Path, n: int = 8, scale: int = 4, release: str = "R1.1") -> dict:
    """ATLAS with SPM's tissue maps: whole heads in MNI space; the first was uncompressed for SPM, and kept."""
    for index in range(n):
        if release == "R1.1":
            place = folder / f"Site{1 + index % 3}" / f"{31768 + index:06d}" / "t01"
            name, lesion = (f"{31768 + index:06d}_{what}_stx.nii" for what in ("t1w_deface", "LesionSmooth"))
        else:
            subject = f"sub-r{1 + index % 3:03d}s{index + 1:03d}"
            place = folder / "Training" / subject[4:8].upper() / subject / "ses-1" / "anat"
            prefix = f"{subject}_ses-1_space-MNI152NLin2009aSym"
            name, lesion = f"{prefix}_T1w.nii", f"{prefix}_label-L_desc-T1lesion_mask.nii"
        head = _head(_place(brain(index), "RAS", (197, 233, 189), scale))
        for suffix in (".gz", "") if index == 0 else (".gz",):
            _save(place / f"{name}{suffix}", head.get_fdata().astype(np.float32) * 80, head.affine)
        _save(place / f"{lesion}.gz", _blob(head, np.uint8).get_fdata().astype(np.uint8), head.affine)
        maps = fractions(index)
        for k, tissue in enumerate((1, 2, 0), start=1):  # SPM: grey, white, CSF
            one = _place(nibabel.Nifti1Image(maps.dataobj[..., tissue], maps.affine), "RAS", (197, 233, 189), scale)
            _save(place / f"c{k}{name}", np.rint(one.get_fdata() * 255).astype(np.uint8), one.affine, slope=1 / 255)
    return {"kind": "atlas", "source": str(folder), "augment": {"intensity": None}}


def bids(folder: Path, n: int = 8, scale: int = 4, derivative: bool = True, modality: str = "T1w") -> dict:
    """Heads with brain masks as fMRIPrep writes them, or raw heads with the masks among the derivatives."""
    for index in range(n):
        subject = f"sub-{index + 1:02d}"
        raw, derived = (top / subject / "anat" for top in (folder, folder / "derivatives" / "fmriprep"))
        image = _place(brain(index, modality), "PSR", (256, 256, 176), scale)
        name = f"{subject}_desc-preproc_{modality}.nii.gz" if derivative else f"{subject}_{modality}.nii.gz"
        head = _head(image)
        _save((derived if derivative else raw) / name, (head.get_fdata() * 700).astype(np.int16), head.affine)
        mask = (image.get_fdata() > 0).astype(np.uint8)
        _save(derived / f"{subject}_desc-brain_mask.nii.gz", mask, image.affine)
    return {"kind": "bids", "source": str(folder), "modality": modality, "desc": "preproc" if derivative else None}


def semisynthetic(folder: Path, n: int = 8) -> dict:
    """Scans, and stroke masks in the space of MNI152: ellipsoids in the left hemisphere."""
    affine = np.diag([4.0, 4.0, 4.0, 1.0])
    affine[:3, 3] = (-90, -126, -72)
    x, y, z = np.meshgrid(
        *(4.0 * np.arange(k) + o for k, o in zip((46, 55, 46), affine[:3, 3], strict=True)), indexing="ij"
    )
    for name in ("scans", "lesions"):
        (folder / name).mkdir(parents=True)
    for index in range(n):
        brain(index).to_filename(folder / "scans" / f"sub-{index:02d}_T1w.nii.gz")
        inside = ((x + 40) / (14 + index)) ** 2 + ((y + 10 - 4 * index) / 20) ** 2 + ((z - 12) / 16) ** 2 < 1
        _save(folder / "lesions" / f"lesion_{index:03d}.nii.gz", inside.astype(np.uint8), affine)
    return {"kind": "semisynthetic_stroke", "source": str(folder), "augment": {"intensity": None}}


def write_conformed(path: Path, index: int, scale: int = 4, shift_mm: float = 0) -> None:
    """Write a head's brain as FreeSurfer stores it: LIA, uint8, white matter at 110."""
    image = _place(brain(index), "LIA", (256, 256, 256), scale, shift_mm)
    voxels = np.where(image.get_fdata() > 0, np.clip(np.rint(image.get_fdata() * 110), 2, 255), 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.MGHImage(voxels.astype(np.uint8), image.affine).to_filename(path)


def write_table(path: Path, columns, rows) -> Path:
    """Write a CSV with every cell in quotes, as ADNI's archive does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([columns, *rows])
    return path


def tree(folder: Path, *files: str) -> Path:
    """Create empty files: enough for what is found by name."""
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()
    return folder


def _place(image, axes: str, shape, scale: int, shift_mm: float = 0) -> nibabel.Nifti1Image:
    """Resample onto a grid with these axes around the brain's centre, or so far behind it (a visit of its own)."""
    shape = tuple(round(n / scale) for n in shape)
    affine = np.eye(4)
    affine[:3, :3] = 0
    for column, (row, sign) in enumerate(axcodes2ornt(axes)):
        affine[int(row), column] = sign * scale
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2) - (0, shift_mm, 0)
    step = np.linalg.inv(image.affine) @ affine
    voxels = np.asarray(image.dataobj, np.float32)
    inside = affine_transform((voxels > 0).astype(np.uint8), step, output_shape=shape, order=0)
    return nibabel.Nifti1Image(affine_transform(voxels, step, output_shape=shape, order=1) * inside, affine)


def _retyped(image, factor: float, dtype) -> nibabel.Nifti1Image:
    values = image.get_fdata()
    return nibabel.Nifti1Image(
        np.where(values > 0, np.maximum(np.rint(values * factor), 1), 0).astype(dtype), image.affine
    )


def _blob(image, dtype) -> nibabel.Nifti1Image:
    """A few voxels in the middle, as lesion masks have them."""
    voxels = np.zeros(image.shape, dtype)
    voxels[tuple(slice(n // 2 - 2, n // 2 + 2) for n in image.shape)] = 1
    return nibabel.Nifti1Image(voxels, image.affine)


def _head(image) -> nibabel.Nifti1Image:
    """Give a brain a skull and a scalp."""
    voxels, mm = image.get_fdata(), abs(np.linalg.det(image.affine)) ** (1 / 3)
    inside = voxels > 0
    skull, scalp = (binary_dilation(inside, iterations=max(1, round(far / mm))) for far in (4, 12))
    return nibabel.Nifti1Image(np.where(inside, voxels, np.where(skull, 0.1, np.where(scalp, 0.9, 0.01))), image.affine)


def _save(path: Path, voxels: np.ndarray, affine: np.ndarray, slope: float | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nibabel.Nifti1Image(voxels, affine)
    if slope:
        image.header.set_slope_inter(slope, 0)
    image.to_filename(path)
