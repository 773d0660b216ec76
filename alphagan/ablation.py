"""What each departure of the released code does, from experiments that `dvc exp run` recorded."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from alphagan.config import Config, parse
from alphagan.departures import DEPARTURES

METRICS = ("mmd_as_published", "mmd_rbf", "ms_ssim", "voxelwise_sd")
COMMAND = "dvc exp run --temp -S 'experiments.NAME.departures=[SWITCH]'"


def recorded(root: str | Path = ".") -> list[tuple[Config, dict]]:
    """Params and metrics of the commit that is checked out and of every experiment on it that DVC has.

    Returns
    -------
    list of (Config, metrics)
        metrics as in reports/metrics.json; experiments without them are left out.
    """
    from dvc.api import exp_show, metrics_show, params_show

    revisions = [row["rev"] for row in exp_show(repo=str(root)) if row["rev"] != "workspace"]
    found = []
    for revision in revisions:
        params = params_show("params.yaml", repo=str(root), rev=revision)
        metrics = metrics_show("reports/metrics.json", repo=str(root), rev=revision)
        if metrics:
            found.append((parse(params, f"params.yaml of {revision}"), metrics))
    return found


def table(experiments: Iterable[tuple[Config, Mapping]], cohort: str) -> list[dict[str, str]]:
    """One row for each model and set of departures; those of the paper's variant first.

    Parameters
    ----------
    experiments : iterable of (Config, metrics)
        As `recorded` returns them.
    cohort : str
        Whose models to compare.

    Returns
    -------
    rows : list of dict
        model, variant ("paper", "released" or the switches), what it means, and metrics with 95 % intervals.
    """
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for config, metrics in experiments:
        for experiment in config.experiments.values():
            estimates = metrics.get(cohort, {}).get(experiment.model)
            if experiment.cohort != cohort or experiment.model not in DEPARTURES or not estimates:
                continue
            on = experiment.departs()
            known = DEPARTURES[experiment.family]
            everything = len(on) == len(known) and experiment.variant == "released"
            variant = "released" if everything else ", ".join(on) or "paper"
            meaning = "all of them" if everything else "; ".join(known[name] for name in on) or "as described"
            rows[experiment.model, variant] = {"model": experiment.model, "variant": variant, "meaning": meaning} | {
                name: "{value:.3g} [{low:.3g}, {high:.3g}]".format(**estimates[name]) for name in METRICS
            }
    order = list(DEPARTURES)
    return sorted(rows.values(), key=lambda row: (order.index(row["model"]), row["variant"] != "paper", row["variant"]))
