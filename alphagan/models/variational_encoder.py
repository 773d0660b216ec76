"""E of the VAE-GAN, which gives a distribution of codes instead of one."""

import torch
from torch import Tensor, nn

from alphagan.models.networks import Discriminator, stages


class VariationalEncoder(Discriminator):
    """E of the VAE-GAN: volume to the mean and log-variance of a Gaussian; used as a function, to its mean.

    Parameters
    ----------
    size, z_dim, width
        As `Encoder` has them.
    dense : bool
        True has the released code's heads, each of two fully connected layers.
    """

    def __init__(self, size: int, z_dim: int, width: float = 1.0, dense: bool = False):
        super().__init__(size, 2 * z_dim, width)
        if dense:
            side, channels = stages(size, width)
            self.layers[-1] = _DenseHeads(channels[-1] * side**3, max(1, round(2048 * width)), z_dim)

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(z|x), (B, z_dim) each."""
        mean, log_variance = super().forward(x).chunk(2, dim=1)
        return mean, log_variance

    def forward(self, x: Tensor) -> Tensor:
        """Map volumes (B, 1, S, S, S) in [-1, 1] to the means of their codes, (B, z_dim)."""
        return self.posterior(x)[0]


class _DenseHeads(nn.Module):
    """Two heads of linear, BatchNorm, ReLU, linear, side by side in the output."""

    def __init__(self, n_in: int, n_units: int, z_dim: int):
        super().__init__()
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(n_in, n_units), nn.BatchNorm1d(n_units), nn.ReLU(), nn.Linear(n_units, z_dim))
            for _ in range(2)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        return torch.cat([head(x) for head in self.heads], dim=1)
