"""A user's script: races optimizers of its own on a benchmark of its own, on the grid.

Run by test_grid.py as ``race_toys.py OUT JOBS OPTIMIZERS SEEDS``. Worker processes are spawned, so they run this file
up to the guard at its end, and find the same benchmark and optimizers.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from conftest import ToyBenchmark, make_toy_problem  # type: ignore[import-not-found]

import bagbench.optimizers
import bagbench.simulator.grid
from bagbench.optimizers.base import Query, Result
from bagbench.problems.problem import Problem


class Drawing:
    """Draws at random."""

    def __init__(self, problem: Problem, *, seed: int) -> None:
        self.problem = problem
        self.seed = seed
        self.rng = np.random.default_rng(seed)

    def ask(self) -> Query | None:
        return Query(config=self.problem.space.sample(self.rng, 1)[0], epochs=25, seed=self.seed)

    def tell(self, result: Result) -> None:
        pass


class Slow(Drawing):
    """Takes real time, so that it can be interrupted."""

    def tell(self, result: Result) -> None:
        time.sleep(0.005)


class Deadly(Drawing):
    """Is killed in the middle of its race with seed 2."""

    def tell(self, result: Result) -> None:
        if self.seed == 2:
            os.kill(os.getpid(), signal.SIGKILL)


bagbench.optimizers.OPTIMIZERS = {"drawing": Drawing, "slow": Slow, "deadly": Deadly}
setattr(bagbench.simulator.grid, "open_benchmark", lambda *_, **__: ToyBenchmark(make_toy_problem()))  # noqa: B010


def main() -> None:
    out, jobs, optimizers, seeds = sys.argv[1:]
    table = Path(out).parent / "toy.h5"
    table.write_bytes(b"the toy benchmark is opened in its place")
    grid = bagbench.simulator.grid.Grid(
        problem=str(table),
        optimizers=tuple(optimizers.split(",")),
        seeds=tuple(range(int(seeds))),
        budget_evaluations=100,
        workers=3,
    )
    for history in bagbench.simulator.grid.run_grid(grid, out=Path(out), jobs=int(jobs)):
        sys.stdout.write(f"{history.optimizer} {history.seed} {history.digest()}\n")


if __name__ == "__main__":
    main()
