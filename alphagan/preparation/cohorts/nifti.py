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
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from glob import escape
from pathlib import Path

from alphagan.errors import InputError
from alphagan.preparation.cohorts import Scan, freesurfer, names, tree
from alphagan.settings.cohorts import NiftiCohort

TOKENS = re.compile(r"(\{\w*\}|\*\*/|\*\*|\*|\?|\[[^\]]+\])")
GLOBS = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def find(cohort: NiftiCohort) -> list[Scan]:
    """Find the scans of a folder tree; linked folders are followed, hidden files are not read.

    Without a pattern, `alphagan.preparation.cohorts.names` tells who is on an image, and else its subject is its name
    without the extension. Names that tell of another contrast than the cohort's modality, or of a mask, are passed
    over; of FreeSurfer's volumes one that is skull-stripped is taken. Where name.nii and name.nii.gz both fit, one is.
    A scan whose mask is missing is returned with a mask that does not exist, so that quality control can say so.

    Raises
    ------
    InputError
        If the folder is missing, a pattern cannot be used, a scan has two masks, or, without a pattern, files of
        the same name in different folders leave open who is who, or names tell of other contrasts alone.
    """
    return _look(cohort)[0]


def passed_over(cohort: NiftiCohort) -> Counter:
    """Count, by what their names tell, the images that are no scans of the cohort's modality; none with a pattern."""
    return Counter() if cohort.pattern else _look(cohort)[1]


def of_another_ending(cohort: NiftiCohort) -> list[str]:
    """Images that a pattern would fit if they ended otherwise, as .nii does beside .nii.gz, and that are no copies."""
    if not cohort.pattern:
        return []
    source, regex = tree.folder(cohort.source), compiled(cohort.pattern, "pattern")
    images = {path.relative_to(source).as_posix() for path in tree.files(source)}
    taken = {image.removesuffix(tree.suffix(Path(image))) for image, *_ in _by_pattern(sorted(images), regex)}
    bare = {image: image.removesuffix(ending) for image in images if (ending := tree.suffix(Path(image)))}
    return sorted(
        image
        for image, stem in bare.items()
        if stem not in taken and any(regex.fullmatch(stem + ending) for ending in ("", *tree.SUFFIXES))
    )


def is_of(modality: str, *contrasts: str) -> bool:
    """Whether contrasts that names tell, "" where they do not, are this one.

    Examples
    --------
    >>> is_of("T1w", "T1w", ""), is_of("T1w", "mask")
    (True, False)
    """
    return {contrast.lower() for contrast in contrasts} <= {"", modality.lower()}


def _look(cohort: NiftiCohort) -> tuple[list[Scan], Counter]:
    source = tree.folder(cohort.source)
    image_regex = compiled(cohort.pattern, "pattern") if cohort.pattern else None
    if image_regex and "subject" not in image_regex.groupindex:
        raise InputError(f"pattern: {cohort.pattern!r} has no {{subject}}; write it where the path names the subject")
    mask_regex = compiled(cohort.mask_pattern, "mask_pattern") if cohort.mask_pattern else None
    if image_regex and mask_regex and "session" in set(mask_regex.groupindex) - set(image_regex.groupindex):
        raise InputError("mask_pattern: has {session}, but pattern has not; write it in both or in neither")

    everything = tree.files(source)
    files = [path.relative_to(source).as_posix() for path in everything]
    masks = [file for file in files if mask_regex and mask_regex.fullmatch(file)]
    images = sorted(set(files).difference(masks))
    masks = [path.as_posix() for path in tree.without_copies(map(Path, masks))]
    if image_regex:
        found, others = list(_by_pattern(images, image_regex)), Counter()
    else:
        found, others = _by_name(images, source, cohort.modality)
    once = {path.as_posix() for path in tree.without_copies(Path(image) for image, _, _ in found)}
    scans = []
    for image, subject, session in found:
        if image in once:
            mask = _mask(cohort.mask_pattern, subject, session, masks, image) if mask_regex else None
            scans.append(Scan(subject, session, cohort.modality, source / image, mask and source / mask))
    if not scans and (unread := tree.unread(everything)):
        raise InputError(f"{unread[0]}: is of a format or an ending that is not read; {tree.CURE}")
    if not scans and cohort.pattern and any(_by_pattern(images, compiled(f"**/{cohort.pattern}", "pattern"))):
        raise InputError(
            f"{source}: the pattern {cohort.pattern!r} fits files in folders below, and none here; begin it with **/"
        )
    if not scans and (nearly := of_another_ending(cohort)):
        raise InputError(
            f"{source / nearly[0]}: the pattern {cohort.pattern!r} fits but for the ending; end it as the images end, "
            "or with *"
        )
    return scans, others


def compiled(pattern: str, key: str) -> re.Pattern:
    """Translate a pattern; its groups are those of {subject} and {session} that it has.

    Raises
    ------
    InputError
        If it cannot be read, naming the key that it stands under.
    """
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


