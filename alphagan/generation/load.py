"""Open a finished run: `alphagan.load`."""

import json
from math import inf
from pathlib import Path

import torch
from pydantic import ValidationError

from alphagan.errors import InputError
from alphagan.generation.run import Run
from alphagan.settings.config import Settings
from alphagan.settings.problems import first_problem


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
    path = folder / "config.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise ValueError("there are no keys in it")
        settings = Settings.model_validate({key: content[key] for key in Settings.model_fields})
        return Run(folder, settings, _voxel_size_mm(content["voxel_size_mm"]), torch.device(device))
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{folder}: no config.json; name the folder of a finished run, models/COHORT/MODEL") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); make it readable, or train again") from None
    except ValidationError as error:
        reason = first_problem(error)
    except KeyError as error:
        reason = f"{error.args[0]} is missing"
    except (TypeError, ValueError, RecursionError) as error:
        reason = str(error)
    raise InputError(f"{path}: damaged or of another version ({reason}); train again")


def _voxel_size_mm(told: list[float]) -> tuple[float, float, float]:
    sizes = tuple(map(float, told))
    if len(sizes) != 3 or not all(0 < size < inf for size in sizes):
        raise ValueError(f"voxel_size_mm: should be three lengths, not {told}")
    return sizes
