"""The networks are the published ones at 64 cubed, and the folded resize-convolution is the textbook's."""

from functools import partial
from itertools import product

import pytest
import torch
from torch.nn import functional as F

from alphagan.errors import InputError
from alphagan.models import layers
from alphagan.models.build import build
from alphagan.models.convolution import from_blocks, to_blocks
from alphagan.models.description import describe, n_parameters
from alphagan.models.layers import CodeToCube, CubeToCode, HaarConv3d, ResizeConv3d, StridedConv3d
from alphagan.models.networks import stages
from alphagan.settings.sections import SIZES, Model

PUBLISHED = {"G": 37_416_512, "D": 11_049_665, "E": 43_785_896, "C": 20_901_889}


def test_parameter_counts_are_the_published_ones():
    networks = build(64, Model())
    assert {name: n_parameters(network) for name, network in networks.items()} == PUBLISHED


@pytest.mark.parametrize(("z_dim", "G", "E", "C"), [(100, 7_925_312, 14_293_796, 17_215_489)])
def test_parameter_counts_with_another_code_length(z_dim, G, E, C):
    networks = build(64, Model(z_dim=z_dim))
    assert [n_parameters(networks[name]) for name in "GEC"] == [G, E, C]


@pytest.mark.parametrize("size", [size for size in SIZES if size <= 64] + [96])
@pytest.mark.parametrize("norm", ["batch", "group", "none"])
def test_shapes_at_every_size(size, norm):
    networks = build(size, Model(z_dim=5, width=1 / 32, code_units=8, critic_norm=norm))
    x = networks["G"](torch.randn(2, 5))
    assert x.shape == (2, 1, size, size, size)
    assert x.abs().max() <= 1
    assert networks["E"](x).shape == (2, 5)
    assert networks["D"](x).shape == networks["C"](networks["E"](x)).shape == (2,)


def test_stages_are_added_at_the_inner_end():
    assert stages(16) == (4, [64, 128])
    assert stages(64) == (4, [64, 128, 256, 512])
    assert stages(256) == (4, [64, 128, 256, 512, 512, 512])
    assert stages(48, width=0.5) == (6, [32, 64, 128])
    with pytest.raises(InputError, match="choose one of 16"):
        stages(50)


def textbook_resize_conv(x, weight):
    return F.conv3d(F.interpolate(x, scale_factor=2, mode="nearest"), weight, padding=1)


def derivatives(function, x, weight):
    """Value, gradients and gradients of gradients of a loss that is not linear in the function."""
    y = function(x)
    first = torch.autograd.grad((y.sin() * y).sum(), (x, weight), create_graph=True)
    second = torch.autograd.grad(sum(g.square().sum() for g in first), (x, weight))
    return [y, *first, *second]


def assert_equal_to_second_order(ours, reference, x, weight):
    pairs = zip(derivatives(ours, x, weight), derivatives(reference, x, weight), strict=True)
    for actual, expected in pairs:
        torch.testing.assert_close(actual, expected, rtol=1e-10, atol=1e-10)


def noise(*shape):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(3)).requires_grad_()


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 2, 2), (3, 4, 5)])
@pytest.mark.parametrize("n_out", [1, 4])
def test_resize_convolution_equals_the_textbook_to_second_order(shape, n_out):
    layer = ResizeConv3d(3, n_out).double()
    assert_equal_to_second_order(
        layer, lambda x: textbook_resize_conv(x, layer.weight), noise(2, 3, *shape), layer.weight
    )


@pytest.mark.parametrize("shape", [(2, 2, 2), (4, 6, 8)])
@pytest.mark.parametrize(("n_in", "n_out"), [(1, 3), (2, 3), (2, 70)])  # one channel, many voxels, many weights
def test_strided_convolution_equals_the_textbook_to_second_order(shape, n_in, n_out):
    layer = StridedConv3d(n_in, n_out).double()
    assert_equal_to_second_order(
        layer, lambda x: F.conv3d(x, layer.weight, layer.bias, 2, 1), noise(2, n_in, *shape), layer.weight
    )


@pytest.mark.parametrize(
    "layer", [StridedConv3d(2, 3, torch.bfloat16), ResizeConv3d(2, 3, torch.bfloat16), HaarConv3d(2, torch.bfloat16)]
)
def test_bfloat16_layers_keep_bfloat16_and_give_float32_gradients(layer):
    x = noise(2, 2, 4, 4, 4).float()
    y = layer(x)
    assert y.dtype == torch.bfloat16
    y.float().square().sum().backward()
    assert layer.weight.grad.dtype == torch.float32
    exact = F.conv3d(x, layer.weight, layer.bias, 2, 1) if layer.stride[0] == 2 else None
    if exact is not None:
        torch.testing.assert_close(y.float(), exact, rtol=0.02, atol=0.02)


