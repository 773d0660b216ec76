"""Volumes that are compared, and were not made for that: too small for the cubes, or left out by the pattern."""

import contextlib
from pathlib import Path

import nibabel

from alphagan.preparation.cohorts import tree
from alphagan.volumes.prepared import Volumes


def enlarged(volumes: Volumes) -> list[str]:
    """Say which files have fewer voxels than the cubes that are compared, so that their detail was made up."""
    shapes = []
    for row in volumes.subjects:
        with contextlib.suppress(FileNotFoundError):  # control characters of names are escaped in the table
            shapes.append(nibabel.load(row["source"]).shape)
    small = [shape for shape in shapes if max(shape) < volumes.size]
    return small and [
        f"{len(small)} of {len(shapes)} files have {' × '.join(map(str, small[0]))} voxels and were enlarged to "
        f"{volumes.size}: detail was made up by that; compare at --size {max(small[0])}, if that can be"
    ]


def passed_over(source: Path, n_found: int) -> list[str]:
    """Say how many volumes of a folder do not fit its pattern."""
    n = sum(bool(tree.suffix(path)) for path in tree.without_copies(tree.files(source)))
    return [f"{n - n_found} of {n} files do not fit the pattern, and were passed over"] if n > n_found else []
