"""Volumes of a folder that are not what is to be compared: left out by its pattern, or not drawn for themselves."""

import re
from collections.abc import Iterable
from pathlib import Path

from alphagan.preparation.cohorts import tree

# Names that this project gives to what is no random volume, and why it is none.
MADE_OF_OTHERS = {
    r".*_rec": "`alphagan reconstruct` calls what it gives back: they are those people once more, and nobody new",
    r"step-\d{4,}": "`alphagan interpolate` calls steps between two brains: they are neighbours, no random ones",
}


def passed_over(source: Path, n_found: int) -> list[str]:
    """Say how many volumes of a folder do not fit its pattern."""
    n = sum(bool(tree.suffix(path)) for path in tree.without_copies(tree.files(source)))
    return [f"{n - n_found} of {n} files do not fit the pattern, and were passed over"] if n > n_found else []


def made_of_others(paths: Iterable[Path]) -> list[str]:
    """Say where names tell that volumes are scans given back, or a walk, which no statistics of random ones fit."""
    stems = [tree.stem(path) for path in paths]
    counts = {why: sum(bool(re.fullmatch(form, stem)) for stem in stems) for form, why in MADE_OF_OTHERS.items()}
    return [
        f"{n} of {len(stems)} files are called as {why}; p-values and intervals take them for independent"
        for why, n in counts.items()
        if n
    ]
