"""Open a finished run: `alphagan.load`."""

from math import inf
from pathlib import Path

import torch
from pydantic import ValidationError

from alphagan.errors import InputError
from alphagan.generation.run import Run
from alphagan.generation.weights import is_file, read_config
from alphagan.settings.config import Settings
from alphagan.settings.problems import first_problem


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
        return Run(folder, settings, _voxel_size_mm(config["voxel_size_mm"]), torch.device(device), config)
    except ValidationError as error:
        reason = first_problem(error)
    except KeyError as error:
        reason = f"{error.args[0]} is missing"
    except (TypeError, ValueError) as error:
        reason = str(error)
    where = folder if is_file(folder) else folder / "config.json"
    raise InputError(f"{where}: damaged or of another version ({reason}); train again")


def _voxel_size_mm(told: list[float]) -> tuple[float, float, float]:
    sizes = tuple(map(float, told))
    if len(sizes) != 3 or not all(0 < size < inf for size in sizes):
        raise ValueError(f"voxel_size_mm: should be three lengths, not {told}")
    return sizes
