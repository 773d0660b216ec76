"""ATLAS (stroke), as its owners publish it, with the tissue maps that SPM12 writes beside each scan.

::

    Site1/031768/t01/031768_t1w_deface_stx.nii.gz                                                R1.1
    c0001/c0001s0004t01/c0001s0004t01_t1w_stx.nii.gz                                             R1.2
    Training/R001/sub-r001s001/ses-1/anat/sub-r001s001_ses-1_space-MNI152NLin2009aSym_T1w.nii.gz  R2.0

t01, t02 and ses-1, ses-2 are sessions. SPM reads .nii, so the scan may be there as .nii and as .nii.gz; its tissue maps
have its name after c1 (grey matter), c2 (white matter) and c3 (CSF). Brain is where their sum is above the cohort's
`tissue_threshold`. Lesion masks are no scans.
"""

import re
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import nibabel
import numpy as np

from alphagan.errors import InputError
from alphagan.preparation import packed
from alphagan.preparation.cohorts import Scan, tree
from alphagan.preparation.cohorts.bids import parse
from alphagan.preparation.quality import QualityError
from alphagan.settings.cohorts import AtlasCohort

MOST_LIKELY = 1.05  # of a probability, as files round it
R1_1 = re.compile(r"(?P<subject>[A-Za-z0-9]+)_t1w\w*")
R1_2 = re.compile(r"(?P<subject>(?P<site>c\d{4})s\d{4})(?P<session>t\d+)_t1w\w*")


@dataclass(frozen=True)
class AtlasScan(Scan):
    """A scan whose brain mask is the sum of SPM's tissue maps; `mask` is the first of these."""

    release: str = ""
    site: str = ""
    threshold: float = 0.5

    @property
    def tissues(self) -> tuple[Path, ...]:
        """SPM's c1, c2 and c3, which need not exist."""
        return tuple(_tissue(self.image, k) for k in (1, 2, 3))

    def fingerprint(self) -> str:
        """Text that changes when any of the four files does, or the threshold."""
        stats = [(str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in (self.image, *self.tissues)]
        return repr((stats, self.threshold))

    def load(self) -> tuple[nibabel.spatialimages.SpatialImage, nibabel.Nifti1Image]:
        """Open the image, and sum the tissue maps to a mask: uint8, 0 or 1, on their grid.

        Raises
        ------
        QualityError
            If the tissue maps do not lie on one grid, or are no probabilities up to 1.
        """
        total, first = 0.0, packed.load(self.tissues[0])
        for path in self.tissues:
            image = packed.load(path)
            if image.shape != first.shape or not np.allclose(image.affine, first.affine, atol=1e-3):
                raise QualityError(
                    f"{path.name} is on another grid than {self.tissues[0].name}; segment the scan again"
                )
            tissue = np.asanyarray(image.dataobj).astype(np.float32)
            if (highest := float(tissue.max())) > MOST_LIKELY:
                raise QualityError(f"{path.name} reaches {highest:.4g}, and probabilities 1; write it from 0 to 1")
            total = total + tissue
        return packed.load(self.image), nibabel.Nifti1Image((total > self.threshold).astype(np.uint8), first.affine)


def find(cohort: AtlasCohort) -> list[Scan]:
    """Find the scans and their tissue maps.

    Raises
    ------
    InputError
        If the folder is missing, has no scan of these sessions, has a scan twice, or if any scan lacks a tissue map.
    """
    source = tree.folder(cohort.source)
    images = [path for path in tree.files(source) if path.name.endswith((".nii", ".nii.gz"))]
    scans = [scan for path in tree.without_copies(images) if (scan := _scan(path, source, cohort))]
    if not scans:
        raise InputError(f"{source}: no *_t1w*.nii.gz (R1) or sub-*_T1w.nii.gz (R2.0) found; check the cohort's source")
    times = sorted({scan.session for scan in scans})
    scans = [scan for scan in scans if cohort.sessions is None or scan.session in cohort.sessions]
    if not scans:
        raise InputError(f"{source}: no session {', '.join(cohort.sessions)}, only {', '.join(times)}; change sessions")
    # Somebody may have put other versions of a scan beside it: SPM tells which one is meant.
    scans = [
        scan
        for _, group in groupby(scans, key=lambda scan: (scan.image.parent, scan.subject, scan.session))
        for scan in _segmented(list(group))
    ]
    scans = tree.refuse_doubles(scans, "point the cohort's source at one release, and segment one version of each scan")
    lacking = [path for scan in scans if (path := next((t for t in scan.tissues if not t.exists()), None))]
    if lacking:
        first = ", ".join(str(path.relative_to(source)) for path in lacking[:3]) + ", ..." * (len(lacking) > 3)
        raise InputError(
            f"{source}: {len(lacking)} of {len(scans)} scans lack tissue maps of SPM12 (c1, c2, c3): {first}; "
            "run its Segment on them, data/README.md has the batch"
        )
    return scans


def _scan(path: Path, source: Path, cohort: AtlasCohort) -> AtlasScan | None:
    """Make a scan of a path, if its name is that of a scan."""
    name, folder = tree.stem(path), path.parent
    parsed = parse(path.name)
    if parsed and parsed[1] == "T1w":
        subject, session = parsed[0]["sub"], parsed[0].get("ses", "")
        release, site = "R2.0", subject[:4].upper() if re.match(r"r\d{3}s", subject) else ""
    elif match := R1_2.fullmatch(name):
        subject, session, release, site = match["subject"], match["session"], "R1.2", match["site"]
    elif (match := R1_1.fullmatch(name)) and re.fullmatch(r"t\d+", folder.name) and match[1] == folder.parent.name:
        subject, session, release = match["subject"], folder.name, "R1.1"
        parts = path.relative_to(source).parts
        site = next((part for part in parts if part.lower().startswith("site")), "")
    else:
        return None
    return AtlasScan(
        subject, session, cohort.modality, path, _tissue(path, 1), release, site, threshold=cohort.tissue_threshold
    )


def _tissue(image: Path, k: int) -> Path:
    path = image.with_name(f"c{k}{tree.stem(image)}.nii")
    packed = path.with_name(f"{path.name}.gz")
    return packed if packed.exists() and not path.exists() else path


def _segmented(versions: list[AtlasScan]) -> list[AtlasScan]:
    whole = [scan for scan in versions if all(path.exists() for path in scan.tissues)]
    return whole or [min(versions, key=lambda scan: len(scan.image.name))]
