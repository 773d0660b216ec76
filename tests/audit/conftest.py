"""Simulated people, and what an audit finds among them."""

import numpy as np
import pytest
import torch
from audits import N_HELD_OUT, N_NEW, N_TRAIN, audit, people

from alphagan.audit.spaces import VoxelSpace
from alphagan.preparation.cohorts.template import find
from alphagan.settings.cohorts import TemplateCohort


def pooled(scan):
    """One simulated subject at 12 mm, (16, 16, 16) in [-1, 1]."""
    volume = torch.from_numpy(np.asarray(scan.load()[0].dataobj))[None, None]
    small = torch.nn.functional.avg_pool3d(volume[..., 3:35, 3:35, 3:35], 2)[0, 0]
    return (small / 0.7).clamp(max=2) - 1


@pytest.fixture(scope="session")
def subjects():
    """Simulated subjects: to train on, held out, and new ones."""
    cohort = TemplateCohort(
        kind="template",
        source="alphagan/preparation/cohorts/template.py",
        modality="T1w",
        n_subjects=N_TRAIN + N_HELD_OUT + N_NEW,
        voxel_size_mm=6.0,
    )
    volumes = torch.stack([pooled(scan) for scan in find(cohort)])
    return volumes.split([N_TRAIN, N_HELD_OUT, N_NEW])


@pytest.fixture(scope="session")
def found(subjects):
    """Audit of a generator that makes new subjects, and of one that slips copies in among them."""
    train, held_out, new = subjects
    labels = people("t", N_TRAIN), people("h", N_HELD_OUT)
    slipped = new.clone()
    slipped[3], slipped[10], slipped[12] = train[5], train[20].flip(0), 0.85 * (train[29] + 1) - 1
    spaces = [VoxelSpace(train)]
    return {
        name: audit(train, labels[0], held_out, labels[1], generated, spaces, n_copies=N_TRAIN, seed=1)
        for name, generated in (("new", new), ("slipped", slipped))
    }
