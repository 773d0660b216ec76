"""Each departure of the released code shows, in float64."""

import pytest
import torch
from factories import summed, tiny_settings, write_prepared
from objectives import SIZE, assert_same, bce, draws, encoded, experiment, gradient, make, rng, volumes
from torch.nn import functional as F

from alphagan.errors import InputError
from alphagan.models.description import n_parameters
from alphagan.models.penalty import gradient_penalty
from alphagan.models.variational_encoder import VariationalEncoder
from alphagan.models.wgan_gp import per_voxel_penalty
from alphagan.settings.departures import DEPARTURES
from alphagan.training.distributed import World
from alphagan.training.engine import Training
from alphagan.volumes.prepared import Volumes


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
    loss, terms = summed(ours.phases[0].loss, real, draws())
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
