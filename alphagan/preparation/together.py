"""What is unusual about the cubes of a cohort beside one another, in words."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from alphagan.preparation import brightness, upright
from alphagan.preparation.lookalikes import Details, described, look_alikes, strangers


def of_cohort(folder: Path) -> list[str]:
    """Say which people look like one person under two names, or like several, and which differ from the others.

    Parameters
    ----------
    folder : Path
        Of a prepared cohort.

    Returns
    -------
    list of str
    """
    cubes = np.load(folder / "volumes.npy", mmap_mode="r")
    with open(folder / "subjects.csv", newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    people, files = ([row["subject"] for row in rows], [row.get("source", row["subject"]) for row in rows])
    details = Details(cubes)
    pairs = described(look_alikes(details, people), people, people)
    found = (pairs, of_strangers(details, people, files), upright.described(cubes, people))
    return [*filter(None, (*found, brightness.described(cubes, people)))]


def of_strangers(details: Details, people: Sequence[str], files: Sequence[str]) -> str | None:
    """Say whose scans look like those of several people, as of a group that was taken for one person."""
    if not (found := strangers(details, people)):
        return None
    one, other = (Path(files[row]).name for row in found[0])
    if one == other:  # in two folders
        one, other = (files[row] for row in found[0])
    return (
        f"{len(found)} of {len(set(people))} people have scans that look like several people's, such as {one} and "
        f"{other} of {people[found[0][0]]}: if they are, tell who is who with a pattern, or rename the files"
    )
