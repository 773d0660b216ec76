"""The evaluation at a glance: every metric of every model, power spectra, and the anatomy of generated brains."""

import textwrap
from collections.abc import Mapping

import numpy as np
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator

from alphagan.errors import InputError
from alphagan.figures.common import GREY, WAYS, Figure, appearance, check_rows, dashes, style

# Sign, fill and meaning of `catalogue.compare_with_real`; orange and blue are told apart with every colour blindness.
VERDICTS = {
    "worse": ("▼", "#f8c9a0", "worse than real scans of other people"),
    "like": ("=", "#f1f1f1", "like them: the 95 % intervals overlap, or p ≥ 0.05"),
    "better": ("▲", "#a9cdea", "better than them"),
}
CELL = 0.98, 0.25  # inches
LEFT = 4.15  # inches for what a metric is called
BEST = {"low": "low", "high": "high", "zero": "0", "real": "as real", "p": "≥ 0.05"}
NYQUIST = 0.5  # cycles per voxel, along an axis


@style(grid=False)
def scoreboard(rows: Mapping, title: str | None = None) -> Figure:
    """Every metric of every model in one picture, coloured by whether it calls the model worse than real scans.

    Parameters
    ----------
    rows : mapping
        {model: {metric: {"value", "low", "high", "n", "basis" if any}}}, one cohort of metrics.json. "real" is what
        others are compared with, and stands first.
    title : str, optional
        Put above the figure.

    Raises
    ------
    InputError
        If there is no "real", nothing beside it, or a metric that the catalogue does not know.
    """
    rows = _real_first(rows, "rows")
    lines = _lines(rows)
    if len(rows) == 1 or not lines:
        raise InputError("rows: no model with a metric beside real")
    heads = [textwrap.fill(appearance(name)[0], 12) for name in rows]
    footnote = _footnote(rows, 18 * len(rows) + 60)
    n_columns = 3 if len(rows) > 4 else 1
    rest = 0.17 * max(head.count("\n") for head in heads) + 0.14 * footnote.count("\n") + 0.22 * (3 - n_columns)
    height_in = len(lines) * CELL[1] + rest + 1 + 0.3 * bool(title)
    figure = Figure(figsize=(LEFT + len(rows) * CELL[0] + 0.2, height_in), layout="constrained")
    axes = figure.subplots()
    axes.set(xlim=(-LEFT / CELL[0], len(rows)), ylim=(len(lines), 0), xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    for column, head in enumerate(heads):
        axes.text(column + 0.5, -0.2, head, ha="center", va="bottom", fontsize=9)
    axes.text(-0.1, -0.2, "best", ha="right", va="bottom", fontsize=9, color=GREY)
    for line, (name, is_heading) in enumerate(lines):
        if is_heading:
            axes.text(-LEFT / CELL[0], line + 0.6, name, va="center", fontsize=10, weight="bold")
        else:
            _metric(axes, line, name, rows)
    axes.set_xlabel(footnote, fontsize=8, color=GREY, labelpad=8)
    handles = [Patch(facecolor=fill, label=f"{sign} {meaning}") for sign, fill, meaning in VERDICTS.values()]
    figure.legend(handles=handles, loc="outside lower center", ncols=n_columns, fontsize=9)
    if title:
        figure.suptitle(title)
    return figure


def _real_first(sets: Mapping, what: str) -> dict:
    found = dict(check_rows(sets, what))
    if "real" not in found:
        raise InputError(f"{what}: no entry named real, with which others are compared")
    return {"real": found["real"]} | found


def _lines(rows: Mapping) -> list[tuple[str, bool]]:
    """Headings and metrics from top to bottom, and whether each is a heading."""
    from alphagan.metrics.catalogue import METRICS  # imported in functions, since it needs more than matplotlib

    present = {name for row in rows.values() for name in row}
    if unknown := {name for name in present if name.removesuffix("_med3d") not in METRICS}:
        raise InputError(f"rows: no metric is called {', '.join(sorted(unknown))}; see alphagan.metrics.catalogue")
    lines = []
    for heading, members in _groups().items():
        names = [f"{member}{network}" for network in ("", "_med3d") for member in members]
        chosen = [(name, False) for name in names if name in present]
        lines += [(heading, True), *chosen] if chosen else []
    return lines


def _groups() -> dict[str, tuple[str, ...]]:
    """Metrics that stand together, by heading; of the anatomy's effect sizes two, enough to see how a model fails."""
    from alphagan.metrics.catalogue import MEASURES

    effects = ("cohens_d", "kolmogorov_smirnov")
    return {
        "Distance of voxels": ("mmd_as_published", "mmd_unbiased", "mmd_rbf", "mmd_rbf_p", "mean_brain_difference"),
        "Diversity": ("ms_ssim", "ms_ssim_as_published", "voxelwise_sd"),
        "Features": ("frechet", "precision", "recall", "density", "coverage"),
        "Sharpness and intensities": ("spectrum_distance", "high_frequencies", "checkerboard", "intensity_distance"),
        "Anatomy": tuple(f"{measure}_{effect}" for measure in MEASURES for effect in effects),
        "Copies": ("copied", "authentic"),
    }


def _metric(axes, line, name, rows):
    """Draw one line: what a metric is called, which way it is best, and a cell for each model that has it."""
    from alphagan.metrics.catalogue import compare_with_real, metric

    label, better, _ = metric(name)
    axes.text(-LEFT / CELL[0] + 0.15, line + 0.5, label, va="center", fontsize=9)
    axes.text(-0.1, line + 0.5, BEST[better], ha="right", va="center", fontsize=8, color=GREY)
    reference = rows["real"].get(name)
    for column, (model, row) in enumerate(rows.items()):
        if name in row:
            compared = reference and model != "real"
            sign, fill, _ = VERDICTS[compare_with_real(name, row[name], reference)] if compared else ("", "white", "")
            axes.add_patch(Rectangle((column, line), 1, 1, facecolor=fill, edgecolor="white", linewidth=1.5))
            # 3 significant digits, 1100 rather than 1.1e+03
            value = f"{float(format(row[name]['value'], '.3g')):.6g}".replace("-", "−")
            axes.text(column + 0.5, line + 0.5, f"{sign} {value}".strip(), ha="center", va="center", fontsize=9)


def _footnote(rows, width):
    """Sample sizes, and what metrics rest on beside the volumes, in lines of at most `width` characters."""
    from alphagan.metrics.catalogue import metric

    sizes = {entry["n"] for row in rows.values() for entry in row.values()}
    span = f"n = {min(sizes)}" if len(sizes) == 1 else f"n from {min(sizes)} to {max(sizes)}"
    resting = {}
    for row in rows.values():
        for name, entry in row.items():
            if "basis" in entry:
                resting.setdefault(entry["basis"], {})[metric(name).label] = None
    lines = [f"Intervals over people or generated volumes, {span}"]
    lines += [f"{', '.join(labels)}: {basis}" for basis, labels in resting.items()]
    return "\n".join(textwrap.fill(line, width) for line in lines)


@style()
def power_spectra(spectra: Mapping, title: str | None = None) -> Figure:
    """Mean power spectrum of each set, and its difference from that of real scans.

    Blur lies below real scans at high frequencies; noise, and checkerboards at the Nyquist frequency, above them.

    Parameters
    ----------
    spectra : mapping of str to Spectra
        Of volumes of one size, as `alphagan.metrics.spectrum` has them. Of "real" the 5th to the 95th percentile of
        volumes are drawn too.
    title : str, optional
        Put above the figure.

    Raises
    ------
    InputError
        If there is no "real", or volumes differ in size.
    """
    sets = _real_first(spectra, "spectra")
    real = sets["real"]
    for name, found in sets.items():
        if found.log_power.shape[1] != real.log_power.shape[1]:
            raise InputError(f"spectra[{name!r}]: of volumes of another size than real; prepare both at one size")
    x = real.cycles_per_voxel[1:]  # without the constant
    figure = Figure(figsize=(10.5, 4.6 + 0.2 * -(-len(sets) // 3)), layout="constrained")
    power, difference = figure.subplots(1, 2, gridspec_kw={"wspace": 0.06})
    low, high = np.quantile(real.log_power[:, 1:], [0.05, 0.95], axis=0)
    band = power.fill_between(x, low, high, color=appearance("real")[1], alpha=0.15, linewidth=0)
    band.set_label("Real, 5th to 95th percentile")
    for position, (name, found) in enumerate(sets.items()):
        label, colour, marker = appearance(name, position)
        mean = found.log_power.mean(0)[1:]
        look = {
            "color": colour,
            "linestyle": dashes(name),
            "marker": marker,
            "markevery": (position % 4, 4),
            "markersize": 5,
        }
        power.plot(x, mean, label=f"{label} (n = {len(found.log_power)})", **look)
        difference.plot(x, mean - real.log_power.mean(0)[1:], **look)
    for axes in (power, difference):
        axes.axvline(NYQUIST, color=GREY, linewidth=1.2, linestyle="-.", label="Nyquist frequency of an axis")
        axes.set(xlabel="Frequency (cycles per voxel)", xlim=(0, x[-1]))
    power.set(title="Power spectrum", ylabel="log10 of the share of power")
    difference.set(title="Difference from real (0.3 is a factor of 2)", ylabel="Difference of log10")
    figure.legend(*power.get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=9)
    if title:
        figure.suptitle(title)
    return figure


@style()
def anatomy_distributions(measured: Mapping, title: str | None = None) -> Figure:
    """Anatomy of the brains of each set, one panel per measure; the dashed line is the median of real brains.

    Boxes reach from the first to the third quartile, whiskers from the 5th to the 95th percentile.

    Parameters
    ----------
    measured : mapping of str to dict of str to (n,) array
        By set, as `alphagan.metrics.anatomy.anatomy` returns it. "real" stands on top.
    title : str, optional
        Put above the figure.

    Raises
    ------
    InputError
        If there is no "real", sets were not measured alike, one is empty or not finite, or a measure is not known.
    """
    from alphagan.metrics.catalogue import MEASURES

    sets = _real_first(measured, "measured")
    _check_measured(sets, MEASURES)
    measures = list(sets["real"])
    n_columns = min(3, len(measures))
    n_lines = -(-len(measures) // n_columns)
    size = 2.4 + 3.1 * n_columns, 0.6 + n_lines * (0.9 + 0.28 * len(sets))
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(n_lines, n_columns, sharey=True, squeeze=False).ravel()
    for axes, measure in zip(panels, measures, strict=False):
        axes.axvline(np.median(sets["real"][measure]), color=appearance("real")[1], linewidth=1.2, linestyle="--")
        for position, (name, found) in enumerate(sets.items()):
            _box(axes, position, found[measure], appearance(name, position)[1], name.endswith(tuple(WAYS)))
        axes.set_xlabel(MEASURES[measure][0].upper() + MEASURES[measure][1:])
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", labelsize=10)
    for axes in panels[len(measures) :]:
        axes.remove()
    labels = [f"{appearance(name)[0]} (n = {len(found[measures[0]])})" for name, found in sets.items()]
    panels[0].set(yticks=range(len(sets)), yticklabels=labels, ylim=(len(sets) - 0.4, -0.6))
    if title:
        figure.suptitle(title)
    return figure


def _check_measured(sets, known):
    if not sets["real"] or not set(sets["real"]) <= set(known):
        wanted = ", ".join(known)
        raise InputError(f"measured['real']: found {', '.join(sets['real']) or 'none'}, but expected some of {wanted}")
    for name, found in sets.items():
        if found.keys() != sets["real"].keys():
            raise InputError(f"measured[{name!r}]: {', '.join(found)}, but real has {', '.join(sets['real'])}")
        for measure, values in found.items():
            if np.ndim(values) != 1 or not len(values) or not np.isfinite(values).all():
                raise InputError(f"measured[{name!r}][{measure!r}]: expected finite numbers, one for each volume")


def _box(axes, position, values, colour, hollow):
    axes.boxplot(
        values, positions=[position], orientation="horizontal", widths=0.6, whis=(5, 95), showfliers=False,
        patch_artist=True, manage_ticks=False,
        boxprops={"facecolor": "white" if hollow else (colour, 0.35), "edgecolor": colour},
        whiskerprops={"color": colour}, capprops={"color": colour}, medianprops={"color": colour, "linewidth": 2},
    )  # fmt: skip
