"""Iterations as CUDA graphs: what a GPU does in one is recorded once, and started again as a whole.

Small networks leave a GPU waiting for the processor, which starts some thousand kernels in each iteration one by one. A
graph starts the same kernels on the same memory with one call, and computes the same bytes.
"""

from collections.abc import Callable, Hashable

import torch
from torch import Tensor

WARM_UP = 3  # iterations at least that run kernel by kernel before any is recorded, as libraries choose kernels then

Iterate = Callable[[list[Tensor], torch.Generator], dict[str, Tensor]]


class GraphedIterations:
    """Runs iterations, the first ones as they are, then from recordings.

    Parameters
    ----------
    iterate : callable, (batches, generator) -> terms
        All that the device does in one iteration; it must not wait for the device.
    device : torch.device
        A GPU.
    """

    def __init__(self, iterate: Iterate, device: torch.device):
        self.iterate = iterate
        self.stream = torch.cuda.Stream(device)
        self.generator = torch.Generator(device)
        self.n_run: dict[Hashable, int] = {}
        self.recordings: dict[Hashable, tuple[torch.cuda.CUDAGraph, list[Tensor], dict[str, Tensor]]] = {}

    def __call__(self, kind: Hashable, batches: list[Tensor], seed: int) -> dict[str, Tensor]:
        """Run one iteration on `batches`, with random numbers from `seed`, and return its loss terms.

        `kind`: iterations of one kind differ by `batches` and `seed` alone.
        """
        self.generator.manual_seed(seed)
        outside = torch.cuda.current_stream(self.stream.device)
        self.stream.wait_stream(outside)
        with torch.cuda.stream(self.stream):
            if self.n_run.get(kind, 0) == 0 or sum(self.n_run.values()) < WARM_UP:
                terms = self.iterate(batches, self.generator)
            else:
                if kind not in self.recordings:
                    self.recordings[kind] = self._record(batches)
                graph, own_batches, own_terms = self.recordings[kind]
                for own, batch in zip(own_batches, batches, strict=True):
                    own.copy_(batch)
                graph.replay()
                terms = {name: value.clone() for name, value in own_terms.items()}
        outside.wait_stream(self.stream)
        self.n_run[kind] = self.n_run.get(kind, 0) + 1
        return terms

    def _record(self, batches: list[Tensor]) -> tuple[torch.cuda.CUDAGraph, list[Tensor], dict[str, Tensor]]:
        """Record an iteration without running it: the graph, and where it finds its batches and leaves its terms."""
        own = [batch.clone() for batch in batches]
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(self.generator)
        # One pool for all: no two graphs run at once, and nothing that one leaves there is read after another has run.
        pool = next(iter(self.recordings.values()))[0].pool() if self.recordings else None
        with torch.cuda.graph(graph, pool=pool, stream=self.stream):
            terms = self.iterate(own, self.generator)
        return graph, own, terms
