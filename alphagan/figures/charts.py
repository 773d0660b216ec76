"""Charts: projections, losses, metrics with their intervals, intensities."""

from collections.abc import Mapping

import numpy as np

from alphagan.errors import InputError
from alphagan.figures.common import CYCLE, WAYS, Figure, appearance, as_volumes, check_rows, dashes, style

PANELS = {"G": "Generator G", "E": "Encoder E", "": "Other terms", "D": "Discriminator D", "C": "Code discriminator C"}


@style()
def pca_scatter(projections: dict, explained_variance_ratio, title: str | None = None) -> Figure:
    """Samples in the plane of the first two principal components (paper, figure 3).

    Parameters
    ----------
    projections : dict of str to (n, 2) array
        Coordinates per set; the one named "real" is drawn as rings over the others.
    explained_variance_ratio : sequence of float
        Share of the variance on each axis, 0 to 1.
    title : str, optional
        Put above the axes.

    Raises
    ------
    InputError
        If a set has another shape, or a share is missing.
    """
    import seaborn  # imported here: only this figure needs it

    points = {name: np.asarray(xy, dtype=float) for name, xy in check_rows(projections, "projections")}
    for name, xy in points.items():
        if xy.ndim != 2 or xy.shape[1] != 2:
            raise InputError(f"projections[{name!r}]: expected shape (n, 2), found {xy.shape}")
    if len(explained_variance_ratio) < 2:
        raise InputError("explained_variance_ratio: expected the shares of two components")

    figure = Figure(figsize=(7.5, 6.6), layout="constrained")
    axes = figure.subplots()
    for position, (name, xy) in enumerate(points.items()):
        label, colour, marker = appearance(name, position)
        real = name.lower() == "real"
        look = {"facecolor": "none", "edgecolor": colour, "s": 30} if real else {"color": colour, "alpha": 0.7, "s": 26}
        seaborn.scatterplot(
            x=xy[:, 0], y=xy[:, 1], ax=axes, marker=marker, linewidth=0.9 if real else 0,
            label=f"{label} (n = {len(xy)})", zorder=3 if real else 2, **look,
        )  # fmt: skip
    for axis, number in ((axes.set_xlabel, 0), (axes.set_ylabel, 1)):
        axis(f"Principal component {number + 1} ({100 * explained_variance_ratio[number]:.1f} % of variance)")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2, markerscale=1.3)  # beside the points
    if title:
        axes.set_title(title)
    return figure


