"""Features of Med3D's ResNet-50 (Chen, Ma and Zheng 2019, arXiv 1904.00625), whose weights the user supplies.

The file is resnet_50_23dataset.pth of https://github.com/Tencent/MedicalNet. Most published Fréchet distances between
3D brains rest on it, at different sizes and intensities, and do not compare with each other; nor do these with them.
"""

import hashlib
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alphagan.errors import InputError
from alphagan.evaluation.features.network import FeatureNetwork
from alphagan.seeding import seeded
from alphagan.tensors import read_tensors
from alphagan.volumes.brain import brain_mask

N_FEATURES = 2048
PREFIX = "module."  # the file was saved from several GPUs
HEAD = "conv_seg."  # of segmentation, which features do without

# Blocks, channels inside a block, stride of its first, dilation. Layers 3 and 4 widen their view instead of halving.
LAYERS = ((3, 64, 1, 1), (4, 128, 2, 1), (6, 256, 1, 2), (3, 512, 1, 4))
EXPANSION = 4


class Bottleneck(nn.Module):
    """1x1x1, 3x3x3 and 1x1x1 convolution beside a shortcut, which is projected where the shape changes (type B)."""

    def __init__(self, n_in: int, n: int, stride: int, dilation: int):
        super().__init__()
        n_out = EXPANSION * n
        self.conv1, self.bn1 = nn.Conv3d(n_in, n, 1, bias=False), nn.BatchNorm3d(n)
        self.conv2 = nn.Conv3d(n, n, 3, stride, padding=dilation, dilation=dilation, bias=False)
        self.bn2 = nn.BatchNorm3d(n)
        self.conv3, self.bn3 = nn.Conv3d(n, n_out, 1, bias=False), nn.BatchNorm3d(n_out)
        self.downsample = None
        if stride != 1 or n_in != n_out:
            self.downsample = nn.Sequential(nn.Conv3d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm3d(n_out))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, n_in, X, Y, Z) to (B, 4 n, X / stride, Y / stride, Z / stride)."""
        shortcut = x if self.downsample is None else self.downsample(x)
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        return F.relu(self.bn3(self.conv3(y)) + shortcut)


class ResNet50(nn.Module):
    """Med3D's backbone: an eighth of the side at its end, averaged over all positions."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv3d(1, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm3d(64)
        n_in = 64
        for number, (n_blocks, n, stride, dilation) in enumerate(LAYERS, start=1):
            blocks = []
            for block in range(n_blocks):
                blocks.append(Bottleneck(n_in, n, stride if block == 0 else 1, dilation))
                n_in = EXPANSION * n
            setattr(self, f"layer{number}", nn.Sequential(*blocks))

    def forward(self, x: Tensor) -> Tensor:
        """Map volumes (B, 1, S, S, S) in [-1, 1] to (B, 2048)."""
        x = F.relu(self.bn1(self.conv1(standardise(x))))
        x = F.max_pool3d(x, 3, stride=2, padding=1)  # (B, 64, S/4, S/4, S/4)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))  # (B, 2048, S/8, S/8, S/8)
        return x.mean((2, 3, 4))


def standardise(x: Tensor) -> Tensor:
    """Intensities as Med3D was trained on: mean 0 and SD 1 inside the brain, N(0, 1) noise outside it.

    The noise is the same for every volume, so that equal volumes have equal features.

    Parameters
    ----------
    x : Tensor, (B, 1, S, S, S), float in [-1, 1]
    """
    inside = brain_mask(x)
    n = inside.sum((2, 3, 4), keepdim=True).clamp(min=1)
    mean = (x * inside).sum((2, 3, 4), keepdim=True) / n
    sd = (((x - mean) * inside).square().sum((2, 3, 4), keepdim=True) / n).sqrt().clamp(min=1e-6)
    noise = torch.randn(x.shape[1:], generator=seeded("cpu", "med3d", x.shape[-1])).to(x)
    return torch.where(inside, (x - mean) / sd, noise)


def load_med3d(path: str | Path, device: torch.device | str = "cpu") -> FeatureNetwork:
    """Read resnet_50_23dataset.pth.

    Raises
    ------
    InputError
        If the file is missing, is not one of tensors, or holds another network; the first wrong key is named.
    """
    path = Path(path)
    state = _read(path)
    with torch.device("meta"):  # nothing is drawn, and nothing initialised twice
        network = ResNet50()
    own = network.state_dict()
    expected = {key: value for key, value in own.items() if not _is_counter(key)}
    for key in expected:
        if key not in state:
            raise InputError(f"{path}: lacks {PREFIX}{key}; give MedicalNet's resnet_50_23dataset.pth")
    for key, value in state.items():
        if key not in expected:
            raise InputError(f"{path}: {PREFIX}{key} is not of a ResNet-50; give resnet_50_23dataset.pth")
        if value.shape != expected[key].shape:
            shapes = f"{tuple(value.shape)} instead of {tuple(expected[key].shape)}"
            raise InputError(f"{path}: {PREFIX}{key} is {shapes}; give MedicalNet's resnet_50_23dataset.pth")
    counters = {key: torch.tensor(0) for key in own if _is_counter(key)}  # which only training reads
    network.load_state_dict(state | counters, assign=True)
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()[:8]
    name = f"Med3D ResNet-50, {N_FEATURES}-d, weights {path.name} (sha256 {digest}…)"
    return FeatureNetwork(network.to(device).eval().requires_grad_(False), name, suffix="_med3d")


def _read(path: Path) -> dict[str, Tensor]:
    """State dict of the backbone, without its prefix, the segmentation head and BatchNorm's counters."""
    content = read_tensors(path, "download resnet_50_23dataset.pth from MedicalNet's page")
    if not isinstance(content.get("state_dict"), dict):
        raise InputError(f"{path}: has no state_dict; give MedicalNet's resnet_50_23dataset.pth")
    state = {key.removeprefix(PREFIX): value for key, value in content["state_dict"].items()}
    return {key: value for key, value in state.items() if not (key.startswith(HEAD) or _is_counter(key))}


def _is_counter(key: str) -> bool:
    return key.endswith(".num_batches_tracked")
