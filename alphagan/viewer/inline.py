"""The page inside a notebook."""

import html
from collections.abc import Mapping
from itertools import zip_longest

import numpy as np

from alphagan.errors import InputError
from alphagan.metrics.checks import check_volumes
from alphagan.viewer.page import Entry, to_html
from alphagan.viewer.shown import Shown, from_cube
from alphagan.volumes.prepared import Array, to_uint8


class Inline:
    """A page that Jupyter shows below a cell, in a frame that reaches nothing around it.

    Parameters
    ----------
    page : str
        Whole HTML document.
    height : int
        Of the frame, in pixels.
    """

    def __init__(self, page: str, height: int):
        self.page, self.height = page, height

    def _repr_html_(self) -> str:
        style = f"width: 100%; height: {self.height}px; border: 0"
        return f'<iframe sandbox="allow-scripts" style="{style}" srcdoc="{html.escape(self.page)}"></iframe>'


def inline(rows: Mapping[str, Array], affine: np.ndarray, height: int = 640) -> Inline:
    """Show cubes in three linked planes below a cell: those of the first row, each beside its like of the second.

    Parameters
    ----------
    rows : mapping of str to ndarray or Tensor, (n, S, S, S)
        One or two named sets of volumes, float in [-1, 1] or uint8, in RAS order.
    affine : ndarray, (4, 4)
        From voxel to millimetres, for all.
    height : int
        Of the frame, in pixels.

    Raises
    ------
    InputError
        If there are no rows or more than two, or volumes have another form.

    Examples
    --------
    >>> cubes = np.zeros((2, 16, 16, 16), np.uint8)
    >>> shown = inline({"real": cubes, "generated": cubes}, np.eye(4))
    >>> shown._repr_html_()[:32]
    '<iframe sandbox="allow-scripts" '
    """
    if not 1 <= len(rows) <= 2:
        raise InputError(f"rows: {len(rows)} sets of volumes; give one, or two to stand side by side")
    first, second = [*(_shown(name, volumes, affine) for name, volumes in rows.items()), []][:2]
    entries = [Entry(shown, beside) for shown, beside in zip_longest(first, second[: len(first)])]
    return Inline(to_html(entries, ", ".join(rows)), height)


def _shown(name: str, volumes: Array, affine: np.ndarray) -> list[Shown]:
    cubes = to_uint8(check_volumes(name, volumes))
    return [from_cube(cube, affine, f"{name} {i}") for i, cube in enumerate(cubes)]
