"""Recorded iterations: when they are recorded, and that they compute what the same kernels do one by one."""

from contextlib import contextmanager, nullcontext
from types import SimpleNamespace

import pytest
import torch
from factories import tiny_settings, write_prepared

from alphagan.training import graphs
from alphagan.training import loop as training
from alphagan.training.distributed import World
from alphagan.training.engine import Training


class PretendGraph:
    """Runs again what it recorded, as a graph does: on its own tensors."""

    def register_generator_state(self, generator):
        self.generator = generator

    def pool(self):
        return "pool"

    def replay(self):
        self.again()


@pytest.fixture
def pretend(monkeypatch):
    """A GPU's streams and graphs, on this processor."""
    stream = SimpleNamespace(wait_stream=lambda other: None, device="cpu")

    @contextmanager
    def record(graph, pool, stream):
        pretend.pools.append(pool)
        graph.again = lambda: None
        yield

    pretend = SimpleNamespace(pools=[])
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: stream)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
    monkeypatch.setattr(torch.cuda, "CUDAGraph", PretendGraph)
    monkeypatch.setattr(torch.cuda, "graph", record)
    return pretend


def test_every_kind_runs_as_it_is_before_it_is_recorded_once(pretend):
    run = []

    def iterate(batches, generator):
        run.append(generator.initial_seed())
        return {"L_G": batches[0].sum()}

    iterations = graphs.GraphedIterations(iterate, torch.device("cpu"))
    for i in range(10):
        iterations(i % 2, [torch.full((2,), float(i))], seed=100 + i)
    # 0, 1 and 2 as they are; then one recording of each kind, with the seed that was set for that iteration.
    assert run == [100, 101, 102, 103, 104]
    assert set(iterations.recordings) == {0, 1}
    assert pretend.pools == [None, "pool"]
    own = {kind: batches[0].tolist() for kind, (_, batches, _) in iterations.recordings.items()}
    assert own == {0: [8.0, 8.0], 1: [9.0, 9.0]}  # what a recording reads is what was given last


def test_without_a_gpu_nothing_is_recorded():
    assert Training(tiny_settings(), World(torch.device("cpu"))).graphs is None


def test_a_checkpoint_from_a_gpu_goes_on_here():
    first = Training(tiny_settings(), World(torch.device("cpu")))
    state = {**first.state(), "iteration": 0}
    for optimiser in state["optimisers"].values():
        optimiser["param_groups"][0]["capturable"] = True
    second = Training(tiny_settings(), World(torch.device("cpu")))
    second.restore(state)
    assert not any(o.param_groups[0]["capturable"] for o in second.optimisers.values())


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["alpha_wgan_gp", "alpha_gan", "vae_gan", "wgan_gp"])
def test_on_a_gpu_recorded_iterations_give_the_same_bytes(tmp_path, name):
    prepared, weights = write_prepared(tmp_path / "prepared"), []
    for recorded in (False, True):
        settings = tiny_settings(name=name, device="cuda", iterations=12, cuda_graphs=recorded)
        run = training.fit(settings, prepared, tmp_path / f"run-{recorded}", tmp_path / "scratch" / str(recorded))
        weights.append((run / "weights.pt").read_bytes())
    assert weights[0] == weights[1]
