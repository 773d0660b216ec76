"""Whether the table of ages and sexes says otherwise now than when a run's fit was made of it.

Beside the fit, covariates.json of a run's folder keeps checksums of the values of all training people. The fit itself
knows nothing of them, so that a file that is passed on has none.
"""

import hashlib
import json
import os
from pathlib import Path

from alphagan.errors import InputError
from alphagan.generation.conditional import ConditionalPrior, from_json
from alphagan.generation.run import Run
from alphagan.generation.weights import read_covariates
from alphagan.preparation.covariates import of_people
from alphagan.settings.config import load
from alphagan.settings.paths import Paths
from alphagan.volumes.prepared import Volumes

PARAMS = Path("params.yaml")
SEVERAL = {"age": "ages", "sex": "sexes"}


def with_checksums(prior: ConditionalPrior, run: Run, volumes: Volumes, table: str | Path, own: bool) -> str:
    """What covariates.json of a run's folder holds.

    Parameters
    ----------
    prior : ConditionalPrior
        As it was fitted.
    run : Run
    volumes : Volumes
        Whose training people it was fitted to; of other scans than the run's nothing is kept, as nobody could tell who
        they were.
    table : path
        Of their ages and sexes.
    own : bool
        Whether the cohort names the table in params.yaml, where it may name another one later.
    """
    told = json.loads(prior.as_json())
    if run.config.get("data") == volumes.fingerprint():
        sums = _checksums(volumes, table)
        told["values"] = {"table": None if own else str(table), "sha256": {name: sums[name] for name in prior.names}}
    return json.dumps(told, indent=2) + "\n"


def changed(run: Run) -> dict | None:
    """Which values of the people to whom a run was fitted are others in the table now.

    Returns
    -------
    dict or None
        "names" of the covariates, and the path of the "table"; None where nothing has changed, or where the cohort or
        the table is not here, or the fit is of an earlier version.
    """
    if run.prior is None:
        return None
    for root in _roots(run):
        try:
            if (kept := _kept(run, Paths(root))) and (table := _table(run, kept, root)):
                volumes = Volumes(Paths(root).prepared(run.settings.cohort))
                if run.config.get("data") != volumes.fingerprint():
                    continue
                now = _checksums(volumes, table)
                names = [name for name in run.prior.names if now.get(name) != kept["sha256"][name]]
                return {"names": names, "table": str(table)} if names else None
        except (InputError, LookupError, OSError, RecursionError, TypeError, ValueError):  # not here, or damaged
            continue
    return None


def in_words(found: dict, whose: str = "this fit") -> str:
    """Say what `changed` found."""
    names = " and ".join(SEVERAL[name] for name in found["names"])
    return f"{names} in {found['table']} are others now than those that {whose} used: run alphagan covariates again"


def _roots(run: Run) -> list[Path]:
    """Folders that may hold the cohort: that of the run's models/, and the working folder."""
    above = Path(os.path.abspath(run.folder)).parents
    own = [above[2]] if run.folder.is_dir() and len(above) > 2 else []
    return [*(root for root in own if root != Path.cwd()), Path()]


def _kept(run: Run, paths: Paths) -> dict | None:
    """What is kept beside the fit; of an exported file, beside the same fit of the run that it seems to be of."""
    folder = run.folder if run.folder.is_dir() else paths.run(run.settings.cohort, run.settings.name)
    text = read_covariates(folder)
    return json.loads(text).get("values") if text and from_json(text).sha256 == run.prior.sha256 else None


def _table(run: Run, kept: dict, root: Path) -> Path | None:
    table = kept["table"]
    if table is None:
        table = load(root / PARAMS).cohort(run.settings.cohort).covariates
    return root / table if table and (root / table).is_file() else None


def _checksums(volumes: Volumes, table: str | Path) -> dict[str, str]:
    """Of each covariate's values of the training people, in the order of their names."""
    people = sorted(set(volumes.people(volumes.rows("train"))))
    known = of_people(table, people)
    told = {name: "\n".join(known.people[who][name] for who in people) for name in known.names}
    return {name: hashlib.sha256(values.encode()).hexdigest() for name, values in told.items()}
