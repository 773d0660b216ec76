"""The baselines' losses equal straightforward ones, in float64; each departure of the released code shows."""

import math

import pytest
import torch
from factories import summed, tiny_settings, write_prepared
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as F

import alphagan
from alphagan.errors import InputError
from alphagan.models import OBJECTIVES
from alphagan.models.description import n_parameters
from alphagan.models.networks import VariationalEncoder
from alphagan.models.penalty import gradient_penalty
from alphagan.models.wgan_gp import per_voxel_penalty
from alphagan.seeding import Draws
from alphagan.settings.config import parse
from alphagan.settings.departures import DEPARTURES
from alphagan.settings.sections import Model
from alphagan.training.distributed import World
from alphagan.training.engine import Training
from alphagan.training.loop import fit
from alphagan.volumes.prepared import Volumes

SIZE = 16


def make(name, departures=(), **changes):
    model = Model(**({"z_dim": 6, "width": 1 / 16, "code_units": 12} | changes))
    objective = OBJECTIVES[name](SIZE, model, seed=1, departures=departures)
    for network in objective.networks.values():
        network.double()
    return objective


def volumes(n=1, seed=5):
    generator = torch.Generator().manual_seed(seed)
    found = [torch.rand(3, 1, SIZE, SIZE, SIZE, dtype=torch.float64, generator=generator) * 2 - 1 for _ in range(n)]
    return found if n > 1 else found[0]


def rng(seed=9):
    return torch.Generator().manual_seed(seed)


def draws():
    return Draws(rng())


def gradient(objective, loss, name):
    parameters = list(objective.networks[name].parameters())
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, parameters, retain_graph=True)])


def bce(logits, target):
    """Cross-entropy of probabilities, as the released code computes it."""
    return F.binary_cross_entropy(torch.sigmoid(logits), torch.full_like(logits, target))


def assert_same(objective, loss, expected, names):
    torch.testing.assert_close(loss, expected, rtol=1e-9, atol=1e-12)
    for name in names:
        both = (gradient(objective, each, name) for each in (loss, expected))
        torch.testing.assert_close(*both, rtol=1e-9, atol=1e-12)


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


def encoded(E, x, generator):
    mean, log_variance = E.posterior(x)
    noise = torch.randn(mean.shape, dtype=torch.float64, generator=generator)
    posterior = Normal(mean, (0.5 * log_variance).exp())
    prior = Normal(torch.zeros_like(mean), torch.ones_like(mean))
    return mean + posterior.scale * noise, kl_divergence(posterior, prior).sum(1).mean()


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


# Each departure of the released code


def test_dead_code_gradient():
    """C's distance is that of -C(z_rand) alone, whatever the encoder says; its codes are in the penalty only."""
    ours = make("alpha_wgan_gp", ["dead_code_gradient"], lambda1=0.0)
    loss, _ = summed(ours.critics_loss, volumes(), draws())
    z_rand = torch.randn(3, 6, dtype=torch.float64, generator=rng())
    torch.testing.assert_close(gradient(ours, loss, "C"), gradient(ours, -ours.C(z_rand).mean(), "C"))
    other, _ = summed(ours.critics_loss, volumes(seed=6), draws())
    torch.testing.assert_close(gradient(ours, other, "C"), gradient(ours, -ours.C(z_rand).mean(), "C"))
    penalised = make("alpha_wgan_gp", ["dead_code_gradient"])
    both = [
        gradient(penalised, summed(penalised.critics_loss, x, draws())[0], "C") for x in (volumes(), volumes(seed=6))
    ]
    assert not torch.allclose(*both)


@pytest.mark.parametrize("name", ["alpha_gan", "vae_gan"])
def test_one_real_batch(name, tmp_path):
    prepared = Volumes(write_prepared(tmp_path))
    drawn = {}
    for departures in ([], ["one_real_batch"]):
        training = Training(tiny_settings(name=name, departures=departures), World(torch.device("cpu")))
        seen = set()
        read = prepared.tensor
        prepared.tensor = lambda rows, device, read=read, seen=seen: seen.add(tuple(rows)) or read(rows, device)
        training.step(prepared, prepared.rows("train"))
        prepared.tensor = read
        drawn[len(departures)] = len(seen)
    assert drawn == {0: 2, 1: 1}


def experiment(model, **changes):
    return parse(
        {
            "cohorts": {"a": {"kind": "template", "source": "x"}},
            "experiments": {"run": {"cohort": "a", "model": model, **changes}},
        }
    ).settings("run")


