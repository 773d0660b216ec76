"""What one training iteration is, and all that changes while a model trains."""

import copy
import sys

import numpy as np
import torch
from torch import nn

from alphagan.models import OBJECTIVES
from alphagan.models.build import build
from alphagan.seeding import seed_for, seeded
from alphagan.settings.cohorts import AS_THEY_ARE
from alphagan.settings.config import Settings
from alphagan.training.averaging import recalibrate, update_average
from alphagan.training.distributed import World, synchronise
from alphagan.training.graphs import GraphedIterations
from alphagan.volumes.augmentation import augment
from alphagan.volumes.prepared import Volumes, batch_indices, to_uint8

N_SAMPLES = 8  # volumes in a sample grid
CRITICS = "D", "C"
CALIBRATION = 16, 32  # batches, and codes or scans in each, that BatchNorm statistics are measured on


class Training:
    """Everything that changes while a model trains, as one object that a checkpoint can hold.

    Parameters
    ----------
    settings : Settings
    world : World
        Where this process computes, and with which others it trains.

    Attributes
    ----------
    networks : dict of Module
        "G", "D" and those of "E" and "C" that the model has, as the objective made them.
    G_average : Module
        Moving average of G's weights.
    history : list of ndarray
        One row of loss terms for each iteration.
    """

    def __init__(self, settings: Settings, world: World):
        self.settings, self.world, self.device = settings, world, world.device
        both, how = settings.model.augmentation == "both", settings.trained_augment
        self.augment = AS_THEY_ARE if both else how  # of real scans, before anything sees them
        self.objective = OBJECTIVES[settings.family](
            settings.size,
            settings.model,
            settings.train.seed,
            settings.departures,
            torch.bfloat16 if settings.train.precision == "bf16" else None,
            how if both else None,
        )
        self.networks = self.objective.networks
        for network in self.networks.values():
            network.to(self.device).recomputed = settings.train.checkpoint_activations
        train, departures = settings.train, settings.departures
        self.lr = train.lr / 2 if "halved_learning_rate" in departures else train.lr
        graphed = train.cuda_graphs and self.device.type == "cuda" and world.size == 1
        self.graphs = GraphedIterations(self.iterate, self.device) if graphed else None
        # What a recorded iteration is to read anew each time has to lie on the device.
        lr = torch.tensor(self.lr, device=self.device) if graphed and train.lr_decay else self.lr
        self.optimisers = {
            name: torch.optim.Adam(
                network.parameters(), lr=lr, betas=tuple(train.betas), fused=True, capturable=bool(graphed)
            )
            for name, network in self.networks.items()
        }
        self.G_average = copy.deepcopy(self.networks["G"]).requires_grad_(False)
        if world.size > 1:  # but not G_average, which one process samples from while the others wait
            for network in self.networks.values():
                synchronise(network)
        self.G_early: dict | None = None
        self.early_iteration: int | None = None  # that G_early is of
        self.iteration = 0
        self.columns: list[str] = []
        self.history: list[np.ndarray] = []

    def step(self, volumes: Volumes, rows: list[int]) -> dict[str, torch.Tensor]:
        """One iteration: every phase, on real scans that this iteration draws. Returns the loss terms."""
        train, n_batches = self.settings.train, self.objective.n_batches
        batches = []
        for number in range(n_batches):
            joint = batch_indices(len(rows), train.batch_size, self.iteration * n_batches + number, train.seed)
            batches.append(volumes.tensor([rows[i] for i in self.world.shard(joint)], self.device))
        self.objective.iteration = self.iteration
        self.set_learning_rate()
        kind, seed = self.iteration % self.settings.model.penalty_every, seed_for("step", train.seed, self.iteration)
        if self.graphs:
            recorded = self.graphs(kind, batches, seed)
        else:
            recorded = self.iterate(batches, torch.Generator(self.device).manual_seed(seed))
        update_average(self.G_average, self.networks["G"], train.ema_decay, self.iteration)
        self.iteration += 1
        if self.iteration == train.early_iteration:
            self.G_early, self.early_iteration = copy.deepcopy(self.averaged_generator().state_dict()), self.iteration
        return recorded

    def set_learning_rate(self) -> None:
        """Let it fall linearly to 0 over the last `lr_decay` of the iterations."""
        train = self.settings.train
        if train.lr_decay:
            rate = self.lr * min(1.0, (1 - self.iteration / train.iterations) / train.lr_decay)
            falling = [name for name in self.optimisers if train.lr_decay_critics or name not in CRITICS]
            for group in (group for name in falling for group in self.optimisers[name].param_groups):
                if isinstance(group["lr"], torch.Tensor):
                    group["lr"].fill_(rate)
                else:
                    group["lr"] = rate

    def iterate(self, batches: list[torch.Tensor], generator: torch.Generator) -> dict[str, torch.Tensor]:
        """All phases of an iteration, on the objective's batches of real scans (B, 1, S, S, S), not yet augmented."""
        draws = self.world.draws(generator)
        recorded, augmented = {}, {}
        for phase in self.objective.phases:
            if phase.batch not in augmented:
                augmented[phase.batch] = augment(batches[phase.batch], self.augment, draws)
            for name, network in self.networks.items():
                network.requires_grad_(name in phase.updates)  # frozen networks cost no weight gradients
            recorded |= phase.loss(augmented[phase.batch], draws, torch.Tensor.backward)
            self.world.average_gradients(self.networks[name] for name in phase.updates)
            for name, n_steps in phase.updates.items():
                for _ in range(n_steps):
                    self.optimisers[name].step()
                self.optimisers[name].zero_grad()
        return recorded

    def averaged_generator(self) -> nn.Module:
        """Moving average of G with BatchNorm statistics of its own, in eval mode."""
        G = copy.deepcopy(self.G_average)
        generator = seeded(self.device, "recalibrate", self.settings.train.seed)
        n_batches, n = CALIBRATION
        shape = n, self.settings.model.z_dim
        return recalibrate(G, (torch.randn(shape, device=self.device, generator=generator) for _ in range(n_batches)))

    def calibrated_encoder(self, volumes: Volumes, rows: list[int]) -> nn.Module:
        """E with the BatchNorm statistics of the training scans, in eval mode; small batches left noisy ones."""
        settings, names = self.settings, self.objective.names
        E = build(settings.size, settings.model, names=names, departures=settings.departures)["E"].to(self.device)
        E.load_state_dict(self.networks["E"].state_dict())
        parts = np.array_split(rows, -(-len(rows) // CALIBRATION[1]))  # of equal sizes: one scan alone has no variance
        return recalibrate(E, (volumes.tensor(part, self.device) for part in parts))

    def sample(self) -> np.ndarray:
        """Draw (N_SAMPLES, S, S, S) uint8 volumes, from the same codes every time."""
        z_rand = torch.randn(
            N_SAMPLES,
            self.settings.model.z_dim,
            device=self.device,
            generator=seeded(self.device, "sample", self.settings.train.seed),
        )
        with torch.no_grad():
            return to_uint8(self.averaged_generator()(z_rand)[:, 0])

    def record(self, pending: list[dict[str, torch.Tensor]]) -> dict[str, float]:
        """Move pending loss terms to the history and return the last ones.

        Raises
        ------
        FloatingPointError
            If one of them is not finite, naming the iteration.
        """
        self.columns = list(pending[0])
        rows = torch.stack([torch.stack(list(terms.values())) for terms in pending])
        rows = self.world.mean(rows).double().cpu().numpy()
        bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
        if len(bad):
            names = [name for name, value in zip(self.columns, rows[bad[0]], strict=True) if not np.isfinite(value)]
            iteration = self.iteration - len(rows) + int(bad[0]) + 1
            raise FloatingPointError(f"{', '.join(names)} not finite at iteration {iteration}")
        self.history.extend(rows)
        return dict(zip(self.columns, rows[-1].tolist(), strict=True))

    def state(self) -> dict:
        """All that is needed to go on, as nested dicts of tensors and numbers."""
        return {
            "networks": {name: network.state_dict() for name, network in self.networks.items()},
            "optimisers": {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()},
            "G_average": self.G_average.state_dict(),
            "G_early": self.G_early,
            "early_iteration": self.early_iteration,
            "columns": self.columns,
            "history": torch.from_numpy(np.array(self.history)),
        }

    def restore(self, state: dict) -> None:
        """Go back to a state that `state` returned."""
        for name, network in self.networks.items():
            network.load_state_dict(state["networks"][name])
            own = [{key: group[key] for key in ("lr", "capturable")} for group in self.optimisers[name].param_groups]
            self.optimisers[name].load_state_dict(state["optimisers"][name])
            for group, here in zip(self.optimisers[name].param_groups, own, strict=True):
                group |= here  # of this device, not of the one that saved it
        self.G_average.load_state_dict(state["G_average"])
        self.G_early, self.early_iteration = state["G_early"], state["early_iteration"]
        self.columns = state["columns"]
        self.history = list(state["history"].cpu().numpy())
        self.iteration = state["iteration"]

    def weights(self, volumes: Volumes, rows: list[int]) -> dict:
        """What weights.pt holds: state dicts of the networks, and of the averaged G at the end and early on.

        Normalised codes rest on E's statistics, which are therefore those of all training scans, rows of `volumes`.
        """
        states = {name: network.state_dict() for name, network in self.networks.items()}
        if "E" in states and self.settings.model.codes == "normalised" and len(rows) > 1:
            states["E"] = self.calibrated_encoder(volumes, rows).state_dict()
        states |= {"G_average": self.averaged_generator().state_dict(), "G_early": self.G_early}
        # Pickle writes a key that it has met before as a reference to that very object; interned keys and plain
        # tensors make the same weights the same bytes, resumed or not.
        return {
            name: {sys.intern(key): value.detach().cpu().contiguous() for key, value in state.items()}
            for name, state in states.items()
        }
