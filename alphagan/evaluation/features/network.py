"""Features of volumes from a small 3D network that is trained here, on the training split alone and without labels.

What such a network measures depends on the scans that it saw, so its name stands beside every number made with it.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import trange

from alphagan.errors import InputError, TooFewError
from alphagan.evaluation.features.contrastive import N_FEATURES, ContrastiveEncoder, nt_xent, views
from alphagan.files import write_atomically
from alphagan.metrics.checks import check_volumes
from alphagan.seeding import seeded
from alphagan.settings.sections import Features
from alphagan.tensors import read_tensors
from alphagan.volumes.brain import brain_intensities
from alphagan.volumes.prepared import Volumes, batch_indices

BATCH = 32  # volumes embedded at a time; bounds the memory
RETRAIN = "train the feature network again (alphagan features COHORT)"


@dataclass(frozen=True)
class FeatureNetwork:
    """A network whose features volumes are compared by.

    Attributes
    ----------
    network : Module, (B, 1, S, S, S) -> (B, n_features)
        Of volumes in [-1, 1], in eval mode.
    name : str
        To stand beside every number made with it.
    suffix : str
        Ending of the names of metrics made with it; none for the one that is trained here.
    size : int, optional
        The only side of volumes that it takes.
    """

    network: nn.Module
    name: str
    suffix: str = ""
    size: int | None = None

    def embed(self, volumes: Tensor) -> Tensor:
        """Map volumes (n, S, S, S) in [-1, 1] to features (n, n_features) on the CPU."""
        return self._in_batches(self.network, volumes)

    def project(self, volumes: Tensor) -> Tensor:
        """Map volumes (n, S, S, S) in [-1, 1] to what tells people apart best, on the CPU: the features, by default."""
        return self._in_batches(getattr(self.network, "project", self.network), volumes)

    def _in_batches(self, function: Callable[[Tensor], Tensor], volumes: Tensor) -> Tensor:
        check_volumes("volumes", volumes, at_least=1)
        if self.size and volumes.shape[-1] != self.size:
            raise InputError(
                f"volumes: {volumes.shape[-1]} cubed, but the feature network was trained at {self.size} cubed"
            )
        device = next(self.network.parameters()).device
        with torch.no_grad():
            return torch.cat([function(part.to(device)[:, None]).cpu() for part in volumes.split(BATCH)])


def load_features(folder: str | Path, device: torch.device | str = "cpu") -> FeatureNetwork:
    """Open the folder that `train_features` wrote.

    Raises
    ------
    InputError
        If a file is missing or damaged.
    """
    folder = Path(folder)
    try:
        config = json.loads((folder / "config.json").read_text())
        with torch.device("meta"):  # nothing is drawn
            network = ContrastiveEncoder(config["size"])
        network.load_state_dict(read_tensors(folder / "weights.pt", RETRAIN), assign=True)
        name = config["name"]
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(
            f"{error.filename}: not found; train the feature network first (alphagan features COHORT)"
        ) from None
    except Exception as error:
        raise InputError(f"{folder}: damaged ({type(error).__name__}); {RETRAIN}") from None
    return FeatureNetwork(network.to(device).eval().requires_grad_(False), name, size=config["size"])


def train_features(
    prepared: str | Path, out: str | Path, settings: Features, device: torch.device | str = "cpu"
) -> FeatureNetwork:
    """Train the feature network of a cohort.

    Writes `out`/weights.pt, a state dict, and `out`/config.json: the network's name, settings, scans and loss. On the
    CPU the same settings and number of threads give the same bytes.

    Parameters
    ----------
    prepared : path
        Folder of the prepared cohort; only its training split is used.
    out : path
        Folder, made if need be.
    settings : Features
    device : torch.device or str

    Returns
    -------
    FeatureNetwork

    Raises
    ------
    TooFewError
        If fewer than two people are in the training split.
    """
    volumes, out = Volumes(prepared), Path(out)
    rows = volumes.rows("train")
    people = volumes.people(rows)
    if len(set(people)) < 2:
        raise TooFewError(f"{volumes.folder}: {len(set(people))} people to train on; features need two: add scans")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network = ContrastiveEncoder(volumes.size).to(device)
    with _threads(settings.threads):
        network.mean_brain.copy_(_mean_brain(volumes, rows, device))
        losses = _fit(network, volumes, rows, people, settings, device)
    cohort = volumes.folder.resolve().name
    config = {
        "name": f"self-supervised 3D CNN, {N_FEATURES}-d, trained on {len(rows)} scans of {cohort}, "
        f"seed {settings.seed}, {settings.iterations} iterations",
        "size": volumes.size,
        "scans": len(rows),
        "people": len(set(people)),
        "data": volumes.fingerprint(),
        "settings": settings.model_dump(exclude={"threads"}),
        "loss": {"first": float(f"{losses[0]:.6g}"), "last": float(f"{losses[-1]:.6g}")},
    }
    weights = {name: value.cpu().contiguous() for name, value in network.state_dict().items()}
    write_atomically(lambda file: torch.save(weights, file), out, "weights.pt")
    write_atomically(lambda file: file.write((json.dumps(config, indent=2) + "\n").encode()), out, "config.json")
    return load_features(out, device)


def _fit(
    network: ContrastiveEncoder,
    volumes: Volumes,
    rows: Sequence[int],
    people: Sequence[str],
    settings: Features,
    device: torch.device | str,
) -> list[float]:
    numbers = {person: number for number, person in enumerate(dict.fromkeys(people))}
    person = torch.tensor([numbers[name] for name in people], device=device)
    n, batch = len(rows), min(settings.batch_size, len(rows))
    optimiser = torch.optim.Adam(network.parameters(), lr=settings.lr)
    # So few iterations need a high rate, which this schedule reaches slowly and leaves in time to settle.
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.lr, total_steps=settings.iterations)
    losses = []
    for iteration in trange(settings.iterations, desc="features", disable=None):
        chosen = batch_indices(n, batch, iteration, settings.seed)
        x = volumes.tensor([rows[i] for i in chosen], device)
        z = network.project(views(torch.cat([x, x]), seeded(device, "features", settings.seed, iteration)))
        loss = nt_xent(z, person[torch.from_numpy(chosen).to(device)], settings.temperature)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
    return losses


def _mean_brain(volumes: Volumes, rows: Sequence[int], device: torch.device | str) -> Tensor:
    """Mean of the training scans and their mirror images, in units of a brain's mean intensity, (1, 1, S, S, S)."""
    total = sum(
        brain_intensities(volumes.tensor(rows[start : start + BATCH], device)).sum(0, keepdim=True)
        for start in range(0, len(rows), BATCH)
    )
    return (total + total.flip(2)) / (2 * len(rows))


@contextmanager
def _threads(n: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(n or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
