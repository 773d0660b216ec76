"""Generate 3D brain MRI with auto-encoding GANs (Kwon, Han and Kim, MICCAI 2019)."""

import os

# Huge pages for large tensors on processors (see alphagan/training/memory.py); torch reads it when it makes the first.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

__version__ = "0.1.0"
