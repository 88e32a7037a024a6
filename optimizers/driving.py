"""The simplest race: ask, answer from a synthetic benchmark, tell; and watch that every query is legal."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np

from ..problems.problem import Problem
from .base import Optimizer, Query, Result
from .synthetic import SyntheticBenchmark

TRIALS = 40
"""Enough to leave every initial design, few enough for methods that fit models."""

Event = Query | Result | None
"""What passed between driver and optimizer: a query asked, a result told, or a request to wait."""

Answer = Callable[[SyntheticBenchmark, Query, int], Result]
"""What comes of a query; the last argument counts the results before it."""


def score(benchmark: SyntheticBenchmark, query: Query, _: int) -> Result:
    """Answer with what the benchmark says."""
    losses, seconds, status = benchmark.query(query.config, epochs=query.epochs, seed=query.seed)
    return Result(query=query, losses=losses, seconds=seconds, status=status)


def drive(
    optimizer: Optimizer,
    benchmark: SyntheticBenchmark,
    *,
    trials: float = TRIALS,
    budget_epochs: float = math.inf,
    workers: int = 1,
    seed: int = 0,
    answer: Answer = score,
) -> list[Event]:
    """Ask and tell, in random order while several ``workers`` are busy, for so many trials or epochs of training.

    Raises
    ------
    AssertionError
        If a query is not legal, or the optimizer waits while nothing is outstanding.
    """
    rng = np.random.default_rng(seed)
    events: list[Event] = []
    running: list[Query] = []
    trained: set[tuple[str, int, int]] = set()
    count, spent = 0, 0
    while count < trials and spent < budget_epochs:
        while len(running) < workers:
            query = optimizer.ask()
            events.append(query)
            if query is None:
                break
            _require_legal(query, benchmark.problem, trained)
            running.append(query)
        require(bool(running), "ask() returned None, to wait for a result, while no result is outstanding")
        query = running.pop(int(rng.integers(len(running))))
        result = answer(benchmark, query, count)
        if result.status in ("ok", "diverged"):
            trained.add(identity(query, benchmark.problem, query.epochs))
        optimizer.tell(result)
        events.append(result)
        count, spent = count + 1, spent + query.epochs - query.resume_from
    return events


def identity(query: Query, problem: Problem, epochs: int) -> tuple[str, int, int]:
    """Name what is trained: digest, seed and ``epochs``."""
    return problem.space.digests(query.config[None])[0], query.seed, epochs


def asked(events: Iterable[Event], problem: Problem) -> list[tuple[str, int, int, int]]:
    """Give the queries among ``events``, in comparable form."""
    return [
        (*identity(event, problem, event.epochs), event.resume_from) for event in events if isinstance(event, Query)
    ]


def told(events: Iterable[Event]) -> list[Result]:
    """Give the results among ``events``."""
    return [event for event in events if isinstance(event, Result)]


def require(condition: bool, message: str) -> None:
    """Assert, also under ``python -O``."""
    if not condition:
        raise AssertionError(message)


def _require_legal(query: Query, problem: Problem, trained: set[tuple[str, int, int]]) -> None:
    problem.space.check(query.config[None])
    problem.check_epochs(query.epochs)
    require(
        not query.config.flags.writeable, "the config of a query must be read-only: set config.flags.writeable = False"
    )
    require(
        query.resume_from == 0 or identity(query, problem, query.resume_from) in trained,
        f"resume_from={query.resume_from}: no told trial of this configuration and seed has trained so many epochs",
    )
    require(
        0 <= query.resume_from < query.epochs, f"resume_from={query.resume_from} is not below epochs={query.epochs}"
    )
