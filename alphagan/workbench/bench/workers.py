"""Engines in processes of their own, so that each has its memory to itself, taking turns on one machine."""

import multiprocessing
import os
from contextlib import contextmanager

import torch

from alphagan.models.description import n_parameters
from alphagan.settings.cohorts import Augment
from alphagan.settings.config import Settings
from alphagan.settings.sections import Model, Train
from alphagan.training.distributed import World
from alphagan.training.engine import Training
from alphagan.training.graphs import WARM_UP
from alphagan.training.memory import keep_freed_memory
from alphagan.workbench.bench.textbook import Textbook
from alphagan.workbench.bench.timing import seconds


class RandomVolumes:
    """Stands in for a prepared cohort: n volumes of noise."""

    def __init__(self, n: int, size: int):
        self.x = torch.rand(n, 1, size, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1

    def tensor(self, rows, device="cpu"):
        """The named rows, (n, 1, S, S, S)."""
        return self.x[rows].to(device)


class TextbookEngine:
    """The textbook step, and G as it would be sampled from."""

    def __init__(self, size: int, batch: int, model: Model, train: Train, device: torch.device):
        self.textbook = Textbook(size, model, train)
        for network in self.textbook.networks.values():
            network.to(device)
        self.volumes, self.device, self.batch = RandomVolumes(2 * batch, size), device, batch
        self.generator = torch.Generator(device).manual_seed(0)
        # While E and G learn, every network is given a gradient.
        self.gradient_bytes = 4 * sum(map(n_parameters, self.textbook.networks.values()))

    def step(self) -> None:
        """One iteration."""
        x = self.volumes.tensor(slice(None), self.device)
        self.textbook.step(x[: self.batch], x[self.batch :], self.generator)

    def sample(self, n: int) -> None:
        """Generate n volumes in eval mode."""
        G = self.textbook.G.eval()
        with torch.no_grad():
            G(torch.randn(n, self.textbook.model.z_dim, device=self.device, generator=self.generator))
        G.train()


class AlphaganEngine:
    """What `alphagan train` runs, and what `alphagan sample` does."""

    def __init__(self, size: int, batch: int, model: Model, train: Train, device: torch.device):
        if device.type == "cpu":
            keep_freed_memory()
        settings = Settings(
            cohort="bench", name="alpha_wgan_gp", size=size, augment=Augment(), model=model, train=train
        )
        self.training, self.volumes = Training(settings, World(device)), RandomVolumes(4 * batch, size)
        self.rows, self.generator = list(range(4 * batch)), torch.Generator(device).manual_seed(0)
        networks = self.training.networks
        self.gradient_bytes = 4 * max(
            sum(n_parameters(networks[name]) for name in phase.updates) for phase in self.training.objective.phases
        )

    def step(self) -> None:
        """One iteration."""
        self.training.step(self.volumes, self.rows)

    def kernel_by_kernel(self) -> None:
        """From here on without recorded iterations, whose memory torch does not count."""
        self.training.graphs = None

    def sample(self, n: int) -> None:
        """Generate n volumes in eval mode."""
        G = self.training.G_average.eval()
        with torch.no_grad():
            G(torch.randn(n, G.z_dim, device=self.generator.device, generator=self.generator))


ENGINES = {"textbook": TextbookEngine, "alphagan": AlphaganEngine}


def _serve(connection, kind: str, size: int, batch: int, model: dict, train: dict, device: str) -> None:
    """Answer "step", ("sample", n) and "memory" with seconds or bytes, until told to stop."""
    if kind == "textbook":
        os.environ["THP_MEM_ALLOC_ENABLE"] = "0"  # as torch is by default
    torch.backends.cudnn.benchmark = True
    where = torch.device(device)
    engine = ENGINES[kind](size, batch, Model(**model), Train(batch_size=batch, device=where.type, **train), where)
    for _ in range(WARM_UP + 2 if where.type == "cuda" else 0):  # kernels chosen, iterations recorded
        engine.step()
    while (command := connection.recv()) is not None:
        if command == "memory":
            if kind == "alphagan":
                engine.kernel_by_kernel()
            connection.send(peak_bytes(engine.step, where) - engine.gradient_bytes)
            continue

        def work(command=command) -> None:
            engine.step() if command == "step" else engine.sample(command[1])
            if where.type == "cuda":
                torch.cuda.synchronize()

        connection.send(seconds(work))


def peak_bytes(step, device: torch.device) -> int:
    """Most bytes that torch holds during a step, beyond what it held before."""
    if device.type == "cuda":
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        step()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - before
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        step()
    events = [event for event in profile.profiler.kineto_results.events() if event.name() == "[memory]"]
    held = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        held += event.nbytes()
        peak = max(peak, held)
    return peak


@contextmanager
def workers(specifications: dict[str, dict]):
    """Start one process for each specification (arguments of `_serve`), and hand out a function that asks them.

    Yields
    ------
    ask : callable, (name, command) -> float
    """
    context = multiprocessing.get_context("spawn")
    pipes, processes = {}, []
    for name, specification in specifications.items():
        pipes[name], theirs = context.Pipe()
        processes.append(context.Process(target=_serve, args=(theirs,), kwargs=specification, daemon=True))
        processes[-1].start()
        theirs.close()

    def ask(name: str, command) -> float:
        pipes[name].send(command)
        return pipes[name].recv()

    try:
        yield ask
    finally:
        for pipe in pipes.values():
            pipe.send(None)
        for process in processes:
            process.join(timeout=30)


def in_turn(ask, names: list[str], command, repeats: int) -> dict[str, list[float]]:
    """Time a command in each worker, in turn, `repeats` times after one that is not counted."""
    rounds = [{name: ask(name, command) for name in names} for _ in range(repeats + 1)][1:]
    return {name: [each[name] for each in rounds] for name in names}
