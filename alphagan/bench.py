"""Time one training step against the textbook's, in turn, in one run."""

import json
import platform
import statistics
import time

import torch
from torch.nn import functional as F

from alphagan.cohort_config import Augment
from alphagan.config import Model, Settings, Train
from alphagan.engine import Training
from alphagan.networks import build
from alphagan.objectives import gradient_penalty


class Textbook:
    """The step as one would first write it: up-sample then convolve, nothing frozen, nothing reused.

    Default memory layout, float32, one Adam call per parameter, each loss on freshly computed tensors.
    """

    def __init__(self, size: int, model: Model, train: Train):
        self.model = model
        self.networks = build(size, model, train.seed, folded=False)
        self.G, self.E, self.D, self.C = (self.networks[name] for name in "GEDC")
        self.l1_weight = model.lambda2 * (size**1.5 if model.reconstruction == "balanced" else 1.0)
        self.optimisers = {
            name: torch.optim.Adam(network.parameters(), lr=train.lr, betas=tuple(train.betas), foreach=False)
            for name, network in self.networks.items()
        }

    def codes(self, x, generator):
        """Draw z_rand, one code for each volume."""
        return torch.randn(len(x), self.model.z_dim, dtype=x.dtype, generator=generator)

    def losses(self, x_first, x_second, generator):
        """Yield (networks to update, loss) in the paper's order, each to be used before the next is asked for."""
        G, E, D, C = self.G, self.E, self.D, self.C
        z_enc, z_rand = E(x_first), self.codes(x_first, generator)
        x_rec, x_rand = G(z_enc), G(z_rand)
        L_G = -D(x_rec).mean() - D(x_rand).mean() + self.l1_weight * F.l1_loss(x_rec, x_first)
        yield {"E": 1, "G": self.model.generator_steps}, L_G - C(z_enc).mean()

        z_rand = self.codes(x_second, generator)
        x_rec, x_rand = G(E(x_second)).detach(), G(z_rand).detach()
        L_D = D(x_rec).mean() + D(x_rand).mean() - 2 * D(x_second).mean()
        for x_fake in (x_rec, x_rand):
            L_D = L_D + self.model.lambda1 * gradient_penalty(D, x_second, x_fake, generator)
        yield {"D": 1}, L_D

        z_enc = E(x_second).detach()
        penalty = gradient_penalty(C, z_rand, z_enc, generator)
        yield {"C": 1}, C(z_enc).mean() - C(z_rand).mean() + self.model.lambda1 * penalty

    def step(self, x_first, x_second, generator) -> None:
        """One iteration on two batches of real volumes."""
        for updates, loss in self.losses(x_first, x_second, generator):
            for optimiser in self.optimisers.values():
                optimiser.zero_grad()
            loss.backward()
            for name, n_steps in updates.items():
                for _ in range(n_steps):
                    self.optimisers[name].step()


class RandomVolumes:
    """Stands in for a prepared cohort: n volumes of noise."""

    def __init__(self, n: int, size: int):
        self.x = torch.rand(n, 1, size, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1

    def tensor(self, rows, device="cpu"):
        """The named rows, (n, 1, S, S, S)."""
        return self.x[rows].to(device)


def measure(size: int, batch: int, repeats: int, model: Model | None = None) -> dict:
    """Time both steps in turn and report medians.

    Parameters
    ----------
    size, batch : int
        Side of the cube; volumes per batch.
    repeats : int
        Timed pairs, after one that is not counted.
    model : Model, optional
        The paper's networks by default.

    Returns
    -------
    dict
        textbook_s, alphagan_s: median seconds a step; speedup: median of the pairwise ratios; where it was measured.
    """
    model, train = model or Model(), Train(batch_size=batch, device="cpu")
    settings = Settings(cohort="bench", name="alpha_wgan_gp", size=size, augment=Augment(), model=model, train=train)
    volumes, rows = RandomVolumes(4 * batch, size), list(range(4 * batch))
    textbook, ours = Textbook(size, model, train), Training(settings, torch.device("cpu"))
    generator = torch.Generator().manual_seed(0)
    pairs = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        textbook.step(volumes.x[:batch], volumes.x[batch : 2 * batch], generator)
        middle = time.perf_counter()
        ours.step(volumes, rows)
        pairs.append((middle - started, time.perf_counter() - middle))
    textbook_s, ours_s = zip(*pairs[1:], strict=True)
    return {
        "size": size,
        "batch": batch,
        "repeats": repeats,
        "textbook_s": statistics.median(textbook_s),
        "alphagan_s": statistics.median(ours_s),
        "speedup": statistics.median(a / b for a, b in pairs[1:]),
        "precision": "float32",
        "threads": torch.get_num_threads(),
        "processor": platform.processor() or platform.machine(),
        "torch": torch.__version__,
    }


def main(size: int, batch: int, repeats: int, as_json: bool) -> None:
    """Measure and print, as JSON or as a small table."""
    result = measure(size, batch, repeats)
    if as_json:
        print(json.dumps(result, indent=2))
        return
    print(f"{size} cubed, batch {batch}, float32, {result['threads']} threads, torch {result['torch']}")
    print(f"textbook step  {result['textbook_s']:8.3f} s  (median of {repeats})")
    print(f"alphagan step  {result['alphagan_s']:8.3f} s")
    print(f"speed-up       {result['speedup']:8.2f} x  (median of {repeats} ratios)")
