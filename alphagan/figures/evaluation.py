"""What lies behind the metrics: power spectra, and the anatomy of generated brains."""

from collections.abc import Mapping

import numpy as np
from matplotlib.ticker import MaxNLocator

from alphagan.errors import InputError
from alphagan.figures.common import GREY, WAYS, Figure, appearance, dashes, real_first, style

NYQUIST = 0.5  # cycles per voxel, along an axis


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
    sets = real_first(spectra, "spectra")
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
    from alphagan.metrics.catalogue import MEASURES, UNITS

    sets = real_first(measured, "measured")
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
        unit = UNITS.get(measure, "share of the brain")
        axes.set_xlabel(f"{MEASURES[measure][0].upper()}{MEASURES[measure][1:]} ({unit})")
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
