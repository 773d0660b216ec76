"""BIDS: raw data, and derivatives such as those of fMRIPrep, sMRIPrep and SynthStrip.

The name of a file says what it is, wherever it lies below the cohort's source::

    sub-01/ses-2/anat/sub-01_ses-2_run-1_T1w.nii.gz
    derivatives/fmriprep/sub-01/anat/sub-01_desc-preproc_T1w.nii.gz
    derivatives/fmriprep/sub-01/anat/sub-01_desc-brain_mask.nii.gz
    derivatives/fmriprep/sub-01/anat/sub-01_space-MNI152NLin2009cAsym_res-2_desc-preproc_T1w.nii.gz

A scan is a file whose suffix is the cohort's `modality`, whose `space` and `desc` are the cohort's (none where the
cohort has none: native space, not processed), and whose `res` is, where the cohort has one. Its brain mask is the file
that is called ``desc-brain_mask`` and agrees in all other entities, be it in another folder. Folders called sourcedata
are passed over.
"""

import re
from collections import Counter, defaultdict
from pathlib import Path

from alphagan.errors import InputError
from alphagan.preparation.cohorts import Scan, tree
from alphagan.settings.cohorts import BidsCohort

NAME = re.compile(r"((?:[A-Za-z0-9]+-[A-Za-z0-9+]+_)+)([A-Za-z0-9]+)\.nii(?:\.gz)?")
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


def find(cohort: BidsCohort) -> list[Scan]:
    """Find the scans and their masks. The session carries what else the name says, such as "2_run-1".

    Raises
    ------
    InputError
        If the folder is missing, nothing in it fits, two files are the same scan, or a scan has two masks.
    """
    source = tree.folder(cohort.source)
    images, masks, others = {}, defaultdict(list), Counter()
    for path in tree.without_copies(tree.files(source)):
        parsed = parse(path.name)
        if not parsed or "sourcedata" in path.relative_to(source).parts:
            continue
        entities, suffix = parsed
        if suffix == "mask" and "brain" in (entities.get("desc"), entities.get("label")):
            masks[_shared(entities)].append(path)
        elif suffix == cohort.modality and _fits(entities, cohort):
            images[path] = entities
        elif suffix != "mask":
            others[_describe(entities, suffix)] += 1
    if not images:
        wanted = {"space": cohort.space, "res": cohort.res, "desc": cohort.desc}
        found = ", ".join(f"{n} {name}" for name, n in others.most_common(5)) or "no image that is named as in BIDS"
        raise InputError(
            f"{source}: no {_describe({k: v for k, v in wanted.items() if v}, cohort.modality)} found, but {found}; "
            "set the cohort's modality, space, res and desc"
        )
    scans = [
        Scan(entities["sub"], session(entities), cohort.modality, image, _mask(image, masks[_shared(entities)]))
        for image, entities in images.items()
    ]
    return tree.refuse_doubles(scans, "set the cohort's space, res or desc, or point source at one of the folders")


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