def _by_name(images: list[str], source: Path, modality: str) -> tuple[list[tuple[str, str, str]], Counter]:
    """Scans whose names tell the modality or none, with subject and session; and how many of what else there is."""
    told = {Path(image): names.read(Path(image)) for image in images if tree.suffix(Path(image))}
    stems = set(map(tree.stem, told))
    for path, name in told.items():
        made, of = names.of_spm(tree.stem(path), stems)
        if names.is_of_tissue(made) and len(of) > 3 and re.search(r"[^\W\d_]", of):  # c11 beside 1 may be somebody
            told[path] = replace(name, contrast=f"SPM's {made.rstrip('_')}")
    wanted = {path: name for path, name in told.items() if is_of(modality, name.contrast)}
    there = {name.variant for name in wanted.values()}.intersection(names.STRIPPED)
    lesser = set(names.STRIPPED) - {next((variant for variant in names.STRIPPED if variant in there), "")}
    wanted = {path: name for path, name in wanted.items() if name.variant not in lesser}
    told, wanted = _longitudinal(told, wanted, source)
    others = Counter(name.what for path, name in told.items() if path not in wanted)
    if others and not wanted:
        raise InputError(
            f"{source}: no {modality} found, but names tell {names.count(others)}; set the modality, or give a pattern "
            "that fits"
        )
    # Folders that `alphagan sample` filled, as of several ages: equal names are one person there, of each a session.
    drawn = {folder for folder in {path.parent for path in wanted} if tree.record_of(source / folder)} - {Path()}
    scans, folder_of = [], {}
    for path, name in wanted.items():
        subject = name.subject or tree.stem(path)
        stored = unicodedata.normalize("NFC", subject)
        if path.parent in drawn and not name.subject:
            scans.append((path.as_posix(), subject, path.parent.as_posix().replace("/", "-")))
            continue
        if not name.subject and folder_of.setdefault(stored, path.parent) != path.parent:
            raise InputError(
                f"{source / path}: {source / folder_of[stored]} has a {subject!r} too, so the name does not tell the "
                f"subject; give {_cure(path, [p for p, n in wanted.items() if not n.subject])}"
            )
        scans.append((path.as_posix(), subject, name.session))
    return scans, others


def _longitudinal(
    told: dict[Path, names.Name], wanted: dict[Path, names.Name], source: Path
) -> tuple[dict[Path, names.Name], dict[Path, names.Name]]:
    """Leave averages and second copies of FreeSurfer's longitudinal stream out, and join each visit to its person."""
    told, wanted, folders = dict(told), dict(wanted), defaultdict(dict)
    for path, name in wanted.items():
        if name.variant in names.STRIPPED:
            folders[path.parent.parent.parent][source / path.parent.parent] = path
    for paths in folders.values():
        people = freesurfer.people(paths)
        for folder, path in paths.items():
            if folder not in people:
                told[path] = replace(
                    wanted.pop(path), contrast=f"FreeSurfer's {freesurfer.left_out(folder)}", variant=""
                )
            elif people[folder] != freesurfer.who(folder.name):
                wanted[path] = replace(wanted[path], subject=people[folder][0], session=people[folder][1])
    return told, wanted


def _cure(path: Path, images: Iterable[Path]) -> str:
    """Patterns that tell who is who among images that are called as this one is, each with the layout that it fits."""
    depths = {len(image.parent.parts) for image in images if tree.stem(image) == tree.stem(path)}
    in_each = Counter(folder for folder, _ in {(image.parent, tree.stem(image)) for image in images})
    several = max(in_each.values()) > 1
    file = f"*{tree.suffix(path)}" if several else path.name
    if depths == {1} and several:
        return (
            f"a pattern such as {{subject}}/{{session}}{tree.suffix(path)} if folders are people, or "
            f"{{session}}/{{subject}}{tree.suffix(path)} if equal names are one person; else make the names differ"
        )
    if depths == {1}:
        return f"a pattern such as {{subject}}/{file}"
    levels = ["**"] if len(depths) > 1 else ["{session}", *["*"] * (max(depths) - 2)]
    return (
        f"a pattern such as {'/'.join(['{subject}', *levels, file])} if folders are people and then visits, or one "
        "with {subject} at the folder that is a person"
    )


def _mask(pattern: str, subject: str, session: str, masks: list[str], image: str) -> str:
    filled = pattern.replace("{subject}", escape(subject)).replace("{session}", escape(session))
    regex = compiled(filled, "mask_pattern")
    candidates = [mask for mask in masks if regex.fullmatch(mask)]
    if len(candidates) > 1:
        two = " and ".join(candidates[:2])
        raise InputError(f"mask_pattern: {image} has more than one mask, {two}; make the pattern fit one")
    return candidates[0] if candidates else pattern.replace("{subject}", subject).replace("{session}", session)
