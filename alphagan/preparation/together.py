"""What is unusual about the cubes of a cohort beside one another, in words."""

import csv
from pathlib import Path

import numpy as np

from alphagan.preparation import upright
from alphagan.preparation.lookalikes import Details, described, look_alikes


def of_cohort(folder: Path) -> list[str]:
    """Say which people look like one person under two names, and which lie otherwise than the others.

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
        people = [row["subject"] for row in csv.DictReader(file)]
    pairs = look_alikes(Details(cubes), people)
    return [*filter(None, (described(pairs, people, people), upright.described(cubes, people)))]
