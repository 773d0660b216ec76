"""What a generator remembers of its training scans: copies among its samples, and a membership that can be guessed.

Every threshold comes from held-out people who search the same training scans. Injected copies show what the audit can
find, held-out people how often it is wrong. Passing is not a privacy guarantee, and the verdict says so.
"""

from alphagan.audit.auditor import Audit, Auditor
from alphagan.audit.findings import verdict
from alphagan.audit.likeness import Likeness
from alphagan.audit.membership import inversion_score, reconstruction_score
from alphagan.audit.spaces import FeatureSpace, VoxelSpace

__all__ = [
    "Audit",
    "Auditor",
    "FeatureSpace",
    "Likeness",
    "VoxelSpace",
    "inversion_score",
    "reconstruction_score",
    "verdict",
]
