"""What the tests of the audit share: sizes of a study, simple brains, and an audit in one call."""

import numpy as np
import torch

from alphagan.audit.auditor import Auditor

N_TRAIN, N_HELD_OUT, N_NEW = 30, 24, 16


def audit(train, people, held_out, held_out_people, generated, spaces=(), attacks=None, **how):
    return Auditor(train, people, held_out, held_out_people, spaces, **how).audit(generated, attacks)


def people(prefix, n):
    return [f"{prefix}{number}" for number in range(n)]


def brains(n, seed=0, side=12):
    """Random intensities inside random balls."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*3 * [np.linspace(-1, 1, side)], indexing="ij"))
    inside = (grid**2).sum(0) < rng.uniform(0.4, 0.9, (n, 1, 1, 1))
    return torch.from_numpy(np.where(inside, rng.uniform(-0.5, 1, (n, side, side, side)), -1)).float()


def power(comparison, kind):
    return [power.found.value for power in comparison.criteria["relative"].power if power.kind == kind]
