"""A finished training run: new brains from random codes, real ones encoded and generated again."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from alphagan.errors import InputError
from alphagan.models import OBJECTIVES
from alphagan.models.build import build
from alphagan.models.networks import Critic, Discriminator, Generator
from alphagan.seeding import seeded
from alphagan.settings.config import Settings
from alphagan.volumes.prepared import Volumes

BATCH = 16  # volumes generated at a time; bounds the memory whatever is asked for


def cube_affine(voxel_size_mm: np.ndarray, size: int) -> np.ndarray:
    """Affine (4, 4) of a cube in RAS millimetres with the origin at its centre."""
    affine = np.diag([*voxel_size_mm, 1.0])
    affine[:3, 3] = -(size - 1) / 2 * np.asarray(voxel_size_mm)
    return affine


@dataclass(frozen=True)
class Run:
    """A finished training run.

    Attributes
    ----------
    settings : Settings
        What it was trained with.
    voxel_size_mm : tuple of float
        Mean voxel size of the training cubes, which generated volumes are given.
    """

    folder: Path
    settings: Settings
    voxel_size_mm: tuple[float, float, float]

    @classmethod
    def load(cls, folder: str | Path) -> "Run":
        """Open a run's folder.

        Raises
        ------
        InputError
            If the folder holds no finished run.
        """
        folder = Path(folder)
        try:
            content = json.loads((folder / "config.json").read_text())
            settings = Settings.model_validate({key: content[key] for key in Settings.model_fields})
            return cls(folder, settings, tuple(content["voxel_size_mm"]))
        except FileNotFoundError:
            raise InputError(
                f"{folder}: no config.json; name the folder of a finished run, models/COHORT/MODEL"
            ) from None
        except (ValueError, KeyError) as error:
            raise InputError(
                f"{folder / 'config.json'}: damaged or of another version ({error}); train again"
            ) from None

    @property
    def affine(self) -> np.ndarray:
        """Affine (4, 4) of generated volumes."""
        return cube_affine(np.array(self.voxel_size_mm), self.settings.size)

    @property
    def has_encoder(self) -> bool:
        """Whether the model can reconstruct scans."""
        return "E" in OBJECTIVES[self.settings.family].names

    def _weights(self, name: str) -> dict:
        path = self.folder / "weights.pt"
        try:
            return torch.load(path, map_location="cpu", weights_only=True)[name]
        except FileNotFoundError:
            raise InputError(f"{path}: not found; train the model again") from None
        except Exception as error:
            raise InputError(f"{path}: damaged ({type(error).__name__}); train the model again") from None

    def generator(self, weights: str = "G_average", device: torch.device | str = "cpu") -> Generator:
        """G in eval mode, with "G_average" (moving average), "G" (raw, as published) or "G_early" weights."""
        model = self.settings.model
        G = Generator(self.settings.size, model.z_dim, model.width)
        G.load_state_dict(self._weights(weights))
        return G.to(device).eval().requires_grad_(False)

    def encoder(self, device: torch.device | str = "cpu") -> Discriminator:
        """E in eval mode.

        Raises
        ------
        InputError
            If the model has no encoder.
        """
        if not self.has_encoder:
            raise InputError(f"{self.folder}: {self.settings.name} has no encoder, so it cannot reconstruct scans")
        return self._network("E", device)

    def critic(self, device: torch.device | str = "cpu") -> Critic:
        """D in eval mode."""
        return self._network("D", device)

    def _network(self, name: str, device: torch.device | str) -> nn.Module:
        settings, names = self.settings, OBJECTIVES[self.settings.family].names
        network = build(settings.size, settings.model, names=names, departures=settings.departures)[name]
        network.load_state_dict(self._weights(name))
        return network.to(device).eval().requires_grad_(False)


def random_codes(first: int, n: int, z_dim: int, seed: int) -> Tensor:
    """Draw codes number `first` to `first + n - 1` of a seed, each for itself, (n, z_dim) on the CPU."""
    return torch.stack(
        [torch.randn(z_dim, generator=seeded("cpu", "z_rand", seed, i)) for i in range(first, first + n)]
    )


def sample(
    G: nn.Module, n: int, seed: int, batch: int = BATCH, batch_statistics: bool = False, progress: bool = False
) -> Iterator[Tensor]:
    """Generate volumes, a batch at a time.

    Parameters
    ----------
    G : Generator
    n : int
        How many volumes.
    seed : int
        Volume i depends on the seed and i, not on n.
    batch : int
        Volumes at a time.
    batch_statistics : bool
        True normalises with the statistics of each batch, as the paper's evaluation did, so that a volume depends on
        its batch mates. False uses G as it is given, in eval mode.
    progress : bool
        Show a progress bar on stderr.

    Yields
    ------
    x_rand : Tensor, (up to batch, S, S, S), float32 in [-1, 1], on G's device
    """
    device = next(G.parameters()).device
    G.train(batch_statistics)
    with tqdm(total=n, unit="volume", disable=None if progress else True) as bar, torch.no_grad():
        for first in range(0, n, batch):
            z_rand = random_codes(first, min(batch, n - first), G.z_dim, seed).to(device)
            x_rand = G(z_rand)[:, 0]
            bar.update(len(x_rand))
            yield x_rand
    G.eval()


def reconstruct(run: Run, volumes: Volumes, rows: list[int], device: str = "cpu") -> Tensor:
    """Encode scans and generate them again, G(E(x)).

    Returns
    -------
    x_rec : Tensor, (n, S, S, S), float32 in [-1, 1]
    """
    E, G = run.encoder(device), run.generator("G_average", device)
    with torch.no_grad():
        parts = [
            G(E(volumes.tensor(rows[first : first + BATCH], device)))[:, 0].cpu()
            for first in range(0, len(rows), BATCH)
        ]
    return torch.cat(parts)
