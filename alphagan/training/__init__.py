"""One loop that trains any model, and what keeps a long run safe: checkpoints, trouble noticed early; many processes.

Needs torch, numpy, pyyaml, pydantic and tqdm, nothing else, so that a bare GPU node can train.
"""

from alphagan.training.loop import Interrupted, choose_device, fit

__all__ = ["Interrupted", "choose_device", "fit"]
