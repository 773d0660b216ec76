"""Pictures of the memorisation audit: suspicious pairs, what the audit can find, and how near volumes lie."""

from collections.abc import Iterator, Sequence

import numpy as np

from alphagan.errors import InputError
from alphagan.figures.common import CYCLE, PLANES, Figure, appearance, as_volumes, check_rows, style, voxel_sizes
from alphagan.figures.grids import MARGIN, canvas, draw_tile, finish, left_right

PER_PAGE = 8
PLANES_SHOWN = ("axial", "coronal")
LABEL = 0.75  # width of the text beside a pair, in tiles
OTHER_COPIES = {"exact": "o", "flipped": "s", "rescaled": "D", "shifted": "^", "blurred": "v"}


def pair_pages(generated, train, pairs: Sequence, affine=None, title: str | None = None) -> Iterator[Figure]:
    """Draw every pair, eight to a page: a generated volume, the training scan that it is near to, their difference.

    A scan that is near as its mirror image is drawn so, and its intensities are scaled to the generated volume's mean,
    since the audit looks past both.

    Parameters
    ----------
    generated, train : (n, S, S, S) and (m, S, S, S) array
        uint8 or float in [-1, 1].
    pairs : sequence of Pair
        As `alphagan.audit.Comparison.pairs` has them.
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
            spare = (tile - generated.shape[1] * sizes[list(PLANES[plane][1:])]) / 2
            for column, (shown, cmap, limits) in enumerate(looks):
                corner = left + (3 * number + column) * tile + spare[0], bottom + spare[1]
                draw_tile(axes, shown, sizes, plane, corner, cmap, limits)
        axes.text(0.05 * tile, bottom + tile / 2, _label(pair), color="white", va="center", fontsize=7.5)
    left_right(axes, left, left + tile, height)
    for column in range(3 * len(PLANES_SHOWN)):
        heading = ("Generated", "Training scan", "Difference")[column % 3]
        axes.text(left + (column + 0.5) * tile, height, heading, ha="center", va="bottom", fontsize=9)
    finish(axes, width, height)
    if title:
        figure.suptitle(title, y=1 - 0.1 / figure.get_figheight(), va="top")
    return figure


def _label(pair):
    lines = [f"sample {pair.generated}", f"scan {pair.scan}", f"r = {pair.similarity:.3f}", f"d = {pair.relative:.2f}"]
    return "\n".join(lines + ["mirrored"] * pair.mirrored + ["strict"] * pair.strict)


def _as_bright(scan, volume):
    """Scan whose mean intensity above background is that of the volume."""
    factor = (volume + 1).mean() / max((scan + 1).mean(), 1e-6)
    return np.clip((scan + 1) * factor - 1, -1, 1)


def _two_lines(name):
    return name.replace(", ", ",\n", 1)


@style()
def power_curves(comparisons: dict, title: str | None = None) -> Figure:
    """Share of injected copies that the audit finds, against the noise on them; other disguises stand at the right.

    Parameters
    ----------
    comparisons : dict of str to Comparison
        As `alphagan.audit.Audit.comparisons` has them.
    title : str, optional
        Put above the axes.

    Raises
    ------
    InputError
        If there is none.
    """
    figure = Figure(figsize=(8.5, 4.6), layout="constrained")
    noise, other = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    for position, (name, comparison) in enumerate(check_rows(comparisons, "comparisons")):
        criterion, colour = comparison.criteria["relative"], CYCLE[position % len(CYCLE)]
        plain = {power.kind: power.found for power in criterion.power if power.kind != "noise"}
        found = {0.0: plain["exact"]} | {power.level: power.found for power in criterion.power if power.kind == "noise"}
        label = f"{_two_lines(name)} (n = {plain['exact'].n})"
        noise.plot(list(found), [estimate.value for estimate in found.values()], "o-", color=colour, label=label)
        noise.fill_between(
            list(found), [estimate.low for estimate in found.values()], [estimate.high for estimate in found.values()],
            color=colour, alpha=0.15, linewidth=0,
        )  # fmt: skip
        offset = 0.16 * (position - (len(comparisons) - 1) / 2)
        for place, kind in enumerate(plain):
            estimate = plain[kind]
            other.plot([place + offset] * 2, [estimate.low, estimate.high], color=colour, linewidth=2.5)
            other.plot(place + offset, estimate.value, OTHER_COPIES[kind], color=colour, markersize=7)
        wrong = criterion.false_positives.value
        noise.axhline(wrong, color=colour, linewidth=1, linestyle=":")
    noise.set(
        xlabel="Noise on the copy (SD of intensity, range 2)", ylabel="Share of copies found", ylim=(-0.03, 1.03),
        title="Dotted: new people flagged",
    )  # fmt: skip
    other.set_xticks(range(len(OTHER_COPIES)), OTHER_COPIES, rotation=30, ha="right")
    other.set(title="Copies without noise")
    figure.legend(*noise.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=9)
    if title:
        figure.suptitle(title)
    return figure


@style()
def distance_histograms(comparisons: dict, title: str | None = None) -> Figure:
    """How near generated volumes and held-out people lie to their nearest training scan, one panel per space.

    Parameters
    ----------
    comparisons : dict of str to Comparison
        As `alphagan.audit.Audit.comparisons` has them.
    title : str, optional
        Put above the figure.

    Raises
    ------
    InputError
        If there is none.
    """
    rows = list(check_rows(comparisons, "comparisons"))
    figure = Figure(figsize=(5.2 * len(rows), 4.2), layout="constrained")
    panels = figure.subplots(1, len(rows), squeeze=False)[0]
    for axes, (name, comparison) in zip(panels, rows, strict=True):
        threshold = comparison.criteria["relative"].threshold
        sets = {"Held-out people": comparison.held_out.relative, "Generated": comparison.generated.relative}
        top = max(1.0, *(float(values.max()) for values in sets.values()))
        edges = np.linspace(0, top, 41)
        colours = appearance("real")[1], CYCLE[0]
        for (label, values), colour in zip(sets.items(), colours, strict=True):
            counts = np.histogram(values, bins=edges)[0] / len(values)
            axes.stairs(counts, edges, color=colour, linewidth=1.8, label=f"{label} (n = {len(values)})")
        flagged = comparison.criteria["relative"].flagged
        axes.axvline(threshold.value, color="#555555", linestyle="--", linewidth=1.2,
                     label=f"Threshold: {100 * flagged.value:.3g} % of the generated below")  # fmt: skip
        axes.axvline(threshold.strict, color="#555555", linestyle=":", linewidth=1.2, label="Stricter threshold")
        axes.set_title(_two_lines(name), fontsize=10)
        axes.set(
            xlabel="Distance to the nearest scan\nover that to the next 50", ylabel="Share of volumes", xlim=(0, top)
        )
        axes.legend(loc="upper left", fontsize=8)
    if title:
        figure.suptitle(title)
    return figure
