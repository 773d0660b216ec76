"""The evaluation at a glance: every metric of every model."""

import textwrap
from collections.abc import Mapping

from matplotlib.patches import Patch, Rectangle

from alphagan.errors import InputError
from alphagan.figures.common import GREY, Figure, appearance, real_first, style

# Sign, fill and meaning of `catalogue.compare_with_real`; orange and blue are told apart with every colour blindness.
VERDICTS = {
    "worse": ("▼", "#f8c9a0", "worse than real scans of other people"),
    "like": ("=", "#f1f1f1", "like them: the 95 % intervals overlap, or p ≥ 0.05"),
    "better": ("▲", "#a9cdea", "better than them"),
    "no verdict": ("?", "white", "no verdict: too few, or p < 0.05 between real people too"),
}
CELL = 0.98, 0.25  # inches
LEFT = 4.15  # inches for what a metric is called
BEST = {"low": "low", "high": "high", "zero": "0", "real": "as real", "p": "≥ 0.05"}


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
    rows = real_first(rows, "rows")
    lines = _lines(rows)
    if len(rows) == 1 or not lines:
        raise InputError("rows: no model with a metric beside real")
    heads = [textwrap.fill(appearance(name)[0], 12) for name in rows]
    footnote = _footnote(rows, 18 * len(rows) + 60)
    n_columns = 3 if len(rows) > 4 else 1
    rest = (
        0.17 * max(head.count("\n") for head in heads)
        + 0.14 * footnote.count("\n")
        + 0.22 * (len(VERDICTS) - n_columns)
    )
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
        "Single volumes": ("brain_like", "copied", "authentic"),
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
