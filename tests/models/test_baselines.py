"""The baselines' losses equal straightforward ones, in float64; every model trains, resumes and samples."""

import math

import pytest
import torch
from factories import summed, tiny_settings, write_prepared
from objectives import assert_same, bce, draws, encoded, experiment, make, rng, volumes
from torch.distributions import Normal
from torch.nn import functional as F

import alphagan
from alphagan.errors import InputError
from alphagan.models import OBJECTIVES
from alphagan.training.loop import fit
from alphagan.volumes.prepared import Volumes


@pytest.mark.parametrize("norm", ["batch", "none"])
def test_alpha_gan(norm):
    ours, x = make("alpha_gan", critic_norm=norm), volumes()
    G, E, D, C = (ours.networks[name] for name in "GEDC")

    loss, _ = summed(ours.phases[0].loss, x, draws())
    z_rand = torch.randn(3, 6, dtype=torch.float64, generator=rng())
    z_enc = E(x)
    x_rec = G(z_enc)
    expected = 10 * F.l1_loss(x_rec, x) + bce(C(z_enc), 1.0) + bce(D(x_rec), 1.0) + bce(D(G(z_rand)), 1.0)
    assert_same(ours, loss, expected, "EG")

    loss, _ = summed(ours.phases[1].loss, x, draws())
    x_rec, x_rand, z_enc = G(E(x)).detach(), G(z_rand).detach(), E(x).detach()
    expected = 2 * bce(D(x), 1.0) + bce(D(x_rec), 0.0) + bce(D(x_rand), 0.0) + bce(C(z_enc), 0.0) + bce(C(z_rand), 1.0)
    assert_same(ours, loss, expected, "DC")


def test_vae_gan():
    ours, x = make("vae_gan"), volumes()
    G, E, D = (ours.networks[name] for name in "GED")

    loss, _ = summed(ours.phases[0].loss, x, draws())
    generator = rng()
    x_rec = G(encoded(E, x, generator)[0]).detach()
    x_rand = G(torch.randn(3, 6, dtype=torch.float64, generator=generator)).detach()
    assert_same(ours, loss, bce(D(x), 1.0) + bce(D(x_rec), 0.0) + bce(D(x_rand), 0.0), "D")

    loss, _ = summed(ours.phases[1].loss, x, draws())
    generator = rng()
    x_rec = G(encoded(E, x, generator)[0].detach())
    x_rand = G(torch.randn(3, 6, dtype=torch.float64, generator=generator))
    expected = bce(D(x_rec), 1.0) + bce(D(x_rand), 1.0) + 10 * F.mse_loss(D.features(x_rec), D.features(x).detach())
    assert_same(ours, loss, expected, "G")

    loss, terms = summed(ours.phases[2].loss, x, draws())
    z_enc, divergence = encoded(E, x, rng())
    torch.testing.assert_close(terms["prior_E"], divergence, rtol=1e-9, atol=1e-12)
    likelihood = Normal(D.features(x).detach(), 1.0).log_prob(D.features(G(z_enc))).flatten(1)
    constant = 0.5 * math.log(2 * math.pi) * likelihood.shape[1]
    assert_same(ours, loss, divergence - likelihood.sum(1).mean() - constant, "E")


def test_wgan_gp():
    ours, x = make("wgan_gp", critic_norm="group"), volumes()
    assert [list(phase.updates) for phase in ours.phases] == [["D"]] * 5 + [["G"]]
    assert [phase.batch for phase in ours.phases[:5]] == [0, 1, 2, 3, 4]
    G, D = ours.G, ours.D

    loss, _ = summed(ours.phases[0].loss, x, draws())
    generator = rng()
    x_rand = G(torch.randn(3, 6, dtype=torch.float64, generator=generator)).detach()
    e = torch.rand(3, 1, 1, 1, 1, dtype=torch.float64, generator=generator)
    x_hat = (x_rand + e * (x - x_rand)).requires_grad_()
    slopes = torch.autograd.grad(D(x_hat), x_hat, torch.ones(3, dtype=torch.float64), create_graph=True)[0]
    expected = D(x_rand).mean() - D(x).mean() + 10 * ((slopes.flatten(1).norm(dim=1) - 1) ** 2).mean()
    assert_same(ours, loss, expected, "D")

    loss, _ = summed(ours.phases[-1].loss, x, draws())
    assert_same(ours, loss, -D(G(torch.randn(3, 6, dtype=torch.float64, generator=rng()))).mean(), "G")


def test_batches_of_real_scans_per_iteration():
    assert {name: make(name).n_batches for name in OBJECTIVES} == {
        "alpha_wgan_gp": 2,
        "alpha_gan": 2,
        "vae_gan": 2,
        "wgan_gp": 5,
    }


@pytest.mark.parametrize("variant", ["paper", "released"])
@pytest.mark.parametrize("name", ["alpha_wgan_gp_z100", "alpha_gan", "vae_gan", "wgan_gp"])
def test_every_model_trains_resumes_and_samples(name, variant, tmp_path):
    departures = experiment(name, variant=variant).departures
    settings = tiny_settings(name=name, departures=departures, iterations=4, checkpoint_every=2)
    prepared = write_prepared(tmp_path / "prepared")
    whole = fit(settings, prepared, tmp_path / "whole", tmp_path / "scratch")
    assert not any("nan" in line for line in (whole / "history.csv").read_text().splitlines())
    run = alphagan.load(whole)
    assert run.sample(2).shape == (2, 16, 16, 16)
    if name == "wgan_gp":
        with pytest.raises(InputError, match="wgan_gp: has no encoder"):
            run.encode(run.sample(1))
    else:
        assert run.decode(run.encode(Volumes(prepared).tensor([0, 1])[:, 0])).shape == (2, 16, 16, 16)

    def stop(volumes, path):
        raise InterruptedError

    settings = settings.model_copy(update={"train": settings.train.model_copy(update={"sample_every": 3})})
    with pytest.raises(InterruptedError):
        fit(settings, prepared, tmp_path / "resumed", tmp_path / "scratch2", stop)
    resumed = fit(settings, prepared, tmp_path / "resumed", tmp_path / "scratch2")
    assert (resumed / "weights.pt").read_bytes() == (whole / "weights.pt").read_bytes()
