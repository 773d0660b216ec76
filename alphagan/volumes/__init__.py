"""Prepared cubes as tensors: rows of a split, shuffled batches, augmentation, brain and background."""
