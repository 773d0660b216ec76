"""Measure and audit a cohort's models, and keep the numbers with a note of which weights they are."""

from pathlib import Path
from typing import Any

from alphagan.audit.auditor import Audit
from alphagan.errors import InputError
from alphagan.evaluation.cohort import Evaluation, dropped, evaluate
from alphagan.evaluation.memory import audit_cohort
from alphagan.files import write_json
from alphagan.generation.load import load
from alphagan.settings.config import Config
from alphagan.settings.json_file import read_json
from alphagan.settings.paths import Paths
from alphagan.volumes.prepared import Volumes


def keep_metrics(config: Config, cohort: str, paths: Paths) -> Evaluation:
    """Measure every model of a cohort, and write the numbers to its metrics file.

    Raises
    ------
    InputError
        As `alphagan.evaluation.cohort.evaluate` does; if the disk is full or not writable.
    """
    weights = _weights(config, cohort, paths)
    found = evaluate(config, cohort, paths)
    _keep(found.as_dict(), paths.metrics(cohort), weights, paths.provenance("metrics", cohort))
    return found


def keep_audit(config: Config, cohort: str, paths: Paths) -> dict[str, Audit]:
    """Look for what every model of a cohort remembers, and write the numbers to its audit file.

    Raises
    ------
    InputError
        As `alphagan.evaluation.memory.audit_cohort` does; if the disk is full or not writable.
    """
    weights = _weights(config, cohort, paths)
    audits = audit_cohort(config, cohort, paths)
    plain = {name: found.as_dict() for name, found in audits.items()}
    _keep(plain, paths.audit(cohort), weights, paths.provenance("audit", cohort))
    return audits


def of_dropped_models(config: Config, cohort: str, paths: Paths) -> list[str]:
    """Say which rows of a cohort's metrics `collect` leaves out, as the parameters name no such model; one line."""
    if not (names := dropped(config, cohort, read_json(paths.metrics(cohort)))):
        return []
    where = paths.reports() / "metrics.json"
    return [f"left out of {where}: {', '.join(names)} of {cohort}, which params.yaml no longer names"]


def _weights(config: Config, cohort: str, paths: Paths) -> dict[str, str]:
    """Hash of every model's weights, but of one that was trained on other scans, or another split of them.

    Raises
    ------
    InputError
        If a folder was copied or renamed: numbers stand under the name that a run was trained by.
    """
    runs = [load(paths.run(cohort, model)) for model in config.models(cohort)]
    for model, run in zip(config.models(cohort), runs, strict=True):
        if run.settings.name != model:
            raise InputError(
                f"{run.folder}: was trained as {run.settings.name}, and its numbers would be called so; train {model}, "
                f'or set "name" in its config.json to {model}'
            )
    known = None, Volumes(paths.prepared(cohort)).fingerprint()
    return {run.settings.name: run.networks.sha256 for run in runs if run.config.get("data") in known}


def _keep(numbers: dict[str, Any], path: Path, weights: dict[str, str], provenance: Path) -> None:
    provenance.unlink(missing_ok=True)  # killed in between, the numbers are of weights that are not known
    write_json(numbers, path)
    write_json(weights, provenance)
