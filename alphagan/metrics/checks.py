"""What every metric asks of the volumes that it is given, and of the arithmetic."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch

from alphagan.errors import InputError, TooFewError
from alphagan.volumes.prepared import Array, as_tensor

FAR = 64.0  # beyond what noise reaches, and below what brains in 8 bits do
# Of cubes that were scaled from 0 to 1: fewer than one in a thousand voxels is as low as this (of generators after one
# step of training -0.44 at most), and half of the outermost, background, differ by less than this share of the range.
LOWEST, BRIGHT, EVEN = -0.25, 0.5, 0.15
# A background of one value, as no generator makes it but by tanh at -1 or rounded to 8 bits, may differ from -1 by so
# much; and none is as bright as that. What has one goes no lower, and no higher than interpolation overshoots.
OFF, NEGATED = 0.095, 0.9
BELOW, ABOVE = -1.02, 1.25
UNKNOWN = ("None", "nan", "NaT", "<NA>")  # what labels that are none print as, those of pandas among them
SAMPLED = 2**20  # voxels that are enough to know a percentile by


@contextmanager
def full_precision() -> Iterator[None]:
    """Matrix products in true float32 inside, whatever the caller allows (TF32 has only 10 bits of mantissa)."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def check_volumes(name: str, x: Array, at_least: int = 1) -> torch.Tensor:
    """Take a stack of cubes, and refuse what is none.

    Parameters
    ----------
    name : str
        What the caller calls it.
    x : ndarray or Tensor, (n, S, S, S)
        Float in [-1, 1], or uint8.
    at_least : int
        How many are needed.

    Returns
    -------
    Tensor, (n, S, S, S), float in [-1, 1]

    Raises
    ------
    InputError
        If `x` does not have that shape, is a masked array, or holds other numbers: floats that are not finite, reach
        far beyond 1, or beyond it at all where their background is of one value, or look as if they were scaled from 0
        to 1, or their background to something else than -1.
    TooFewError
        If n < `at_least`.
    """
    if np.ma.isMaskedArray(x):
        raise InputError(f"{name}: a masked array, of which the mask would be lost; fill it with the background, -1")
    x = as_tensor(name, x).detach()
    if x.ndim != 4 or len(set(x.shape[1:])) != 1:
        raise InputError(f"{name}: expected volumes of shape (n, S, S, S), found {tuple(x.shape)}")
    if len(x) < at_least:
        raise TooFewError(f"{name}: {len(x)} volumes, but this metric needs at least {at_least}; give more")
    if not x.numel():
        return x
    low, high = (float(end) for end in x.aminmax())
    if not math.isfinite(low + high):  # NaN is either end of what holds it
        raise InputError(f"{name}: values that are not finite; look at what made them")
    if fault := _other_scale(x, low, high):
        raise InputError(f"{name}: {fault}, but floats go from -1, the background, to 1; rescale them, or give uint8")
    return x


def _other_scale(x: torch.Tensor, low: float, high: float) -> str:
    """What speaks for another scale; "" where nothing does. Noise of any SD near 1 is none."""
    if max(-low, high) > FAR:
        return f"values reach from {low:.4g} to {high:.4g}"
    some = x.flatten()[:: 1 + x.numel() // SAMPLED].double().cpu().numpy()
    faces = [x.select(axis, end).flatten(1) for axis in (1, 2, 3) for end in (0, -1)]
    ends = torch.cat(faces, 1).double().cpu().numpy()
    first, middle, last = np.quantile(ends, [0.25, 0.5, 0.75])
    scaled = np.quantile(some, 0.001) > LOWEST and high > BRIGHT and last - first < EVEN * (high - low)
    another = [_is_of_another_scale(*each) for each in zip(x, ends, strict=True)]
    if scaled or np.mean(another) > 0.5:
        return f"the background is at {middle:.2g}, and values reach from {low:.4g} to {high:.4g}"
    return ""


def _is_of_another_scale(volume: torch.Tensor, ends: np.ndarray) -> bool:
    """Whether a volume's outermost voxels have one value and another than -1, or others go beyond -1 and 1.

    Not where all of it is one grey.
    """
    level, (low, high) = np.median(ends), volume.aminmax()
    if np.mean(ends == level) <= 0.5 or low == high:
        return False
    if low < BELOW or high > ABOVE:
        return True
    if abs(level + 1) <= OFF:
        return False
    step = (level + 1) * 127.5
    return level > NEGATED or abs(step - round(step)) > 1e-3


def check_labels(name: str, labels: Sequence, n_volumes: int) -> np.ndarray:
    """Take a label for each volume, of whom it shows.

    Parameters
    ----------
    name : str
        What the caller calls them.
    labels : sequence of str or int
    n_volumes : int

    Returns
    -------
    ndarray, (n_volumes,)

    Raises
    ------
    InputError
        If there is not one label per volume, or one is empty, None, NaN or pandas' NA.
    """
    values = np.asarray(labels)
    if values.shape != (n_volumes,):
        raise InputError(f"{name}: shape {values.shape} for {n_volumes} volumes; give one subject label per volume")
    # Of a list as it was given, since beside text an array makes text of NaN.
    for label in labels if isinstance(labels, list | tuple) else values.tolist():
        if not label.strip() if isinstance(label, str) else str(label) in UNKNOWN:
            raise InputError(f"{name}: a volume without a label; say whom it shows")
    return values


def check_samples(x: Array, y: Array) -> tuple[torch.Tensor, torch.Tensor]:
    """Refuse two samples of fewer than two volumes each, or of different sizes; otherwise as `check_volumes` does."""
    x, y = check_volumes("x", x, at_least=2), check_volumes("y", y, at_least=2)
    if x.shape[1:] != y.shape[1:]:
        raise InputError(f"x, y: sides of {x.shape[1]} and {y.shape[1]} voxels; prepare both at one size")
    return x, y
