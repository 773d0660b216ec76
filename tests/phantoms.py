"""Simple brains that are drawn, not learned, and ways to spoil them: what metrics are tried on."""

import numpy as np
import torch
from scipy.ndimage import gaussian_filter


def brains(n: int, seed: int = 0, size: int = 16, ventricle: float = 0.2, detail: float = 0.1) -> torch.Tensor:
    """Draw n volumes in [-1, 1]: CSF around cortex around white matter around two ventricles, unlike left and right.

    Parameters
    ----------
    ventricle : float
        Their mean half-length, in half sides of the cube.
    detail : float
        Standard deviation of fine texture, white matter being about 0.9.
    """
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*3 * [np.linspace(-1, 1, size)], indexing="ij"))
    volumes = []
    for _ in range(n):
        centred = (grid - rng.normal(0, 0.03, (3, 1, 1, 1))) / rng.uniform(0.8, 0.95, (3, 1, 1, 1))
        depth = 1 - np.sqrt((centred**2).sum(0))
        values = np.select([depth < 0, depth < 0.1, depth < 0.35], [0, 0.3, 0.65], 0.9)
        length = ventricle * rng.uniform(0.6, 1.4)
        for side in (-0.2, 0.2):
            centre, radii = np.array([side, 0, 0.05]), np.array([0.14, 2 * length, 0.8 * length])
            inside = (((centred.T - centre) / radii) ** 2).sum(-1).T < 1
            values = np.where(inside, 0.28, values)
        texture = gaussian_filter(rng.normal(size=grid.shape[1:]), 0.6)
        values *= 1 + detail * texture / texture.std() + rng.normal(0, 0.04) * grid[0]
        volumes.append(np.clip(values, 0, 1))
    return torch.from_numpy(np.stack(volumes)).float() * 2 - 1


def blurred(volumes: torch.Tensor, sigma: float) -> torch.Tensor:
    """Blur each volume with a Gaussian of so many voxels, background beyond the cube."""
    return torch.from_numpy(gaussian_filter(volumes.numpy() + 1, (0, sigma, sigma, sigma), mode="constant")) - 1


def noisy(volumes: torch.Tensor, sd: float, seed: int = 0) -> torch.Tensor:
    """Add independent noise to every voxel."""
    return volumes + sd * torch.from_numpy(np.random.default_rng(seed).normal(size=volumes.shape)).float()
