"""A small 3D network that learns to tell people apart, without labels: two views of one scan belong together.

Views are turned, stretched, shifted, mirrored and noisy; rescaling the intensities changes nothing by construction
(Chen et al., ICML 2020; for the copies that a generator makes of its training scans, Dar et al., arXiv 2402.01054).
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alphagan.volumes.brain import brain_intensities, brain_mask

N_FEATURES = 128
N_PROJECTED = 64
INNER_CHANNELS = 64  # of the innermost cube, so that training costs about as much per voxel at every size
LEAK = 0.2

# How far two views of one scan differ, each drawn uniformly up to this.
TURN_DEGREES = 5.0  # about each axis
STRETCH = 0.05  # along each axis, share of its length
SHIFT = 1 / 32  # along each axis, share of the side: one voxel at 32 cubed
NOISE_SD = 0.2  # of intensities, whose range is 2, inside the brain


class ContrastiveEncoder(nn.Module):
    """Volume to 128 features, and on to 64 numbers in which training compares views.

    Strided 4x4x4 convolutions with GroupNorm, so that a volume's features depend on no other volume. The network sees
    how a brain differs from the mean training brain. About 0.7 M parameters at 32 and at 64 cubed.

    Parameters
    ----------
    size : int
        Side S of the cube, at least 8.
    """

    def __init__(self, size: int):
        super().__init__()
        n_stages = 1
        while size >> n_stages >= 8:
            n_stages += 1
        channels = [max(4, INNER_CHANNELS >> (n_stages - 1 - stage)) for stage in range(n_stages)]
        blocks: list[nn.Module] = []
        for n_in, n_out in pairwise([1, *channels]):
            blocks += [nn.Conv3d(n_in, n_out, 4, stride=2, padding=1), nn.GroupNorm(1, n_out), nn.LeakyReLU(LEAK)]
        inner = channels[-1] * (size >> n_stages) ** 3
        self.trunk = nn.Sequential(*blocks, nn.Flatten(), nn.Linear(inner, N_FEATURES))
        self.head = nn.Sequential(nn.LeakyReLU(LEAK), nn.Linear(N_FEATURES, N_PROJECTED))
        self.register_buffer("mean_brain", torch.zeros(1, 1, size, size, size))

    def forward(self, x: Tensor) -> Tensor:
        """Map volumes (B, 1, S, S, S) in [-1, 1] to features (B, 128)."""
        return self.trunk(2 * (brain_intensities(x) - self.mean_brain))  # spread over the brain about 1

    def project(self, x: Tensor) -> Tensor:
        """Map volumes (B, 1, S, S, S) in [-1, 1] to points on the sphere of training, (B, 64), norm 1."""
        return F.normalize(self.head(self(x)), dim=1)


def nt_xent(z: Tensor, people: Tensor, temperature: float) -> Tensor:
    """Normalised temperature-scaled cross entropy, where other scans of the same person are no negatives.

    Parameters
    ----------
    z : Tensor, (2B, d), norm 1
        First views, then second views.
    people : Tensor of int, (B,)
        Whom each scan shows.
    temperature : float

    Returns
    -------
    loss : Tensor, (), mean over the 2B views

    Notes
    -----
    -log exp(z_i.z_j / t) / sum_k exp(z_i.z_k / t), j the other view of i, k running over j and the views of other
    people (Chen et al. 2020, eq. 1).
    """
    n = len(people)
    similarity = z @ z.T / temperature  # (2B, 2B)
    other = torch.arange(2 * n, device=z.device).roll(n)
    same = people.repeat(2)[:, None] == people.repeat(2)
    same[torch.arange(2 * n, device=z.device), other] = False
    return F.cross_entropy(similarity.masked_fill(same, -torch.inf), other)


def views(x: Tensor, generator: torch.Generator) -> Tensor:
    """Turn, stretch, shift, mirror and roughen each volume for itself.

    Parameters
    ----------
    x : Tensor, (B, 1, S, S, S), float32 in [-1, 1]
    generator : torch.Generator
        On the device of `x`.
    """

    def uniform(*shape):
        return 2 * torch.rand(len(x), *shape, device=x.device, generator=generator) - 1

    angles = uniform(3) * TURN_DEGREES * torch.pi / 180
    zero = torch.zeros_like(angles[:, 0])
    # exp of a skew-symmetric matrix is a rotation.
    skew = torch.stack(
        [zero, -angles[:, 2], angles[:, 1], angles[:, 2], zero, -angles[:, 0], -angles[:, 1], angles[:, 0], zero], 1
    ).view(-1, 3, 3)
    matrix = torch.linalg.matrix_exp(skew) * (1 + STRETCH * uniform(1, 3))
    matrix[:, 2] *= uniform(1).sign()  # grid_sample names the axes Z, Y, X
    affine = torch.cat([matrix, 2 * SHIFT * uniform(3, 1)], dim=2)  # (B, 3, 4); the side is 2
    grid = F.affine_grid(affine, list(x.shape), align_corners=False)
    moved = F.grid_sample(x + 1, grid, align_corners=False) - 1  # what enters from outside is background
    noise = torch.randn(x.shape, device=x.device, generator=generator)
    rough = moved + NOISE_SD * uniform(1, 1, 1, 1).abs() * noise
    return torch.where(brain_mask(moved), rough, moved).clamp(-1, 1)
