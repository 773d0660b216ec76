"""Keep the memory that a training step frees, so that the next step need not ask the system for it again.

On Linux a large block goes back to the system when it is freed, and every 4 KiB page of the next one costs a page
fault. At 64 cubed these take a third of the step on a processor. `alphagan/__init__.py` asks for huge pages, of 2 MiB.
"""

import ctypes
import sys

# Numbers of malloc.h in glibc.
M_TRIM_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -4, -8


def keep_freed_memory() -> bool:
    """Have this process keep what it frees. Returns whether its C library (glibc) can be told so.

    The process then stays as large as it was at its peak. Neither results nor other processes change.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    settings = ((M_ARENA_MAX, 1), (M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, -1))  # one heap for all threads, never shrunk
    return mallopt is not None and all([mallopt(number, value) for number, value in settings])
