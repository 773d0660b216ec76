"""Explicit random generators: what is drawn depends on a seed and a purpose, never on what was drawn before."""

import hashlib
import operator

import torch
from torch import Tensor

from alphagan.errors import InputError


def seed_for(*key: int | str) -> int:
    """Mix a seed and what it is for into one number; equal keys give equal numbers, whatever type of integer has them.

    Raises
    ------
    InputError
        If a part of the key is neither text nor a whole number.
    """
    try:
        key = tuple(part if isinstance(part, str) else int(operator.index(part)) for part in key)
    except TypeError:
        raise InputError(f"{key}: a seed is a whole number; give one") from None
    digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def seeded(device: torch.device | str, *key: int | str) -> torch.Generator:
    """Make a generator from a seed and what it is for.

    Training draws iteration 700 from ("step", seed, 700) whether or not it was interrupted at 699, so that resuming
    needs no stored random state.

    Parameters
    ----------
    device : torch.device or str
        Where the numbers are drawn.
    *key : int or str
        Equal keys give equal numbers on one kind of device.
    """
    return torch.Generator(device).manual_seed(seed_for(*key))


class Draws:
    """Random numbers of one iteration, for this process's share of the volumes.

    Every process draws the numbers of the joint batch from the same generator and keeps those of its own share, so
    that several processes compute what one would with all their volumes.

    Parameters
    ----------
    generator : torch.Generator
    rank, size : int
        Which of how many processes this is.
    """

    def __init__(self, generator: torch.Generator, rank: int = 0, size: int = 1):
        self.generator, self.rank, self.size = generator, rank, size

    def normal(self, n: int, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """Draw (n, *shape) from N(0, 1)."""
        return self._share(torch.randn, n, shape, dtype)

    def uniform(self, n: int, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """Draw (n, *shape) from U[0, 1)."""
        return self._share(torch.rand, n, shape, dtype)

    def _share(self, draw, n: int, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        joint = (n * self.size, *shape)
        drawn = draw(joint, dtype=dtype, device=self.generator.device, generator=self.generator)
        return drawn[self.rank * n : (self.rank + 1) * n]
