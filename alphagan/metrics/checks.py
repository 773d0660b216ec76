"""What every metric asks of the volumes that it is given, and of the arithmetic."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from alphagan.errors import InputError, TooFewError


@contextmanager
def full_precision() -> Iterator[None]:
    """Matrix products in true float32 inside, whatever the caller allows (TF32 has only 10 bits of mantissa)."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def check_volumes(name: str, x: torch.Tensor, at_least: int = 1) -> None:
    """Refuse what is not a stack of cubes.

    Raises
    ------
    InputError
        If `x` does not have the shape (n, S, S, S), or does not hold floating-point numbers.
    TooFewError
        If n < `at_least`.
    """
    if x.ndim != 4 or len(set(x.shape[1:])) != 1 or not x.is_floating_point():
        raise InputError(f"{name}: expected floats of shape (n, S, S, S), found {x.dtype} {tuple(x.shape)}")
    if len(x) < at_least:
        raise TooFewError(f"{name}: {len(x)} volumes, but this metric needs at least {at_least}; give more")


def check_samples(x: torch.Tensor, y: torch.Tensor) -> None:
    """Refuse two samples of fewer than two volumes each, or of different sizes; raises as `check_volumes` does."""
    check_volumes("x", x, at_least=2)
    check_volumes("y", y, at_least=2)
    if x.shape[1:] != y.shape[1:]:
        raise InputError(f"x, y: sides of {x.shape[1]} and {y.shape[1]} voxels; prepare both at one size")
