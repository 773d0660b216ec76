"""Lines on what may not be as it was meant: of each folder, of who is who, of copies and directions."""

from collections.abc import Iterator

from alphagan.metrics.catalogue import FEWEST
from alphagan.preparation import brightness, lookalikes
from alphagan.preparation.lookalikes import Details, look_alikes
from alphagan.preparation.orientation import mirrored, stored
from alphagan.preparation.together import of_strangers
from alphagan.preparation.upright import described, likely_directions, plainly_turned
from alphagan.report.asked import asked_for, persons
from alphagan.report.sides import Side

SIZED = 0.75, 1.33  # how far the median size of generated brains may be from that of real ones without a word


def doubts(sides: dict[str, Side]) -> list[str]:
    """Everything, side by side, in the order in which it should be read."""
    generated, real = sides["generated"], sides["real"]
    people = persons(generated.volumes.subjects)
    details = {"real": (onto := Details(real.volumes.array))}
    details |= {name: Details(side.volumes.array, onto) for name, side in sides.items() if side is not real}
    return [
        *_of_sides(sides, details),
        *_of_whom(sides, len(set(people))),
        *_of_copies(sides, people, details),
        *_of_directions(generated, real),
    ]


def _of_sides(sides: dict[str, Side], details: dict[str, Details]) -> Iterator[str]:
    for name, side in sides.items():
        if side.refused:
            file, reason = side.refused[0]
            yield f"{name}: {len(side.refused)} of {side.n_found} files were left out, such as {file}: {reason}"
    yield from (f"{name}: {line}" for name, side in sides.items() for line in side.unusual)
    for name, side in sides.items():
        if name == "generated":
            continue
        if line := described(side.volumes.array, side.files):
            yield f"{name}: {line}"
        if line := brightness.described(side.volumes.array, side.files):
            yield f"{name}: {line}"
        people = side.volumes.people(side.volumes.rows())
        pairs = look_alikes(details[name], people)
        if line := lookalikes.described(pairs, side.files, side.files):
            yield f"{name}: {line}"
        if line := of_strangers(details[name], people, side.files):
            yield f"{name}: {line}"
    if "train" in sides:
        real, train = sides["real"], sides["train"]
        pairs = look_alikes(details["real"], real.files, details["train"])
        if line := lookalikes.described(pairs, real.files, train.files):
            yield f"real: beside train, {line}"
    mine, theirs = sides["generated"].median_ml, sides["real"].median_ml
    if not SIZED[0] < mine / theirs < SIZED[1]:
        yield (
            f"generated: by their headers these have {mine:.0f} ml as cubes, real ones {theirs:.0f}: size is not "
            "compared, unless all were given one field of view in mm"
        )


def _of_whom(sides: dict[str, Side], n_drawn: int) -> Iterator[str]:
    generated, real = sides["generated"], sides["real"]
    n_volumes = len(generated.volumes.array)
    if n_drawn < n_volumes:
        yield (
            f"generated: {n_drawn} people in {n_volumes} volumes, by their sessions, or as sample i of a seed is one "
            "person at any age: intervals are over people; draw each age with another --seed to have more"
        )
    if asked := asked_for(generated.source):
        yield f"generated: {asked} was asked for, real people are of any: what differs can be due to that alone"
    compared = real.volumes.rows() if "train" in sides else real.volumes.rows("test")
    n_people = len(set(real.volumes.people(compared)))
    if min(n_drawn, n_people) < FEWEST:
        yield f"{n_drawn} generated volumes, {n_people} real people: of fewer than {FEWEST} there is no verdict"


def _of_copies(sides: dict[str, Side], people: list[str], details: dict[str, Details]) -> Iterator[str]:
    generated = sides["generated"]
    n_volumes = len(generated.volumes.array)
    if identical := generated.identical:
        yield f"{len(identical)} of {n_volumes} generated volumes are identical to an earlier one"
    pairs = look_alikes(details["generated"], people)
    if later := {later for _, later, _ in pairs} - identical:
        yield (
            f"{len(later)} of {n_volumes} generated volumes look like an earlier one, or like its mirror image, as no "
            "two people do, and each counts as somebody in p and in intervals"
        )
    for name, side in sides.items():
        if side is generated:
            continue
        if copied := generated.copied(side):
            yield f"{len(copied)} of {n_volumes} generated volumes are scans of {name}, to the voxel"
        alike = {row for row, _, _ in look_alikes(details["generated"], generated.files, details[name])}
        if n := len(alike - copied.keys()):
            yield (
                f"{n} of {n_volumes} generated volumes look like a scan of {name} as no two people do: copies with "
                "noise, another contrast, or mirrored"
            )


def _of_directions(generated: Side, real: Side) -> Iterator[str]:
    directions = likely_directions(generated.volumes.array, real.volumes.array)
    if directions != "RAS":
        axes = stored(directions, generated.axes)
        yield (
            f"generated: orientation: most volumes fit the real ones better if their stored axes are {axes}, not "
            f"{generated.axes} as was assumed; if they are, give --orientation {axes}, or {mirrored(axes)}: left and "
            "right cannot be told"
        )
        return
    directions, n = plainly_turned(generated.volumes.array, real.volumes.array)
    if n:
        yield (
            f"generated: orientation: {n} of {len(generated.volumes.array)} volumes fit the real ones plainly better "
            f"if what was taken for RAS is {directions} in them; bring all volumes into one orientation, unless it is "
            "because parts of them are missing"
        )
