"""Who prepares the scans: processes on this machine, or the workers of a cluster.

Where the environment variable ALPHAGAN_DASK holds the address of a Dask scheduler, its workers do.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import joblib
from joblib.externals.loky.process_executor import BrokenProcessPool

from alphagan.errors import InputError

WAIT_S = 300  # for the first worker of a Dask cluster, which a queue may start later


@contextmanager
def parallel(cohort: str, n: int) -> Iterator[Callable[[Iterable], Iterator]]:
    """Have tasks done by n workers.

    Parameters
    ----------
    cohort : str
        Named in messages.
    n : int
        Processes on this machine; -1: one for each core.

    Yields
    ------
    callable
        Of calls that are delayed by joblib, the results, as they are done.

    Raises
    ------
    InputError
        If a worker was killed; if ALPHAGAN_DASK is set and Dask is not installed, or no scheduler answers.
    """
    with _cluster(os.environ.get("ALPHAGAN_DASK")):
        try:
            yield joblib.Parallel(n_jobs=n, return_as="generator_unordered")
        except BrokenProcessPool:
            raise InputError(
                f"cohort {cohort}: a worker was killed, most likely for want of memory; set prepare.workers below "
                f"{joblib.effective_n_jobs(n)} and start again: cubes that are done are kept"
            ) from None


@contextmanager
def _cluster(address: str | None) -> Iterator[None]:
    """Send what joblib runs inside to the Dask scheduler at an address, if one is given."""
    if not address:
        yield
        return
    try:
        from distributed import Client  # the one thing that needs Dask
    except ModuleNotFoundError:
        raise InputError(
            "ALPHAGAN_DASK: Dask is not installed; run `pip install 'dask[distributed]'`, or unset ALPHAGAN_DASK"
        ) from None
    try:
        client = Client(address, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(f"ALPHAGAN_DASK: no Dask scheduler answers at {address!r}: {error}") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=WAIT_S)
        except TimeoutError:
            raise InputError(f"ALPHAGAN_DASK: the scheduler at {address!r} has no workers; start some") from None
        with joblib.parallel_config("dask", client=client):
            yield
