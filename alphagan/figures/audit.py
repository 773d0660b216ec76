"""Pictures of the memorisation audit: suspicious pairs, what the audit can find, and how near volumes lie."""

from collections.abc import Iterator, Sequence

import numpy as np

from alphagan.errors import InputError
from alphagan.figures.common import (
    CYCLE,
    GREY,
    Figure,
    appearance,
    as_volumes,
    check_rows,
    style,
    two_lines,
    voxel_sizes,
)
from alphagan.figures.grids import MARGIN, canvas, draw_tile, left_right

PER_PAGE = 8
PLANES_SHOWN = ("axial", "coronal")
LABEL = 1.05  # width of the text beside a pair, in tiles


def pair_pages(generated, train, pairs: Sequence, affine=None, title: str | None = None) -> Iterator[Figure]:
    """Draw every pair, eight to a page: a generated volume, the training scan that it is near to, their difference.

    A scan that is near as its mirror image is drawn so, and its intensities are scaled to the generated volume's mean,
    since the audit looks past both. Differences run from 0, black, to 1 and more, bright, of intensities whose range is
    2. Beside a pair stand its `similarity` and its `relative` distance.

    Parameters
    ----------
    generated, train : (n, S, S, S) and (m, S, S, S) array
        uint8 or float in [-1, 1].
    pairs : sequence of Pair
        As `alphagan.audit.comparison.Comparison.pairs` has them.
    affine : (4, 4) array, optional
        Voxel to mm; cubic voxels without it.
    title : str, optional
        Put above every page.

    Yields
    ------
    Figure

    Raises
    ------
    InputError
        If a pair points outside the volumes, or volumes or affine have another form.
    """
    generated, train = np.asarray(generated), np.asarray(train)
    for pair in pairs:
        if pair.generated >= len(generated) or pair.scan >= len(train):
            raise InputError(f"pairs: no volume {pair.generated} or no scan {pair.scan} among these; give all of them")
    for start in range(0, len(pairs), PER_PAGE):
        chosen = pairs[start : start + PER_PAGE]
        left = as_volumes(generated[[pair.generated for pair in chosen]], "generated")
        right = as_volumes(train[[pair.scan for pair in chosen]], "train")
        yield _page(left, right, chosen, voxel_sizes(affine), title)


@style(grid=False)
def _page(generated, train, pairs, sizes, title):
    tile = sizes.max() * generated.shape[1] * (1 + MARGIN)  # mm
    left, width = LABEL * tile, (LABEL + 3 * len(PLANES_SHOWN)) * tile
    height = len(pairs) * tile
    figure, axes = canvas(width, height, 1.25 / tile, 0.6 if title else 0.3)
    for line, (pair, volume, scan) in enumerate(zip(pairs, generated, train, strict=True)):
        bottom = height - (line + 1) * tile
        scan = _as_bright(scan[::-1] if pair.mirrored else scan, volume)
        looks = ((volume, "gray", (-1, 1)), (scan, "gray", (-1, 1)), (np.abs(volume - scan), "inferno", (0, 1)))
        for number, plane in enumerate(PLANES_SHOWN):
            for column, (shown, cmap, limits) in enumerate(looks):
                cell = left + (3 * number + column) * tile, bottom, tile, tile
                draw_tile(axes, shown, sizes, plane, cell, cmap, limits)
        axes.text(0.05 * tile, bottom + tile / 2, _label(pair), color="white", va="center", fontsize=8.5)
    left_right(axes, left, left + tile, height)
    for column in range(3 * len(PLANES_SHOWN)):
        heading = ("Generated", "Training scan", "Difference")[column % 3]
        axes.text(left + (column + 0.5) * tile, height, heading, ha="center", va="bottom", fontsize=9)
    if title:
        figure.suptitle(title, y=1 - 0.1 / figure.get_figheight(), va="top")
    return figure


def _label(pair):
    scan = f"scan {pair.scan}" + ", mirrored" * pair.mirrored
    lines = [f"sample {pair.generated}", scan, f"correlation {pair.similarity:.3f}", f"distance {pair.relative:.2f}"]
    return "\n".join(lines + ["strictly flagged"] * pair.strict)


