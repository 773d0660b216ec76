"""Several processes train one model: each computes its rows of every batch, and all take the same steps.

What an iteration draws (scans, codes, interpolation weights, flips) every process draws for the joint batch, from the
same seed, and keeps its own rows; BatchNorm takes its statistics over all processes; gradients are averaged after each
backward pass. So N processes compute what one would on the joint batch, which is what `train.batch_size` counts.
DistributedDataParallel does not carry the gradients of gradients that a penalty needs.
"""

import hashlib
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn

from alphagan.errors import InputError
from alphagan.seeding import Draws

TIMEOUT = timedelta(minutes=30)  # how long one process may keep the others waiting, as the first does when it saves


@dataclass(frozen=True)
class World:
    """The processes that train one model, as one of them sees them; by default it is alone.

    Every method but `shard` and `draws` is to be called by all of them.

    Parameters
    ----------
    device : torch.device
        Where this process computes.
    rank, size, local_rank : int
        Which it is, of how many, and which on its machine.
    parent : int
        Process that started it.
    """

    device: torch.device
    rank: int = 0
    size: int = 1
    local_rank: int = 0
    parent: int = 0

    def shard(self, rows: Sequence[int]) -> Sequence[int]:
        """Rows of the joint batch that are this process's.

        Raises
        ------
        InputError
            If they cannot be shared out evenly.
        """
        if len(rows) % self.size:
            raise InputError(
                f"train.batch_size: {len(rows)} is not a multiple of {self.size} devices; choose one that is"
            )
        n = len(rows) // self.size
        return rows[self.rank * n : (self.rank + 1) * n]

    def draws(self, generator: torch.Generator) -> Draws:
        """Random numbers for this process's rows, the same as one process would draw for them in the joint batch."""
        return Draws(generator, self.rank, self.size)

    def average_gradients(self, networks: Iterable[nn.Module]) -> None:
        """Replace gradients by their means over the processes; a parameter without one has one in no process."""
        for network in networks if self.size > 1 else ():
            gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
            if gradients:
                mean = self.mean(torch.cat([gradient.flatten() for gradient in gradients]))
                for gradient, part in zip(gradients, mean.split([g.numel() for g in gradients]), strict=True):
                    gradient.copy_(part.view(gradient.shape))

    def mean(self, x: Tensor) -> Tensor:
        """Mean over the processes, in place; what is not finite in one is then finite in none."""
        if self.size > 1:
            dist.all_reduce(x)
            x /= self.size
        return x

    def largest(self, *numbers: int) -> list[int]:
        """Largest of all processes' first number, of their second and so on; nobody goes on before all are here."""
        shared = torch.tensor(numbers, dtype=torch.int64)
        if self.size > 1:
            dist.all_reduce(shared, dist.ReduceOp.MAX)
        return shared.tolist()

    def agree(self, asked: int, look: bool) -> tuple[int, bool]:
        """Decide after an iteration what all do next, though only some of them may have been asked to.

        Parameters
        ----------
        asked : int
            Number of the signal that asks this process to stop, or 0.
        look : bool
            Whether this process wants to look at the losses, for which `mean` needs all.

        Returns
        -------
        stop : int
            Number of the signal after which all stop now, or 0. A process whose parent died counts as asked by
            SIGTERM: nobody is left to ask it.
        look : bool
            Whether any wants to look.
        """
        orphaned = self.size > 1 and os.getppid() != self.parent
        stop, look = self.largest(asked or (signal.SIGTERM if orphaned else 0), look)
        return stop, bool(look)

    def on_first(self, action: Callable[[], object]) -> None:
        """Have the first process do something, such as write a file, while the others wait; if it fails, all end."""
        failure = None
        if self.rank == 0:
            try:
                action()
            except Exception as error:
                failure = error
        if self.largest(failure is not None)[0]:
            raise failure or SystemExit(1)  # the first says why

    def check_same(self, what: str, networks: dict[str, nn.Module], text: str = "") -> None:
        """Compare what must be the same everywhere: processes stay together only if they start together.

        Raises
        ------
        InputError
            In every process, if a network or `text` differs between any two.
        """
        if self.size == 1:
            return
        content = hashlib.sha256(text.encode())
        for network in networks.values():
            for tensor in network.state_dict().values():
                content.update(tensor.cpu().contiguous().view(-1).view(torch.uint8).numpy())
        number = int.from_bytes(content.digest()[:7], "big")
        largest, least = self.largest(number, -number)
        if largest != -least:
            raise InputError(
                f"{what}: not the same in all {self.size} processes; start them in one folder that every node sees, "
                "with one params.yaml and one environment"
            )


