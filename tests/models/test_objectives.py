"""The losses are the paper's equations: equal to a textbook step, in float64, for every phase and parameter."""

import numpy as np
import pytest
import torch
from factories import summed

from alphagan.models.alpha_wgan_gp import AlphaWGANGP
from alphagan.models.penalty import gradient_penalty
from alphagan.seeding import Draws
from alphagan.settings.sections import Model, Train
from alphagan.workbench.bench.textbook import Textbook

SIZE = 16


def model(**changes) -> Model:
    return Model(**({"z_dim": 6, "width": 1 / 16, "code_units": 12} | changes))


def batches(n=2):
    generator = torch.Generator().manual_seed(5)
    return [torch.rand(3, 1, SIZE, SIZE, SIZE, dtype=torch.float64, generator=generator) * 2 - 1 for _ in range(n)]


def draws(seed=0):
    return Draws(torch.Generator().manual_seed(seed))


def gradients(networks, loss, names):
    return {
        f"{name}.{number}": gradient
        for name in names
        for number, gradient in enumerate(
            torch.autograd.grad(loss, list(networks[name].parameters()), retain_graph=True)
        )
    }


@pytest.mark.parametrize("norm", ["batch", "group", "none"])
def test_every_phase_equals_the_textbook(norm):
    settings = model(critic_norm=norm, reconstruction="balanced", lambda2=0.7)
    ours, reference = AlphaWGANGP(SIZE, settings, seed=1), Textbook(SIZE, settings, Train(seed=1))
    for network in (*ours.networks.values(), *reference.networks.values()):
        network.double()
    first, second = batches()
    textbook = reference.losses(first, second, torch.Generator().manual_seed(9))
    shared = draws(9)
    for phase, x_real in zip(ours.phases, (first, second), strict=True):
        loss, _ = summed(phase.loss, x_real, shared)
        expected, total = {}, 0.0
        while len(expected) < sum(len(list(ours.networks[name].parameters())) for name in phase.updates):
            updates, reference_loss = next(textbook)
            expected |= gradients(reference.networks, reference_loss, updates)
            total = total + reference_loss
        torch.testing.assert_close(loss, total, rtol=1e-9, atol=1e-12)
        actual = gradients(ours.networks, loss, phase.updates)
        assert actual.keys() == expected.keys()
        for key in actual:
            torch.testing.assert_close(actual[key], expected[key], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("norm", ["batch", "none"])
def test_recomputed_activations_change_neither_gradients_nor_statistics(norm):
    states = []
    for recomputed in (False, True):
        objective = AlphaWGANGP(SIZE, model(critic_norm=norm), seed=1)
        for network in objective.networks.values():
            network.double().recomputed = recomputed
        shared = draws(3)
        for phase, x in zip(objective.phases, batches(), strict=True):
            phase.loss(x, shared, torch.Tensor.backward)
        networks = objective.networks.values()
        states.append([p.grad for network in networks for p in network.parameters()])
        states[-1] += [buffer for network in networks for buffer in network.buffers()]
    for kept, again in zip(*states, strict=True):
        torch.testing.assert_close(again, kept, rtol=1e-12, atol=1e-14)


def flat_gradient(networks, loss, name):
    return torch.cat([gradient.flatten() for gradient in gradients(networks, loss, [name]).values()])


@pytest.mark.parametrize("norm", ["batch", "group", "none"])
def test_bfloat16_gradients_point_where_float32_ones_do(norm):
    """Cosine of every network's gradient with the textbook's in float32.

    E's passes through eleven rectifiers, in E, G and D, and rounding switches a few of them the other way.
    """
    settings = Model(z_dim=16, width=1 / 8, code_units=32, critic_norm=norm)
    ours, reference = AlphaWGANGP(32, settings, 1, (), torch.bfloat16), Textbook(32, settings, Train(seed=1))
    x = torch.rand(4, 1, 32, 32, 32, generator=torch.Generator().manual_seed(5)) * 2 - 1
    textbook, shared = reference.losses(x, x, torch.Generator().manual_seed(9)), draws(9)
    for phase in ours.phases:
        loss, _ = summed(phase.loss, x, shared)
        assert loss.dtype == torch.float32
        left = set(phase.updates)
        while left:
            updates, reference_loss = next(textbook)
            for name in updates:
                both = flat_gradient(ours.networks, loss, name), flat_gradient(reference.networks, reference_loss, name)
                cosine = torch.nn.functional.cosine_similarity(*both, dim=0)
                assert cosine >= 0.99, (name, cosine)
            left -= set(updates)


def test_code_critic_learns_from_encoder_codes():
    """The released code gives C no gradient from E(x); equation (3) does."""
    objective = AlphaWGANGP(SIZE, model(lambda1=0.0))
    x = batches(1)[0].float()
    first = objective.C.layers[0].weight
    codes = objective.E(x).detach()
    z_rand = torch.randn(3, 6, generator=torch.Generator().manual_seed(0))
    expected = torch.autograd.grad(objective.C(codes).mean() - objective.C(z_rand).mean(), first)[0]
    loss, _ = summed(objective.critics_loss, x, draws())
    torch.testing.assert_close(torch.autograd.grad(loss, first)[0], expected)
    without_codes = torch.autograd.grad(-objective.C(z_rand).mean(), first)[0]
    assert not torch.allclose(expected, without_codes)


def test_the_code_loss_has_no_path_to_the_generator():
    objective = AlphaWGANGP(SIZE, model())
    x = batches(1)[0].float()
    L_E = -objective.C(objective.E(x)).mean()
    assert torch.autograd.grad(L_E, list(objective.G.parameters()), allow_unused=True)[0] is None


def test_critics_leave_no_gradient_in_generator_and_encoder():
    objective = AlphaWGANGP(SIZE, model())
    objective.critics_loss(batches(1)[0].float(), draws(), torch.Tensor.backward)
    assert all(p.grad is None for name in "GE" for p in objective.networks[name].parameters())


@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0, 3.0])
def test_penalty_of_a_linear_critic(slope):
    """||grad|| is the norm of the weights everywhere, so that the penalty is known."""
    weights = torch.randn(4, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    weights *= slope / weights.norm() if slope else 0.0
    real, fake = batches(2)
    penalty = gradient_penalty(lambda x: (x[:, 0, :4, :4, :4] * weights).sum((1, 2, 3)), real, fake, draws())
    assert penalty.item() == pytest.approx((slope - 1) ** 2, abs=1e-6)


def test_penalty_gradient_against_finite_differences():
    critic = AlphaWGANGP(SIZE, model(critic_norm="group")).D.double()
    real, fake = batches(2)

    def penalty():
        return gradient_penalty(critic, real, fake, draws(2))

    parameter = critic.layers[2].weight
    analytic = torch.autograd.grad(penalty(), parameter)[0]
    direction = torch.randn(parameter.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        parameter += 1e-6 * direction
    above = penalty().item()
    with torch.no_grad():
        parameter -= 2e-6 * direction
    below = penalty().item()
    assert (analytic * direction).sum().item() == pytest.approx((above - below) / 2e-6, rel=1e-4)


def test_a_penalty_on_either_fake_is_half_of_both_on_average():
    x_real, x_rec, x_rand = batches(3)
    both, either = (AlphaWGANGP(SIZE, model(critic_norm="none", penalty=p), seed=1) for p in ("both", "either"))
    for objective in (both, either):
        objective.D.double()
    shared = draws()

    def penalty(objective):
        return objective.descend_penalty(lambda loss: None, 10.0, x_real, x_rec, x_rand, shared).item()

    assert 2 * np.mean([penalty(either) for _ in range(60)]) == pytest.approx(penalty(both), rel=0.05)


def test_balanced_reconstruction_grows_with_the_cube():
    weights = [AlphaWGANGP(size, model(lambda2=1.0, reconstruction="balanced")).l1_weight for size in (16, 32)]
    assert weights == pytest.approx([16**1.5, 32**1.5])
    assert AlphaWGANGP(SIZE, model()).l1_weight == 10.0
