"""How two competitors that took turns compare."""

import statistics
import time
from collections.abc import Callable, Sequence


def seconds(work: Callable[[], object]) -> float:
    """Time one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def compare(textbook: Sequence[float], ours: Sequence[float]) -> dict[str, float]:
    """Median seconds of both, and the median of their ratios, round by round."""
    return {
        "textbook_s": statistics.median(textbook),
        "alphagan_s": statistics.median(ours),
        "ratio": statistics.median(theirs / mine for theirs, mine in zip(textbook, ours, strict=True)),
    }
