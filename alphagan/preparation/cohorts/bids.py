"""BIDS: raw data, and derivatives such as those of fMRIPrep, sMRIPrep and SynthStrip.

The name of a file says what it is, wherever it lies below the cohort's source::

    sub-01/ses-2/anat/sub-01_ses-2_run-1_T1w.nii.gz
    derivatives/fmriprep/sub-01/anat/sub-01_desc-preproc_T1w.nii.gz
    derivatives/fmriprep/sub-01/anat/sub-01_desc-brain_mask.nii.gz
    derivatives/fmriprep/sub-01/anat/sub-01_space-MNI152NLin2009cAsym_res-2_desc-preproc_T1w.nii.gz

A scan is a file whose suffix is the cohort's `modality`, whose `space` and `desc` are the cohort's (none where the
cohort has none: native space, not processed), and whose `res` is, where the cohort has one. A T1w with an agent,
``ce-`` or ``acq-gd``, is of modality T1wGd. Its brain mask is the file that is called ``desc-brain_mask`` and agrees in
all other entities, be it in another folder. Folders called sourcedata are passed over.
"""

import re
from collections import Counter, defaultdict
from pathlib import Path

from alphagan.errors import InputError
from alphagan.preparation.cohorts import Scan, tree
from alphagan.preparation.cohorts.words import AGENT, NO_AGENT
from alphagan.settings.cohorts import BidsCohort

NAME = re.compile(r"((?:[A-Za-z0-9]+-[A-Za-z0-9+]+_)+)([A-Za-z0-9]+)\.nii(?:\.gz)?")
# Names that keep to the form, if not to the letters that BIDS allows.
LIKE = re.compile(r"sub-[^_]+(?:_[A-Za-z0-9]+-[^_]+)*_([A-Za-z0-9]+)")
# Suffixes, in small letters, of images that are neither weighted as a structural scan is nor named in other ways.
OTHERS = frozenset(
    "inplanet1 inplanet2 pdt2 mp2rage mese megre vfa irt1 mpm mts mtr t1map t2map t2starmap r1map r2map r2starmap "
    "pdmap mtrmap mtsat t1rho mwfmap mtvmap chimap s0map m0map defacemask boldref cbv phase norf asl m0scan cbf fa md "
    "dwimap phasediff phase1 phase2 magnitude magnitude1 magnitude2 fieldmap tb1afi tb1dam tb1epi tb1tfl tb1rfm "
    "tb1srge tb1map rb1cor rb1map pet ct svs mrsi mrsref unloc xfm".split()
)
# What does not tell one acquisition of a person from another.
NOT_SESSION = {"sub", "ses", "space", "cohort", "res", "den", "desc"}


def parse(name: str) -> tuple[dict[str, str], str] | None:
    """Entities and suffix of an image's name, or None if it is not named as BIDS has it.

    Examples
    --------
    >>> parse("sub-01_space-T1w_desc-brain_mask.nii.gz")
    ({'sub': '01', 'space': 'T1w', 'desc': 'brain'}, 'mask')
    """
    match = NAME.fullmatch(name)
    if not match or not name.startswith("sub-"):
        return None
    return dict(entity.split("-", 1) for entity in match[1].removesuffix("_").split("_")), match[2]


def contrast(entities: dict[str, str], told: str) -> str:
    """Contrast of an image whose suffix tells one: an agent makes another of T1w, and a phase image has none.

    Examples
    --------
    >>> contrast({"sub": "01", "ce": "gadolinium"}, "T1w"), contrast({"sub": "01", "part": "phase"}, "T1w")
    ('T1wGd', 'part-phase')
    >>> contrast({"sub": "01", "acq": "postGd"}, "T1w"), contrast({"sub": "01", "acq": "preGd"}, "T1w")
    ('T1wGd', 'T1w')
    """
    if entities.get("part", "mag") != "mag":
        return f"part-{entities['part']}"
    agent, acquisition = (entities.get(key, "none").lower() for key in ("ce", "acq"))
    given = agent not in NO_AGENT or AGENT.fullmatch(acquisition)
    return "T1wGd" if told == "T1w" and given else told


