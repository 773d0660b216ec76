"""What each departure of the released code does, from experiments that `dvc exp run` recorded."""

import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from alphagan.errors import InputError
from alphagan.metrics.bootstrap import interval
from alphagan.settings.config import Config, parse
from alphagan.settings.departures import DEPARTURES

METRICS = ("mmd_as_published", "mmd_rbf", "ms_ssim", "voxelwise_sd")


def recorded(root: str | Path = ".") -> list[tuple[Config, dict]]:
    """Params and metrics of the commit that is checked out, first, and of every experiment on it that DVC has.

    Experiments without metrics here, or with params of another version's schema, are left out; without any experiment
    there is nothing to compare, and nothing is listed.

    Returns
    -------
    list of (Config, metrics)
        metrics as in reports/metrics.json.
    """
    if not _any(root):
        return []
    from dvc.api import exp_show, params_show
    from dvc.repo import Repo

    # An experiment that waits or runs shows the metrics of the commit it started from.
    finished = (row for row in exp_show(repo=str(root)) if row["State"] in (None, "Success"))
    revisions = [row["rev"] for row in finished if row["rev"] != "workspace"]
    target = str(Path(root, "reports", "metrics.json").resolve())
    with Repo(str(root)) as repo:
        shown = repo.metrics.show(targets=[target], revs=revisions, on_error="ignore")
    found = []
    for revision in revisions:
        files = shown.get(revision, {}).get("data", {})
        metrics = next((file.get("data") for file in files.values()), None)
        try:
            if metrics:
                params = params_show("params.yaml", repo=str(root), rev=revision)
                found.append((parse(params, f"params.yaml of {revision}"), metrics))
        except InputError:
            continue
    return found


def _any(root: str | Path) -> bool:
    """Whether DVC may have an experiment, asked of Git in milliseconds, where loading DVC takes seconds."""
    kept = ["git", "-C", str(root), "for-each-ref", "--count=1", "refs/exps"]
    try:
        found = subprocess.run(kept, capture_output=True, text=True)
    except FileNotFoundError:  # DVC can do without the program
        return True
    return bool(found.returncode or found.stdout)


def table(experiments: Iterable[tuple[Config, Mapping]], cohort: str) -> list[dict[str, str]]:
    """One row for each model and set of departures; those of the paper's variant first.

    Experiments that differ from the first one in anything but departures are left out.

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
    reference: dict[str, str] = {}
    for config, metrics in experiments:
        for experiment in config.experiments.values():
            estimates = metrics.get(cohort, {}).get(experiment.model, {})
            if experiment.cohort != cohort or experiment.model not in DEPARTURES or not set(METRICS) <= set(estimates):
                continue
            else_than_departures = repr((config.cohorts[cohort], config.prepare, config.model, config.train))
            else_than_departures += repr((config.evaluate, experiment.overrides))
            if reference.setdefault(experiment.model, else_than_departures) != else_than_departures:
                continue
            variant, meaning = _variant(experiment)
            row = {name: interval(estimates[name]) for name in METRICS}
            names = {"model": experiment.model, "variant": variant, "meaning": meaning}
            rows.setdefault((experiment.model, variant), names | row)
    order = list(DEPARTURES)
    return sorted(rows.values(), key=lambda row: (order.index(row["model"]), row["variant"] != "paper", row["variant"]))


def _variant(experiment) -> tuple[str, str]:
    """Name of an experiment's set of departures, and what it means."""
    if experiment.variant == "released":
        return "released", "all of them"
    on, known = experiment.departs(), DEPARTURES[experiment.family]
    return (", ".join(on), "; ".join(known[name] for name in on)) if on else ("paper", "as described")
