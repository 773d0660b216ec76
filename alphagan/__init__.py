"""Generate 3D brain MRI with auto-encoding GANs (Kwon, Han and Kim, MICCAI 2019)."""

__version__ = "0.1.0"
