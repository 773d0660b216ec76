"""Where a training computes, and whether its kernels repeat to the byte."""

import contextlib
import os
from collections.abc import Iterator

import torch

from alphagan.errors import InputError


def choose_device(name: str) -> torch.device:
    """Resolve "auto" to a GPU where there is one.

    Raises
    ------
    InputError
        If "cuda" is asked for and there is none.
    """
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise InputError("train.device: cuda is asked for and torch finds no GPU; use auto or cpu")
    return torch.device("cuda" if available and name != "cpu" else "cpu")


@contextlib.contextmanager
def arithmetic(deterministic: bool, threads: int | None) -> Iterator[None]:
    """Choose between kernels that repeat to the byte and whichever are fastest; what was set before comes back after.

    `threads` is a number of threads, on which sums of floats depend; None leaves it as it is.

    Raises
    ------
    RuntimeError
        By torch, inside, where an operation has no deterministic kernel.
    """
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark, fill = torch.backends.cudnn.benchmark, torch.utils.deterministic.fill_uninitialized_memory
    n_threads = torch.get_num_threads()
    if threads:
        torch.set_num_threads(threads)
    if deterministic:  # read once, when CUDA starts, so that there is nothing to bring back
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(deterministic)
    torch.backends.cudnn.benchmark = not deterministic
    torch.utils.deterministic.fill_uninitialized_memory = False  # costs a write of every tensor that is made
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        torch.backends.cudnn.benchmark, torch.utils.deterministic.fill_uninitialized_memory = benchmark, fill
