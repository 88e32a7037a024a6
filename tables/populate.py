"""Populate: collect the runs of a plan, with any number of processes, so that killing them loses nothing.

Workers train; the collecting process writes each finished run to its journal and, in the end, merges all journals into
the table. Any number of collecting processes may share a journal: claims keep them from doing the same run twice.
"""

from __future__ import annotations

import platform
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

import numpy as np

from ..problems import get_problem
from ..problems.errors import InvalidArgument, MissingExtra, OutputConflict
from ..problems.parameters import Value
from ..problems.problem import Problem
from .designs import CostModel, Plan, PlannedRun, planned_runs
from .journal import Entry, Journal, journal_folder, read_entries, write_atomically

_CALIBRATION_RUNS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a worker needs to know to train one run; plain data, so that any executor can send it."""

    problem: str
    config: dict[str, Value]
    digest: str
    seed: int
    inclusion_probability: float
    index: int
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
    import torch

    trainer = _trainer(task.problem, task.device)
    problem = trainer.problem
    try:
        record = trainer.record(problem.space.encode(task.config), seed=task.seed)
        status, error, started = record.status, record.error, record.started
        curves = {name: values.tolist() for name, values in record.curves.items()}
    except torch.cuda.OutOfMemoryError as problem_error:
        torch.cuda.empty_cache()
        status, error, started, curves = "out_of_memory", str(problem_error), 0.0, {}
    return {
        "index": task.index,
        "digest": task.digest,
        "config": task.config,
        "seed": task.seed,
        "inclusion_probability": task.inclusion_probability,
        "status": status,
        "error": error,
        "started": started,
        "environment": _environment(task.device),
        "curves": curves,
    }


@cache
def _trainer(problem: str, device: str) -> "Trainer":  # noqa: F821, UP037
    try:
        from ..problems.trainer import Trainer
    except ModuleNotFoundError as error:
        raise MissingExtra.for_package("torch", "train", "training") from error
    return Trainer(get_problem(problem), device=device)


@cache
def _environment(device: str) -> dict[str, str]:
    """Describe what runs are made with."""
    import torch

    from ..problems.trainer import pick_device

    where = pick_device(device)
    processor = torch.cuda.get_device_name(where) if where.type == "cuda" else _processor()
    return {
        "bagbench": version("bagbench"),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "system": platform.system(),
        "device": where.type,
        "processor": processor,
        "threads": "1",
        "clock": "processor seconds" if where.type == "cpu" else "real seconds",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def calibrate(problem: Problem, device: str) -> CostModel:
    """Fit the two coefficients of `CostModel` to the second epoch of a few random configurations, on this device.

    Least squares of relative errors, coefficients not below zero.
    """
    from ..problems.datasets import load_data_set

    images = len(load_data_set(problem.name).train.labels)
    vectors = problem.space.sample(np.random.default_rng(0), _CALIBRATION_RUNS)
    trainer = _trainer(problem.name, device)
    seconds = np.array([trainer.record(vector, epochs=2).curves["train_seconds"][1] for vector in vectors])
    natural = problem.space.natural(vectors)
    work = np.stack([np.ceil(images / natural["batch_size"]), 10.0 ** problem.known["log10_macs"](natural) * images])
    from scipy.optimize import nnls

    scale = work.mean(axis=1)
    coefficients, _ = nnls((work / scale[:, None] / seconds).T, np.ones(len(seconds)))
    per_step, per_mac = (coefficients / scale).tolist()
    return CostModel(per_step=per_step, per_mac=per_mac)


def settle_plan(table: Path, make_plan: Callable[[], Plan], *, resume: bool) -> Plan:
    """Agree on the plan of ``table``: the one that it was begun with or, if it is new, what ``make_plan`` gives.

    Raises
    ------
    OutputConflict
        If there is a table or journal and ``resume`` is not set, or the table was not made by a plan.
    """
    path = journal_folder(table) / "plan.json"
    if not resume and (table.exists() or path.exists()):
        raise OutputConflict(f"{table} has been begun already: add --resume to go on with it, or name another file")
    if path.exists():
        return Plan.from_json(path.read_text())
    if table.exists():
        from .table import Table

        with Table.open(table) as stored:
            plan = stored.plan
        if plan is None:
            raise OutputConflict(f"{table} was not made by `bagbench populate`, so it cannot be resumed")
    else:
        plan = make_plan()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, plan.to_json())
    return plan


def collect(
    table: Path, plan: Plan, runs: int, *, executor: Executor, jobs: int, device: str = "auto", progress: Progress | None = None
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
    from ..problems.datasets import load_data_set

    if runs < 1:
        raise InvalidArgument(f"runs must be at least 1, got {runs}")
    progress = progress or NoProgress()
    problem = get_problem(plan.problem)
    planned = planned_runs(plan, problem, len(load_data_set(plan.problem).train.labels), runs)
    folder = journal_folder(table)
    with Journal(folder) as journal:
        done = _done(folder, table)
        finished = {run.index for run in planned if (run.digest, run.seed) in done}
        progress.start(len(finished), runs)
        collected = 0
        for entry in _train_all(planned, finished, journal, executor, jobs, device, problem):
            journal.append(entry)
            finished.add(int(str(entry["index"])))
            progress.advance(str(entry["status"]))
            collected += 1
    return collected


def _done(folder: Path, table: Path) -> set[tuple[str, int]]:
    """Name the runs, as (digest, seed), that journals or table hold already."""
    done = {(str(entry["digest"]), int(str(entry["seed"]))) for entry in read_entries(folder)}
    if table.exists():
        from .table import Table

        with Table.open(table) as stored:
            done.update(zip(stored.digests, stored.seeds.tolist(), strict=True))
    return done


def _train_all(
    planned: list[PlannedRun],
    finished: set[int],
    journal: Journal,
    executor: Executor,
    jobs: int,
    device: str,
    problem: Problem,
) -> Iterator[Entry]:
    """Claim, submit and gather until nothing is left to claim."""
    open_futures: set[Future[Entry]] = set()
    todo = deque(run.index for run in planned)
    exhausted = False
    while True:
        if not exhausted and len(open_futures) < 2 * jobs:
            while todo and todo[0] in finished:
                todo.popleft()
            taken = journal.claim(todo, 2 * jobs - len(open_futures), finished)
            exhausted = not taken
            for index in taken:
                open_futures.add(executor.submit(train_task, _task(planned[index], problem, device)))
        if not open_futures:
            return
        ready, open_futures = wait(open_futures, return_when=FIRST_COMPLETED)
        for future in ready:
            yield future.result()


def _task(run: PlannedRun, problem: Problem, device: str) -> Task:
    return Task(
        problem=problem.name,
        config=problem.space.decode(run.vector),
        digest=run.digest,
        seed=run.seed,
        inclusion_probability=run.inclusion_probability,
        index=run.index,
        device=device,
    )


