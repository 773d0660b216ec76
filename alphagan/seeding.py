"""Explicit random generators: what is drawn depends on a seed and a purpose, never on what was drawn before."""

import hashlib

import torch


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
    digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest, "little") >> 1)
