"""Populate: collect the runs of a plan, with any number of processes, so that killing them loses nothing.

Workers train; the collecting process writes each finished run to its journal and, in the end, merges all journals into
the table. Any number of collecting processes may share a journal: claims keep them from doing the same run twice.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ..problems import get_problem
from ..problems.datasets import load_data_set
from ..problems.errors import FileProblem, InvalidArgument, OutputConflict
from ..problems.parameters import Value
from ..problems.problem import Problem
from .designs import CostModel, Plan, PlannedRun, planned_runs
from .journal import Journal, journal_folder, read_entries
from .runs import Entry
from .table import Table

if TYPE_CHECKING:
    from ..problems.trainer import Trainer

_CALIBRATION_RUNS = 12

_training = threading.Lock()
"""Held while a run is trained: a cluster's worker may have several threads, but processor seconds are the process's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a worker needs to know to train one run; plain data, so that any executor can send it."""

    problem: str
    config: dict[str, Value]
    digest: str
    seed: int
    inclusion_probability: float
    index: int
    epochs: int | None
    device: str


class Progress(Protocol):
    """Is told how a collection goes on."""

    def start(self, done: int, total: int) -> None:
        """Collection begins, with ``done`` of ``total`` runs there already."""

    def advance(self, status: str) -> None:
        """One more run is in the journal."""


class NoProgress:
    """Tells nobody."""

    def start(self, done: int, total: int) -> None:
        """Do nothing."""

    def advance(self, status: str) -> None:
        """Do nothing."""


def train_task(task: Task) -> Entry:
    """Train one run and give its journal entry; runs on a worker."""
    trainer = open_trainer(task.problem, task.device)
    vector = trainer.problem.space.encode(task.config)
    with _training:
        record = trainer.record(vector, epochs=task.epochs, seed=task.seed)
    return {
        "index": task.index,
        "digest": task.digest,
        "config": task.config,
        "seed": task.seed,
        "inclusion_probability": task.inclusion_probability,
        "status": record.status,
        "error": record.error,
        "started": record.started,
        "environment": trainer.environment,
        "curves": {name: values.tolist() for name, values in record.curves.items()},
    }


@cache
def open_trainer(problem: str, device: str) -> Trainer:
    """Open the trainer of a shipped problem, once a process.

    Raises
    ------
    UnknownName, InvalidArgument
        If there is no such problem or device.
    MissingExtra
        If torch is not installed.
    """
    shipped = get_problem(problem)
    from ..problems.trainer import Trainer

    return Trainer(shipped, device=device)


def calibrate(problem: Problem, device: str) -> CostModel:
    """Fit the two coefficients of `CostModel` to the second epoch of a few random configurations, on this device.

    Least squares of relative errors, coefficients not below zero.
    """
    from scipy.optimize import nnls

    images = len(load_data_set(problem.name).train.labels)
    vectors = problem.space.sample(np.random.default_rng(0), _CALIBRATION_RUNS)
    trainer = open_trainer(problem.name, device)
    seconds = np.array([trainer.record(vector, epochs=2).curves["train_seconds"][1] for vector in vectors])
    natural = problem.space.natural(vectors)
    work = np.stack([np.ceil(images / natural["batch_size"]), 10.0 ** problem.known["log10_macs"](natural) * images])
    scale = work.mean(axis=1)
    coefficients, _ = nnls((work / scale[:, None] / seconds).T, np.ones(len(seconds)))
    per_step, per_mac = (coefficients / scale).tolist()
    return CostModel(per_step=per_step, per_mac=per_mac)


def settle_plan(table: Path, make_plan: Callable[[], Plan], *, resume: bool) -> Plan:
    """Agree on the plan of ``table``: the one that it was begun with or, if it is new, what ``make_plan`` gives.

    Nothing is written.

    Raises
    ------
    FileProblem
        If the folder of ``table`` is not there, or its journal or the table itself is damaged.
    OutputConflict
        If there is a table or journal and ``resume`` is not set, or the table was not made by a plan, or on other
        data.
    """
    if not table.parent.is_dir():
        raise FileProblem(f"cannot write {table}: there is no folder {table.parent}; make it first")
    path = journal_folder(table) / "plan.json"
    if not resume and (table.exists() or path.exists()):
        raise OutputConflict(f"{table} has been begun already: add --resume to go on with it, or name another file")
    stored = Table.open(table) if table.exists() else None
    if path.exists():
        plan = Plan.from_json(path.read_text())
    elif stored is None:
        return make_plan()
    elif stored.plan is None:
        raise OutputConflict(f"{table} was not made by `bagbench populate`, so it cannot be resumed: name another file")
    else:
        plan = stored.plan
    if stored is not None and stored.data_set != load_data_set(plan.problem).digest:
        raise OutputConflict(f"{table} was made with other images than {plan.problem!r} has here: name another file")
    return plan


def collect(
    table: Path,
    plan: Plan,
    runs: int,
    *,
    executor: Executor,
    jobs: int,
    device: str = "auto",
    progress: Progress | None = None,
) -> int:
    """Train what is missing among the first ``runs`` runs of ``plan`` and journal it.

    Parameters
    ----------
    table
        Path of the table; its journal lies beside it.
    executor
        Where to train.
    jobs
        How many runs it works on at once; as many more are queued.
    device
        See `bagbench.problems.trainer.pick_device`.

    Returns
    -------
    collected
        Number of runs that this call added.
    """
    if runs < 1:
        raise InvalidArgument(f"runs must be at least 1, got {runs}")
    progress = progress or NoProgress()
    planned = planned_runs(plan, get_problem(plan.problem), len(load_data_set(plan.problem).train.labels), runs)
    folder = journal_folder(table)
    with Journal(folder, plan) as journal:
        done = _done(folder, table)
        finished = {run.index for run in planned if (run.digest, run.seed) in done}
        progress.start(len(finished), runs)
        tasks = [_task(run, plan, device) for run in planned]
        collected = 0
        for entry in _train_all(tasks, finished, journal, executor, 2 * jobs):
            journal.append(entry)
            finished.add(entry["index"])
            progress.advance(entry["status"])
            collected += 1
    return collected


def _done(folder: Path, table: Path) -> set[tuple[str, int]]:
    """Name the runs, as (digest, seed), that journals or table hold already."""
    done = {(entry["digest"], entry["seed"]) for entry in read_entries(folder)}
    if table.exists():
        stored = Table.open(table).runs
        done.update(zip(stored.digests.astype(str).tolist(), stored.seeds.tolist(), strict=True))
    return done


def _train_all(
    tasks: list[Task], finished: set[int], journal: Journal, executor: Executor, window: int
) -> Iterator[Entry]:
    """Claim, submit and gather until nothing is left to claim; at most ``window`` tasks are submitted at once."""
    pending: set[Future[Entry]] = set()
    todo = deque(task.index for task in tasks)
    exhausted = False
    while True:
        if not exhausted and len(pending) < window:
            while todo and todo[0] in finished:
                todo.popleft()
            taken = journal.claim(todo, window - len(pending), finished)
            exhausted = not taken
            pending.update(executor.submit(train_task, tasks[index]) for index in taken)
        if not pending:
            return
        ready, pending = wait(pending, return_when=FIRST_COMPLETED)
        for future in ready:
            yield future.result()


def _task(run: PlannedRun, plan: Plan, device: str) -> Task:
    return Task(
        problem=plan.problem,
        config=get_problem(plan.problem).space.decode(run.vector),
        digest=run.digest,
        seed=run.seed,
        inclusion_probability=run.inclusion_probability,
        index=run.index,
        epochs=plan.epochs,
        device=device,
    )
