"""Reference generators: what they are meant to know and what not."""

import numpy as np
import pytest
import torch
from phantoms import brains

from alphagan.errors import InputError
from alphagan.evaluation import references
from alphagan.evaluation.references import gaussian_noise, mean_brain, memoriser
from alphagan.seeding import seeded
from alphagan.settings.cohorts import Augment


@pytest.fixture
def scans():
    return brains(30, size=8)


def draw(name, scans, n, seed=0):
    generator = seeded("cpu", name, seed)
    return {
        "mean_brain": lambda: mean_brain(scans, n),
        "gaussian_noise": lambda: gaussian_noise(scans, n, generator=generator),
        "memoriser": lambda: memoriser(scans, n, Augment(), generator=generator),
    }[name]()


@pytest.mark.parametrize("name", ["mean_brain", "gaussian_noise", "memoriser"])
def test_volumes_are_as_generated_ones_are(name, scans):
    given = scans.clone()
    for n in (1, 30, 47):
        volumes = draw(name, scans, n)
        assert volumes.shape == (n, 8, 8, 8) and volumes.dtype == torch.float32
        assert volumes.min() >= -1 and volumes.max() <= 1
        assert torch.equal(volumes, draw(name, scans, n))
    assert torch.equal(scans, given)
    if name != "mean_brain":
        assert not torch.equal(volumes, draw(name, scans, n, seed=1))


def far_from_the_limits(scans):
    """Where nothing is clipped; all on one slope, as only a background of -1 is even."""
    return 0.3 * scans + torch.linspace(-0.05, 0.05, 8)


def test_mean_brain_is_the_mean(scans):
    volumes = mean_brain(scans, 3)
    assert torch.equal(volumes[0], volumes[2])
    np.testing.assert_allclose(volumes[1].numpy(), scans.numpy().mean(0), atol=1e-6)
    volumes[0] += 1
    assert not torch.equal(volumes[0], volumes[1]), "no volume is a view of another"


def test_gaussian_noise_has_the_moments_of_the_scans(monkeypatch):
    monkeypatch.setattr(references, "BLOCK", 100)
    scans = far_from_the_limits(brains(20, size=8))
    drawn = gaussian_noise(scans, 4000, explained=1.0, generator=seeded("cpu", 0)).flatten(1).double().numpy()
    flat = scans.flatten(1).double().numpy()
    np.testing.assert_allclose(drawn.mean(0), flat.mean(0), atol=0.02)
    expected = np.cov(flat.T)
    error = np.linalg.norm(np.cov(drawn.T) - expected) / np.linalg.norm(expected)
    assert error < 0.1


@pytest.mark.parametrize("explained", [0.3, 0.7, 0.95])
def test_gaussian_noise_keeps_the_fewest_components_that_explain_the_share(scans, explained):
    scans = far_from_the_limits(scans)
    variance = np.linalg.svd(scans.flatten(1).numpy() - scans.flatten(1).numpy().mean(0), compute_uv=False) ** 2
    n_components = np.searchsorted(variance.cumsum() / variance.sum(), explained) + 1
    drawn = gaussian_noise(scans, 60, explained, generator=seeded("cpu", 0)).flatten(1).double()
    singular = torch.linalg.svdvals(drawn - scans.flatten(1).double().mean(0))
    assert (singular > 1e-5 * singular[0]).sum() == n_components


def test_gaussian_noise_is_clipped(scans):
    drawn = gaussian_noise(scans, 50, generator=seeded("cpu", 0))
    assert (drawn == -1).any()
    of_one = gaussian_noise(scans[:1].repeat(3, 1, 1, 1), 2, generator=seeded("cpu", 0))
    np.testing.assert_allclose(of_one[0].numpy(), scans[0].numpy(), atol=1e-6)


def test_memoriser_returns_every_scan_equally_often(scans):
    plain = memoriser(scans, 75, Augment(flip=False, intensity=None), generator=seeded("cpu", 0))
    distance = torch.cdist(plain.flatten(1).double(), scans.flatten(1).double())
    assert (distance.min(1).values < 1e-3).all()
    times = np.bincount(distance.argmin(1), minlength=30)
    assert times.min() == 2 and times.max() == 3
    assert distance[:30].argmin(1).tolist() != list(range(30)), "shuffled"


def test_memoriser_augments_as_training_does(scans):
    x = memoriser(scans, 60, Augment(), generator=seeded("cpu", 0))
    brightness = (x + 1).flatten(1)
    brightness = brightness / brightness.norm(dim=1, keepdim=True)
    known = torch.cat([scans, scans.flip(1)]).add(1).flatten(1)
    known = known / known.norm(dim=1, keepdim=True)
    similarity = brightness @ known.T
    assert similarity.max(1).values.min() > 0.99999
    flipped = (similarity.argmax(1) >= 30).float().mean()
    assert 0.2 < flipped < 0.8
    peak = (x + 1).amax((1, 2, 3))
    assert peak.min() < 0.85 * peak.max()


def test_bad_input_is_named(scans):
    with pytest.raises(InputError, match="explained: 0"):
        gaussian_noise(scans, 2, 0, generator=seeded("cpu", 0))
    with pytest.raises(InputError, match="at least 2"):
        gaussian_noise(scans[:1], 2, generator=seeded("cpu", 0))
    with pytest.raises(InputError, match="expected volumes"):
        mean_brain(scans[:, None], 2)
    with pytest.raises(InputError, match="at least 1"):
        memoriser(scans[:0], 2, Augment(), generator=seeded("cpu", 0))
