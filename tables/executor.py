"""Where work runs: in this process, on local worker processes, or on a Dask cluster, behind one protocol.

All three are `concurrent.futures.Executor`, so that callers have a single code path. Local worker processes are
numbered, so that they can share out what there is of devices.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.queues import SimpleQueue
from typing import ParamSpec, TypeVar

from ..problems.errors import BagbenchError, InvalidArgument, MissingExtra

P = ParamSpec("P")
T = TypeVar("T")

_WORKER_DIED = (
    "a worker process died (killed, or out of memory?): what was finished is kept, so start the same command again to "
    "go on (populate: with --resume)"
)

_number = 0


def worker_number() -> int:
    """Tell which of the local worker processes this is, 0, 1, ...; 0 in any other process."""
    return _number


class InProcess(Executor):
    """Runs what is submitted at once, here."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Call ``fn`` and give a future that is done."""
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - it is raised again by future.result()
            future.set_exception(error)
        return future


@contextmanager
def open_executor(
    jobs: int = 1,
    *,
    scheduler: str | None = None,
    processes: bool = False,
    resources: Mapping[str, float] | None = None,
) -> Iterator[Executor]:
    """Open an executor and, in the end, shut it down without waiting for work not yet begun.

    If the block ends with an error, local workers are stopped at once, whatever they are at.

    Parameters
    ----------
    jobs
        Number of local worker processes, with one thread each; 1 runs in this process unless ``processes`` is set.
    scheduler
        Address of a Dask scheduler, ``tcp://host:port``; its workers are used instead (extra ``dask``).
    processes
        Use a worker process even for one job.
    resources
        What each piece of work takes of a Dask worker's resources while it runs, such as ``{"GPU": 1}``.

    Raises
    ------
    InvalidArgument
        If ``jobs`` is not positive, or the scheduler does not answer.
    BagbenchError
        If a worker process died.
    """
    if jobs < 1:
        raise InvalidArgument(f"jobs must be at least 1, got {jobs}")
    if scheduler is not None:
        with _dask_executor(scheduler, resources or {}) as executor:
            yield executor
        return
    if jobs == 1 and not processes:
        yield InProcess()
        return
    with _process_pool(jobs) as executor:
        yield executor


@contextmanager
def _process_pool(jobs: int) -> Iterator[Executor]:
    context = get_context("spawn")
    # This process alone holds the lifeline. It is cut by closing it, or by the end of this process, even by SIGKILL.
    worker_end, lifeline = context.Pipe(duplex=False)
    numbers: SimpleQueue[int] = context.SimpleQueue()
    for number in range(jobs):
        numbers.put(number)
    with worker_end, lifeline:
        pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_set_up_worker, initargs=(worker_end, numbers))
        try:
            yield pool
        except BaseException as error:
            lifeline.close()
            if isinstance(error, BrokenProcessPool):
                raise BagbenchError(_WORKER_DIED) from error
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _dask_executor(scheduler: str, resources: Mapping[str, float]) -> Iterator[Executor]:
    try:
        from distributed import Client, KilledWorker
    except ImportError as error:
        raise MissingExtra.for_package("distributed", "dask", "--scheduler") from error

    class ClosingClient(Client):
        def start(self, **options: object) -> None:
            try:
                super().start(**options)  # type: ignore[no-untyped-call]
            except BaseException:
                # Else it closes itself when it is collected: a deadlock if that is in the midst of another's start.
                self.close()  # type: ignore[no-untyped-call]
                raise

    try:
        client: Client = ClosingClient(scheduler, timeout="10s")  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise InvalidArgument(
            f"no Dask scheduler answers at {scheduler!r}: expected tcp://host:port, as `dask scheduler` prints it"
        ) from error
    try:
        yield client.get_executor(pure=False, resources=dict(resources))
    except KilledWorker as error:
        raise BagbenchError(f"{_WORKER_DIED}: {error}") from error
    finally:
        client.close()


def _set_up_worker(lifeline: Connection, numbers: SimpleQueue[int]) -> None:
    """Give this worker one thread and a number, leave Ctrl-C to its parent, and end it when the lifeline is cut."""
    global _number
    _number = numbers.get()
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = "1"
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_exit_with, args=(lifeline,), daemon=True).start()


def _exit_with(lifeline: Connection) -> None:
    lifeline.poll(None)  # nothing is ever sent: it returns when the other end is closed
    os._exit(1)