def other(stem: str) -> str:
    """Suffix of a name that keeps to BIDS's form, if it is that of a map, a reference, another modality; or "".

    Examples
    --------
    >>> other("sub-01_ses-1_T1map"), other("sub-01_T1w"), other("sub-01_brain")
    ('T1map', '', '')
    """
    match = LIKE.fullmatch(stem)
    return match[1] if match and match[1].lower() in OTHERS else ""


def find(cohort: BidsCohort) -> list[Scan]:
    """Find the scans and their masks. The session carries what else the name says, such as "2_run-1".

    Raises
    ------
    InputError
        If the folder is missing, nothing in it fits, two files are the same scan, or a scan has two masks.
    """
    images, masks, others = _look(cohort)
    if not images:
        wanted = {"space": cohort.space, "res": cohort.res, "desc": cohort.desc}
        wanted = _describe({key: value for key, value in wanted.items() if value}, cohort.modality)
        known = Counter(_describe(entities, contrast(entities, suffix)) for entities, suffix in others)
        found = ", ".join(f"{n} {name}" for name, n in known.most_common(5)) or "no image that is named as in BIDS"
        raise InputError(
            f"{Path(cohort.source)}: no {wanted} found, but {found}; set the cohort's modality, space, res and desc"
        )
    scans = [
        Scan(entities["sub"], session(entities), cohort.modality, image, _mask(image, masks[_shared(entities)]))
        for image, entities in images.items()
    ]
    return tree.refuse_doubles(scans, "set the cohort's space, res or desc, or point source at one of the folders")


def passed_over(cohort: BidsCohort) -> Counter:
    """Count the images that would be scans if it were not for an agent or a phase."""
    of_modality = [entities for entities, suffix in _look(cohort)[2] if suffix == cohort.modality]
    return Counter(contrast(entities, cohort.modality) for entities in of_modality if _fits(entities, cohort))


def _look(
    cohort: BidsCohort,
) -> tuple[dict[Path, dict[str, str]], dict[frozenset, list[Path]], list[tuple[dict[str, str], str]]]:
    """Entities of each image, masks by what they share with theirs, and what else is named as in BIDS."""
    source = tree.folder(cohort.source)
    images, masks, others = {}, defaultdict(list), []
    for path in tree.without_copies(tree.files(source)):
        parsed = parse(path.name)
        if not parsed or "sourcedata" in path.relative_to(source).parts:
            continue
        entities, suffix = parsed
        if suffix == "mask" and "brain" in (entities.get("desc"), entities.get("label")):
            masks[_shared(entities)].append(path)
        elif contrast(entities, suffix) == cohort.modality and _fits(entities, cohort):
            images[path] = entities
        elif suffix != "mask":
            others.append((entities, suffix))
    return images, masks, others


def missing(cohort: BidsCohort) -> list[str]:
    """Name the scans without a mask where others have one, or where the images are known to need one."""
    scans = find(cohort)
    needed = cohort.desc == "preproc" or any(scan.mask for scan in scans)
    return [f"no brain mask: {scan.image}" for scan in scans if needed and not scan.mask]


def _fits(entities: dict[str, str], cohort: BidsCohort) -> bool:
    same = entities.get("space") == cohort.space and entities.get("desc") == cohort.desc
    return same and cohort.res in (None, entities.get("res"))


def _shared(entities: dict[str, str]) -> frozenset[tuple[str, str]]:
    """What an image and its mask have in common."""
    return frozenset((key, value) for key, value in entities.items() if key not in ("desc", "label"))


def session(entities: dict[str, str]) -> str:
    """What tells one scan of a person from another, such as "2_run-1".

    Examples
    --------
    >>> session({"sub": "01", "ses": "2", "run": "1", "desc": "preproc"})
    '2_run-1'
    """
    others = [f"{key}-{value}" for key, value in entities.items() if key not in NOT_SESSION]
    return "_".join([entities["ses"], *others] if entities.get("ses") else others)


def _describe(entities: dict[str, str], suffix: str) -> str:
    known = [f"{key}-{entities[key]}" for key in ("space", "res", "desc") if key in entities]
    return "_".join([*known, suffix])


def _mask(image: Path, masks: list[Path]) -> Path | None:
    masks = [mask for mask in masks if mask.parent == image.parent] or masks
    if len(masks) > 1:
        two = " and ".join(map(str, masks[:2]))
        raise InputError(f"{image}: has more than one brain mask, {two}; point the cohort's source at one pipeline")
    return masks[0] if masks else None
