"""Any folder tree of images that nibabel reads: .nii, .img with its .hdr, either packed as .gz, .mgz, .mgh, .mnc.

`pattern` is a glob relative to the cohort's source in which `{subject}`, and optionally `{session}`, stand for the part
of the path that names them, for example::

    sub-{subject}_T1w.nii.gz
    {subject}/{session}/mri/brainmask.mgz
    **/sub-{subject}_ses-{session}_*T1w.nii.gz

`*` and `?` stay within one folder, `**/` is any number of folders, and a placeholder is as short a piece of one name
as fits. After "sub-" or "ses-" it ends before the next "_", as in BIDS.

`mask_pattern` is the same with each scan's own subject and session filled in. Its files are never taken as images.
"""

import re
from collections.abc import Iterator
from glob import escape
from pathlib import Path

from alphagan.errors import InputError
from alphagan.preparation.cohorts import Scan, tree
from alphagan.settings.cohorts import NiftiCohort

TOKENS = re.compile(r"(\{\w*\}|\*\*/|\*\*|\*|\?|\[[^\]]+\])")
GLOBS = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def find(cohort: NiftiCohort) -> list[Scan]:
    """Find the scans of a folder tree; linked folders are followed, hidden files are not read.

    Without a pattern, every image is a scan, its subject and session are those of BIDS (sub-XXX and ses-YYY in its name
    or a folder above), and else its subject is its name without the extension. Where name.nii and name.nii.gz both fit,
    one is taken.
    A scan whose mask is missing is returned with a mask that does not exist, so that quality control can say so.

    Raises
    ------
    InputError
        If the folder is missing, a pattern cannot be used, a scan has two masks, or, without a pattern, files of
        the same name in different folders leave open who is who.
    """
    source = tree.folder(cohort.source)
    image_regex = _regex(cohort.pattern, "pattern") if cohort.pattern else None
    if image_regex and "subject" not in image_regex.groupindex:
        raise InputError(f"pattern: {cohort.pattern!r} has no {{subject}}; write it where the path names the subject")
    mask_regex = _regex(cohort.mask_pattern, "mask_pattern") if cohort.mask_pattern else None
    if image_regex and mask_regex and "session" in set(mask_regex.groupindex) - set(image_regex.groupindex):
        raise InputError("mask_pattern: has {session}, but pattern has not; write it in both or in neither")

    everything = tree.files(source)
    files = [path.relative_to(source).as_posix() for path in everything]
    masks = [file for file in files if mask_regex and mask_regex.fullmatch(file)]
    images = sorted(set(files).difference(masks))
    masks = [path.as_posix() for path in tree.without_copies(map(Path, masks))]
    named = list(_by_pattern(images, image_regex) if image_regex else _by_name(images, source))
    once = {path.as_posix() for path in tree.without_copies(Path(image) for image, _, _ in named)}
    scans = []
    for image, subject, session in named:
        if image not in once:
            continue
        mask = _mask(cohort.mask_pattern, subject, session, masks, image) if mask_regex else None
        scans.append(Scan(subject, session, cohort.modality, source / image, mask and source / mask))
    if not scans and (other := next((path for path in everything if path.name.lower().endswith(tree.CONVERTED)), None)):
        raise InputError(
            f"{other}: {other.suffix} is not read; convert it to NIfTI, with dcm2niix if it is DICOM, or else with "
            "SimpleITK: WriteImage(ReadImage('a.nrrd'), 'a.nii.gz')"
        )
    return scans


def _regex(pattern: str, key: str) -> re.Pattern:
    """Translate a pattern; its groups are those of {subject} and {session} that it has."""
    regex, seen = "", set()
    for piece in TOKENS.split(pattern):
        if piece in ("{subject}", "{session}"):
            name = piece[1:-1]
            like_bids = regex.endswith(r"sub\-" if name == "subject" else r"ses\-")
            value = "[^/_]+" if like_bids else "[^/]+?"
            regex += f"(?P={name})" if name in seen else f"(?P<{name}>{value})"
            seen.add(name)
        elif "{" in piece or "}" in piece:
            raise InputError(f"{key}: broken placeholder in {pattern!r}; known are {{subject}} and {{session}}")
        elif piece.startswith("["):
            negated = piece[1] == "!"
            regex += ("[^" if negated else "[") + piece[1 + negated :].replace("\\", r"\\").replace("[", r"\[")
        else:
            regex += GLOBS.get(piece, re.escape(piece))
    try:
        return re.compile(regex)
    except re.error:
        raise InputError(f"{key}: {pattern!r} has a range in [ ] that means nothing") from None


def _by_pattern(images: list[str], regex: re.Pattern) -> Iterator[tuple[str, str, str]]:
    for image in images:
        if match := regex.fullmatch(image):
            yield image, match["subject"], match.groupdict().get("session", "")


def _by_name(images: list[str], source: Path) -> Iterator[tuple[str, str, str]]:
    folder_of = {}
    for image in images:
        path = Path(image)
        if not tree.suffix(path):
            continue
        name = tree.stem(path)
        places = (name, *(folder.name for folder in path.parents))  # nearest first
        subject, session = _entity("sub", places), _entity("ses", places)
        if not subject:
            subject = name
            other = folder_of.setdefault(name, path.parent)
            if other != path.parent:
                raise InputError(
                    f"{source / image}: {source / other} has a {name!r} too, so the name does not tell the subject; "
                    f"give the cohort a pattern such as {_suggested(path, images)}"
                )
        yield image, subject, session


def _suggested(path: Path, images: list[str]) -> str:
    """A pattern in which a folder names the subject, as deep as the image lies; of FreeSurfer's volumes, a brain's."""
    folders = path.parent.parts
    if folders[-1:] == ("mri",) and len(folders) > 1:
        here = {Path(image).name for image in images if Path(image).parent == path.parent}
        brain = next((name for name in ("brainmask.mgz", "brain.mgz", "norm.mgz") if name in here), path.name)
        return "/".join([*["*"] * (len(folders) - 2), "{subject}", "mri", brain])
    return "/".join([*["*"] * (len(folders) - 1), "{subject}", path.name])


def _entity(key: str, places: tuple[str, ...]) -> str:
    found = (re.search(rf"(?:^|_){key}-([^_]+)", place) for place in places)
    return next((match[1] for match in found if match), "")


def _mask(pattern: str, subject: str, session: str, masks: list[str], image: str) -> str:
    regex = _regex(pattern.replace("{subject}", escape(subject)).replace("{session}", escape(session)), "mask_pattern")
    candidates = [mask for mask in masks if regex.fullmatch(mask)]
    if len(candidates) > 1:
        two = " and ".join(candidates[:2])
        raise InputError(f"mask_pattern: {image} has more than one mask, {two}; make the pattern fit one")
    return candidates[0] if candidates else pattern.replace("{subject}", subject).replace("{session}", session)
