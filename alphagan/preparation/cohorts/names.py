"""Who is on a scan, when, and in which contrast, as far as its name and those of the folders around it tell.

::

    sub-01/ses-2/anat/sub-01_ses-2_run-1_T1w.nii.gz                       BIDS: 01, 2_run-1, T1w
    ADNI_002_S_0295_MR_MPR____N3__Scaled_Br_20060418193538_S13408_I45108  ADNI: 002_S_0295, 2006-04-18_I45108, T1w
    OAS1_0001_MR1_mpr-2_anon.nii, OAS30001_MR_d0129/anat2/T1w.nii.gz      OASIS: OAS1_0001, MR1_mpr-2; OAS30001, d0129
    IXI002-Guys-0828-T1.nii.gz, IXI002_brain.nii.gz                       IXI: IXI002
    BraTS20_Training_001/BraTS20_Training_001_flair.nii.gz                BraTS: BraTS20_Training_001, FLAIR
    PPMI_3101_MR_SAG_T1_SPGR_3D__br_raw_20110803104134_1_S1_I2.nii        PPMI, AIBL: PPMI_3101, 20110803104134_1_S1_I2
    Sub0001_Ses1_Scan_01_ANAT1, miriad_188_AD_M_01_MR_1                   GSP, MIRIAD: Sub0001, Ses1_Scan_01
    bert_visit2/mri/brainmask.mgz                                         FreeSurfer: bert, visit2, T1w
    mwp1sub-01_T1w.nii, wmsub-01_T1w.nii                                  SPM, CAT12: 01, of tissue, and of T1w

Any other name is that of a person of its own, and a word such as T2, FLAIR or mask in it is its contrast.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Container
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePath

from alphagan.preparation.cohorts import bids, brats, freesurfer, tree
from alphagan.preparation.cohorts.words import contrast

TISSUE = r"r?[cp][0-6]"
SPM = rf"(?:i?y_|(?:s\d{{1,2}})?[smwrua]{{0,4}}(?:{TISSUE})?)"
LONGEST = 10  # prefix of SPM's, as in s12mwrrp1
STRIPPED = ("brainmask", "brain", "norm")  # FreeSurfer's skull-stripped volumes, the first one that is there is taken
# Contrasts of its other volumes, for whoever gives a pattern that fits them, and a mask.
WHOLE = {f"FreeSurfer's {volume}": "T1w" for volume in ("T1", "nu", "orig", "orig_nu", "rawavg", "brain.finalsurfs")}
WHOLE |= {"FreeSurfer's T2": "T2w", "FreeSurfer's FLAIR": "FLAIR"}
ADNI = re.compile(r"(?<![A-Za-z0-9])(\d{3}_S_\d{4,5})(?!\d)_?(.*)")
STAMP = re.compile(rf"(?<!\d){freesurfer.DATE}(?:\d{{6,}}|_\d\d_\d\d_\d\d\.\d)?(?!\d)")
COLLECTIONS = (
    re.compile(r"(?P<subject>OAS[12]_\d{4})_(?P<session>MR\d+(?:_mpr-\d+)?)"),
    re.compile(r"(?P<subject>OAS[34]\d{4})_(?:\w+?_)?(?P<session>d\d{4})"),
    re.compile(r"(?P<subject>(?:PPMI|AIBL)_\d+)_MR_.*?_(?P<session>\d{8}(?:\d{6,9})?_.*)"),
    re.compile(r"(?P<subject>Sub\d{4})_(?P<session>Ses\d+(?:_Scan_\d+)?)"),
    re.compile(r"(?P<subject>\d{7})_(?P<session>\d{5}_\d_\d)(?!\d)"),  # UK Biobank: who, field, instance, array
    re.compile(r"(?P<subject>NACC\d{6})_(?P<session>mri\d+)"),
    re.compile(r"(?P<subject>NDAR_?INV[A-Z0-9]{8})_(?P<session>[A-Za-z0-9]+)"),
    re.compile(r"(?P<subject>miriad_\d{3})_[A-Z]{2}_[MF]_(?P<session>\d\d_MR_\d)"),
)
IXI = re.compile(r"(IXI\d{3})(?![^_ -])", re.IGNORECASE)


@dataclass(frozen=True)
class Name:
    """What a name tells.

    Parameters
    ----------
    subject : str
        Who; "" where only the whole name could tell.
    session : str
        Which of this person's scans: visit, run, acquisition, reconstruction, image id.
    contrast : str
        "T1w", "T2w", "FLAIR" ..., or what else it is, such as "mask"; "" where the name does not tell.
    variant : str
        Which of several images that were made of one scan: "space-MNI152NLin6Asym_desc-preproc", "brainmask".
    """

    subject: str
    session: str = ""
    contrast: str = ""
    variant: str = ""

    @property
    def what(self) -> str:
        """Contrast and variant in one word, such as "desc-preproc_T1w"."""
        return "_".join(part for part in (self.variant, self.contrast) if part)


@lru_cache(maxsize=2**18)  # finding, doubts and check ask for the same names
def read(path: PurePath) -> Name:
    """Read a name.

    Parameters
    ----------
    path : PurePath
        Of an image, below the folder that holds all of them.

    Examples
    --------
    >>> read(PurePath("sub-01/anat/sub-01_rec-norm_T2w.nii.gz"))
    Name(subject='01', session='rec-norm', contrast='T2w', variant='')
    >>> read(PurePath("IXI002-Guys-0828-T1.nii.gz")).subject
    'IXI002'
    """
    stem = tree.stem(path)
    places = (stem, *(folder.name for folder in path.parents))  # nearest first
    for way in (_freesurfer, _bids, _adni, _collection, _ixi, _brats):
        if found := way(path, stem, places):
            return found
    return Name("", "", contrast(stem))


def another_contrast(path: PurePath, modality: str) -> str:
    """Say that a name tells of another contrast than a modality; "" where it does not, or no modality is known."""
    told = contrast(tree.stem(path))
    return (
        f"its name tells {told}, and not {modality}" if modality and told.lower() not in ("", modality.lower()) else ""
    )


def spelling(subject: str) -> str:
    """What the spellings of one person's name share, whatever case, leading zeros, and how accents are stored.

    Examples
    --------
    >>> spelling("A-007") == spelling("a-7")
    True
    """
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", subject).casefold())
    return re.sub(r"(?<!\d)0+(?=\d)", "", folded)


def count(whats: Counter) -> str:
    """Say how many of each.

    Examples
    --------
    >>> count(Counter({"T2w": 8, "mask": 4}))
    '8 T2w, 4 mask'
    """
    return ", ".join(f"{n} {what}" for what, n in whats.most_common())


def _bids(path: PurePath, stem: str, places: tuple[str, ...]) -> Name | None:
    subject = _entity("sub", places)
    if not subject:
        return None
    prefix = re.match(rf"({SPM})(?=sub-)", stem)
    made, stem = (prefix[1].rstrip("_"), stem[len(prefix[1]) :]) if prefix else ("", stem)
    entities = dict(part.split("-", 1) for part in stem.split("_") if re.fullmatch(r"[A-Za-z]+-.+", part))
    session = bids.session({"ses": _entity("ses", places)} | entities)
    kept = [f"{key}-{entities[key]}" for key in ("space", "res", "desc") if key in entities]
    variant = "_".join([made, *kept] if made else kept)
    suffix = stem.rpartition("_")[2]
    told = bids.other(stem) or contrast(suffix) or contrast(stem)
    if is_of_tissue(made):
        return Name(subject, session, f"SPM's {made}")
    return Name(subject, session, bids.contrast(entities, told), variant)


def disagree(path: PurePath) -> tuple[str, str] | None:
    """Find a folder and a name, or two folders, that tell two people or two sessions of BIDS.

    Examples
    --------
    >>> disagree(PurePath("sub-03/anat/sub-04_T1w.nii.gz"))
    ('sub-04', 'sub-03')
    """
    for key in ("sub", "ses"):
        told = [found for place in (tree.stem(path), *path.parent.parts[::-1]) if (found := _entity(key, (place,)))]
        if other := next((value for value in told if spelling(value) != spelling(told[0])), None):
            return f"{key}-{told[0]}", f"{key}-{other}"
    return None


def of_spm(stem: str, stems: Container[str]) -> tuple[str, str]:
    """The prefix of SPM or CAT12 that a name has, and the name without it, if that is there too; else "" twice.

    Examples
    --------
    >>> of_spm("mwp1anna_T1", {"anna_T1"}), of_spm("c1anna_T1", {"bert_T1"})
    (('mwp1', 'anna_T1'), ('', ''))
    """
    ends = (length for length in range(LONGEST, 0, -1) if stem[length:] in stems)
    made = next((length for length in ends if re.fullmatch(SPM, stem[:length])), 0)
    return stem[:made], stem[made:] if made else ""


def is_of_tissue(prefix: str) -> bool:
    """Whether a prefix of SPM or CAT12 is that of a tissue map, or of a field, and not of a scan.

    Examples
    --------
    >>> is_of_tissue("mwp1"), is_of_tissue("y_"), is_of_tissue("wm")
    (True, True, False)
    """
    return bool(re.search(rf"(?:{TISSUE}|y_?)$", prefix))


def _entity(key: str, places: tuple[str, ...]) -> str:
    found = (re.search(rf"(?:^{SPM}|[_ ]){key}-([^_]+)", place) for place in places)
    return next((match[1] for match in found if match), "")


def _freesurfer(path: PurePath, stem: str, places: tuple[str, ...]) -> Name | None:
    """A volume in a folder `mri`; the folder above tells who and when, or else ADNI's folders above that do."""
    home = next((place for place in path.parents if place.name in ("mri", "surf", "label") and place.parent.name), None)
    if path.suffix not in (".mgz", ".mgh") or not home:
        return None
    folder = home.parent
    who = _adni(path, stem, places) or Name(*freesurfer.who(folder.name))
    if home.name != "mri" or path.parent != home:  # mri/orig/001.mgz, surf/lh.w-g.pct.mgh
        return Name(who.subject, who.session, f"FreeSurfer's {path.parent.relative_to(folder).as_posix()}")
    known = stem in STRIPPED and not freesurfer.NOT_PEOPLE.fullmatch(folder.name)
    return Name(who.subject, who.session, "T1w" if known else f"FreeSurfer's {stem}", stem if known else "")


