"""Slices of brains, drawn by nilearn: left is left; anterior is up in axial slices, to the right in sagittal ones."""

from textwrap import fill

import numpy as np
from matplotlib.patches import Rectangle

from alphagan.errors import InputError
from alphagan.figures.common import PLANES, Figure, appearance, as_volumes, check_rows, style, voxel_sizes

SHORT = {"sagittal": "SAG", "coronal": "COR", "axial": "AXI"}


def _nilearn_row(figure, rect, volume, sizes, plane, indices, cmap):
    """Draw slices of one volume side by side into `rect` (figure fraction) and return their axes."""
    import nibabel
    from nilearn import plotting  # imported here: it takes seconds, and what is drawn while training does without

    axis = PLANES[plane][0]
    # Without the rotation of an oblique scan, which nilearn would resample into slices that no network ever saw.
    centred = nibabel.affines.from_matvec(np.diag(sizes), -sizes * (volume.shape[0] // 2))
    # A hair towards the centre, as rounding must not put the outermost slices outside the volume.
    cuts = [float((index - volume.shape[0] // 2) * sizes[axis] * (1 - 1e-6)) for index in indices]
    display = plotting.plot_img(
        nibabel.Nifti1Image(volume, centred), cut_coords=cuts, display_mode="xyz"[axis], figure=figure, axes=rect,
        cmap=cmap, vmin=-1, vmax=1, annotate=False, draw_cross=False, black_bg=False, colorbar=False,
    )  # fmt: skip
    # The ground; nilearn's own would be one picture more for each slice, in each file.
    figure.add_artist(Rectangle(rect[:2], *rect[2:], color="black", transform=figure.transFigure, zorder=-1))
    axes = [display.axes[cut].ax for cut in cuts]
    if plane != "sagittal":
        for x, side in ((0.03, "left"), (0.97, "right")):  # nilearn's own marks stand further in, on the brain
            axes[0].text(
                x, 0.98, side[0].upper(), transform=axes[0].transAxes, color="white", ha=side, va="top", fontsize=9
            )
    return axes


def _sizes(affines, name, n):
    """Voxel sizes in mm, (n, 3), of a row's volumes."""
    if isinstance(affines, dict):
        if name not in affines:
            raise InputError(f"affines: no entry for the row {name!r}")
        affines = affines[name]
    affines = np.asarray(affines, dtype=float)
    if affines.ndim == 2:
        return np.tile(voxel_sizes(affines, name), (n, 1))
    if len(affines) < n:
        raise InputError(f"{name}: {n} volumes, but {len(affines)} affines")
    return np.array([voxel_sizes(affine, name) for affine in affines[:n]])


def _row_label(text, height):
    """Name of a row in lines; one of many parts in short lines, for small letters beside a row of that many inches."""
    parts = text.split(", ")
    return "\n".join(parts if len(parts) < 3 else [fill(part, int(height / 0.075)) for part in parts])


@style(grid=False)
def center_cuts(
    rows: dict, affines, n_columns: int = 4, cmap="gray", title: str | None = None, places: dict | None = None
) -> Figure:
    """Sagittal, coronal and axial slices through several subjects per row (paper, figures 2 and 4).

    Parameters
    ----------
    rows : dict of str to (n, S, S, S) array
        Volumes per named row, uint8 or float in [-1, 1]; the first `n_columns` of each are drawn.
    affines : (4, 4) or (n, 4, 4) array, or dict of such
        Voxel to mm, for all rows or per row, and for all subjects or each; all slices have one scale in mm.
    n_columns : int
        Subjects per row.
    cmap : str or Colormap
        "gray", or `YELLOW_BLUE` for FLAIR and T2w.
    title : str, optional
        Put above the figure.
    places : dict of str to (n, 3) array of int, optional
        For each row the voxels that its subjects' slices go through, instead of the centres.

    Raises
    ------
    InputError
        If volumes or affines have another form.
    """
    rows = {name: as_volumes(volumes, name)[:n_columns] for name, volumes in check_rows(rows, "rows")}
    sizes = {name: _sizes(affines, name, len(volumes)) for name, volumes in rows.items()}
    extent = np.max([(sizes[name] * rows[name].shape[1]).max(axis=0) for name in rows], axis=0)  # mm
    widths = [1.06 * extent[PLANES[plane][1]] for plane in PLANES]  # a margin, as R and L would touch
    height = max(extent[PLANES[plane][2]] for plane in PLANES)

    n_columns = max(len(volumes) for volumes in rows.values())
    gap, header = 0.1, 0.6 if title else 0.3  # inches
    block = min(4.0, max(3.0, 12.0 / n_columns))  # inches per subject
    inch = block / sum(widths)  # inches per mm
    labels = {name: _row_label(appearance(name)[0], height * inch) for name in rows}
    left = max(0.45, *(0.17 * (1 + label.count("\n")) for label in labels.values()))
    width_in = left + n_columns * (block + gap)
    height_in = header + len(rows) * (height * inch + gap)
    figure = Figure(figsize=(width_in, height_in))

    for row, (name, volumes) in enumerate(rows.items()):
        bottom = height_in - header - (row + 1) * (height * inch + gap) + gap
        figure.text(
            left / 2 / width_in, (bottom + height * inch / 2) / height_in, labels[name],
            rotation=90, ha="center", va="center", fontsize=9 if labels[name].count("\n") > 1 else None,
        )  # fmt: skip
        for column, (volume, size) in enumerate(zip(volumes, sizes[name], strict=True)):
            x = left + column * (block + gap)
            center = [volume.shape[0] // 2] * 3
            place = center if places is None else places[name][column]
            for plane, width in zip(PLANES, widths, strict=True):
                rect = [x / width_in, bottom / height_in, width * inch / width_in, height * inch / height_in]
                index = [int(place[PLANES[plane][0]])]
                (axes,) = _nilearn_row(figure, rect, volume, size, plane, index, cmap)
                _widen(axes, (width, height))
                if row == 0:
                    above = (height_in - header + 0.06) / height_in
                    figure.text(rect[0] + rect[2] / 2, above, plane.capitalize(), ha="center", fontsize=9)
                x += width * inch
    if title:
        figure.suptitle(title, y=1 - 0.12 / height_in, va="top")
    return figure


def _widen(axes, size):
    """Show `size` (mm, horizontal and vertical) around the centre of what the axes show."""
    for get, put, length in zip((axes.get_xlim, axes.get_ylim), (axes.set_xlim, axes.set_ylim), size, strict=True):
        put(np.mean(get()) - length / 2, np.mean(get()) + length / 2)


@style(grid=False)
def all_slices(volumes: dict, affine, title: str | None = None, n_slices: int = 24, cmap="gray") -> Figure:
    """Slices through whole volumes in the three directions, with their numbers (paper, supplementary material).

    Parameters
    ----------
    volumes : dict of str to (S, S, S) array
        One volume for each name, uint8 or float in [-1, 1]; drawn one above the other, lettered as in the paper.
    affine : (4, 4) array
        Voxel to mm.
    title : str, optional
        Put above the figure.
    n_slices : int
        Slices per direction, evenly spaced, 12 to a line; at most S.
    cmap : str or Colormap
        "gray", or `YELLOW_BLUE` for FLAIR and T2w.

    Raises
    ------
    InputError
        If volumes or affine have another form.
    """
    cubes = {name: as_volumes(np.asarray(volume)[None], name)[0] for name, volume in check_rows(volumes, "volumes")}
    sizes = voxel_sizes(affine)
    size = min(cube.shape[0] for cube in cubes.values())
    # The middles of n equal parts of the cube.
    indices = np.unique(((np.arange(n_slices) + 0.5) * size / n_slices).astype(int))
    lines = [indices[start : start + 12] for start in range(0, len(indices), 12)]
    left, foot, header, name_in, width_in = 0.6, 0.22, 0.55 if title else 0.1, 0.3, 14.0  # inches

    cell = (width_in - left - 0.1) / max(map(len, lines))
    scale = cell / (size * max(sizes[0], sizes[1]))  # inches per mm
    heights = {plane: size * sizes[PLANES[plane][2]] * scale for plane in PLANES}
    panel = name_in + sum(len(lines) * (height + foot) + 0.1 for height in heights.values())
    height_in = header + len(cubes) * panel
    figure = Figure(figsize=(width_in, height_in))

    top = height_in - header
    for letter, (name, volume) in zip("abcdefghijklmnopqrstuvwxyz", cubes.items(), strict=False):
        figure.text(left / width_in, (top - 0.05) / height_in, f"({letter}) {appearance(name)[0]}", va="top")
        top -= name_in
        for plane, height in heights.items():
            middle = top - len(lines) * (height + foot) / 2
            figure.text(0.2 / width_in, middle / height_in, SHORT[plane], rotation=90, va="center", fontsize=13)
            for line in lines:
                rect = [left / width_in, (top - height) / height_in, len(line) * cell / width_in, height / height_in]
                for axes, index in zip(_nilearn_row(figure, rect, volume, sizes, plane, line, cmap), line, strict=True):
                    axes.text(0.5, -0.03, str(index), transform=axes.transAxes, ha="center", va="top", fontsize=9)
                top -= height + foot
            top -= 0.1
    if title:
        figure.suptitle(title, y=1 - 0.12 / height_in, va="top")
    return figure
