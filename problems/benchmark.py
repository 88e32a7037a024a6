"""The one question that trainer, table and surrogate all answer: what does a configuration score and cost?

A benchmark is pure: it holds no counters and no clock, draws from no shared random state, and answers the same
question always the same way. Noise is a function of (configuration digest, seed), never of the order of the calls.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from .errors import InvalidArgument
from .problem import Losses, Problem, Vectors
from .space import Config


class Outcome(NamedTuple):
    """What training a configuration to some epoch gives."""

    losses: Losses
    """(m,) losses after the last epoch asked for, in the order of ``problem.objectives``."""
    seconds: float
    """Cumulative training seconds from scratch to that epoch."""
    status: str = "ok"
    """``"ok"``, ``"diverged"`` (a result) or another word of `bagbench.tables` for a run without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """The learning curve of one run."""

    seconds: NDArray[np.float64]
    """(E,) cumulative training seconds after each epoch, strictly increasing."""
    losses: Losses
    """(E, m) losses after each epoch, in the order of ``problem.objectives``."""
    status: str = "ok"

    def __post_init__(self) -> None:
        if self.seconds.ndim != 1 or self.losses.ndim != 2 or len(self.seconds) != len(self.losses):
            raise InvalidArgument(
                f"a curve needs seconds (E,) and losses (E, m), got {self.seconds.shape} and {self.losses.shape}"
            )
        if not (np.diff(self.seconds, prepend=0.0) > 0).all():
            raise InvalidArgument("the seconds of a curve must be positive and strictly increasing")
        self.seconds.flags.writeable = False
        self.losses.flags.writeable = False

    def at(self, epochs: int) -> Outcome:
        """Give the outcome after ``epochs`` epochs, 1 <= epochs <= E."""
        return Outcome(self.losses[epochs - 1], float(self.seconds[epochs - 1]), self.status)


@runtime_checkable
class Benchmark(Protocol):
    """Anything that answers `curve`: the trainer by training, a table by remembering, a surrogate by predicting."""

    @property
    def problem(self) -> Problem:
        """The problem, with the objectives that the answers are given in."""
        ...

    def curve(self, config: Config, *, epochs: int | None = None, seed: int = 0) -> Curve:
        """Answer with the learning curve of ``config`` over epochs 1..``epochs`` (None: the maximum)."""
        ...

    def query(self, config: Config, *, epochs: int | None = None, seed: int = 0) -> Outcome:
        """Answer with the last point of `curve`, bit for bit, by a faster path."""
        ...

    def query_batch(
        self, vectors: Vectors, epochs: NDArray[np.int64], seeds: NDArray[np.int64] | None = None
    ) -> tuple[Losses, NDArray[np.float64]]:
        """Answer ``n`` queries at once: losses (n, m) and seconds (n,), bit for bit those of `query`.

        Parameters
        ----------
        vectors : (n, d) float64
        epochs : (n,) int64
        seeds : (n,) int64, optional
            Zero everywhere by default.
        """
        ...
