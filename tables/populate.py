"""Populate: collect the runs of a plan, with any number of processes, so that killing them loses nothing.

Workers train; the collecting process writes each finished run to its journal and, in the end, merges all journals into
the table. Any number of collecting processes may share a journal: claims keep them from doing the same run twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from pathlib import Path
from queue import SimpleQueue

from ..problems import get_problem
from ..problems.datasets import load_data_set
from ..problems.errors import FileProblem, InvalidArgument, OutputConflict
from ..problems.progress import SILENT, Progress
from .designs import CHOSEN, Plan, PlannedRun, planned_runs
from .journal import Journal, journal_folder, read_entries
from .merge import check_plan
from .runs import Entry
from .table import Table
from .worker import Task, train_task


def settle_plan(table: Path, make_plan: Callable[[], Plan], *, resume: bool, **asked: object) -> Plan:
    """Agree on the plan of ``table``: the one that it was begun with or, if it is new, what ``make_plan`` gives.

    Nothing is written.

    Parameters
    ----------
    table
        Path of the table.
    make_plan
        Makes a new plan.
    resume
        Whether a table or journal may be there.
    asked
        Fields of the plan that are asked for; None: whatever the table was begun with.

    Raises
    ------
    FileProblem
        If the folder of ``table`` is not there, or its journal or the table itself is damaged.
    OutputConflict
        If there is a table or journal and ``resume`` is not set, or the table was not made by a plan, on other data,
        or by another plan than is asked for; or its journal is of another plan.
    """
    if not table.parent.is_dir():
        raise FileProblem(f"cannot write {table}: there is no folder {table.parent}; make it first")
    path = journal_folder(table) / "plan.json"
    if not resume and (table.exists() or path.exists()):
        raise OutputConflict(f"{table} has been begun already: add --resume to go on with it, or name another file")
    stored = Table.open(table) if table.exists() else None
    plan: Plan | None
    if path.exists():
        plan = Plan.from_json(path.read_text())
        if stored is not None:
            check_plan(table, stored, plan)
    elif stored is None:
        return make_plan()
    else:
        plan = stored.plan
    if plan is None or plan.design == CHOSEN:
        raise OutputConflict(f"{table} was not made by `bagbench populate`, so it cannot be resumed: name another file")
    if stored is not None and stored.data_set != load_data_set(plan.problem).digest:
        raise OutputConflict(f"{table} was made with other images than {plan.problem!r} has here: name another file")
    _check_asked(table, plan, asked)
    return plan


def _check_asked(table: Path, plan: Plan, asked: Mapping[str, object]) -> None:
    """Raise `OutputConflict` if a field of the plan is not what is asked for."""
    last = get_problem(plan.problem).max_epochs
    for field, value in asked.items():
        begun = getattr(plan, field)
        if value is None or value == begun or (field == "epochs" and begun is None and value == last):
            continue
        if field == "problem":
            raise OutputConflict(f"{table} has runs of {begun!r}, got {value!r}: name another file")
        option = "--design-seed" if field == "seed" else f"--{field.replace('_', '-')}"
        raise OutputConflict(
            f"{table} was begun with {field.replace('_', ' ')} {begun!r}, got {value!r}: leave {option} out, or name "
            "another file"
        )


def collect(
    table: Path,
    plan: Plan,
    runs: range,
    *,
    executor: Executor,
    jobs: int,
    device: str = "auto",
    runs_per_device: int = 1,
    progress: Progress = SILENT,
) -> int:
    """Train what is missing among the runs ``runs`` of ``plan`` and journal it.

    Parameters
    ----------
    table
        Path of the table; its journal lies beside it.
    runs
        Their positions in the plan, counted from 0.
    executor
        Where to train.
    jobs
        How many runs it works on at once; as many more are queued.
    device
        See `bagbench.problems.device.list_devices`.
    runs_per_device
        How many workers share a GPU.

    Returns
    -------
    collected
        Number of runs that this call added.
    """
    if not runs:
        raise InvalidArgument(f"runs must be at least {runs.start + 1}, got {runs.stop}")
    first = planned_runs(plan, get_problem(plan.problem), len(load_data_set(plan.problem).train.labels), runs.stop)
    planned = [first[index] for index in runs]
    folder = journal_folder(table)
    with Journal(folder, plan) as journal:
        if table.exists():
            check_plan(table, Table.open(table), plan)  # another process may have made it since the plan was settled
        done = _done(folder, table)
        finished = {run.index for run in planned if (run.digest, run.seed) in done}
        progress.update(len(finished), len(runs))
        tasks = {run.index: _task(run, plan, device, runs_per_device) for run in planned}
        collected = 0
        for entries in _train_all(tasks, finished, journal, executor, jobs):
            journal.append(*entries)
            for entry in entries:
                finished.add(entry["index"])
                progress.update(len(finished), len(runs))
            collected += len(entries)
    return collected


def _done(folder: Path, table: Path) -> set[tuple[str, int]]:
    """Name the runs, as (digest, seed), that journals or table hold already."""
    done = {(entry["digest"], entry["seed"]) for entry in read_entries(folder)}
    if table.exists():
        stored = Table.open(table).runs
        done.update(zip(stored.digests.astype(str).tolist(), stored.seeds.tolist(), strict=True))
    return done


def _train_all(
    tasks: Mapping[int, Task], finished: set[int], journal: Journal, executor: Executor, jobs: int
) -> Iterator[list[Entry]]:
    """Claim, submit and gather until nothing is left to claim; at most 2 ``jobs`` tasks are submitted at once.

    What has come in meanwhile is gathered together, so that slow disks and many fast workers get along.
    """
    ready: SimpleQueue[Future[Entry]] = SimpleQueue()
    todo = deque(tasks)
    submitted: set[int] = set()
    pending, exhausted = 0, False
    while True:
        if not exhausted and pending <= jobs:
            while todo and (todo[0] in finished or todo[0] in submitted):
                todo.popleft()
            taken = journal.claim(todo, 2 * jobs - pending, finished)
            exhausted = not taken
            submitted.update(taken)
            pending += len(taken)
            for index in taken:
                executor.submit(train_task, tasks[index]).add_done_callback(ready.put)
        if not pending:
            return
        futures = [ready.get(), *(ready.get() for _ in range(ready.qsize()))]
        pending -= len(futures)
        yield [future.result() for future in futures if future.exception() is None]
        for future in futures:
            future.result()  # raises what went wrong, once all else is in the journal


def _task(run: PlannedRun, plan: Plan, device: str, runs_per_device: int) -> Task:
    return Task(
        problem=plan.problem,
        config=get_problem(plan.problem).space.decode(run.vector),
        digest=run.digest,
        seed=run.seed,
        inclusion_probability=run.inclusion_probability,
        index=run.index,
        epochs=plan.epochs,
        device=device,
        precision=plan.precision,
        runs_per_device=runs_per_device,
    )