def _adni(path: PurePath, stem: str, places: tuple[str, ...]) -> Name | None:
    match = next((match for place in places if (match := ADNI.search(place))), None)
    if not match:
        return None
    around = [match[2], *places[: places.index(match.string)]]
    date = next((found for place in around if (found := STAMP.search(place))), None)
    image = next((found for place in around if (found := re.search(r"(?<![A-Za-z0-9])I\d+", place))), None)
    told = ["-".join(date.groups()) if date else "", image[0] if image else ""]
    session = "_".join(filter(None, told))
    if not session and contrast(match[2]) == "":
        session = match[2].strip("_.-")
    return Name(match[1], session, contrast(stem))


def _collection(path: PurePath, stem: str, places: tuple[str, ...]) -> Name | None:
    match = next((match for place in places for name in COLLECTIONS if (match := name.match(place))), None)
    return match and Name(match["subject"], match["session"], contrast(stem))


def _ixi(path: PurePath, stem: str, places: tuple[str, ...]) -> Name | None:
    match = IXI.match(stem)
    return match and Name(match[1].upper(), "", contrast(stem))


def _brats(path: PurePath, stem: str, places: tuple[str, ...]) -> Name | None:
    """As kind brats reads it; segmentations have the same name but for its end."""
    as_scan = re.sub(r"(?<=_)seg$", "t1", re.sub(r"(?<=-)seg$", "t1n", stem))
    match = next((match for name in brats.NAMES if (match := name.fullmatch(as_scan))), None)
    if not match:
        return None
    what = "mask" if stem.endswith("seg") else brats.MODALITIES[match["sequence"]]
    return Name(match["subject"], match.groupdict().get("session", ""), what)