def test_haar_convolution_equals_the_inverse_transform_of_its_bands():
    """Written out: each voxel of a block is the sum of the bands, with the sign that its Haar function has there."""
    layer = HaarConv3d(3).double()
    x = noise(2, 3, 3, 4, 5)
    bands = F.conv3d(x, layer.weight, padding=1)
    expected = torch.zeros(2, 1, 6, 8, 10, dtype=torch.float64)
    for i, j, k in product((0, 1), repeat=3):  # which voxel of the block
        for band, (a, b, c) in enumerate(product((0, 1), repeat=3)):  # whether along each axis it is a difference
            sign = (-1) ** (a * i + b * j + c * k)
            expected[:, 0, i::2, j::2, k::2] += sign * bands[:, band] / 8**0.5
    torch.testing.assert_close(layer(x), expected)
    torch.testing.assert_close(layer(x).square().sum(), bands.square().sum())  # the transform keeps energy


def test_a_generator_that_ends_in_haar_bands_differs_from_the_published_one_in_its_last_layer_alone():
    plain, haar = (build(16, Model(z_dim=4, width=1 / 16, head=head))["G"] for head in ("resize", "haar"))
    for ours, theirs in zip(list(haar.layers)[:-2], list(plain.layers)[:-2], strict=True):
        for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert torch.equal(a, b)
    assert [layer["op"] for layer in describe(haar, 16)][-1] == "haar_conv"
    assert [layer["cube"] for layer in describe(haar, 16)][-1] == 16
    assert haar(torch.zeros(2, 4)).shape == (2, 1, 16, 16, 16)


def test_blocks_and_back_is_the_identity():
    x = noise(2, 3, 4, 6, 8)
    assert torch.equal(from_blocks(to_blocks(x)), x)


def test_dense_ends_equal_their_convolutions():
    torch.manual_seed(0)
    z, x = torch.randn(2, 5, dtype=torch.float64), torch.randn(2, 3, 4, 4, 4, dtype=torch.float64)
    first, last = CodeToCube(5, 6, 4).double(), CubeToCode(3, 7, 4).double()
    torch.testing.assert_close(first(z), F.conv_transpose3d(z[:, :, None, None, None], first.weight))
    torch.testing.assert_close(last(x), F.conv3d(x, last.weight, last.bias)[:, :, 0, 0, 0])


def test_initial_weights_depend_on_the_seed_alone():
    model = Model(z_dim=4, width=1 / 32, code_units=8)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    a, b, c = build(16, model, seed=1), build(16, model, seed=1), build(16, model, seed=2)
    assert torch.equal(torch.get_rng_state(), before)  # the global generator is left alone
    weights = [networks["G"].layers[0].weight for networks in (a, b, c)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize("name", "GEDC")
def test_description_accounts_for_every_parameter(name):
    network = build(32, Model(z_dim=8, width=0.25, code_units=16))[name]
    records = list(describe(network, 32))
    assert sum(record["parameters"] for record in records) == n_parameters(network)
    if name == "G":
        assert [record["cube"] for record in records] == [4, 8, 16, 32]
    if name == "D":
        assert [record.get("cube") for record in records] == [16, 8, 4, None]


def test_encoders_stay_in_float32_whatever_the_others_have():
    """E learns through the rectifiers of three networks, which rounding would switch."""
    model = Model(z_dim=8, width=1 / 16, code_units=16)
    x = torch.rand(2, 1, 16, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    for names in ("GEDC", "GED"):  # with a code critic E is deterministic, without it variational
        exact, rounded = (build(16, model, names=names, dtype=dtype) for dtype in (None, torch.bfloat16))
        assert torch.equal(exact["E"](x), rounded["E"](x))
        assert not torch.equal(exact["D"](x), rounded["D"](x))


@pytest.mark.parametrize(("name", "departure"), [("D", "patch_critic"), ("E", "dense_encoder")])
def test_layers_of_departures_are_described_whole(name, departure):
    network = build(32, Model(width=0.25, code_units=64, z_dim=16), names="GED", departures=[departure])[name]
    described = list(describe(network, 32))
    assert sum(layer["parameters"] for layer in described) == n_parameters(network)
    assert {layer["op"] for layer in described} <= {"conv", "cube_to_code", "linear"}
    assert {layer["activation"] for layer in described} <= {"", "LeakyReLU", "ReLU"}


@pytest.mark.parametrize("layer", [partial(ResizeConv3d, n_out=1), HaarConv3d])
def test_a_look_in_inference_mode_spoils_no_later_training(layer):
    for cached in (layers._fold_matrix, layers._haar_matrix):
        cached.cache_clear()
    convolution = layer(2)
    with torch.inference_mode():
        convolution(torch.ones(1, 2, 4, 4, 4))
    convolution(torch.ones(1, 2, 4, 4, 4)).sum().backward()
    assert convolution.weight.grad.abs().sum() > 0
