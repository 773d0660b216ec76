"""How good generated volumes are: every metric on held-out people, beside real scans and generators of known fault."""

from alphagan.evaluation.cohort import Evaluation, collect, evaluate, feature_networks, write_json
from alphagan.evaluation.samples import PROPOSED, Sample, generated_samples, real_sample
from alphagan.evaluation.yardstick import Yardstick

__all__ = [
    "PROPOSED",
    "Evaluation",
    "Sample",
    "Yardstick",
    "collect",
    "evaluate",
    "feature_networks",
    "generated_samples",
    "real_sample",
    "write_json",
]
