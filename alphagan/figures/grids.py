"""Many brains in one picture, by matplotlib alone: quick enough to be drawn while training."""

from pathlib import Path

import numpy as np

from alphagan.errors import InputError
from alphagan.figures.common import PLANES, Figure, appearance, as_volumes, check_rows, style, voxel_sizes, write

MARGIN = 0.06  # between brains, as a share of the volume


def canvas(width, height, inches_per_mm, header, title=None):
    """Figure with one `ground`, `header` inches below its top, and perhaps a title over it."""
    width_in, height_in = width * inches_per_mm, height * inches_per_mm + header
    figure = Figure(figsize=(width_in, height_in))
    axes = ground(figure, (0, 0, 1, 1 - header / height_in), width, height)
    if title:
        axes.set_title(title)
    return figure, axes


def ground(figure, rect, width, height):
    """Black axes of `width` by `height` mm, without ticks, in a part of the figure."""
    axes = figure.add_axes(rect, facecolor="black")
    axes.set(xlim=(0, width), ylim=(0, height), aspect="equal", xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    return axes


def draw_tile(axes, volume, sizes, plane, cell, cmap="gray", limits=(-1, 1)):
    """Draw a centre slice in the middle of a cell (left, bottom, width, height in mm) and return the image."""
    across, right, up = PLANES[plane]
    width, height = volume.shape[right] * sizes[right], volume.shape[up] * sizes[up]
    left, bottom = cell[0] + (cell[2] - width) / 2, cell[1] + (cell[3] - height) / 2
    picture = np.take(volume, volume.shape[across] // 2, axis=across).T
    extent = (left, left + width, bottom, bottom + height)
    return axes.imshow(picture, origin="lower", extent=extent, cmap=cmap, vmin=limits[0], vmax=limits[1])


def left_right(axes, left, right, top, size=9):
    """Mark the subject's left and right in the upper corners of a tile."""
    for x, text, side in ((left, " L", "left"), (right, "R ", "right")):
        axes.text(x, top, text, color="white", ha=side, va="top", fontsize=size)


@style(grid=False)
def montage(volumes: np.ndarray, affine=None, title: str | None = None) -> Figure:
    """Centre slices, one column per volume: sagittal, coronal, axial. Quick enough to be drawn while training.

    Parameters
    ----------
    volumes : (n, S, S, S) array
        uint8 or float in [-1, 1].
    affine : (4, 4) array, optional
        Voxel to mm; cubic voxels without it.
    title : str, optional
        Put above the figure.

    Raises
    ------
    InputError
        If volumes or affine have another form.
    """
    volumes, sizes = as_volumes(volumes), voxel_sizes(affine)
    extent = sizes * volumes.shape[1]
    cell = max(extent[0], extent[1])
    heights = [extent[PLANES[plane][2]] for plane in PLANES]
    width, height = cell * len(volumes), sum(heights)
    figure, axes = canvas(width, height, 1.2 / cell, 0.35 if title else 0, title)
    for column, volume in enumerate(volumes):
        top = height
        for plane, tall in zip(PLANES, heights, strict=True):
            draw_tile(axes, volume, sizes, plane, (column * cell, top - tall, cell, tall))
            if column == 0 and plane != "sagittal":
                left_right(axes, 0, cell, top)
            top -= tall
    return figure


def save_montage(volumes: np.ndarray, path: str | Path, affine=None, title: str | None = None) -> Path:
    """Draw `montage` and write it to `path`.png in one step; fits `alphagan.training.fit` as `on_sample`."""
    path = Path(path)
    return write(montage(volumes, affine, title), path.with_name(f"{path.name}.png"), "png")


@style(grid=False)
def brain_grid(volumes: np.ndarray, affine=None, n: int = 48, n_columns: int = 12, title: str | None = None) -> Figure:
    """Axial centre slices of the first `n` subjects: the variability of a cohort at a glance.

    Parameters
    ----------
    volumes : (n, S, S, S) array
        uint8 or float in [-1, 1].
    affine : (4, 4) array, optional
        Voxel to mm; cubic voxels without it.
    n, n_columns : int
        Subjects, and subjects per line.
    title : str, optional
        Put above the figure.

    Raises
    ------
    InputError
        If volumes or affine have another form.
    """
    volumes, sizes = as_volumes(volumes)[:n], voxel_sizes(affine)
    extent = (sizes * volumes.shape[1])[:2]
    wide, tall = extent * (1 + MARGIN)
    n_columns = min(n_columns, len(volumes))
    n_lines = -(-len(volumes) // n_columns)
    figure, axes = canvas(n_columns * wide, n_lines * tall, 1.0 / wide, 0.4 if title else 0, title)
    for index, volume in enumerate(volumes):
        line, column = divmod(index, n_columns)
        cell = (column + MARGIN / 2) * wide, (n_lines - 1 - line + MARGIN / 2) * tall, *extent
        draw_tile(axes, volume, sizes, "axial", cell)
    left_right(axes, 0, wide, n_lines * tall)
    return figure


@style(grid=False)
def mean_and_std_maps(rows: dict, affine=None, title: str | None = None) -> Figure:
    """Voxel-wise mean and standard deviation of each set, in centre slices; a collapsed generator has a dark SD map.

    Parameters
    ----------
    rows : dict of str to (n, S, S, S) array
        Volumes per named set, uint8 or float in [-1, 1], all of one size.
    affine : (4, 4) array, optional
        Voxel to mm; cubic voxels without it.
    title : str, optional
        Put above the figure.

    Raises
    ------
    InputError
        If volumes or affine have another form, or the sets differ in size.
    """
    sets = {name: as_volumes(volumes, name) for name, volumes in check_rows(rows, "rows")}
    if len({volumes.shape[1] for volumes in sets.values()}) > 1:
        raise InputError("rows: volumes differ in size; compare sets of one size")
    sizes = voxel_sizes(affine)
    means = {name: volumes.mean(axis=0) for name, volumes in sets.items()}
    deviations = {name: volumes.std(axis=0) for name, volumes in sets.items()}
    top = max(float(map_.max()) for map_ in deviations.values()) or 1.0

    lower, upper = means[next(iter(means))].shape[0] * sizes[1:] * (1 + MARGIN)  # mm, axial below coronal
    width = means[next(iter(means))].shape[0] * sizes[0] * (1 + MARGIN)
    tile = 1.5  # inches
    width_in = 2 * (len(sets) * tile + 0.3)
    below, above = 0.75, 1.2 if title else 0.8  # inches; a label has up to three lines
    height_in = tile * (lower + upper) / width + below + above
    figure = Figure(figsize=(width_in, height_in))
    looks = (means, "gray", (-1, 1), "Mean intensity"), (deviations, "inferno", (0, top), "SD of intensity")
    for half, (maps, cmap, limits, label) in enumerate(looks):
        left, span = (half * width_in / 2 + 0.15) / width_in, len(sets) * tile / width_in
        rect = (left, below / height_in, span, tile * (lower + upper) / width / height_in)
        axes = ground(figure, rect, len(sets) * width, lower + upper)
        for column, (name, map_) in enumerate(maps.items()):
            for plane, bottom, tall in (("axial", 0, lower), ("coronal", lower, upper)):
                image = draw_tile(axes, map_, sizes, plane, (column * width, bottom, width, tall), cmap, limits)
                left_right(axes, column * width, (column + 1) * width, bottom + tall)
            text = f"{appearance(name)[0]}\nn = {len(sets[name])}".replace(", ", ",\n")
            axes.text((column + 0.5) * width, (lower + upper) * 1.01, text, ha="center", va="bottom", fontsize=11)
        bar = figure.add_axes((left + 0.1 * span, 0.55 / height_in, 0.8 * span, 0.1 / height_in))
        figure.colorbar(image, cax=bar, orientation="horizontal", label=label)
    if title:
        figure.suptitle(title, y=1 - 0.12 / height_in, va="top")
    return figure
