"""Radial power spectra: blur lacks power at high frequencies, a checkerboard has too much at a period of two voxels."""

from collections.abc import Sequence

import numpy as np
import torch

from alphagan.errors import InputError
from alphagan.metrics.bootstrap import Estimate, Seed, TwoSamples
from alphagan.metrics.checks import check_volumes
from alphagan.volumes.prepared import Array

FLOOR = 1e-13  # of a volume's power, in one coefficient: about what float32 still resolves
HIGH = 0.25  # cycles per voxel: half the Nyquist frequency
NEAR = 1 / 16  # cycles per voxel: how far a pattern that the brain's own outline modulates spreads


class Spectra:
    """Power spectrum of each volume, averaged over directions.

    Background counts as 0. A Hann window along each axis takes away the edge where a brain touches the side of its
    cube, which would look like detail. Each volume's power is divided by its sum: brightness does not matter.

    Parameters
    ----------
    x : ndarray or Tensor, (n, S, S, S)
        Volumes, float in [-1, 1] or uint8, S even.
    voxel_size_mm : float, optional
        Side of a voxel. None: frequencies in cycles per voxel.

    Attributes
    ----------
    frequencies : ndarray, (f,)
        Of the shells, 1 / S cycles per voxel apart, from 0 to the corners of the cube of frequencies at 0.87 (sqrt(3)
        times the Nyquist frequency of an axis); in cycles per millimetre if the voxel size is given.
    log_power : ndarray, (n, f)
        Decadic logarithm of the share of a volume's power that a coefficient of the shell has on average. The shares of
        all coefficients sum to 1 (Parseval's theorem).
    alternation : ndarray, (n,)
        Decadic logarithm of the power near the seven frequencies whose components are 0 or 0.5 cycles per voxel, but
        not all 0, over that of all others which are as high. Patterns that repeat every second voxel have theirs there.

    Raises
    ------
    InputError
        If S is odd or a volume is all background.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> spectra = Spectra(rng.uniform(-1, 1, (5, 16, 16, 16)), voxel_size_mm=5.0)
    >>> print(spectra.log_power.shape, "Nyquist frequency", spectra.frequencies[8], "per mm")
    (5, 15) Nyquist frequency 0.1 per mm
    """

    def __init__(self, x: Array, voxel_size_mm: float | None = None):
        x = check_volumes("volumes", x)
        size = x.shape[-1]
        if size % 2:
            raise InputError(f"volumes: sides of {size} voxels; the spectrum needs an even number, as prepare.size has")
        along = torch.fft.fftfreq(size).abs()
        components = torch.cartesian_prod(along, along, along[: size // 2 + 1])
        radius = components.norm(dim=1)
        shell = (radius * size).round().long()
        # The transform of real numbers is symmetric: all but the first and the last plane stand for two.
        times = torch.where((components[:, 2] == 0) | (components[:, 2] == 0.5), 1.0, 2.0)
        n_coefficients = torch.bincount(shell, times).numpy()
        near = torch.minimum(components, 0.5 - components).norm(dim=1) <= NEAR  # to any corner, 0 among them
        regions = torch.stack([(near & (radius > HIGH)) * times, (~near & (radius >= 0.5 - NEAR)) * times])
        regions = (regions / regions.sum(1, keepdim=True)).to(x.device)  # where patterns alternate, and the rest
        window = torch.hann_window(size, device=x.device)
        window = window[:, None, None] * window[:, None] * window

        self.cycles_per_voxel = np.arange(len(n_coefficients)) / size
        self.frequencies = self.cycles_per_voxel / (voxel_size_mm or 1.0)
        self.log_power = np.empty((len(x), len(n_coefficients)))
        self.alternation = np.empty(len(x))
        shell, times = shell.to(x.device), times.to(x.device)
        for row, volume in enumerate(x):
            values = (volume.float() + 1) * window
            total = values.double().square().sum().item() * values.numel()
            if total == 0:
                raise InputError(f"volumes: number {row} is all background; leave it out")
            power = torch.fft.rfftn(values).abs().square().flatten() / total
            in_shells = torch.bincount(shell, power * times, minlength=len(n_coefficients)).double().cpu().numpy()
            self.log_power[row] = np.log10(in_shells / n_coefficients + FLOOR)
            here, elsewhere = (regions @ power).double().cpu().numpy() + FLOOR
            self.alternation[row] = np.log10(here / elsewhere)


def compare_spectra(
    x: Spectra | Array,
    y: Spectra | Array,
    groups_x: Sequence | None = None,
    groups_y: Sequence | None = None,
    n_bootstrap: int = 1000,
    *,
    generator: Seed = 0,
) -> dict[str, Estimate]:
    """Compare the spectra of generated volumes y with those of real volumes x.

    Only the mean over volumes is compared: a generator that always returns one sharp scan does well.

    Parameters
    ----------
    x, y : ndarray or Tensor, (n, S, S, S) and (m, S, S, S)
        Volumes, float in [-1, 1] or uint8, S even; or their `Spectra`, if these are known already.
    groups_x, groups_y : sequence of labels, optional
        Subject of each volume. None: each its own.
    n_bootstrap : int
        Resamples of the subjects of both samples.
    generator : numpy.random.Generator or int
        Draws them; a number is the seed of one.

    Returns
    -------
    dict of str to Estimate
        Differences of decadic logarithms of power, so that 0.3 is a factor of two.
        spectrum_distance : mean over all shells but the constant of the absolute difference. Sampling noise makes it
        positive.
        high_frequencies : mean difference, generated less real, from half the Nyquist frequency on. Blur makes it
        negative, noise and fine artefacts positive.
        checkerboard : mean difference of the `alternation`, positive for patterns that repeat every second voxel, such
        as transposed convolutions and blocks of equal voxels have. Blur adds up to 0.4.

    Raises
    ------
    InputError
        If the volumes differ in size, or a sample holds fewer than two subjects.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> real, others = rng.uniform(-1, 1, (2, 20, 16, 16, 16))
    >>> blurred = (others + np.roll(others, 1, axis=1)) / 2
    >>> for name, estimate in compare_spectra(real, blurred).items():
    ...     print(name, estimate)
    spectrum_distance 0.479 [0.433, 0.529]
    high_frequencies -0.598 [-0.663, -0.539]
    checkerboard -0.0538 [-0.174, 0.0704]
    """
    generator = np.random.default_rng(generator)
    x, y = (sample if isinstance(sample, Spectra) else Spectra(sample) for sample in (x, y))
    if x.log_power.shape[1] != y.log_power.shape[1]:
        raise InputError("x, y: spectra of volumes of different sizes; prepare both at one size")
    high = x.cycles_per_voxel >= HIGH
    samples = TwoSamples(len(x.log_power), len(y.log_power), groups_x, groups_y)
    means, draws = [], []
    for spectra, weights in zip((x, y), samples.resample(n_bootstrap, generator), strict=True):
        values = np.column_stack([spectra.log_power, spectra.alternation])
        means.append(values.mean(0))
        draws.append(weights @ values / weights.sum(1, keepdims=True))

    def estimate(statistic) -> Estimate:
        return samples.estimate(float(statistic(means[1] - means[0])), statistic(draws[1] - draws[0]))

    return {
        "spectrum_distance": estimate(lambda difference: np.abs(difference[..., 1:-1]).mean(-1)),
        "high_frequencies": estimate(lambda difference: difference[..., :-1][..., high].mean(-1)),
        "checkerboard": estimate(lambda difference: difference[..., -1]),
    }
