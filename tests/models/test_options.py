"""Codes like random ones, one batch through G, and a critic that sees everything augmented: options of the models."""

import pytest
import torch
from factories import summed
from objectives import SIZE, draws, gradient, make, rng, volumes

from alphagan.models import OBJECTIVES
from alphagan.models.networks import Encoder
from alphagan.seeding import Draws
from alphagan.settings.cohorts import Augment
from alphagan.settings.sections import Model
from alphagan.volumes.augmentation import augment


def test_normalised_codes_have_the_moments_of_random_ones_and_no_parameters():
    plain, normalised = Encoder(SIZE, 6, 1 / 16), Encoder(SIZE, 6, 1 / 16, normalised=True)
    x = volumes().float()
    codes = normalised.train()(x)
    torch.testing.assert_close(codes.mean(0), torch.zeros(6), atol=1e-5, rtol=0)
    torch.testing.assert_close(codes.var(0, correction=0), torch.ones(6), atol=1e-2, rtol=0)
    assert sum(p.numel() for p in normalised.parameters()) == sum(p.numel() for p in plain.parameters())


def test_a_joint_batch_is_generated_with_common_statistics():
    """Equal to G of both batches together, for the losses and for every gradient of E and G."""
    objective = make("alpha_wgan_gp", joint_batch=True, critic_norm="none")
    x = volumes()
    loss, _ = summed(objective.encoder_generator_loss, x, draws())
    z_enc, z_rand = objective.E(x), torch.randn(3, 6, dtype=torch.float64, generator=rng())
    both = objective.G(torch.cat([z_enc, z_rand]))
    l1 = (x - both[:3]).abs().mean()
    expected = 10 * l1 - objective.D(both[:3]).mean() - objective.D(both[3:]).mean() - objective.C(z_enc).mean()
    torch.testing.assert_close(loss, expected, rtol=1e-9, atol=1e-12)
    for name in "EG":
        actual, wanted = (gradient(objective, each, name) for each in (loss, expected))
        torch.testing.assert_close(actual, wanted, rtol=1e-9, atol=1e-12)
    apart = make("alpha_wgan_gp", critic_norm="none")
    assert abs(summed(apart.encoder_generator_loss, x, draws())[0] - expected) > 1e-6


@pytest.mark.parametrize("name", list(OBJECTIVES))
def test_the_critic_sees_everything_augmented_and_the_reconstruction_nothing(name):
    """At half the intensity, whatever reaches D is at most 0, real or generated; gradients still reach G."""
    half = Augment(flip=False, intensity=[0.5, 0.5])
    model = Model(z_dim=6, width=1 / 16, code_units=12, critic_norm="none", augmentation="both")
    objective = OBJECTIVES[name](SIZE, model, seed=1, augmentation=half)
    seen = []
    objective.D.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].max().item()))
    x = torch.full((3, 1, SIZE, SIZE, SIZE), 0.9)
    for phase in objective.phases:
        terms = phase.loss(x, draws(), torch.Tensor.backward)
        if "l1" in terms and name != "vae_gan":
            assert terms["l1"] > 0.4  # G starts near 0, and x was not dimmed
    assert seen and max(seen) <= 1e-6
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in objective.G.parameters())


def test_what_the_critic_sees_is_the_cohorts_augmentation():
    objective = make("alpha_wgan_gp")
    x = volumes()
    assert objective.shown(draws(), x)[0] is x  # nothing is drawn where nothing is augmented
    objective.view.augmentation = Augment()
    torch.testing.assert_close(objective.shown(draws(), x)[0], augment(x, Augment(), Draws(rng())))


@pytest.mark.parametrize(("name", "n_steps"), [("alpha_wgan_gp", 1), ("wgan_gp", 5)])
def test_a_rare_penalty_counts_as_often_as_it_is_left_out(name, n_steps):
    """In every second of D's steps, of which WGAN-GP has five an iteration, with twice the weight."""
    objective = make(name, penalty_every=2, critic_norm="none")
    phases = [phase for phase in objective.phases if "D" in phase.updates]
    assert len(phases) == n_steps
    for step in range(4):
        objective.iteration, number = divmod(step, n_steps)
        loss, terms = summed(phases[number].loss, volumes(), draws())
        assert (terms["penalty_D"] > 0) == (step % 2 == 0)
        of_D = terms["L_D"] + terms.get("L_C", 0.0)
        torch.testing.assert_close(of_D, loss.detach())
        torch.testing.assert_close(terms["L_D"], -terms["distance_D"] + 20 * terms["penalty_D"])
