"""What D sees: moved volumes, holes, and detail that counts for more."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from objectives import draws, make, rng, volumes
from scipy import ndimage

from alphagan.models import OBJECTIVES
from alphagan.models.view import View, cut_out, shift, weigh_detail
from alphagan.seeding import Draws
from alphagan.settings.sections import Model


@given(st.lists(st.tuples(*[st.integers(-6, 6)] * 3), min_size=3, max_size=3))
def test_moved_volumes_are_those_of_scipy(by):
    x = volumes()
    expected = [ndimage.shift(v[0].numpy(), steps, order=0, cval=-1.0) for v, steps in zip(x, by, strict=True)]
    np.testing.assert_allclose(shift(x, torch.tensor(by))[:, 0].numpy(), np.stack(expected))


def test_a_hole_has_its_share_of_each_side_and_can_hang_over_the_edge():
    x = torch.ones(3, 1, 10, 10, 10)
    holes = cut_out(x, 0.4, torch.tensor([[0.5, 0.5, 0.5], [0.0, 0.5, 0.5], [1 / 14, 0.5, 0.5]]))
    assert [int((hole == -1).sum()) for hole in holes] == [4 * 4 * 4, 0, 1 * 4 * 4]
    places = torch.rand(4000, 3, generator=rng())
    share = (cut_out(torch.ones(4000, 1, 10, 10, 10), 0.4, places) == -1).float().mean((0, 1))
    torch.testing.assert_close(share.mean((1, 2)), share.mean().expand(10), rtol=0.15, atol=0)  # edges have their turn


@pytest.mark.parametrize("weight", [1.0, 2.0, 3.5])
def test_detail_is_what_the_neighbours_mean_leaves(weight):
    x = volumes()
    mean = np.stack([ndimage.uniform_filter(v[0].numpy() + 1, 3, mode="constant") for v in x])[:, None]
    expected = x.numpy() + (weight - 1) * (x.numpy() + 1 - mean)
    torch.testing.assert_close(weigh_detail(x, weight), torch.from_numpy(expected))
    flat = torch.full((1, 1, 8, 8, 8), 0.3)
    torch.testing.assert_close(weigh_detail(flat, weight)[..., 1:-1, 1:-1, 1:-1], flat[..., 1:-1, 1:-1, 1:-1])


def test_half_of_what_the_critic_sees_is_moved_and_half_has_a_hole():
    x = torch.rand(400, 1, 8, 8, 8, generator=rng()) * 2 - 1
    for changes in ({"critic_shift": 1}, {"critic_cutout": 0.5}):
        seen = View(Model(**changes))(x, Draws(rng()))
        changed = (seen != x).flatten(1).any(1).float().mean().item()
        assert 0.3 < changed < 0.55  # some are moved by nothing, some holes lie outside


@pytest.mark.parametrize("name", list(OBJECTIVES))
def test_every_model_learns_from_what_the_critic_sees(name):
    """D never sees a volume as it is, and G's gradient comes through."""
    objective = make(name, critic_norm="none", critic_shift=2, critic_cutout=0.3, detail_weight=3.0, head="haar")
    seen = []
    objective.D.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    x = volumes()
    for phase in objective.phases:
        phase.loss(x, draws(), torch.Tensor.backward)
    assert seen and not any(torch.equal(each, x) for batch in seen for each in batch.split(len(x)))
    assert any(batch.abs().max() > 1.5 for batch in seen)  # weighed
    assert all(p.grad.abs().sum() > 0 for p in objective.G.parameters())


def test_weighed_detail_is_dear_to_leave_out_and_brightness_is_not():
    noise = torch.randn(volumes().shape, dtype=torch.float64, generator=rng())
    detail = noise - torch.nn.functional.avg_pool3d(noise, 3, 1, 1)
    x = volumes()

    def ratio(change):
        inner = (slice(None), slice(None), *[slice(4, -4)] * 3)
        differences = (weigh_detail(x + change, weight) - weigh_detail(x, weight) for weight in (3.0, 1.0))
        weighed, plain = (difference[inner].norm() for difference in differences)
        return (weighed / plain).item()

    assert ratio(detail) > 2.5
    assert ratio(torch.full_like(x, 0.05)) == pytest.approx(1)
