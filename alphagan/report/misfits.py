"""Volumes of a folder that its pattern leaves out."""

from pathlib import Path

from alphagan.preparation.cohorts import tree


def passed_over(source: Path, n_found: int) -> list[str]:
    """Say how many volumes of a folder do not fit its pattern."""
    n = sum(bool(tree.suffix(path)) for path in tree.without_copies(tree.files(source)))
    return [f"{n - n_found} of {n} files do not fit the pattern, and were passed over"] if n > n_found else []
