"""A toy problem with a front in closed form, for the tests of all rooms."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from bagbench.problems import get_problem
from bagbench.problems.benchmark import Curve, Outcome
from bagbench.problems.problem import Losses, Objective, Problem, Vectors
from bagbench.problems.space import Config


def make_toy_problem() -> Problem:
    """Build the toy problem: two objectives on the space of `digits`.

    With x, b, w in [0, 1] the coordinates of ``lr_init``, ``batch_size`` and ``n_conv_0``, and e epochs of 25::

        f1 = x        f2 = 1 - sqrt(x) + b / 2 + 1 / e - 1 / 25        seconds = (1 + w) e

    Its front after 25 epochs is f2 = 1 - sqrt(f1) (where b = 0); with the reference point (2, 2), its hypervolume is
    11 / 3. Seeds make no difference.
    """
    objectives = tuple(
        Objective(name=name, unit="", bounds=(0.0, math.inf), reference=2.0, ideal=0.0) for name in ("f1", "f2")
    )
    space = get_problem("digits").space
    return Problem(
        name="toy", space=space, metrics=objectives, objectives=objectives, max_epochs=25, budget_seconds=3000.0
    )


@dataclass(frozen=True)
class ToyBenchmark:
    """The benchmark of the toy problem, in closed form."""

    problem: Problem

    def curve(self, config: Config, *, epochs: int | None = None, seed: int = 0) -> Curve:
        total = self.problem.check_epochs(epochs)
        vector = self.problem.space.vector(config)
        losses, seconds = self.query_batch(np.tile(vector, (total, 1)), np.arange(1, total + 1))
        return Curve(seconds=seconds, losses=losses)

    def query(self, config: Config, *, epochs: int | None = None, seed: int = 0) -> Outcome:
        total = self.problem.check_epochs(epochs)
        vector = config if isinstance(config, np.ndarray) else self.problem.space.encode(config)
        losses, seconds = self.query_batch(vector[None, :], np.array([total]))
        return Outcome(losses[0], float(seconds[0]))

    def query_batch(
        self, vectors: Vectors, epochs: NDArray[np.int64], seeds: NDArray[np.int64] | None = None
    ) -> tuple[Losses, NDArray[np.float64]]:
        index = self.problem.space.index
        x, b, w = (vectors[:, index[name]] for name in ("lr_init", "batch_size", "n_conv_0"))
        quality = 1 - np.sqrt(x) + b / 2 + 1 / epochs - 1 / self.problem.max_epochs
        return np.stack([x, quality], axis=1), (1 + w) * epochs


@pytest.fixture(scope="session")
def toy_problem() -> Problem:
    """See `make_toy_problem`."""
    return make_toy_problem()


@pytest.fixture(scope="session")
def toy_benchmark(toy_problem: Problem) -> ToyBenchmark:
    """See `ToyBenchmark`."""
    return ToyBenchmark(toy_problem)