def test_no_augmentation():
    settings = (tiny_settings(name="alpha_gan", departures=departures) for departures in ([], ["no_augmentation"]))
    as_described, changed = (Training(each, World(torch.device("cpu"))).augment for each in settings)
    assert (as_described.flip, as_described.intensity) == (True, [0.7, 1.0])
    assert (changed.flip, changed.intensity) == (False, None)


def test_halved_learning_rate():
    settings = (tiny_settings(name="vae_gan", departures=d, lr=2e-4) for d in ([], ["halved_learning_rate"]))
    optimisers = [Training(each, World(torch.device("cpu"))).optimisers for each in settings]
    assert [{o.param_groups[0]["lr"] for o in each.values()} for each in optimisers] == [{2e-4}, {1e-4}]


def test_saturating_loss():
    """Where D is sure that fakes are fake, the saturating loss teaches G next to nothing."""
    norms = {}
    for departures in ((), ("saturating_loss",)):
        ours = make("vae_gan", departures, lambda2=0.0)
        with torch.no_grad():
            ours.D.layers[-1].bias -= 20.0  # D(fake) is about 2e-9
        loss, _ = summed(ours.generator_loss, volumes(), draws())
        norms[len(departures)] = gradient(ours, loss, "G").norm().item()
    assert norms[1] < 1e-6 * norms[0]


def test_pixel_reconstruction():
    ours, x = make("vae_gan", ["pixel_reconstruction"]), volumes()
    z_enc, divergence = encoded(ours.E, x, rng())
    loss, _ = summed(ours.encoder_loss, x, draws())
    assert_same(ours, loss, divergence + 10 * F.mse_loss(ours.G(z_enc), x), "E")
    loss, _ = summed(ours.generator_loss, x, draws())
    generator = rng()
    x_rec = ours.G(encoded(ours.E, x, generator)[0])
    x_rand = ours.G(torch.randn(3, 6, dtype=torch.float64, generator=generator))
    assert_same(ours, loss, 20 * F.mse_loss(x_rec, x) + bce(ours.D(x_rec), 1.0) + bce(ours.D(x_rand), 1.0), "G")


def test_averaged_kl():
    x = volumes()
    (_, terms), (_, averaged) = (summed(make("vae_gan", d).encoder_loss, x, draws()) for d in ((), ("averaged_kl",)))
    torch.testing.assert_close(terms["prior_E"], 6 * averaged["prior_E"])


def test_dense_encoder_is_as_large_as_the_released_one():
    with torch.device("meta"):
        assert n_parameters(VariationalEncoder(64, 1000, dense=True)) == 149_344_912
    assert make("vae_gan", ["dense_encoder"]).E.posterior(volumes())[1].shape == (3, 6)


def test_per_voxel_penalty():
    """A slope of 1 at every voxel costs nothing, though its norm is the root of their number."""

    def critic(x):
        return x.sum((1, 2, 3, 4))

    real, fake = volumes(2)
    assert per_voxel_penalty(critic, real, fake, draws()).item() == pytest.approx(0, abs=1e-12)
    assert gradient_penalty(critic, real, fake, draws()).item() == pytest.approx((SIZE**1.5 - 1) ** 2)
    ours = make("wgan_gp", ["per_voxel_penalty"])
    loss, terms = summed(ours.critic_loss, real, draws())
    torch.testing.assert_close(loss, 10 * terms["penalty_D"] - terms["distance_D"])
    assert terms["penalty_D"].item() == pytest.approx(1, abs=0.1)  # no voxel's slope is near 1 in a new network


def test_patch_critic():
    assert make("wgan_gp").D(volumes()).shape == (3,)
    assert make("wgan_gp", ["patch_critic"]).D(volumes()).shape == (3, 8)


def test_reversed_ratio():
    assert [list(p.updates) for p in make("wgan_gp", ["reversed_ratio"]).phases] == [["D"]] + [["G"]] * 5


def test_variant_released_switches_all_on():
    for family, departures in DEPARTURES.items():
        assert experiment(family).departures == []
        assert experiment(family, variant="released").departures == list(departures)
    with pytest.raises(InputError, match=r"experiments\.run.*'patch_critic' is not one that alpha_gan has"):
        experiment("alpha_gan", departures=["patch_critic"])
    with pytest.raises(InputError, match=r"experiments\.run\.model: 'beta_gan' is not alpha_wgan_gp, "):
        experiment("beta_gan")


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
        with pytest.raises(InputError, match="wgan_gp has no encoder"):
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
