"""How the codes of training people depend on their age and sex: a linear regression.

Least squares, by default: what age does to a code is then right on average, although noise of about z_dim / n is in its
squared length. Ridge regression with the shrinkage that leave-one-out chooses has the least error in codes of other
people, and makes age do less than it does: of 126 people of IXI and 64 numbers, about half (docs/generate.md).
"""

from collections.abc import Mapping
from math import ceil, floor

import numpy as np

from alphagan.errors import InputError, TooFewError
from alphagan.generation.conditional import ConditionalPrior
from alphagan.generation.networks import BATCH
from alphagan.generation.run import Run
from alphagan.volumes.prepared import Volumes

SHRINKAGES = np.geomspace(1e-2, 1e4, 121)  # per training person, among which leave-one-out chooses
MOST_EXPLAINED = 0.99  # of the variance of codes in any direction, so that something is left to draw


def fit(
    codes: np.ndarray, covariates: Mapping[str, np.ndarray], shrink: bool = False, weights_sha256: str = ""
) -> ConditionalPrior:
    """Fit how codes depend on covariates.

    Parameters
    ----------
    codes : ndarray, (n, z_dim)
        z_enc, one of each person.
    covariates : dict of str to ndarray, (n,)
        "age" and "sex" (F 0, M 1); NaN where it is not known. People without one of them are left out, covariates
        without any difference between people too.
    shrink : bool
        Ridge regression, shrunk as leave-one-out chooses.
    weights_sha256 : str
        Of the weights that made the codes.

    Returns
    -------
    ConditionalPrior

    Raises
    ------
    TooFewError
        If fewer than three people are left, or all have the same covariates.
    """
    known = {name: values for name, values in covariates.items() if np.isfinite(values).any()}
    whole = np.isfinite(np.stack([*known.values()])).all(0) if known else np.zeros(len(codes), bool)
    names = [name for name, values in known.items() if np.ptp(values[whole]) > 0] if whole.any() else []
    if whole.sum() < 3:
        raise TooFewError(f"covariates: {whole.sum()} training people have them, of 3 needed; complete the table")
    if not names:
        same = f"all {whole.sum()} training people have the same {' and '.join(known)}"
        raise TooFewError(f"covariates: {same}, so that nothing can be learned of it; complete the table")
    values, z = np.stack([known[name][whole] for name in names], 1).astype(float), codes[whole].astype(float)
    mean, sd = values.mean(0), values.std(0)
    c, z = (values - mean) / sd, z - z.mean(0)
    R = c.T @ c / len(c)
    errors = [leave_one_out(c, z, shrinkage) for shrinkage in SHRINKAGES]
    best = int(np.argmin(errors))
    shrinkage = float(SHRINKAGES[best]) if shrink else 0.0
    B = bounded(ridge(c, z, shrinkage).T, R)
    by_mean = np.mean(np.sum(z**2, 1)) * (len(z) / (len(z) - 1)) ** 2  # the error of the mean of all others
    return ConditionalPrior(
        names=tuple(names),
        mean=tuple(mean.tolist()),
        sd=tuple(sd.tolist()),
        low=tuple(float(floor(low)) for low in values.min(0)),  # the youngest and the oldest person are not told
        high=tuple(float(ceil(high)) for high in values.max(0)),
        correlation=tuple(map(tuple, R.tolist())),
        coefficients=tuple(map(tuple, B.tolist())),
        shrinkage=shrinkage,
        explained=float(1 - errors[best] / by_mean),
        people=len(c),
        weights_sha256=weights_sha256,
    )


def fit_run(run: Run, volumes: Volumes, covariates: Mapping[str, np.ndarray], shrink: bool = False) -> ConditionalPrior:
    """`fit`, for the codes of the training people of a run; several scans of a person count as one, their mean code.

    Parameters
    ----------
    run : Run
    volumes : Volumes
        The prepared cohort that it was trained on.
    covariates : dict of str to ndarray, (N,)
        Of every row of the cohort, the same for all scans of a person.
    shrink : bool
        As in `fit`.

    Raises
    ------
    InputError
        If the run has no encoder, or makes cubes of another size; as `fit` does.
    """
    if not run.has_encoder:
        raise InputError(f"{run.folder}: {run.settings.name} has no encoder, so that nobody's code is known")
    rows = volumes.rows("train")
    parts = [rows[first : first + BATCH] for first in range(0, len(rows), BATCH)]
    z_enc = np.concatenate([run.encode(np.asarray(volumes.array[part])) for part in parts])
    _, first, who = np.unique(volumes.people(rows), return_index=True, return_inverse=True)
    z_enc = np.stack([np.bincount(who, column) for column in z_enc.T], 1) / np.bincount(who)[:, None]
    of_people = {name: values[np.array(rows)[first]] for name, values in covariates.items()}
    return fit(z_enc, of_people, shrink, run.networks.sha256)


def ridge(c: np.ndarray, z: np.ndarray, shrinkage: float) -> np.ndarray:
    """Coefficients (k, z_dim) of centred codes (n, z_dim) on standardised covariates (n, k)."""
    # B^T = (c^T c + n s I)^-1 c^T z
    return np.linalg.pinv(c.T @ c + len(c) * shrinkage * np.eye(c.shape[1])) @ c.T @ z


def leave_one_out(c: np.ndarray, z: np.ndarray, shrinkage: float) -> float:
    """Mean squared error of the code of a person who was left out of the fit, summed over the code.

    In closed form: e_i / (1 - h_ii), where e is the error of the fit to all, H = 1/n + c (c^T c + n s I)^-1 c^T.
    """
    hat = np.linalg.solve(c.T @ c + len(c) * shrinkage * np.eye(c.shape[1]), c.T)
    leverage = 1 / len(c) + np.einsum("ik,ki->i", c, hat)
    return float(np.mean(np.sum(((z - c @ (hat @ z)) / (1 - leverage)[:, None]) ** 2, 1)))


def bounded(B: np.ndarray, R: np.ndarray) -> np.ndarray:
    """Shrink B where covariates would explain more than `MOST_EXPLAINED` of what codes vary in some direction.

    Codes of real people may vary more in a direction than random ones do, and I - B R B^T must stay positive.
    """
    variance, directions = np.linalg.eigh(B @ R @ B.T)
    shrink = np.sqrt(np.minimum(1, MOST_EXPLAINED / variance.clip(1e-12)))
    return (directions * shrink) @ directions.T @ B
