"""Brains one after another, as a moving picture."""

import os
from pathlib import Path

import numpy as np
from matplotlib.animation import PillowWriter

from alphagan.figures.common import PLANES, as_volumes, style, voxel_sizes
from alphagan.figures.grids import canvas, draw_tile, left_right


@style(grid=False)
def save_animation(volumes: np.ndarray, path: str | Path, affine=None, per_second: float = 8.0) -> Path:
    """Write `path`.gif, in which volumes follow each other, there and back, in endless repetition.

    Parameters
    ----------
    volumes : (n, S, S, S) array
        uint8 or float in [-1, 1]; shown in sagittal, coronal and axial slices through their centres.
    path : str or Path
        Without suffix; missing folders are made.
    affine : (4, 4) array, optional
        Voxel to mm; cubic voxels without it.
    per_second : float
        How many are shown in a second.

    Returns
    -------
    path : Path
        The file, replaced in one step; the same volumes give the same bytes.

    Raises
    ------
    InputError
        If volumes or affine have another form.
    """
    volumes, sizes, path = as_volumes(volumes), voxel_sizes(affine), Path(path)
    extent = sizes * volumes.shape[1]
    widths, height = [extent[PLANES[plane][1]] for plane in PLANES], max(extent[PLANES[plane][2]] for plane in PLANES)
    figure, axes = canvas(sum(widths), height, 2.0 / height, 0)
    tiles, left = [], 0.0
    for plane, width in zip(PLANES, widths, strict=True):
        tiles.append((plane, draw_tile(axes, volumes[0], sizes, plane, (left, 0, width, height))))
        if plane != "sagittal":
            left_right(axes, left, left + width, height)
        left += width
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.gif")
    there = list(range(len(volumes)))
    writer = PillowWriter(fps=per_second)
    try:
        with writer.saving(figure, partial, dpi=100):
            for index in there + there[-2:0:-1]:
                for plane, image in tiles:
                    axis = PLANES[plane][0]
                    image.set_data(np.take(volumes[index], volumes.shape[1] // 2, axis=axis).T)
                writer.grab_frame()
        target = path.with_name(f"{path.name}.gif")
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)
    return target
