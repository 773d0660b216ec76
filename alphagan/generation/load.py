"""Open a finished run: `alphagan.load`."""

import json
import math
from pathlib import Path

import torch

from alphagan.errors import InputError
from alphagan.generation.run import Run
from alphagan.settings.config import Settings


def load(folder: str | Path, device: torch.device | str = "cpu") -> Run:
    """Open the folder of a finished training run.

    Parameters
    ----------
    folder : str or Path
        Such as models/COHORT/MODEL, with config.json and weights.pt.
    device : torch.device or str
        Where its networks compute.

    Returns
    -------
    Run

    Raises
    ------
    InputError
        If the folder holds no finished run.

    Examples
    --------
    >>> import alphagan
    >>> run = alphagan.load("models/normal/alpha_wgan_gp")
    >>> run.sample(4).shape
    (4, 16, 16, 16)
    """
    folder = Path(folder)
    try:
        content = json.loads((folder / "config.json").read_text())
        settings = Settings.model_validate({key: content[key] for key in Settings.model_fields})
        x, y, z = map(float, content["voxel_size_mm"])
        if not (0 < x < math.inf and 0 < y < math.inf and 0 < z < math.inf):
            raise ValueError(f"voxel_size_mm {x}, {y}, {z}")
        return Run(folder, settings, (x, y, z), torch.device(device))
    except FileNotFoundError:
        raise InputError(f"{folder}: no config.json; name the folder of a finished run, models/COHORT/MODEL") from None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder / 'config.json'}: damaged or of another version ({error}); train again") from None