def _as_bright(scan, volume):
    """Scan whose mean intensity above background is that of the volume."""
    factor = (volume + 1).mean() / max((scan + 1).mean(), 1e-6)
    return np.clip((scan + 1) * factor - 1, -1, 1)


@style()
def power_curves(comparisons: dict, title: str | None = None) -> Figure:
    """Share of injected copies that the audit finds, against the noise on them; other disguises stand at the right.

    Parameters
    ----------
    comparisons : dict of str to Comparison
        As `alphagan.audit.auditor.Audit.comparisons` has them.
    title : str, optional
        Put above the figure.

    Raises
    ------
    InputError
        If there is none.
    """
    rows = list(check_rows(comparisons, "comparisons"))
    figure = Figure(figsize=(8.5, 4.8), layout="constrained")
    noise, other = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    for position, (name, comparison) in enumerate(rows):
        criterion, colour = comparison.criteria["relative"], CYCLE[position % len(CYCLE)]
        plain = {power.kind: power.found for power in criterion.power if power.kind != "noise"}
        found = {0.0: plain["exact"]} | {power.level: power.found for power in criterion.power if power.kind == "noise"}
        value, low, high = _estimates(found.values())
        label = f"{two_lines(name)} (n = {plain['exact'].n})"
        noise.plot(list(found), value, "o-", color=colour, label=label)
        noise.fill_between(list(found), low, high, color=colour, alpha=0.15, linewidth=0)
        noise.axhline(criterion.false_positives.value, color=colour, linewidth=1.2, linestyle=":")
        places = np.arange(len(plain)) + 0.24 * (position - (len(rows) - 1) / 2)
        value, low, high = _estimates(plain.values())
        other.vlines(places, low, high, color=colour, linewidth=2.5)
        other.plot(places, value, "o", color=colour, markersize=7)
    noise.plot([], [], ":", color=GREY, linewidth=1.2, label="New people who are taken for copies")
    noise.set(
        title="With noise", xlabel="Noise (SD of intensity, range 2)", ylabel="Share of copies found",
        ylim=(-0.03, 1.03),
    )  # fmt: skip
    other.set_xticks(range(len(plain)), plain, rotation=30, ha="right", rotation_mode="anchor")
    other.set(title="Without noise", xlim=(-0.6, len(plain) - 0.4))
    figure.legend(*noise.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=9)
    if title:
        figure.suptitle(title)
    return figure


def _estimates(found):
    """Values and ends of the intervals of several estimates."""
    return zip(*((estimate.value, estimate.low, estimate.high) for estimate in found), strict=True)


@style()
def distance_histograms(comparisons: dict, title: str | None = None) -> Figure:
    """How near generated volumes and held-out people lie to their nearest training scan, one panel per space.

    Takes and raises the same as `power_curves`.
    """
    rows = list(check_rows(comparisons, "comparisons"))
    figure = Figure(figsize=(5.2 * len(rows), 4.8), layout="constrained")
    panels = figure.subplots(1, len(rows), squeeze=False)[0]
    for axes, (name, comparison) in zip(panels, rows, strict=True):
        criterion = comparison.criteria["relative"]
        sets = {"Held-out people": comparison.held_out.relative, "Generated": comparison.generated.relative}
        top = max(1.0, *(float(values.max()) for values in sets.values()))
        edges = np.linspace(0, top, 41)
        for (label, values), colour in zip(sets.items(), (appearance("real")[1], CYCLE[0]), strict=True):
            counts = np.histogram(values, bins=edges)[0] / len(values)
            axes.stairs(counts, edges, color=colour, linewidth=1.8, label=f"{label} (n = {len(values)})")
        tiers = (
            ("Threshold", "--", criterion.threshold.value, criterion.flagged),
            ("Stricter", ":", criterion.threshold.strict, criterion.strictly_flagged),
        )
        for label, dashes, place, below in tiers:
            label = f"{label}: {100 * below.value:.3g} % of generated below"
            axes.axvline(place, color=GREY, linestyle=dashes, linewidth=1.4, label=label)
        axes.set_title(two_lines(name), fontsize=10)
        axes.set(xlabel="Distance to the nearest scan\nover that to the next 50", ylabel="Share of volumes")
        axes.set_xlim(-0.01 * top, 1.01 * top)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.24), ncols=2, fontsize=8, columnspacing=1)
    if title:
        figure.suptitle(title)
    return figure
