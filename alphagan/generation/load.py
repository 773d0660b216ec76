"""Open a finished run: `alphagan.load`."""

import math
from pathlib import Path

import torch
from pydantic import ValidationError

from alphagan.errors import InputError
from alphagan.generation.run import Run
from alphagan.generation.weights import is_file, read_config
from alphagan.settings.config import Settings


def load(folder: str | Path, device: torch.device | str = "cpu") -> Run:
    """Open a finished training run.

    Parameters
    ----------
    folder : str or Path
        Such as models/COHORT/MODEL, with config.json and weights.pt; or a file that `alphagan export` wrote.
    device : torch.device or str
        Where its networks compute.

    Returns
    -------
    Run

    Raises
    ------
    InputError
        If it holds no finished run.

    Examples
    --------
    >>> import alphagan
    >>> run = alphagan.load("models/normal/alpha_wgan_gp")
    >>> run.sample(4).shape
    (4, 16, 16, 16)
    """
    folder = Path(folder)
    config = read_config(folder)
    try:
        settings = Settings.model_validate({key: config[key] for key in Settings.model_fields if key in config})
        x, y, z = map(float, config["voxel_size_mm"])
        if not (0 < x < math.inf and 0 < y < math.inf and 0 < z < math.inf):
            raise ValueError(f"voxel_size_mm {x}, {y}, {z}")
        return Run(folder, settings, (x, y, z), torch.device(device), config)
    except (ValueError, KeyError, TypeError) as error:
        where = folder if is_file(folder) else folder / "config.json"
        raise InputError(f"{where}: damaged or of another version ({_told(error)}); train again") from None


def _told(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    problem = error.errors()[0]
    return f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"
