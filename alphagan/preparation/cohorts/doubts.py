"""What should make a cohort's owner look again: mixed contrasts, people who may be the same, files passed over."""

import contextlib
from collections import Counter, defaultdict
from dataclasses import dataclass
from importlib import import_module

import numpy as np
from nibabel.imageglobals import LoggingOutputSuppressor
from nibabel.orientations import io_orientation
from nibabel.spatialimages import SpatialImage

from alphagan.preparation import packed
from alphagan.preparation.cohorts import Scan, contrasts, groups, names, nifti, same_person, tree
from alphagan.preparation.orientation import says_nothing
from alphagan.settings.cohorts import Cohort

# Of 1, 2, 0.8, 1.5, ... mm, as SPM, FSL, fMRIPrep and TemplateFlow have them.
TEMPLATE_GRIDS = {
    *((182, 218, 182), (91, 109, 91), (181, 217, 181), (193, 229, 193), (97, 115, 97), (197, 233, 189)),
    *((121, 145, 121), (99, 117, 95), (113, 137, 113), (157, 189, 156), (227, 272, 227)),
}
# Where on such a grid, in shares of its axes in RAS order, lies the point of 0 mm: the anterior commissure.
ORIGIN, NEAR = np.array([0.5, 0.58, 0.4]), 0.03
TEMPLATE, ONE_GRID = "a grid of the MNI template", "one grid, to a hundredth of a millimetre"
MOST_OPENED = 1000  # headers
MANY = 3  # people on one grid, as those are who were registered to one atlas; two may be by chance
FIELD = "field"


@dataclass(frozen=True)
class Doubts:
    """Lines to be shown, each with a cure.

    Parameters
    ----------
    mixed : tuple of str
        What makes the cohort unusable as it is described.
    unsure : tuple of str
        What may be well.
    """

    mixed: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()

    def __iter__(self):
        return iter((*self.mixed, *self.unsure))


def doubts(cohort: Cohort, scans: list[Scan]) -> Doubts:
    """Look at the names of a cohort's scans, and at headers; at what names tell beside people in kind nifti alone."""
    unsure, mixed = [_passed_over(cohort), _copies(scans), same_person.spelled_alike(scans)], []
    if cohort.kind in ("nifti", "bids"):
        unsure += [_disagree(cohort, scans), _registered(scans)]
    if cohort.kind == "nifti":
        unsure += [_fields(cohort, scans), _other_endings(cohort), _unread(cohort), groups.by_pattern(cohort, scans)]
        unsure += contrasts.unsure(cohort, scans)
        unsure += [
            _shared_masks(scans),
            same_person.processed(scans),
            same_person.doubles(scans, tree.folder(cohort.source)),
        ]
        mixed = _mixed(cohort, scans)
    if cohort.kind in ("nifti", "freesurfer"):
        unsure += [groups.by_folder(scans), same_person.own_people(scans) or same_person.visits(scans)]
    else:
        unsure.append(same_person.visits(scans))
    mixed += _generated(scans)
    return Doubts(tuple(mixed), tuple(line for line in unsure if line))


def _passed_over(cohort: Cohort) -> str | None:
    count = getattr(import_module(f"alphagan.preparation.cohorts.{cohort.kind}"), "passed_over", None)
    others = count(cohort) if count else None
    if not others:
        return None
    if cohort.kind == "freesurfer":
        return f"folders left out, as they are no visit of anybody's: {names.count(others)}"
    cure = "a pattern takes what it fits" if cohort.kind == "nifti" else "modality chooses one"
    return f"passed over, as their names tell no {cohort.modality}: {names.count(others)}; {cure}"


def _fields(cohort: Cohort, scans: list[Scan]) -> str | None:
    """Warn of names that end in bias: FAST's fields do, and scans that were rid of one, as those of UCSF-PDGM."""
    found = [scan.image for scan in scans if names.read(scan.image.relative_to(cohort.source)).contrast == FIELD]
    if not found:
        return None
    return (
        f"{len(found)} names, such as {found[0].name}, may be of bias fields; if they are, and not scans without one, "
        "give another pattern"
    )


def _other_endings(cohort: Cohort) -> str | None:
    found = nifti.of_another_ending(cohort)
    if not found:
        return None
    fits = f"{len(found)} images that the pattern {cohort.pattern!r} fits but for their ending, such as {found[0]}"
    return f"passed over: {fits}; end the pattern with * to take all"


def _unread(cohort: Cohort) -> str | None:
    found = tree.unread(tree.files(tree.folder(cohort.source)))
    if not found:
        return None
    files = "1 file" if len(found) == 1 else f"{len(found)} files"
    return f"{files} of formats or endings that are not read, such as {found[0].name}: {tree.CURE}, if they are scans"


