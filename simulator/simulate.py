"""The race under a virtual clock: one optimizer, one benchmark, some workers, and one loop.

The clock is the optimizer's: it thinks one thought at a time, and between thoughts it waits for the next result.
Nothing sleeps, and no real time enters; the same race always gives the same history.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any, NamedTuple

import numpy as np

from ..optimizers.base import Optimizer, Query, Result
from ..problems.benchmark import Benchmark, Outcome
from ..problems.errors import InvalidArgument, InvalidConfiguration
from ..problems.problem import Losses, Problem, Vectors
from ..problems.progress import SILENT, Progress
from .history import CENSORED, SCORED, History
from .overhead import NoOverhead, Overhead, real_seconds

FREE = NoOverhead()


class _Trial(NamedTuple):
    query: Query
    code: bytes
    """The bytes of the configuration vector as it was asked for, whatever the optimizer does to its array later."""
    asked: float
    started: float
    finished: float
    worker: int
    outcome: Outcome
    seconds: float
    """What the trial was charged."""
    thinking: float


def simulate(
    benchmark: Benchmark,
    optimizer: Optimizer,
    *,
    workers: int = 1,
    budget_seconds: float | None = None,
    budget_evaluations: int | None = None,
    checkpointing: bool = True,
    overhead: Overhead = FREE,
    progress: Progress = SILENT,
) -> History:
    """Race ``optimizer`` on ``benchmark`` until a budget is spent.

    Trials start in the order in which they are asked for, each on the worker that has been free for longest; results
    are told in the order in which they finish, ties in the order asked. A trial that would end after the budget is
    never told and has the status ``"censored"``. A failed run costs what it costs.

    Parameters
    ----------
    workers
        How many trials run at once.
    budget_seconds
        Simulated seconds. If neither budget is given: the problem's own.
    budget_evaluations
        Number of trials.
    checkpointing
        Whether a trial with ``resume_from`` is charged its further epochs only; otherwise it pays from scratch.
    overhead
        What thinking costs.
    progress
        Is told the simulated seconds whenever a trial ends.

    Raises
    ------
    InvalidArgument
        If a budget or the number of workers is not positive; if the optimizer waits while nothing runs, or asks for
        impossible epochs.
    InvalidConfiguration
        If the optimizer asks for a configuration outside the space.
    """
    check_settings(workers=workers, budget_seconds=budget_seconds, budget_evaluations=budget_evaluations)
    if budget_seconds is None and budget_evaluations is None:
        budget_seconds = benchmark.problem.budget_seconds
    deadline = math.inf if budget_seconds is None else float(budget_seconds)
    problem = benchmark.problem
    name = type(optimizer).__name__
    began = real_seconds()
    trials = _race(
        _Evaluator(benchmark, name, checkpointing),
        optimizer,
        workers=workers,
        deadline=deadline,
        limit=math.inf if budget_evaluations is None else budget_evaluations,
        overhead=overhead,
        progress=progress,
    )
    return History(
        **_columns(trials, problem, deadline, name),
        problem=problem.name,
        objectives=problem.objective_names,
        optimizer=name,
        seed=None,
        workers=workers,
        budget_seconds=None if budget_seconds is None else float(budget_seconds),
        budget_evaluations=budget_evaluations,
        checkpointing=checkpointing,
        benchmark=type(benchmark).__name__,
        wall_seconds=real_seconds() - began,
    )


def check_settings(*, workers: int, budget_seconds: float | None, budget_evaluations: int | None) -> None:
    """Raise `InvalidArgument` unless the budgets and the number of workers are positive."""
    if workers != int(workers) or workers < 1:
        raise InvalidArgument(f"workers is {workers}: expected a whole number >= 1")
    if budget_seconds is not None and not 0 < budget_seconds < math.inf:
        raise InvalidArgument(f"budget_seconds is {budget_seconds}: expected a positive, finite number of seconds")
    if budget_evaluations is not None and (budget_evaluations != int(budget_evaluations) or budget_evaluations < 1):
        raise InvalidArgument(f"budget_evaluations is {budget_evaluations}: expected a whole number >= 1")


def _race(
    evaluator: _Evaluator,
    optimizer: Optimizer,
    *,
    workers: int,
    deadline: float,
    limit: float,
    overhead: Overhead,
    progress: Progress,
) -> list[_Trial]:
    """Run the loop: deliver what has finished, hand out work, otherwise wait."""
    trials: list[_Trial] = []
    running: list[tuple[float, int]] = []  # heap of (finished, number of the trial): ties are first in, first out
    free = deque(range(workers))
    now = thinking = 0.0
    while True:
        clock = overhead.clock()
        while running and running[0][0] <= min(now, deadline):
            trial = trials[heappop(running)[1]]
            free.append(trial.worker)
            optimizer.tell(evaluator.result(trial))
            progress.update(trial.finished)
        may_ask = bool(free) and now < deadline and len(trials) < limit
        query = optimizer.ask() if may_ask else None
        thinking += overhead.clock() - clock
        if query is not None:
            asked, now = now, now + overhead.seconds
            if now < deadline:  # a thought that the end of the budget interrupts leads to no trial
                trial = evaluator.start(query, asked, now, free.popleft(), thinking)
                heappush(running, (trial.finished, len(trials)))
                trials.append(trial)
                thinking = 0.0
        elif running and running[0][0] <= deadline:
            now = running[0][0]
        elif may_ask and not running:
            raise InvalidArgument(
                f"{type(optimizer).__name__}.ask() returned None at {now:g} simulated seconds while no trial is "
                "running: no result will ever come; return a Query whenever every result has been told"
            )
        else:
            return trials


class _Evaluator:
    """Asks the benchmark, checks what the optimizer asks, and knows which checkpoints exist."""

    def __init__(self, benchmark: Benchmark, optimizer: str, checkpointing: bool) -> None:
        self._query: Callable[..., Outcome] = benchmark.query
        self._problem = benchmark.problem
        self._optimizer = optimizer
        self._checkpointing = checkpointing
        self._shape = (len(benchmark.problem.space),)
        self._failed_losses = np.full(len(benchmark.problem.objectives), np.nan)
        self._failed_losses.flags.writeable = False
        self._checkpoints: dict[tuple[bytes, int, int], float] = {}
        """Seconds from scratch to every (configuration, seed, epochs) that has been trained."""

    def start(self, query: Query, asked: float, started: float, worker: int, thinking: float) -> _Trial:
        code = self._code(query)
        paid = self._paid(query, code)
        try:
            outcome = self._query(query.config, epochs=query.epochs, seed=query.seed)
        except Exception:
            # If the question was illegal, say so; otherwise the benchmark's own error is the better one.
            _check(self._problem, query.config[None, :], self._optimizer)
            raise
        seconds = outcome.seconds - paid if self._checkpointing else outcome.seconds
        if not 0 < seconds < math.inf:
            raise InvalidArgument(f"the benchmark charges {seconds} seconds for {query}: expected a positive number")
        return _Trial(query, code, asked, started, started + seconds, worker, outcome, seconds, thinking)

    def result(self, trial: _Trial) -> Result:
        query, outcome = trial.query, trial.outcome
        losses = outcome.losses
        if outcome.status in SCORED:
            self._checkpoints[trial.code, query.seed, query.epochs] = outcome.seconds
        else:
            losses = self._failed_losses
        return Result(query=query, losses=losses, seconds=trial.seconds, status=outcome.status)

    def _code(self, query: Query) -> bytes:
        config: object = query.config
        if not isinstance(config, np.ndarray) or config.dtype != np.float64 or config.shape != self._shape:
            raise InvalidConfiguration(
                f"{self._optimizer} asked for the configuration {config!r}: expected a float64 vector of shape "
                f"{self._shape}; problem.space.encode() makes one from a dict"
            )
        return config.tobytes()

    def _paid(self, query: Query, code: bytes) -> float:
        """Give the seconds that the trial's checkpoint has cost, 0 from scratch."""
        problem = self._problem
        if not (0 <= query.resume_from < query.epochs and problem.min_epochs <= query.epochs <= problem.max_epochs):
            raise InvalidArgument(
                f"{self._optimizer} asked for epochs {query.resume_from} to {query.epochs}: "
                f"expected 0 <= resume_from < epochs, and epochs in [{problem.min_epochs}, {problem.max_epochs}]"
            )
        if query.resume_from == 0:
            return 0.0
        try:
            return self._checkpoints[code, query.seed, query.resume_from]
        except KeyError:
            raise InvalidArgument(
                f"{self._optimizer} asked to resume a configuration from epoch {query.resume_from}, but no finished "
                f"trial trained it to there with seed {query.seed}: expected resume_from=0"
            ) from None


