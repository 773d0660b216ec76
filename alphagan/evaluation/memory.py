"""Audit the trained models of one cohort, and the generators of known fault as controls."""

from tqdm import tqdm

from alphagan.audit.auditor import Audit, Auditor
from alphagan.audit.membership import Score, inversion_score, reconstruction_score
from alphagan.audit.spaces import FeatureSpace, VoxelSpace
from alphagan.evaluation.features.network import FeatureNetwork, load_features
from alphagan.evaluation.references import faulty
from alphagan.evaluation.samples import drawn
from alphagan.generation.load import load
from alphagan.generation.run import Run
from alphagan.metrics.catalogue import FAULTY
from alphagan.models.view import weigh_detail
from alphagan.settings.config import Config
from alphagan.settings.paths import Paths
from alphagan.volumes.prepared import Volumes


def auditor(config: Config, volumes: Volumes, network: FeatureNetwork | None = None) -> Auditor:
    """Set up the audit of a prepared cohort: thresholds come from everyone who was not trained on.

    Parameters
    ----------
    config : Config
    volumes : Volumes
    network : FeatureNetwork, optional
        In whose features volumes are compared too.

    Raises
    ------
    TooFewError
        If fewer than two people are held out.
    """
    rows, held_out_rows = volumes.rows("train"), volumes.rows("val", "test")
    train, held_out = (volumes.tensor(chosen)[:, 0] for chosen in (rows, held_out_rows))
    spaces = [VoxelSpace(train)]
    if network:
        spaces.append(FeatureSpace(train, network.name, network.project))
    settings = config.audit
    people = volumes.people(rows), volumes.people(held_out_rows)
    return Auditor(
        train, people[0], held_out, people[1], spaces, settings.level, settings.n_copies, config.evaluate.seed
    )


def attacks(run: Run, inversion_steps: int) -> dict[str, Score]:
    """What an attacker who holds a run may look at: its critic, and how well scans are given back."""
    D, G = run.networks["D"], run.networks["G_average"]
    weight = run.settings.model.detail_weight
    found: dict[str, Score] = {"the critic's score": lambda x: D(weigh_detail(x, weight)).reshape(len(x), -1).mean(1)}
    if run.has_encoder:
        E = run.networks["E"]
        found["the error of reconstruction"] = reconstruction_score(lambda x: G(E(x)))
    if inversion_steps:
        found["the error of the best code"] = inversion_score(G, run.settings.model.z_dim, inversion_steps)
    return found


def audit_cohort(config: Config, cohort: str, paths: Paths) -> dict[str, Audit]:
    """Audit every trained model of a cohort, and the generators of known fault.

    Returns
    -------
    audits : dict of str to Audit
        "mean_brain", "gaussian_noise" and "memoriser" first.

    Raises
    ------
    InputError
        If a model or the feature network of the cohort is not trained.
    TooFewError
        If fewer than two people are held out.
    """
    how, settings = config.cohort(cohort).augment, config.evaluate
    chosen = auditor(config, Volumes(paths.prepared(cohort)), load_features(paths.features(cohort)))
    folders = [paths.run(cohort, model) for model in config.models(cohort)]
    for folder in folders:
        load(folder)  # refuses a missing one now rather than after the others
    audits = {}
    bar = tqdm(total=len(FAULTY) + len(folders), desc=f"audit {cohort}", disable=None)
    for name, found in faulty(chosen.train, how, settings.n_generated, settings.real_copies, settings.seed):
        audits[name] = chosen.audit(found)
        bar.update()
    for run in map(load, folders):  # one after the other, as each keeps its networks
        found = drawn(run, settings.n_generated, settings.seed)  # as figures show them beside their scans
        tried = attacks(run, config.audit.inversion_steps)
        audits[run.settings.name] = chosen.audit(found, tried, settings.n_bootstrap)
        bar.update()
    bar.close()
    return audits
