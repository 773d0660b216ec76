"""Ways in which scans lie on disk: a file for each kind of cohort, which finds its scans and no more."""

import contextlib
import hashlib
import os
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path

from nibabel.spatialimages import SpatialImage

from alphagan.errors import InputError
from alphagan.preparation import packed
from alphagan.settings.cohorts import Cohort


@dataclass(frozen=True)
class Scan:
    """One scan of one person, not yet read.

    Parameters
    ----------
    subject, session : str
        Who, and which visit ("" where there is only one). Splits are made by subject, whose accents are stored one way.
    modality : str
        "T1w", "T2w", "FLAIR" ...
    image : Path
        Any file that nibabel reads.
    mask : Path, optional
        Non-zero inside the brain, on any grid. Without one, `alphagan.preparation.foreground` decides.
    background : float, optional
        What is not above it is background; without it, that is found.
    orientation : str, optional
        Directions of the stored axes, such as "LPS", in place of what the header says.
    """

    subject: str
    session: str
    modality: str
    image: Path
    mask: Path | None = None
    background: float | None = field(default=None, kw_only=True)
    orientation: str | None = field(default=None, kw_only=True)

    def __post_init__(self):
        # Some systems store é as e and an accent: one person, whichever of them wrote a name.
        object.__setattr__(self, "subject", unicodedata.normalize("NFC", self.subject))

    def wherever_asked(self) -> "Scan":
        """The same, whatever the working folder of the process that reads it: workers keep the one they started in."""
        return replace(self, image=self.image.absolute(), mask=self.mask and self.mask.absolute())

    def as_asked(self, said: str) -> str:
        """What is said of the scan that `wherever_asked` gives, of this one."""
        return said if self.image.is_absolute() else said.replace(f"{Path.cwd()}{os.sep}", "")

    @property
    def source(self) -> str:
        """Where the scan comes from, as written to subjects.csv and qc.csv."""
        return str(self.image)

    def fingerprint(self) -> str:
        """Text that changes when the files or what they should be do; by it an earlier preparation is kept or not."""
        paths = [path for path in (self.image, self.mask) if path]
        beside = (path.with_suffix(end) for path in paths if path.suffix.lower() == ".img" for end in (".hdr", ".mat"))
        told = [(str(path), path.stat()) for path in (*paths, *filter(Path.exists, beside))]
        stats = [(path, of.st_size, of.st_mtime_ns, of.st_ctime_ns) for path, of in told]
        return repr((self.modality, stats))

    def trouble(self) -> str:
        """Say why the files cannot be opened whatever is in them; "" where nothing speaks against it."""
        for what, path in (("image", self.image), ("mask", self.mask)):
            if path is None:
                continue
            if re.search(r"[\ud800-\udfff]", str(path)):
                return "name is not UTF-8: rename the file or folder"
            if path.is_symlink() and not path.exists():
                return f"link to nothing: the {what}'s content is not here; get it (datalad get), or remove the link"
        return ""

    def load(self) -> tuple[SpatialImage, SpatialImage | None]:
        """Open the image and, if there is one, the mask (the voxels are read on demand)."""
        return packed.load(self.image), packed.load(self.mask) if self.mask else None


def hash_of_masks(scans: Iterable[Scan]) -> str:
    """12 hexadecimal digits that change with any mask, or which scan has which; "" where none is there."""
    digest, there = hashlib.sha256(), False
    for scan in (scan for scan in scans if scan.mask):
        with contextlib.suppress(OSError), open(scan.mask, "rb") as file:  # what cannot be read is told elsewhere
            digest.update(os.fsencode(scan.image.name) + hashlib.file_digest(file, "sha256").digest())
            there = True
    return digest.hexdigest()[:12] if there else ""


def find_scans(cohort: Cohort) -> list[Scan]:
    """Find every scan of a cohort, in a stable order.

    Raises
    ------
    InputError
        If the folder is missing, or holds no scan that fits the cohort's description.
    """
    module = import_module(f"alphagan.preparation.cohorts.{cohort.kind}")
    scans = sorted(module.find(cohort), key=lambda scan: (scan.subject, scan.session, scan.source))
    if not scans:
        raise InputError(f"{cohort.source}: no scans found; check the folder and the cohort's pattern in params.yaml")
    if cohort.background is None and cohort.orientation is None:
        return scans
    return [replace(scan, background=cohort.background, orientation=cohort.orientation) for scan in scans]
