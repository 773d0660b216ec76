"""Med3D's network against its file's layout, written out here, and against plain functions."""

import pytest
import torch
from torch.nn import functional as F

from alphagan.errors import InputError
from alphagan.evaluation.features.med3d import load_med3d, standardise


def layout():
    """Keys and shapes of resnet_50_23dataset.pth in the file's order, without its prefix."""

    def batch_norm(name, n):
        return [(f"{name}.{part}", (n,)) for part in ("weight", "bias", "running_mean", "running_var")]

    keys = [("conv1.weight", (64, 1, 7, 7, 7)), *batch_norm("bn1", 64)]
    n_in = 64
    for layer, (n, n_blocks) in enumerate([(64, 3), (128, 4), (256, 6), (512, 3)], start=1):
        for block in range(n_blocks):
            at = f"layer{layer}.{block}"
            keys += [(f"{at}.conv1.weight", (n, n_in, 1, 1, 1)), *batch_norm(f"{at}.bn1", n)]
            keys += [(f"{at}.conv2.weight", (n, n, 3, 3, 3)), *batch_norm(f"{at}.bn2", n)]
            keys += [(f"{at}.conv3.weight", (4 * n, n, 1, 1, 1)), *batch_norm(f"{at}.bn3", 4 * n)]
            if block == 0:
                keys += [(f"{at}.downsample.0.weight", (4 * n, n_in, 1, 1, 1))]
                keys += batch_norm(f"{at}.downsample.1", 4 * n)
            n_in = 4 * n
    return keys


def write(path, state):
    torch.save({"state_dict": {f"module.{key}": value for key, value in state.items()}}, path)
    return path


def hollow(changes=None):
    """State dict of one stored number, seen in every shape: quick to write."""
    return {key: torch.zeros(()).expand(shape) for key, shape in layout()} | (changes or {})


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    generator = torch.Generator().manual_seed(0)
    state = {}
    for key, shape in layout():
        if key.endswith("running_var"):
            state[key] = 0.5 + torch.rand(shape, generator=generator)
        elif len(shape) == 1:
            state[key] = 0.5 + 0.2 * torch.randn(shape, generator=generator)
        else:
            spread = (2 / (shape[1] * shape[2] ** 3)) ** 0.5
            state[key] = spread * torch.randn(shape, generator=generator)
    return write(tmp_path_factory.mktemp("med3d") / "resnet_50_23dataset.pth", state), state


def plain(state, x):
    """ResNet-50 with shortcuts of type B, layers 3 and 4 dilated by 2 and 4 instead of strided."""

    def norm(name, x):
        mean, var, weight, bias = (state[f"{name}.{p}"] for p in ("running_mean", "running_var", "weight", "bias"))
        return F.batch_norm(x, mean, var, weight, bias, training=False)

    x = F.relu(norm("bn1", F.conv3d(x, state["conv1.weight"], stride=2, padding=3)))
    x = F.max_pool3d(x, kernel_size=3, stride=2, padding=1)
    for layer, (n_blocks, stride, dilation) in enumerate([(3, 1, 1), (4, 2, 1), (6, 1, 2), (3, 1, 4)], start=1):
        for block in range(n_blocks):
            at, step = f"layer{layer}.{block}", stride if block == 0 else 1
            y = F.relu(norm(f"{at}.bn1", F.conv3d(x, state[f"{at}.conv1.weight"])))
            y = F.conv3d(y, state[f"{at}.conv2.weight"], stride=step, padding=dilation, dilation=dilation)
            y = norm(f"{at}.bn3", F.conv3d(F.relu(norm(f"{at}.bn2", y)), state[f"{at}.conv3.weight"]))
            if block == 0:
                x = norm(f"{at}.downsample.1", F.conv3d(x, state[f"{at}.downsample.0.weight"], stride=step))
            x = F.relu(x + y)
    return x.mean((2, 3, 4))


def test_layout_has_the_size_that_medicalnet_states():
    """46.21 M numbers, weights and statistics together, in its table of networks."""
    total = sum(torch.Size(shape).numel() for _, shape in layout())
    assert round(total / 1e6, 2) == 46.21


def test_features_are_those_of_plain_functions(file):
    path, state = file
    network = load_med3d(path)
    volumes = torch.rand(3, 16, 16, 16, generator=torch.Generator().manual_seed(1)) * 2 - 1
    features = network.embed(volumes)
    assert features.shape == (3, 2048)
    expected = plain(state, standardise(volumes[:, None]))
    torch.testing.assert_close(features, expected, rtol=1e-3, atol=1e-3 * expected.abs().max().item())
    assert not torch.allclose(features[0], features[1], rtol=0.01)
    assert network.name.startswith("Med3D ResNet-50, 2048-d, weights resnet_50_23dataset.pth (sha256 ")


def test_intensities_are_as_med3d_was_trained():
    x = torch.full((2, 1, 12, 12, 12), -1.0)
    x[:, :, 2:10, 2:10, 2:10] = torch.rand(2, 1, 8, 8, 8, generator=torch.Generator().manual_seed(0)) * 0.5 + 0.2
    y = standardise(x)
    inside = x > -1
    for volume, mask in zip(y, inside, strict=True):
        assert volume[mask].mean().abs() < 1e-5
        assert volume[mask].std(correction=0) == pytest.approx(1, abs=1e-5)
        assert volume[~mask].std() == pytest.approx(1, abs=0.1)
    assert torch.equal(y[0][~inside[0]], y[1][~inside[1]])
    torch.testing.assert_close(standardise((x + 1) * 0.8 - 1), y)


def test_other_files_of_medicalnet_load_too(tmp_path):
    """With the counters of a newer BatchNorm, and with the segmentation head of a fine-tuned network."""
    more = {"bn1.num_batches_tracked": torch.tensor(3), "conv_seg.0.weight": torch.zeros(2048, 32, 2, 2, 2)}
    assert load_med3d(write(tmp_path / "w.pth", hollow(more))).suffix == "_med3d"


@pytest.mark.parametrize(
    ("drop", "add", "match"),
    [
        (["layer3.5.bn2.running_var", "layer4.0.conv1.weight"], {}, r"lacks module\.layer3\.5\.bn2\.running_var"),
        ([], {"layer3.6.conv1.weight": torch.zeros(256, 1024, 1, 1, 1)}, r"module\.layer3\.6\.conv1\.weight is not"),
        ([], {"conv1.weight": torch.zeros(64, 3, 7, 7, 7)}, r"conv1\.weight is \(64, 3, 7, 7, 7\) instead of \(64, 1"),
    ],
)
def test_the_first_wrong_key_is_named(drop, add, match, tmp_path):
    state = hollow(add)
    for key in drop:
        del state[key]
    with pytest.raises(InputError, match=match):
        load_med3d(write(tmp_path / "w.pth", state))


def test_what_is_no_weights_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="not found"):
        load_med3d(tmp_path / "none.pth")
    (tmp_path / "text.pth").write_text("<html>quota exceeded</html>")
    with pytest.raises(InputError, match=r"text\.pth: damaged, or it holds more.*download resnet"):
        load_med3d(tmp_path / "text.pth")
    torch.save({"state_dict": torch.nn.Conv3d}, tmp_path / "code.pth")
    with pytest.raises(InputError, match=r"code\.pth: damaged, or it holds more than tensors and could run code"):
        load_med3d(tmp_path / "code.pth")
    torch.save({"weights": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(InputError, match="no state_dict"):
        load_med3d(tmp_path / "other.pth")