def _copies(scans: list[Scan]) -> str | None:
    copies = [copy for scan in scans if (copy := tree.packed_otherwise(scan.image))]
    if not copies:
        return None
    return (
        f"passed over, as the name is taken without .gz: {len(copies)} files that hold something else, such as "
        f"{copies[0]}; remove one of the two, or rename it"
    )


def _shared_masks(scans: list[Scan]) -> str | None:
    """Warn of masks that several scans have, as one of a person at all visits."""
    served = defaultdict(list)
    for scan in scans:
        served[scan.mask].append(scan.image.name)
    served.pop(None, None)
    several = {mask: images for mask, images in served.items() if len(images) > 1}
    if not several:
        return None
    mask, (one, other, *_) = next(iter(several.items()))
    return (
        f"{len(several)} masks serve several scans each, such as {mask.name} for {one} and {other}: they fit where "
        "these lie on one another; else give each scan its own, with {session} in mask_pattern"
    )


def _registered(scans: list[Scan]) -> str | None:
    """Warn where some scans, not all, lie on a grid of the MNI templates, or several people's on one and the same."""
    shapes, grids = {}, defaultdict(list)
    for scan in scans[:: 1 + len(scans) // MOST_OPENED]:
        # Whatever is wrong with it, or is mended, is told when it is read.
        with contextlib.suppress(Exception), LoggingOutputSuppressor():
            image = packed.load(scan.image)
            shape = tuple(n for n in image.shape if n > 1)
            shapes[scan.image] = " × ".join(map(str, shape))
            if shape in TEMPLATE_GRIDS and _may_be_registered(image):
                grids[TEMPLATE,].append(scan)
            elif not says_nothing(image):
                grids[ONE_GRID, shape, *image.affine.round(2).ravel().tolist()].append(scan)
    shared = {
        grid: there
        for grid, there in grids.items()
        if grid == (TEMPLATE,) or len({scan.subject for scan in there}) >= MANY
    }
    where, there = max(shared.items(), key=lambda found: (found[0] == (TEMPLATE,), len(found[1])), default=("", ()))
    if not 0 < len(there) < len(shapes):
        return None
    image = there[0].image
    return (
        f"{len(there)} of {len(shapes)} scans, such as {image}, lie on {where[0]}, {shapes[image]}, and the others do "
        "not: brains that were registered have the template's size; if these were, take them or the others"
    )


def _may_be_registered(image: SpatialImage) -> bool:
    """Whether the header puts the grid where templates have it, or nowhere."""
    origin = np.linalg.solve(image.affine[:3, :3], -image.affine[:3, 3])
    axes = io_orientation(image.affine)
    shares = np.where(axes[:, 1] > 0, origin, np.subtract(image.shape[:3], 1) - origin) / image.shape[:3]
    placed = np.empty(3)
    placed[axes[:, 0].astype(int)] = shares
    unplaced = np.abs(placed - 0.5).max() < NEAR or not origin.any()  # as nibabel and others fill in what is not said
    return unplaced or np.abs(placed - ORIGIN).max() < NEAR


def _disagree(cohort: Cohort, scans: list[Scan]) -> str | None:
    """Warn of files that lie in the folder of another person, or of another session."""
    paths = [scan.image.relative_to(cohort.source) for scan in scans]
    found = [(path, two) for path in paths if (two := names.disagree(path))]
    if not found:
        return None
    path, (told, other) = found[0]
    return (
        f"{len(found)} files are in the folder of another person or session, such as {path}: {told} in {other}; the "
        "name is believed: rename the file or the folder"
    )


def _generated(scans: list[Scan]) -> list[str]:
    found = tree.generated(scans)
    if not 0 < len(found) < len(scans):  # a cohort of generated brains alone is one on purpose
        return []
    return [
        f"{len(found)} of {len(scans)} scans, such as {found[0]}, are nobody's: alphagan sample wrote them; move them "
        "out of the cohort's folder"
    ]


def _mixed(cohort: Cohort, scans: list[Scan]) -> list[str]:
    told = [names.read(scan.image.relative_to(cohort.source)) for scan in scans]
    whats = Counter(name.what for name in told if name.contrast)
    if len(whats) > 1:
        cure = "give a pattern that fits one of them, or for BIDS use kind: bids with space and desc"
        return [f"contrasts are mixed: {names.count(whats)}; {cure}"]
    contrasts = {names.WHOLE.get(name.contrast, name.contrast) for name in told} - {FIELD}
    if not nifti.is_of(cohort.modality, *contrasts):
        return [f"contrast: names tell {names.count(whats)}, the modality is {cohort.modality}; set the modality"]
    return []
