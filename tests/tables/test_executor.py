"""Executors: one code path for here, local processes and a cluster; the dead are reported in one line."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bagbench.problems.errors import BagbenchError, InvalidArgument, MissingExtra
from bagbench.tables.executor import InProcess, open_executor, worker_number


def test_one_job_runs_here() -> None:
    with open_executor(1) as executor:
        assert isinstance(executor, InProcess)
        assert executor.submit(os.getpid).result() == os.getpid()


def test_error_of_a_task_is_raised_where_its_result_is_asked_for() -> None:
    with open_executor(1) as executor:
        future = executor.submit(divmod, 1, 0)
        with pytest.raises(ZeroDivisionError):
            future.result()


def test_worker_processes_work_with_one_thread_each() -> None:
    with open_executor(1, processes=True) as executor:
        assert executor.submit(os.getpid).result() != os.getpid()
        assert executor.submit(os.getenv, "OMP_NUM_THREADS").result() == "1"


def test_worker_processes_are_numbered() -> None:
    assert worker_number() == 0
    with open_executor(3) as executor:
        numbers: set[int] = set()
        while len(numbers) < 3:  # all of them have work before the first is done
            for _ in range(3):
                executor.submit(time.sleep, 0.2)
            futures = [executor.submit(worker_number) for _ in range(9)]
            numbers |= {future.result() for future in futures}
        assert numbers == {0, 1, 2}


def test_dead_worker_is_one_clear_error() -> None:
    with (
        pytest.raises(BagbenchError, match=r"^a worker process died \(killed, or out of memory\?\): .*--resume\)$"),
        open_executor(1, processes=True) as executor,
    ):
        executor.submit(os.kill, executor.submit(os.getpid).result(), signal.SIGKILL).result()


def test_error_in_the_block_stops_workers_at_once() -> None:
    def interrupted() -> None:
        with open_executor(1, processes=True) as executor:
            executor.submit(os.getpid).result()
            executor.submit(time.sleep, 60)
            raise KeyboardInterrupt

    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert time.monotonic() - start < 30


@pytest.mark.parametrize("jobs", [0, -1])
def test_no_jobs_are_refused(jobs: int) -> None:
    with pytest.raises(InvalidArgument, match=f"^jobs must be at least 1, got {jobs}$"), open_executor(jobs):
        pass


def test_cluster_needs_dask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    message = r"^--scheduler needs distributed, which is not installed: pip install 'bagbench\[dask\]'$"
    with pytest.raises(MissingExtra, match=message), open_executor(scheduler="tcp://127.0.0.1:1"):
        pass


# --- a real cluster --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", [pytest.param("tcp://127.0.0.1:1", marks=pytest.mark.slow), "nowhere"])
def test_scheduler_that_does_not_answer_is_reported(address: str) -> None:
    pytest.importorskip("distributed")
    message = f"^no Dask scheduler answers at '{address}': expected tcp://host:port, as `dask scheduler` prints it$"
    with pytest.raises(InvalidArgument, match=message), open_executor(scheduler=address):
        pass


def test_client_that_reached_no_scheduler_has_nothing_left_to_close() -> None:
    """One that closes itself when it is collected, in the midst of another one's start, waits for ever."""
    distributed = pytest.importorskip("distributed")
    threads = set(threading.enumerate())
    with (
        pytest.raises(InvalidArgument, match="^no Dask scheduler answers") as raised,
        open_executor(scheduler="nowhere"),
    ):
        pass
    assert raised.value.__traceback__ is not None  # it keeps the client from being collected
    clients = [each for each in gc.get_objects() if issubclass(type(each), distributed.Client)]
    assert {client.status for client in clients} == {"closed"}
    assert set(threading.enumerate()) == threads


@pytest.fixture
def scheduler() -> Iterator[str]:
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 2, "threads_per_worker": 2, "processes": True, "dashboard_address": None}
    with distributed.LocalCluster(**options, host="127.0.0.1", silence_logs=50) as cluster:
        yield cluster.scheduler_address


def busy() -> tuple[float, float]:
    start = time.monotonic()
    time.sleep(0.3)
    return start, time.monotonic()


@pytest.mark.slow
def test_work_waits_for_the_resources_that_it_takes() -> None:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=1,
        threads_per_worker=2,
        processes=False,
        host="127.0.0.1",
        protocol="tcp",
        dashboard_address=None,
        silence_logs=50,
        resources={"GPU": 1},
    ) as cluster:
        for resources, at_once in (({"GPU": 1.0}, False), ({"GPU": 0.5}, True), (None, True)):
            with open_executor(scheduler=cluster.scheduler_address, resources=resources) as executor:
                futures = [executor.submit(busy) for _ in range(2)]
                first, second = sorted(future.result() for future in futures)
            assert (second[0] < first[1]) == at_once


@pytest.mark.slow
def test_cluster_finishes_every_run_once_though_a_worker_is_killed(scheduler: str, tmp_path: Path) -> None:
    from bagbench.tables.designs import Plan
    from bagbench.tables.journal import Journal, journal_folder, read_entries
    from bagbench.tables.merge import merge_journal
    from bagbench.tables.populate import collect, settle_plan
    from bagbench.tables.table import Table

    table = tmp_path / "t.h5"
    plan = settle_plan(table, lambda: Plan(problem="digits", epochs=1), resume=False)

    class KillAWorkerOnce:
        def update(self, done: float, /, total: float | None = None, note: str = "") -> None:
            if done == 4:
                os.kill(executor.submit(os.getpid).result(), signal.SIGKILL)

    with Journal(journal_folder(table), plan), open_executor(scheduler=scheduler) as executor:
        assert collect(table, plan, range(16), executor=executor, jobs=4, progress=KillAWorkerOnce()) == 16
        entries = list(read_entries(journal_folder(table)))
    assert len(entries) == len({(entry["digest"], entry["seed"]) for entry in entries}) == 16
    assert merge_journal(table) == 16
    # Two threads a worker, but one run at a time, so that the process's seconds are the run's.
    spans = Table.open(table).runs
    seconds = spans.curves["train_seconds"][:, 0] + spans.curves["eval_seconds"][:, 0]
    assert np.isfinite(seconds).all()
    assert list(tmp_path.iterdir()) == [table]
