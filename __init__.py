"""Race multi-objective optimizers for joint architecture and hyperparameter search, in seconds.

>>> import bagbench
>>> benchmark = bagbench.open_benchmark("digits")
>>> optimizer = bagbench.OPTIMIZERS["random-search"](benchmark.problem, seed=0)
>>> history = bagbench.simulate(benchmark, optimizer, budget_evaluations=100)

The names below are imported when they are first used, so that ``import bagbench`` itself costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .optimizers import OPTIMIZERS, get_optimizer
    from .optimizers.base import Optimizer, Query, Result
    from .problems import PROBLEMS, get_problem
    from .problems.benchmark import Benchmark, Curve, Outcome
    from .problems.errors import BagbenchError
    from .problems.problem import Objective, Problem
    from .problems.space import Space
    from .simulator.benchmarks import open_benchmark
    from .simulator.history import History
    from .simulator.simulate import simulate
    from .surrogates.benchmark import SurrogateBenchmark
    from .tables.benchmark import TableBenchmark
    from .tables.table import Table

__version__ = "0.1.0"
"""Read by setup.cfg from here, so that no file has to be searched for it at run time."""

__all__ = [
    "OPTIMIZERS",
    "PROBLEMS",
    "BagbenchError",
    "Benchmark",
    "Curve",
    "History",
    "Objective",
    "Optimizer",
    "Outcome",
    "Problem",
    "Query",
    "Result",
    "Space",
    "SurrogateBenchmark",
    "Table",
    "TableBenchmark",
    "get_optimizer",
    "get_problem",
    "open_benchmark",
    "simulate",
]

_MODULES = {
    "BagbenchError": "problems.errors",
    "Benchmark": "problems.benchmark",
    "Curve": "problems.benchmark",
    "History": "simulator.history",
    "OPTIMIZERS": "optimizers",
    "Objective": "problems.problem",
    "Optimizer": "optimizers.base",
    "Outcome": "problems.benchmark",
    "PROBLEMS": "problems",
    "Problem": "problems.problem",
    "Query": "optimizers.base",
    "Result": "optimizers.base",
    "Space": "problems.space",
    "SurrogateBenchmark": "surrogates.benchmark",
    "Table": "tables.table",
    "TableBenchmark": "tables.benchmark",
    "get_optimizer": "optimizers",
    "get_problem": "problems",
    "open_benchmark": "simulator.benchmarks",
    "simulate": "simulator.simulate",
}
"""Where each public name is defined."""


if not TYPE_CHECKING:  # a type checker that saw this function would take any misspelt name for a public one

    def __getattr__(name: str) -> object:
        """Import a public name when it is first used, and keep it."""
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f".{_MODULES[name]}", __name__), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
