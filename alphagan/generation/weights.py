"""Where the weights and the configuration of a run lie: in its folder, or in one file in the safetensors format.

A folder has weights.pt and config.json, and covariates.json where codes were fitted to people's age and sex. In a file,
tensors are called NETWORK.NAME, such as "G_average.last.weight", and the metadata holds the two as "config" and
"covariates", beside texts for those who get the file.
"""

import json
from pathlib import Path

import torch

from alphagan.errors import InputError
from alphagan.tensors import read_tensors

SUFFIX = ".safetensors"
COVARIATES = "covariates.json"
NAME_IT = "name the folder of a finished run, models/COHORT/MODEL"


def is_file(run: Path) -> bool:
    """Whether a run is named as one file, not as a folder."""
    return run.suffix == SUFFIX


def weights_of(run: Path) -> Path:
    """File that holds the weights of a run."""
    return run if is_file(run) else run / "weights.pt"


def read_config(run: Path) -> dict:
    """What config.json says.

    Raises
    ------
    InputError
        If it is missing or damaged.
    """
    where = run if is_file(run) else run / "config.json"
    try:
        if where != run:
            told = json.loads(where.read_text(encoding="utf-8"))
        else:
            told = json.loads(read_metadata(run)["config"])
        if not isinstance(told, dict):
            raise ValueError("there are no keys in it")
        return told
    except (FileNotFoundError, NotADirectoryError):
        if run.is_file():
            cure = f"{NAME_IT}, or a file that alphagan export wrote, which ends in {SUFFIX}"
            raise InputError(f"{run}: is neither a folder nor {SUFFIX}; {cure}") from None
        raise InputError(f"{run}: no config.json; {NAME_IT}") from None
    except KeyError:
        raise InputError(f"{run}: does not describe a run; name a file that alphagan export wrote") from None
    except OSError as error:
        raise InputError(f"{where}: cannot be read ({error.strerror}); make it readable, or train again") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: damaged or of another version ({error}); train again") from None


def read_covariates(run: Path) -> str | None:
    """What covariates.json says, as text; None where there is none.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    if is_file(run):
        return read_metadata(run).get("covariates")
    try:
        return (run / COVARIATES).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise InputError(f"{run / COVARIATES}: cannot be read ({error}); run alphagan covariates again") from None


def read_metadata(run: Path) -> dict[str, str]:
    """Texts that a file holds beside its tensors, by key.

    Raises
    ------
    InputError
        If it is missing or damaged.
    """
    with _opened(run) as file:
        return file.metadata() or {}


def read_names(run: Path) -> tuple[str, ...]:
    """Names of the networks in a file."""
    with _opened(run) as file:
        return tuple(dict.fromkeys(key.partition(".")[0] for key in file.keys()))


def read_states(run: Path) -> dict[str, dict[str, torch.Tensor]]:
    """State dicts of all networks of a run.

    Raises
    ------
    InputError
        If the weights are missing or damaged.
    """
    path, states = weights_of(run), {}
    if not is_file(run):
        return read_tensors(path)
    with _opened(path) as file:
        for key in file.keys():
            network, _, name = key.partition(".")
            states.setdefault(network, {})[name] = file.get_tensor(key)
    return states


def safetensors():
    """The library that reads and writes such files, which few need.

    Raises
    ------
    InputError
        If it is not installed.
    """
    try:
        import safetensors.torch
    except ModuleNotFoundError:
        raise InputError(
            "safetensors is not installed, which reads and writes .safetensors; run `pip install 'alphagan[share]'`"
        ) from None
    return safetensors


def _opened(path: Path):
    library = safetensors()
    if not path.is_file():
        raise InputError(f"{path}: no such file; name a run's folder, or a file that alphagan export wrote")
    try:
        return library.safe_open(path, "pt")
    except (library.SafetensorError, OSError) as error:
        raise InputError(f"{path}: damaged ({error}); export the run again") from None
