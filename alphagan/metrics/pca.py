"""Principal components of real and generated volumes in one plane (figure 3 of the paper)."""

import numpy as np
import torch
from sklearn.decomposition import PCA

from alphagan.errors import InputError
from alphagan.metrics.checks import check_volumes


def joint_pca(
    sets: dict[str, torch.Tensor], n_components: int = 2, seed: int = 0
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Project every set on the components of all sets together.

    The components are fitted once. A fit per set would give each its own axes and its own origin, in which a model that
    misses the real distribution looks the same as one that meets it.

    Parameters
    ----------
    sets : dict of str to Tensor, (n_i, S, S, S)
        Real and generated volumes, by name. A set counts by its size: give as many of each, as the paper does (512).
    n_components : int
        How many components to keep.
    seed : int
        Seed of the randomised singular value decomposition.

    Returns
    -------
    scores : dict of str to ndarray, (n_i, n_components)
        Coordinates, float32.
    explained_variance_ratio : ndarray, (n_components,)
        Share of the variance of all sets together.

    Raises
    ------
    InputError
        If the volumes of two sets differ in size, or there are fewer volumes than components.
    """
    for name, volumes in sets.items():
        check_volumes(name, volumes)
    if len({volumes.shape[1:] for volumes in sets.values()}) != 1:
        raise InputError(f"{', '.join(sets) or 'sets'}: volumes must be of one size in every set")
    flat = np.concatenate([volumes.flatten(1).float().cpu().numpy() for volumes in sets.values()])
    if len(flat) <= n_components:
        raise InputError(f"{', '.join(sets)}: {len(flat)} volumes for {n_components} components; give more volumes")
    # `flat` is already a copy of its own, so it may be centred in place.
    pca = PCA(n_components, svd_solver="randomized", random_state=seed, copy=False)
    scores = pca.fit_transform(flat)
    ends = np.cumsum([len(volumes) for volumes in sets.values()])
    return dict(zip(sets, np.split(scores, ends[:-1]), strict=True)), pca.explained_variance_ratio_
