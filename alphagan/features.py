"""Features of volumes from a small 3D network that is trained here, on the training split alone and without labels.

What such a network measures depends on the scans that it saw, so its name stands beside every number made with it.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from tqdm import trange

from alphagan.cohort_config import Section
from alphagan.contrastive import N_FEATURES, ContrastiveEncoder, brain_intensities, nt_xent, views
from alphagan.errors import InputError
from alphagan.files import write_atomically
from alphagan.metrics import check_volumes
from alphagan.seeding import seeded
from alphagan.volumes import Volumes, batch_indices

BATCH = 32  # volumes embedded at a time; bounds the memory


class FeatureSettings(Section):
    """How the feature network is trained."""

    seed: Annotated[int, Field(ge=0)] = 2019
    iterations: Annotated[int, Field(ge=1)] = 250
    batch_size: Annotated[int, Field(ge=2)] = 32
    lr: Annotated[float, Field(gt=0)] = 0.002
    temperature: Annotated[float, Field(gt=0)] = 0.2
    threads: Annotated[int, Field(ge=1)] | None = None


@dataclass(frozen=True)
class Features:
    """A trained feature network.

    Attributes
    ----------
    name : str
        To stand beside every number made with it.
    n_features : int
        Length of what `embed` returns.
    """

    network: ContrastiveEncoder
    name: str
    n_features: int = N_FEATURES

    @classmethod
    def load(cls, folder: str | Path, device: torch.device | str = "cpu") -> "Features":
        """Open the folder that `train_features` wrote.

        Raises
        ------
        InputError
            If a file is missing or damaged.
        """
        folder = Path(folder)
        try:
            config = json.loads((folder / "config.json").read_text())
            network = ContrastiveEncoder(config["size"])
            network.load_state_dict(torch.load(folder / "weights.pt", map_location="cpu", weights_only=True))
            name = config["name"]
        except FileNotFoundError as error:
            raise InputError(f"{error.filename}: not found; train the feature network first") from None
        except Exception as error:
            raise InputError(f"{folder}: damaged ({type(error).__name__}); train the feature network again") from None
        return cls(network.to(device).eval().requires_grad_(False), name)

    def embed(self, volumes: Tensor) -> Tensor:
        """Map volumes (n, S, S, S) in [-1, 1] to features (n, 128) on the CPU."""
        return self._in_batches(self.network, volumes)

    def project(self, volumes: Tensor) -> Tensor:
        """Map volumes (n, S, S, S) in [-1, 1] to points of norm 1, (n, 64) on the CPU: what tells people apart."""
        return self._in_batches(self.network.project, volumes)

    def _in_batches(self, function: Callable[[Tensor], Tensor], volumes: Tensor) -> Tensor:
        size = self.network.mean_brain.shape[-1]
        check_volumes("volumes", volumes, at_least=1)
        if volumes.shape[-1] != size:
            raise InputError(f"volumes: {volumes.shape[-1]} cubed, but the feature network was trained at {size} cubed")
        return in_batches(function, volumes, self.network.mean_brain.device)


def in_batches(function: Callable[[Tensor], Tensor], volumes: Tensor, device: torch.device | str = "cpu") -> Tensor:
    """Apply a function of (B, 1, S, S, S) to volumes (n, S, S, S), a batch at a time; results on the CPU."""
    with torch.no_grad():
        return torch.cat([function(part.to(device)[:, None]).cpu() for part in volumes.split(BATCH)])


def train_features(
    prepared: str | Path, out: str | Path, settings: FeatureSettings, device: torch.device | str = "cpu"
) -> Features:
    """Train the feature network of a cohort.

    Writes `out`/weights.pt, a state dict, and `out`/config.json: the network's name, settings, scans and loss. On the
    CPU the same settings and number of threads give the same bytes.

    Parameters
    ----------
    prepared : path
        Folder of the prepared cohort; only its training split is used.
    out : path
        Folder, made if need be.
    settings : FeatureSettings
    device : torch.device or str

    Returns
    -------
    Features

    Raises
    ------
    InputError
        If fewer than two people are in the training split.
    """
    volumes, out = Volumes(prepared), Path(out)
    rows = volumes.rows("train")
    people = volumes.people(rows)
    if len(set(people)) < 2:
        raise InputError(f"{volumes.folder}: {len(set(people))} people to train on; features need two: add scans")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network = ContrastiveEncoder(volumes.size).to(device)
    with _threads(settings.threads):
        network.mean_brain.copy_(_mean_brain(volumes, rows, device))
        losses = _fit(network, volumes, rows, people, settings, device)
    cohort = volumes.folder.resolve().name
    config = {
        "name": f"self-supervised 3D CNN, {N_FEATURES}-d, trained on {len(rows)} scans of {cohort}, "
        f"seed {settings.seed}",
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
    return Features.load(out, device)


def _fit(
    network: ContrastiveEncoder,
    volumes: Volumes,
    rows: Sequence[int],
    people: Sequence[str],
    settings: FeatureSettings,
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
