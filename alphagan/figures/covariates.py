"""What age does to brains, and whether generated people look the age that was asked for."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import LinearSegmentedColormap

from alphagan.errors import InputError
from alphagan.figures.common import PLANES, Figure, appearance, as_volumes, check_rows, style, voxel_sizes
from alphagan.figures.grids import draw_tile, ground, left_right

SHOWN = ("axial", "coronal")
MOST = 0.4  # of a difference in [-2, 2], where its colours end
# Darker with age, black where nothing changes, as outside the brain, brighter.
CHANGE = LinearSegmentedColormap.from_list("change", ["#a8e6ff", "#2f7fe0", "black", "#d9481c", "#ffd98a"])


@style(grid=False)
def ageing_maps(
    ages: Sequence[float], means: Mapping[str, np.ndarray], counts: Mapping[str, Sequence[int]], affine=None
) -> Figure:
    """Mean volumes of people of several ages, and how each differs from the youngest.

    Parameters
    ----------
    ages : sequence of float, (k,)
    means : dict of str to (k, S, S, S) array
        By name, such as "generated" and "real".
    counts : dict of str to sequence of int, (k,)
        How many brains each is the mean of.
    affine : (4, 4) array, optional
        Voxel to mm.

    Raises
    ------
    InputError
        If there are not two ages, or not a volume for each.
    """
    sets, sizes = {name: as_volumes(found, name) for name, found in check_rows(means, "means")}, voxel_sizes(affine)
    if len(ages) < 2 or any(len(found) != len(ages) for found in sets.values()):
        raise InputError(f"means: expected one volume for each of at least two ages, found {len(ages)} ages")
    extent = sizes * next(iter(sets.values())).shape[1]
    widths, height = [extent[PLANES[plane][1]] for plane in SHOWN], max(extent[PLANES[plane][2]] for plane in SHOWN)
    cell = sum(widths)
    inch, margin = 2.6 / cell, 0.75
    lines = [(name, kind) for name in sets for kind in ("mean", "change")]
    width, tall = cell * len(ages), height * len(lines)
    figure = Figure(figsize=(width * inch + margin + 1.2, tall * inch + margin))
    w, h = figure.get_size_inches()
    axes = ground(figure, (margin / w, 0, width * inch / w, tall * inch / h), width, tall)
    for line, (name, kind) in enumerate(lines):
        bottom = tall - (line + 1) * height
        change = kind == "change"
        shown = sets[name] - sets[name][0] if change else sets[name]
        look = {"cmap": CHANGE, "limits": (-MOST, MOST)} if change else {}
        for column, volume in enumerate(shown):
            left = column * cell
            if change and column == 0:  # of itself nothing changes
                text = f"differences from\nthe mean at {ages[0]:g}"
                axes.text(cell / 2, bottom + height / 2, text, color="white", ha="center", va="center", fontsize=9)
                continue
            for plane, wide in zip(SHOWN, widths, strict=True):
                image = draw_tile(axes, volume, sizes, plane, (left, bottom, wide, height), **look)
                left += wide
            if not change:
                label = f"n = {counts[name][column]}"
                axes.text(left - cell, bottom + 2, f" {label}", color="white", ha="left", va="bottom", fontsize=8)
        if line == 0:
            left_right(axes, 0, widths[0], tall)
        label = appearance(name)[0] if not change else f"{appearance(name)[0]},\nchange"
        axes.text(
            -0.02 * width, bottom + height / 2, label, rotation=90, ha="right", va="center", multialignment="center"
        )
    for column, age in enumerate(ages):
        axes.text((column + 0.5) * cell, tall * 1.01, f"{age:g} years", ha="center", va="bottom")
    bar = figure.add_axes((1 - 1.05 / w, 0.1, 0.12 / w, 0.3))
    figure.colorbar(image, cax=bar, label=f"Change since {ages[0]:g}")
    return figure


@style()
def read_ages(sets: Mapping[str, tuple[np.ndarray, np.ndarray]], texts: Mapping[str, str]) -> Figure:
    """Ages that were read from volumes, against those that people have or were asked for.

    Parameters
    ----------
    sets : dict of str to (told, read), each (n,) array
        In years, by name, such as "generated" and "real"; each with a line through it.
    texts : dict of str to str
        What stands beside each name.

    Raises
    ------
    InputError
        If there is no set.
    """
    figure = Figure(figsize=(6.4, 5.8), layout="constrained")
    axes = figure.subplots()
    for name, (told, read) in check_rows(sets, "sets"):
        label, colour, marker = appearance(name)
        real = name == "real"
        look = {"facecolor": "none", "edgecolor": colour} if real else {"color": colour, "linewidth": 0, "alpha": 0.3}
        axes.scatter(told, read, s=30 if real else 12, marker=marker, zorder=3 if real else 2, **look)
        slope, start = np.polyfit(told, read, 1)
        ends = np.array([np.min(told), np.max(told)])
        axes.plot(ends, start + slope * ends, color=colour, linewidth=2, zorder=4, label=f"{label}: {texts[name]}")
    ends = [min(axes.get_xlim()[0], axes.get_ylim()[0]), max(axes.get_xlim()[1], axes.get_ylim()[1])]
    axes.plot(ends, ends, color="#8c8c8c", linewidth=1, linestyle="--", zorder=1)
    axes.set(xlim=ends, ylim=ends, xlabel="Age, or age asked for (years)", ylabel="Age read from the volume (years)")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), fontsize=9)
    return figure
