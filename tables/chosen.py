"""Tables of configurations that somebody chose, such as those that races found: no design says what comes next.

They are journalled and merged like those of `bagbench populate`, so that killing the collecting process loses at most
the runs in flight. Nothing is claimed: two processes may train the same run, of which one stays.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from pathlib import Path

from ..problems import get_problem
from ..problems.datasets import load_data_set
from ..problems.errors import FileProblem, OutputConflict
from ..problems.space import Vector
from .designs import CHOSEN, Plan
from .journal import Journal, journal_folder
from .merge import merge_journal
from .runs import Entry
from .table import Table
from .worker import Task, train_task


def chosen_task(problem: str, vector: Vector, seed: int, *, device: str = "auto") -> Task:
    """Say what a worker needs to know to train a configuration of a shipped problem in full."""
    space = get_problem(problem).space
    return Task(
        problem=problem,
        config=space.decode(vector),
        digest=space.digest(vector),
        seed=seed,
        inclusion_probability=math.nan,
        index=-1,
        epochs=None,
        device=device,
        precision="float32",
        runs_per_device=1,
    )


def open_chosen(path: Path, problem: str) -> Table | None:
    """Open a table of chosen runs, with all that any process has journalled; None if there is nothing yet.

    Raises
    ------
    FileProblem
        If its folder is not there, or table or journal is damaged.
    OutputConflict
        If the table or its journal is of another problem, of other images, or made by a design or an import.
    """
    if not path.parent.is_dir():
        raise FileProblem(f"cannot write {path}: there is no folder {path.parent}; make it first")
    expected = _plan(problem)
    journal = journal_folder(path) / "plan.json"
    plans = [Plan.from_json(journal.read_text())] if journal.exists() else []
    stored = Table.open(path) if path.exists() else None
    if any(plan != expected for plan in (*plans, *([] if stored is None else [stored.plan]))):
        raise OutputConflict(
            f"{path} holds other runs than chosen ones of {problem!r}, which would be no sample of the space any more "
            "with them: name another file"
        )
    if stored is not None and stored.data_set != load_data_set(problem).digest:
        raise OutputConflict(f"{path} was made with other images than {problem!r} has here: name another file")
    if journal.exists():
        merge_journal(path)
    return Table.open(path) if path.exists() else None


def collect_chosen(
    path: Path,
    tasks: Sequence[Task],
    *,
    executor: Executor,
    jobs: int,
    origin: Mapping[str, str],
    may_start: Callable[[], bool],
    progress: Callable[[int], None],
) -> None:
    """Train ``tasks``, which are of one problem, journal each run as it ends, and merge the journal into the table.

    Parameters
    ----------
    path
        Of a table that `open_chosen` accepts.
    executor
        Where to train.
    jobs
        How many runs it is given at once.
    origin
        What the runs' environment says beside versions and devices: who chose them.
    may_start
        Is asked before each run; once it says no, those begun are finished and the others left.
    progress
        Is told the number of runs that this call has added.
    """
    if not tasks:
        return
    try:
        with Journal(journal_folder(path), _plan(tasks[0].problem)) as journal:
            added = 0
            for entries in _train_all(tasks, executor, jobs, may_start):
                journal.append(*(_with_origin(entry, origin) for entry in entries))
                added += len(entries)
                progress(added)
    except KeyboardInterrupt:  # after an error the journal is left alone: nothing may mask what went wrong
        merge_journal(path)
        raise
    merge_journal(path)


def _train_all(
    tasks: Sequence[Task], executor: Executor, jobs: int, may_start: Callable[[], bool]
) -> Iterable[list[Entry]]:
    """Submit ``jobs`` tasks at a time and give what has come in together."""
    waiting = deque(tasks)
    running: set[Future[Entry]] = set()
    while True:
        while waiting and len(running) < jobs and may_start():
            running.add(executor.submit(train_task, waiting.popleft()))
        if not running:
            return
        done, running = wait(running, return_when=FIRST_COMPLETED)
        yield [future.result() for future in done if future.exception() is None]
        for future in done:
            future.result()  # raises what went wrong, once all else is in the journal


def _with_origin(entry: Entry, origin: Mapping[str, str]) -> Entry:
    return {**entry, "environment": {**entry["environment"], **origin}}


def _plan(problem: str) -> Plan:
    return Plan(problem=problem, design=CHOSEN, replicates=0.0)
