"""The networks of a finished run, read from its weights."""

import hashlib
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor, nn

from alphagan.errors import InputError
from alphagan.generation.weights import is_file, read_config, read_names, read_states, weights_of
from alphagan.models import OBJECTIVES
from alphagan.models.build import build
from alphagan.models.networks import Generator
from alphagan.settings.config import Settings

GENERATORS = ("G_average", "G", "G_early")
BATCH = 16  # volumes at a time; bounds the memory whatever is asked for
PAIR = "put the weights.pt and the config.json of one run together, or train the model again"


class Networks:
    """Trained networks by name, in eval mode and without gradients of their own.

    The weights are read once, when the first is asked for; each is kept as long as the object.

    Parameters
    ----------
    folder : Path
        Of the run; or the one file that it was exported to.
    settings : Settings
        What they were trained with.
    device : torch.device
        Where they are put.

    Attributes
    ----------
    names : tuple of str
        "G_average", "G_early": moving averages of G's weights at the end and early in training. "G": as the last
        iteration left them, which is what was published. "D", and "E" and "C" of the models that have them. Of an
        exported file, those that are in it.

    Examples
    --------
    >>> networks = alphagan.load("models/normal/alpha_wgan_gp").networks
    >>> networks.names
    ('G_average', 'G', 'G_early', 'E', 'D', 'C')
    >>> networks["D"](torch.zeros(2, 1, 16, 16, 16)).shape
    torch.Size([2])
    """

    def __init__(self, folder: Path, settings: Settings, device: torch.device):
        self.folder, self.settings, self.device = folder, settings, device
        trained = (*GENERATORS, *OBJECTIVES[settings.family].names.replace("G", ""))
        self.names = read_names(folder) if is_file(folder) else trained
        self._made: dict[str, nn.Module] = {}

    @cached_property
    def sha256(self) -> str:
        """Hash of the file of weights, in 64 hexadecimal digits; what equal weights make is equal.

        Raises
        ------
        InputError
            If the file is missing, or another than config.json was written with.

        Examples
        --------
        >>> len(alphagan.load("models/normal/alpha_wgan_gp").networks.sha256)
        64
        """
        path = weights_of(self.folder)
        try:
            with open(path, "rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            raise InputError(f"{path}: not found; train the model again") from None
        # Runs of earlier versions tell nothing; a file that was exported holds its configuration in itself.
        if not is_file(self.folder) and read_config(self.folder).get("weights_sha256", found) != found:
            raise InputError(f"{path}: not the weights that config.json was written with; {PAIR}")
        return found

    def generator(self, weights: str) -> nn.Module:
        """G by the name of its weights.

        Examples
        --------
        >>> networks = alphagan.load("models/normal/alpha_wgan_gp").networks
        >>> networks.generator("G_early")(torch.zeros(2, 8)).shape
        torch.Size([2, 1, 16, 16, 16])
        """
        if weights not in GENERATORS:
            raise InputError(f"weights: {weights!r} is unknown; use one of {', '.join(GENERATORS)}")
        return self[weights]

    def __getitem__(self, name: str) -> nn.Module:
        if name not in self.names:
            raise InputError(f"{self.folder}: {self.settings.name} has no network {name}, only {', '.join(self.names)}")
        if name not in self._made:
            network = self._filled(name)
            self._made[name] = network.to(self.device).eval().requires_grad_(False)
        return self._made[name]

    def apply(self, network: nn.Module, inputs: Tensor, batch: int = BATCH) -> Tensor:
        """Apply a network on its device, and gather what it gives on the CPU.

        Examples
        --------
        >>> networks = alphagan.load("models/normal/alpha_wgan_gp").networks
        >>> networks.apply(networks["G_average"], torch.zeros(3, 8)).shape
        torch.Size([3, 1, 16, 16, 16])
        """
        with torch.no_grad():
            return torch.cat([network(part.to(self.device)).cpu() for part in inputs.split(batch)])

    def _filled(self, name: str) -> nn.Module:
        path = weights_of(self.folder)
        try:
            network = self._build(name)
            network.load_state_dict(self._weights[name])
        except (AttributeError, RuntimeError, TypeError):
            raise InputError(f"{path}: {name} is not as config.json has it; {PAIR}") from None
        if not all(value.isfinite().all() for value in network.state_dict().values()):
            raise InputError(f"{path}: numbers of {name} are not finite; train the model again")
        del self._weights[name]  # from here on the network holds them
        return network

    def _build(self, name: str) -> nn.Module:
        settings, model = self.settings, self.settings.model
        if name in GENERATORS:
            return Generator(settings.size, model.z_dim, model.width, head=model.head)
        every = OBJECTIVES[settings.family].names
        return build(settings.size, model, names=every, departures=settings.departures)[name]

    @cached_property
    def _weights(self) -> dict[str, dict]:
        """State dicts of the networks that have not been made yet."""
        path, found = weights_of(self.folder), read_states(self.folder)
        if set(found) != set(self.names):
            held, named = ", ".join(map(str, found)), ", ".join(self.names)
            raise InputError(f"{path}: has {held}, but {self.settings.name} has {named}; {PAIR}")
        _ = self.sha256  # refuses those of another run
        return found


def like_training_cubes(x: torch.Tensor) -> bool:
    """Whether volumes (n, S, S, S) go from -1 to 1, and from -1 alone where their lowest value is a background."""
    if not len(x):
        return True
    lows = x.flatten(1).amin(1, keepdim=True)
    background = (x.flatten(1) == lows).float().mean(1, keepdim=True) > 0.25
    other_scale = x.amin() > -x.amax() / 4 or (background & (lows > -0.95)).any()
    return bool((x.abs() <= 1.001).all() and not other_scale)