def _columns(trials: list[_Trial], problem: Problem, deadline: float, optimizer: str) -> dict[str, Any]:
    """Turn the trials into the columns of a history, cutting off what ends after the deadline."""
    vectors: Vectors = np.frombuffer(b"".join(trial.code for trial in trials)).reshape(len(trials), len(problem.space))
    _check(problem, vectors, optimizer)
    finished = np.array([trial.finished for trial in trials], dtype=float)
    status = np.array([trial.outcome.status for trial in trials], dtype=np.str_)
    status = np.where(finished > deadline, CENSORED, status)
    losses: Losses = np.array([trial.outcome.losses for trial in trials], dtype=float)
    losses = losses.reshape(len(trials), len(problem.objectives))
    return {
        "digests": np.array(problem.space.digests(vectors), dtype=np.str_),
        "vectors": vectors,
        "epochs": np.array([trial.query.epochs for trial in trials], dtype=np.int64),
        "resume_from": np.array([trial.query.resume_from for trial in trials], dtype=np.int64),
        "seeds": np.array([trial.query.seed for trial in trials], dtype=np.int64),
        "losses": np.where(np.isin(status, SCORED)[:, None], losses, np.nan),
        "asked": np.array([trial.asked for trial in trials]),
        "started": np.array([trial.started for trial in trials]),
        "finished": np.minimum(finished, deadline),
        "worker": np.array([trial.worker for trial in trials], dtype=np.int64),
        "status": status,
        "thinking": np.array([trial.thinking for trial in trials]),
    }


def _check(problem: Problem, vectors: Vectors, optimizer: str) -> None:
    try:
        problem.space.check(vectors)
    except InvalidConfiguration as error:
        raise InvalidConfiguration(f"{optimizer} asked for an illegal configuration: {error}") from error
