"""The ask/tell protocol: what an optimizer sees of a race, and all that it sees.

``ask()`` names a configuration and how many epochs to train it to; ``tell()`` brings what came of it. An optimizer
never learns of tables, surrogates or clocks, so the same class runs in simulation, on the true trainer, and by hand.

>>> import bagbench
>>> benchmark = bagbench.open_benchmark("digits")
>>> optimizer = bagbench.OPTIMIZERS["random-search"](benchmark.problem, seed=0)
>>> query = optimizer.ask()
>>> outcome = benchmark.query(query.config, epochs=query.epochs, seed=query.seed)
>>> optimizer.tell(Result(query=query, losses=outcome.losses, seconds=outcome.seconds))
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..problems.problem import Losses


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A request: train ``config`` to ``epochs`` epochs."""

    config: NDArray[np.float64]
    """Configuration vector (d,), legal and canonical (`Space.encode` makes one from a dict)."""
    epochs: int
    """Epochs to have trained in the end, counted from scratch."""
    resume_from: int = 0
    """Epochs that an earlier trial of the same configuration and seed has trained already; 0: from scratch."""
    seed: int = 0
    """Replicate: the same (config, seed) always scores the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of a query."""

    query: Query
    losses: Losses
    """(m,) losses after ``query.epochs`` epochs, minimised, in the order of ``problem.objectives``; NaN if failed."""
    seconds: float
    """Simulated seconds that the trial was charged."""
    status: str = "ok"
    """``"ok"``, ``"diverged"`` (its losses are real), ``"failed"`` or ``"out_of_memory"`` (its losses are NaN)."""


@runtime_checkable
class Optimizer(Protocol):
    """Anything with ``ask`` and ``tell``; constructed as ``Class(problem, *, seed, **options)``.

    Several queries may be open at once, and results may come in any order. Being told the same results in the same
    order, after the same asks, restores the same state.
    """

    def ask(self) -> Query | None:
        """Name the next trial; None: wait until a result has been told."""
        ...

    def tell(self, result: Result) -> None:
        """Take in the result of a trial."""
        ...
