"""Generate 3D brain MRI with auto-encoding GANs (Kwon, Han and Kim, MICCAI 2019)."""

import importlib
import os

# Huge pages for large tensors on processors (see alphagan/training/memory.py); torch reads it when it makes the first.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

__version__ = "0.1.0"
__all__ = ["SyntheticDataset", "audit", "load", "metrics"]


def __getattr__(name: str):
    """Import the public interface when it is first used: it needs torch, and the metrics scipy, which take seconds."""
    if name == "load":
        return importlib.import_module("alphagan.generation.load").load
    if name == "SyntheticDataset":
        return importlib.import_module("alphagan.generation.dataset").SyntheticDataset
    if name in __all__:
        return importlib.import_module(f"alphagan.{name}")
    raise AttributeError(f"module 'alphagan' has no attribute {name!r}")
