"""Brains to click through below a cell, where somebody is there to click."""

import os
from collections.abc import Mapping

import numpy as np

from alphagan.viewer.inline import Inline, inline
from alphagan.volumes.prepared import Array


def is_stepped_through() -> bool:
    """Whether this is a notebook that is open in JupyterLab, whose server tells its kernels which one they run.

    The pipeline, `make notebooks` and tests start kernels themselves.
    """
    return "JPY_SESSION_NAME" in os.environ


def look(rows: Mapping[str, Array], affine: np.ndarray) -> Inline | None:
    """Show cubes as `alphagan.viewer.inline` does where a notebook is stepped through; elsewhere say so in a line.

    A page holds voxels and a script, tens of kB for each pair: too much to be kept with every notebook that ran.

    Parameters
    ----------
    rows, affine
        As `alphagan.viewer.inline.inline` has them.
    """
    shown = inline(rows, affine)
    if is_stepped_through():
        return shown
    print(f"{' beside '.join(rows)}: three linked planes with a crosshair stand here in JupyterLab (make lab)")
    return None
