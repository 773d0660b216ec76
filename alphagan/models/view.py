"""What D is shown of volumes, real and generated alike: augmented, moved, with holes, and with their detail weighed."""

import torch
from torch import Tensor
from torch.nn import functional as F

from alphagan.seeding import Draws
from alphagan.settings.cohorts import Augment
from alphagan.settings.sections import Model
from alphagan.volumes.augmentation import augment

BACKGROUND = -1.0
# Of a volume to be moved, and to get a hole: what happens to most of them, G learns to imitate (Karras et al. 2020).
CHANCE = 0.5


class View:
    """T(x): how D sees a batch, with everything random drawn anew for every volume.

    Parameters
    ----------
    model : Model
    augmentation : Augment, optional
        By default nothing is flipped or scaled here.

    Notes
    -----
    D tells T(x_real) from T(G(z)), so that G learns the distribution of x_real itself, and D sees more than the few
    scans that there are (Zhao et al. 2020, Karras et al. 2020). Gradients pass through T.
    """

    def __init__(self, model: Model, augmentation: Augment | None = None):
        self.model, self.augmentation = model, augmentation

    def __call__(self, x: Tensor, draws: Draws) -> Tensor:
        """Map volumes (B, 1, S, S, S) in [-1, 1] to what D sees of them, of the same shape."""
        if self.augmentation is not None:
            x = augment(x, self.augmentation, draws)
        if self.model.critic_shift:
            most = self.model.critic_shift
            by = (draws.uniform(len(x), 3) * (2 * most + 1)).floor().long() - most
            x = torch.where(_chosen(x, draws), shift(x, by), x)
        if self.model.critic_cutout:
            x = torch.where(_chosen(x, draws), cut_out(x, self.model.critic_cutout, draws.uniform(len(x), 3)), x)
        return weigh_detail(x, self.model.detail_weight)


def _chosen(x: Tensor, draws: Draws) -> Tensor:
    return draws.uniform(len(x), 1, 1, 1, 1) < CHANCE


def shift(x: Tensor, by: Tensor) -> Tensor:
    """Move volumes (B, 1, X, Y, Z) by whole voxels (B, 3) along each axis; background comes in where they leave."""
    for axis, steps in enumerate(by.T, 2):
        n, shape = x.shape[axis], [len(x), 1, 1, 1, 1]
        shape[axis] = n
        source = torch.arange(n, device=x.device) - steps[:, None]  # (B, n)
        outside = (source < 0) | (source >= n)
        x = x.gather(axis, source.clamp(0, n - 1).view(shape).expand(x.shape))
        x = x.masked_fill(outside.view(shape), BACKGROUND)
    return x


def cut_out(x: Tensor, share: float, at: Tensor) -> Tensor:
    """Set a box to background, whose sides are a share of those of the volumes (DeVries and Taylor 2017).

    Parameters
    ----------
    x : Tensor, (B, 1, X, Y, Z)
    share : float
        In 0..1.
    at : Tensor, (B, 3)
        Where the box lies, from 0, just outside one end of an axis, to 1, just outside the other.
    """
    inside = torch.ones((), dtype=torch.bool, device=x.device)
    for axis, place in enumerate(at.T, 2):
        n, shape = x.shape[axis], [len(x), 1, 1, 1, 1]
        shape[axis] = n
        side = round(share * n)
        start = (place[:, None] * (n + side)).floor() - side
        along = torch.arange(n, device=x.device)
        inside = inside & ((along >= start) & (along < start + side)).view(shape)
    return x.masked_fill(inside, BACKGROUND)


def weigh_detail(x: Tensor, weight: float) -> Tensor:
    """Let detail, what a volume has beyond the mean of each voxel's 3x3x3 neighbours, count `weight` times.

    Parameters
    ----------
    x : Tensor, (B, 1, X, Y, Z), background -1
    weight : float
        1 leaves x as it is.

    Returns
    -------
    Tensor, (B, 1, X, Y, Z)
        x + (weight - 1) (x - mean(x)), not confined to [-1, 1].

    Notes
    -----
    The critic's distance is then a Wasserstein distance in a norm that weighs detail (Adler and Lunz 2018). In the
    plain norm detail is cheap to leave out, as it has little of a brain's energy, and G leaves it out.
    """
    if weight == 1:
        return x
    mean = x - BACKGROUND
    for axis in range(3):  # sums of slices: pooling has no deterministic derivative on a GPU
        padding = [0, 0] * axis + [1, 1]
        padded, dim, n = F.pad(mean, padding), 4 - axis, x.shape[4 - axis]
        mean = (padded.narrow(dim, 0, n) + padded.narrow(dim, 1, n) + padded.narrow(dim, 2, n)) / 3
    return x + (weight - 1) * (x - BACKGROUND - mean)
