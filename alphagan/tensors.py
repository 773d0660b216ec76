"""Files of tensors: read without running what is in them, and refused where a byte is not as it was written."""

import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch

from alphagan.errors import InputError


def read_tensors(path: Path, cure: str = "train the model again") -> dict[str, Any]:
    """Read what `torch.save` wrote of a dict of tensors.

    Parameters
    ----------
    path : Path
    cure : str
        What helps where the file does not.

    Raises
    ------
    InputError
        If the file is missing, damaged, no dict, or holds what could run code.
    """
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as packed:  # torch itself compares no checksum
                if part := packed.testzip():
                    raise InputError(f"{path}: damaged (the checksum of {part} is another); {cure}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return dict(torch.load(path, map_location="cpu", weights_only=True))
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"{path}: not found; {cure}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); {cure}") from None
    except pickle.UnpicklingError:
        raise InputError(f"{path}: damaged, or it holds more than tensors and could run code; {cure}") from None
    except Exception as error:
        raise InputError(f"{path}: damaged ({type(error).__name__}); {cure}") from None