@contextmanager
def join(device: torch.device) -> Iterator[World]:
    """Meet the other processes that `launch` or torchrun started, if any, and part from them in the end.

    Parameters
    ----------
    device : torch.device
        cpu, or cuda for a GPU to each process.

    Raises
    ------
    InputError
        If this machine has fewer GPUs than processes, or the environment tells less than torchrun does.
    """
    if os.environ.get("WORLD_SIZE", "1") == "1":
        yield World(device)
        return
    try:
        size, rank, local_rank = (int(os.environ[name]) for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK"))
    except (KeyError, ValueError) as error:
        raise InputError(
            f"WORLD_SIZE is set, but not all of RANK and LOCAL_RANK ({error}); unset it, or set all"
        ) from None
    backend = "gloo"
    if device.type == "cuda":
        check_gpus(local_rank + 1)
        device, backend = torch.device("cuda", local_rank), "cpu:gloo,cuda:nccl"
        torch.cuda.set_device(device)
    dist.init_process_group(backend, timeout=TIMEOUT)
    try:
        yield World(device, rank, size, local_rank, os.getppid())
    finally:
        dist.destroy_process_group()


def check_gpus(n: int) -> None:
    """Refuse more GPUs than torch finds."""
    found = torch.cuda.device_count()
    if n > found:
        raise InputError(
            f"train.devices: {n} GPUs are asked for and torch finds {found}; ask for fewer, or device: cpu"
        )


class _Sum(torch.autograd.Function):
    """Sum over the processes. Its gradient is a sum again, so that it can be differentiated any number of times."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        x = x.clone()
        dist.all_reduce(x)
        return x

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return _Sum.apply(gradient.contiguous())


class _Synchronised:
    """BatchNorm over the rows of all processes while training; torch.nn.SyncBatchNorm needs GPUs."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        # From each process's mean and variance, since a sum of squares would cancel digits
        exact = x.to(torch.promote_types(x.dtype, torch.float32))
        own = torch.stack(torch.var_mean(exact, [0, *range(2, x.ndim)], correction=0))
        size, rank = dist.get_world_size(), dist.get_rank()
        here = torch.arange(size, device=x.device).view(-1, 1, 1) == rank
        variances, means = _Sum.apply(here * own).unbind(1)  # (size, C) each
        mean, variance = means.mean(0), variances.mean(0) + means.var(0, correction=0)
        n = size * x.numel() // x.shape[1]
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean.detach(), self.momentum)
        self.running_var.lerp_(variance.detach() * (n / (n - 1)), self.momentum)
        scale, shift = (variance + self.eps).rsqrt(), 0.0
        if self.affine:
            scale, shift = self.weight * scale, self.bias
        shape = (1, -1) + (1,) * (x.ndim - 2)
        return (exact * scale.view(shape) + (shift - mean * scale).view(shape)).to(x.dtype)


class SynchronisedBatchNorm1d(_Synchronised, nn.BatchNorm1d):
    """BatchNorm1d over the rows of all processes."""


class SynchronisedBatchNorm3d(_Synchronised, nn.BatchNorm3d):
    """BatchNorm3d over the rows of all processes."""


def synchronise(network: nn.Module) -> None:
    """Have a network's BatchNorm see the joint batch while training; parameters, buffers and their names stay."""
    kinds = {nn.BatchNorm1d: SynchronisedBatchNorm1d, nn.BatchNorm3d: SynchronisedBatchNorm3d}
    for module in network.modules():
        module.__class__ = kinds.get(type(module), type(module))
