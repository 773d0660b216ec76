"""Which volumes are one brain: one that a generator makes again, with faint noise or mirrored, counts once."""

import hashlib

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from alphagan.audit.spaces import BATCH, VoxelSpace
from alphagan.metrics.checks import check_volumes, full_precision
from alphagan.volumes.prepared import Array, to_uint8

# Correlation as `VoxelSpace` has it. Of two volumes that are one brain: of 184 people of IXI no two reach 0.86 at 16
# cubed and 0.78 at 32; one of them twice, each time with other noise of SD 0.02 (the range is 2), has 0.98 at least, of
# SD 0.05 0.89. Of one that is another but for rounding: 8 bits leave a copy at half its brightness 0.999.
ONE_BRAIN, SAME = 0.9, 0.998
SIDE = 32  # of the volumes that are compared, to less than twice that; finer ones are averaged down


class Repeats:
    """Tell which volumes are one brain, by how they deviate from the mean training brain.

    Parameters
    ----------
    train : Tensor, (m, S, S, S), float32 in [-1, 1]

    Examples
    --------
    >>> volumes = torch.from_numpy(np.load("data/prepared/normal/volumes.npy")) / 127.5 - 1
    >>> noise = torch.where(volumes > -1, 0.01 * torch.randn(volumes.shape), 0)
    >>> repeats = Repeats(volumes[:12])
    >>> repeats.distinct(torch.cat([volumes[12:15], (volumes + noise)[13:15], volumes[12:13].flip(1)])).size
    3
    """

    def __init__(self, train: Tensor):
        self.space = VoxelSpace(_coarse(train))

    def distinct(self, volumes: Array) -> np.ndarray:
        """Positions of volumes that repeat no other one of them; of those that do, the nearest to a training scan.

        Parameters
        ----------
        volumes : ndarray or Tensor, (n, S, S, S), float in [-1, 1] or uint8

        Returns
        -------
        ndarray of int, (k,)
            In order.

        Examples
        --------
        >>> volumes = torch.from_numpy(np.load("data/prepared/normal/volumes.npy")) / 127.5 - 1
        >>> Repeats(volumes[:12]).distinct(volumes[[12, 12, 13]]).tolist()
        [0, 2]
        """
        volumes = check_volumes("volumes", volumes).float()
        first: dict[bytes, int] = {}
        for position, volume in enumerate(volumes):
            first.setdefault(hashlib.sha256(to_uint8(volume)).digest(), position)
        positions = np.array(list(first.values()))
        coarse = _coarse(volumes[torch.from_numpy(positions)])
        nearness = self.space.similarity(coarse).values.max(1)
        with full_precision():
            plain, mirror = (
                torch.cat([self.space.standard(part) for part in x.split(BATCH)]) for x in (coarse, coarse.flip(1))
            )
            alike = [torch.maximum(part @ plain.T, part @ mirror.T) > ONE_BRAIN for part in plain.split(BATCH)]
        alike = torch.cat(alike).cpu().numpy()
        left, kept = np.ones(len(alike), bool), []
        for row in np.argsort(-nearness, kind="stable"):
            if left[row]:
                kept.append(row)
                left &= ~alike[row]
        return np.sort(positions[kept])

    def copied(self, volumes: Tensor) -> tuple[int, int] | None:
        """Give the first of volumes (n, S, S, S) that is a training scan but for rounding, and that scan's position."""
        found = self.space.similarity(_coarse(volumes)).values
        rows = np.flatnonzero(found.max(1) > SAME)
        return (int(rows[0]), int(found[rows[0]].argmax())) if rows.size else None


def _coarse(volumes: Tensor) -> Tensor:
    step = max(1, volumes.shape[1] // SIDE)
    return torch.cat([F.avg_pool3d(part[:, None], step)[:, 0] for part in volumes.split(BATCH)])
