"""Whether a volume has the detail of a brain: what eyes see at once, and distances between whole samples do not.

It is the opposite of a copy. A brain that nobody has may be as near to some training scan as new people are; a blob,
whose outline is right and whose inside is not, is farther from all of them. Held-out people say how far is too far. The
mean brain is nearer than anybody, so that variety has to be looked for elsewhere.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from alphagan.audit.calibration import calibrate
from alphagan.metrics.bootstrap import Estimate, share
from alphagan.metrics.checks import check_volumes
from alphagan.volumes.brain import brain_intensities, brain_mask
from alphagan.volumes.prepared import Array

BATCH = 64  # volumes at a time; bounds the working memory
BOX = 3  # voxels along each axis: what differs from the mean of such a box is detail


class Likeness:
    """Detail of volumes beside that of training scans, mirror images included.

    Detail is what is left of a volume's intensities, in units of their mean inside the brain, when the mean over
    3 x 3 x 3 voxels is taken away, in all voxels that are brain in more than half of the training scans. Two volumes
    are alike as far as their details x and t agree (Lin 1989):

        2 cov(x, t) / (var x + var t + (mean x - mean t)^2),

    which is 1 for equal ones and, other than a correlation, low for detail that is right but too weak, as in blur.

    Parameters
    ----------
    train, held_out : ndarray or Tensor, (m, S, S, S) and (k, S, S, S), float in [-1, 1] or uint8
        Training scans, and one scan of each held-out person.
    level : float
        Share of new people who may be taken for no brains.

    Raises
    ------
    TooFewError
        If there are too few held-out people for the level.

    Examples
    --------
    >>> volumes = np.load("data/prepared/normal/volumes.npy")
    >>> likeness = Likeness(volumes[:12], volumes[12:], level=0.2)
    >>> noise = np.random.default_rng(0).uniform(-1, 1, (3, 16, 16, 16))
    >>> print(likeness.measure(volumes[:3])["brain_like"].value, likeness.measure(noise)["brain_like"].value)
    1.0 0.0
    """

    def __init__(self, train: Array, held_out: Array, level: float = 0.05):
        train = check_volumes("train", train).float()
        n_brains = sum(brain_mask(part).float().sum(0) for part in train.split(BATCH))
        self.inside = n_brains + n_brains.flip(0) > len(train)
        detail = self.detail(train)
        self.train = torch.cat([detail, self.detail(train.flip(1))])
        self.threshold = calibrate(self.nearest(check_volumes("held_out", held_out).float()).numpy(), level)

    def detail(self, volumes: Tensor) -> Tensor:
        """Detail of volumes.

        Parameters
        ----------
        volumes : Tensor, (n, S, S, S), float in [-1, 1]

        Returns
        -------
        detail : Tensor, (n, v)
            In the v voxels of the common brain.

        Examples
        --------
        >>> volumes = np.load("data/prepared/normal/volumes.npy")
        >>> likeness = Likeness(volumes[:12], volumes[12:], level=0.2)
        >>> likeness.detail(torch.zeros(2, 16, 16, 16)).abs().max().item()
        0.0
        """
        parts = []
        for part in volumes.split(BATCH):
            values = brain_intensities(part)[:, None]
            smooth = F.avg_pool3d(F.pad(values, (BOX // 2,) * 6, mode="replicate"), BOX, stride=1)
            parts.append((values - smooth)[:, 0, self.inside])
        return torch.cat(parts)

    def nearest(self, volumes: Tensor) -> Tensor:
        """How alike each volume and the training scan that is most like it are.

        Parameters
        ----------
        volumes : Tensor, (n, S, S, S), float in [-1, 1]

        Returns
        -------
        agreement : Tensor, (n,)
            Up to 1.

        Examples
        --------
        >>> volumes = np.load("data/prepared/normal/volumes.npy")
        >>> likeness = Likeness(volumes[:12], volumes[12:], level=0.2)
        >>> likeness.nearest(torch.from_numpy(volumes[:1] / 127.5 - 1).float().flip(1)).round(decimals=4)
        tensor([1.])
        """
        x, t = self.detail(volumes), self.train
        means, spreads = (x.mean(1), t.mean(1)), (x.var(1, correction=0), t.var(1, correction=0))
        covariance = x @ t.T / x.shape[1] - means[0][:, None] * means[1]
        apart = (means[0][:, None] - means[1]).square()
        return (2 * covariance / (spreads[0][:, None] + spreads[1] + apart).clamp(min=1e-12)).amax(1)

    def measure(self, volumes: Array) -> dict[str, Estimate]:
        """Share of the volumes whose detail is as like some training scan's as that of 95 % of new people is.

        Parameters
        ----------
        volumes : ndarray or Tensor, (n, S, S, S), float in [-1, 1] or uint8

        Returns
        -------
        dict of str to Estimate
            brain_like.

        Examples
        --------
        >>> volumes = np.load("data/prepared/normal/volumes.npy")
        >>> likeness = Likeness(volumes[:12], volumes[12:], level=0.2)
        >>> print(likeness.measure(volumes[12:])["brain_like"])
        1 [0.631, 1]
        """
        found = self.nearest(check_volumes("volumes", volumes).float()).numpy()
        return {"brain_like": share(int((~self.threshold.flagged(found)).sum()), len(found))}

    def measure_held_out(self) -> dict[str, Estimate]:
        """Give the same of new people, for whom the threshold is made.

        Examples
        --------
        >>> volumes = np.load("data/prepared/normal/volumes.npy")
        >>> likeness = Likeness(volumes[:12], volumes[12:], level=0.2)
        >>> print(likeness.measure_held_out()["brain_like"])
        0.889 [0.631, 0.997]
        """
        missed = self.threshold.expected()
        return {"brain_like": Estimate(1 - missed.value, 1 - missed.high, 1 - missed.low, missed.n)}
