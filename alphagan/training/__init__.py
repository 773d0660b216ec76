"""The loop that trains any model, on one device or many, with checkpoints so that no run is lost.

Needs torch, numpy, pyyaml, pydantic and tqdm, nothing else, so that a bare GPU node can train.
"""

from alphagan.training.loop import Interrupted, choose_device, fit

__all__ = ["Interrupted", "choose_device", "fit"]
