"""Where work runs: in this process, on local worker processes, or on a Dask cluster, behind one protocol.

All three are `concurrent.futures.Executor`, so that callers have a single code path.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import connection, get_context, parent_process
from typing import ParamSpec, TypeVar

from ..problems.errors import InvalidArgument, MissingExtra

P = ParamSpec("P")
T = TypeVar("T")


class InProcess(Executor):
    """Runs what is submitted at once, here."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Call ``fn`` and give a future that is done."""
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


@contextmanager
def open_executor(jobs: int = 1, *, scheduler: str | None = None, processes: bool = False) -> Iterator[Executor]:
    """Open an executor and, in the end, shut it down without waiting for work not yet begun.

    Parameters
    ----------
    jobs
        Number of local worker processes, with one thread each; 1 runs in this process unless ``processes`` is set.
    scheduler
        Address of a Dask scheduler, ``tcp://host:port``; its workers are used instead (extra ``dask``).
    processes
        Use a worker process even for one job.

    Raises
    ------
    InvalidArgument
        If ``jobs`` is not positive, or the scheduler does not answer.
    """
    if jobs < 1:
        raise InvalidArgument(f"jobs must be at least 1, got {jobs}")
    if scheduler is not None:
        with _dask_executor(scheduler) as executor:
            yield executor
        return
    if jobs == 1 and not processes:
        yield InProcess()
        return
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_set_up_worker)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _dask_executor(scheduler: str) -> Iterator[Executor]:
    try:
        from distributed import Client
    except ImportError as error:
        raise MissingExtra.for_package("distributed", "dask", "--scheduler") from error
    try:
        client = Client(scheduler, timeout="10s")
    except OSError as error:
        raise InvalidArgument(f"no Dask scheduler answers at {scheduler!r}: start one with `dask scheduler`") from error
    try:
        yield client.get_executor(pure=False)
    finally:
        client.close()


def _set_up_worker() -> None:
    """Give this worker one thread, and end it when its parent is gone: even SIGKILL leaves no orphan behind."""
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = "1"
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_exit_with, args=(parent.sentinel,), daemon=True).start()


def _exit_with(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)
