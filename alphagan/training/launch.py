"""Start the processes that train one model together on this machine."""

import os
import sys
import uuid
from collections.abc import Sequence

import torch

from alphagan.training.distributed import check_gpus


def launch(n: int, device: torch.device, arguments: Sequence[str]) -> int:
    """Run `python ARGUMENTS` in n processes of this machine that meet in `join`, as torchrun does, and wait for them.

    SIGTERM and SIGINT are passed on to them; when one fails, the others are ended.

    Returns
    -------
    status : int
        The largest exit status of the processes, or 128 + N for signal N.

    Raises
    ------
    InputError
        If there are fewer than n GPUs.
    """
    if device.type == "cuda":
        check_gpus(n)
    # Seconds to import, so only where processes are started
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    os.environ["OMP_NUM_THREADS"] = str(max(1, torch.get_num_threads() // n))  # else each would take all cores
    meeting = {"run_id": uuid.uuid4().hex, "rdzv_backend": "c10d", "rdzv_endpoint": "localhost:0"}
    try:
        elastic_launch(LaunchConfig(1, 1, n, max_restarts=0, **meeting), sys.executable)(*arguments)
    except SignalException as error:
        return 128 + error.sigval
    except ChildFailedError as error:
        status = max(failure.exitcode for failure in error.failures.values())
        return status if status > 0 else 128 - status
    return 0