@style()
def loss_curves(history: Mapping, smoothing: int = 51, title: str | None = None) -> Figure:
    """Loss terms over training, one panel per network.

    Parameters
    ----------
    history : mapping of str to sequence, or DataFrame
        Column `iteration`, and loss terms; `L_D`, `penalty_D` ... belong to the network that their last letter names,
        and terms without such an ending (`l1`) have a panel of their own.
    smoothing : int
        Width, in rows, of the running mean that is drawn over the raw values; 1 for none.
    title : str, optional
        Put above the figure.

    Raises
    ------
    InputError
        If there is no column `iteration`, no loss term, no row, or columns differ in length.
    """
    columns = {name: np.asarray(history[name], dtype=float) for name in history}
    iteration = columns.pop("iteration", np.empty(0))
    if not columns or any(values.shape != iteration.shape or not values.size for values in columns.values()):
        raise InputError("history: expected columns iteration and loss terms of one length, as in history.csv")

    terms = {panel: [name for name in columns if _panel(name) == panel] for panel in PANELS}
    terms = {panel: names for panel, names in terms.items() if names}
    n_columns = min(3, len(terms))
    n_lines = -(-len(terms) // n_columns)
    figure = Figure(figsize=(4.6 * n_columns, 3.3 * n_lines), layout="constrained")
    cells = figure.subplots(n_lines, n_columns, squeeze=False).ravel()
    for axes, (panel, names) in zip(cells, terms.items(), strict=False):
        for colour, name in zip(_colours(len(names)), names, strict=True):
            if smoothing > 1:
                axes.plot(iteration, columns[name], color=colour, alpha=0.25, linewidth=0.8)
            axes.plot(iteration, _running_mean(columns[name], smoothing), color=colour, linewidth=1.8, label=name)
        axes.set(title=PANELS[panel], xlabel="Iteration", ylabel="Loss term")
        axes.legend(fontsize=9)
    for axes in cells[len(terms) :]:
        axes.remove()
    if title:
        figure.suptitle(title)
    return figure


def _panel(name):
    """Letter of the network that a loss term belongs to, or "" for one that serves several."""
    ending = name.rpartition("_")[2]
    return ending if ending in PANELS and ending != name else ""


def _colours(n):
    return [CYCLE[position % len(CYCLE)] for position in range(n)]


def _running_mean(values, width):
    """Mean over `width` rows, centred; over fewer at both ends, where rows are missing."""
    weights = np.ones(min(width, len(values)))
    counts = np.convolve(np.ones_like(values), weights, mode="same")
    return np.convolve(values, weights, mode="same") / counts


@style()
def metric_intervals(results: dict, labels: dict | None = None, title: str | None = None) -> Figure:
    """Metrics of every model with their 95 % intervals; what real scans reach against each other is a band.

    Parameters
    ----------
    results : dict
        {model: {metric: {"value", "low", "high", "n"}}}, one cohort of metrics.json; the model "real" is the reference.
    labels : dict of str to str, optional
        What a metric is called on its axis, with its unit and direction; by default its key.
    title : str, optional
        Put above the figure.

    Raises
    ------
    InputError
        If no model has a metric, or an estimate lacks a number.
    """
    models = [name for name, _ in check_rows(results, "results") if name.lower() != "real"]
    metrics = list(dict.fromkeys(metric for estimates in results.values() for metric in estimates))
    if not models or not metrics:
        raise InputError("results: no model with a metric beside the real reference")
    for name, estimates in results.items():
        for metric, estimate in estimates.items():
            if missing := {"value", "low", "high", "n"} - set(estimate):
                raise InputError(f"results[{name!r}][{metric!r}]: lacks {', '.join(sorted(missing))}")

    reference = next((results[name] for name in results if name.lower() == "real"), {})
    figure = Figure(figsize=(2.2 + 3.3 * len(metrics), 1.5 + 0.5 * len(models)), layout="constrained")
    panels = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
    for axes, metric in zip(panels, metrics, strict=True):
        if metric in reference:
            _reference_band(axes, reference[metric])
        for position, name in enumerate(models):
            if metric in results[name]:
                _, colour, marker = appearance(name, position)
                value, low, high = (results[name][metric][key] for key in ("value", "low", "high"))
                axes.plot([low, high], [position, position], color=colour, linewidth=2.5, solid_capstyle="butt")
                hollow = {"markerfacecolor": "white"} if name.endswith(tuple(WAYS)) else {}
                axes.plot(value, position, marker, color=colour, markersize=8, **hollow)
                axes.annotate(f"n = {results[name][metric]['n']}", (value, position), (0, 7), fontsize=8,
                              textcoords="offset points", ha="center", color="#555555")  # fmt: skip
        axes.set_xlabel((labels or {}).get(metric, metric))
        axes.margins(x=0.12)
        axes.grid(axis="y", visible=False)
    panels[0].set_yticks(range(len(models)), [appearance(name)[0] for name in models])
    panels[0].set_ylim(len(models) - 0.4, -0.6)
    shown = [axes for axes, metric in zip(panels, metrics, strict=True) if metric in reference]
    if shown:
        figure.legend(*shown[0].get_legend_handles_labels(), loc="outside lower right", ncols=2, fontsize=9)
    if title:
        figure.suptitle(title)
    return figure


def _reference_band(axes, estimate):
    _, colour, _ = appearance("real")
    axes.axvline(estimate["value"], color=colour, linewidth=1.2, linestyle="--", label="Real against real")
    axes.axvspan(estimate["low"], estimate["high"], color=colour, alpha=0.15, linewidth=0, label="its 95 % interval")


@style()
def intensity_histograms(rows: dict, title: str | None = None) -> Figure:
    """Distribution of the intensities inside the brain, one line per set.

    Parameters
    ----------
    rows : dict of str to (n, S, S, S) array
        Volumes per named set, uint8 or float in [-1, 1]; voxels up to -0.95 are taken for background and left out.
    title : str, optional
        Put above the axes.

    Raises
    ------
    InputError
        If volumes have another form.
    """
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    edges = np.linspace(-0.95, 1, 79)
    for position, (name, volumes) in enumerate(check_rows(rows, "rows")):
        label, colour, _ = appearance(name, position)
        counts, _ = np.histogram(as_volumes(volumes, name), bins=edges)
        density = counts / max(counts.sum(), 1) / np.diff(edges)
        axes.stairs(
            density, edges, color=colour, linewidth=1.8, linestyle=dashes(name), label=f"{label} (n = {len(volumes)})"
        )
    axes.set(xlabel="Intensity (-1 background, 1 brightest)", ylabel="Density of brain voxels", xlim=(-1, 1))
    figure.legend(loc="outside lower center", ncols=3, fontsize=9)
    if title:
        axes.set_title(title)
    return figure
