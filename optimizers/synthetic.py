"""Closed-form benchmarks to try optimizers on: no file, no training, microseconds an answer.

`tradeoff` has a front that is known exactly; `networks` has every kind of parameter and condition; `tiny` and `single`
have fewer configurations than any race has trials; `flat` scores everything alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..problems.benchmark import Curve, Outcome
from ..problems.parameters import Value
from ..problems.problem import KnownFunction, Losses, Objective, Problem, Vectors
from ..problems.space import Config, Natural, Space

Column = NDArray[np.float64]
Formula = Callable[[Natural, Column], Mapping[str, Column]]
"""From natural values by name and the trained fraction of the maximum, (n,) each, to metrics by name, (n,) each."""

TRADEOFF_HYPERVOLUME = 35 / 3 + 0.1
"""Hypervolume of the whole front of `tradeoff`: the box 1.1 x 11 less the area under 1 - sqrt(f1) on [0, 1]."""


@dataclass(frozen=True, slots=True)
class SyntheticBenchmark:
    """A `Benchmark` in closed form; an epoch takes one second, and replicates are all alike."""

    problem: Problem
    formula: Formula

    def with_objectives(self, names: Iterable[str]) -> SyntheticBenchmark:
        """Select other objectives."""
        return replace(self, problem=self.problem.with_objectives(names))

    def query_batch(
        self, vectors: Vectors, epochs: NDArray[np.int64], seeds: NDArray[np.int64] | None = None
    ) -> tuple[Losses, NDArray[np.float64]]:
        """Answer ``n`` queries: losses (n, m) and seconds (n,)."""
        metrics = self.formula(self.problem.space.natural(vectors), epochs / self.problem.max_epochs)
        losses = np.stack([metrics[name] for name in self.problem.objective_names], axis=1)
        return losses, epochs.astype(np.float64)

    def curve(self, config: Config, *, epochs: int | None = None, seed: int = 0) -> Curve:
        """Answer with the learning curve."""
        steps = np.arange(1, self.problem.check_epochs(epochs) + 1)
        vectors = np.tile(self.problem.space.vector(config), (len(steps), 1))
        losses, seconds = self.query_batch(vectors, steps)
        return Curve(losses=losses, seconds=seconds)

    def query(self, config: Config, *, epochs: int | None = None, seed: int = 0) -> Outcome:
        """Answer with the last point of the curve."""
        vector = self.problem.space.vector(config)
        losses, seconds = self.query_batch(vector[None], np.array([self.problem.check_epochs(epochs)]))
        losses.flags.writeable = False
        return Outcome(losses[0], float(seconds[0]))


@dataclass(frozen=True, slots=True)
class _Known:
    """A known objective by its formula over natural values, where inactive parameters may be missing."""

    formula: Callable[[Natural], Column]

    def __call__(self, natural: Natural) -> Column:
        return self.formula(natural)

    def one(self, config: Mapping[str, Value]) -> float:
        return float(self.formula({name: np.array([value]) for name, value in config.items()})[0])


def _benchmark(
    name: str,
    parameters: list[dict[str, object]],
    conditions: list[dict[str, object]],
    metrics: list[tuple[str, float, float]],
    known: Mapping[str, KnownFunction],
    formula: Formula,
) -> SyntheticBenchmark:
    """Put together a benchmark; ``metrics`` are name, ideal, reference, and the first two are the objectives."""
    recorded = tuple(
        Objective(name=metric, unit="", bounds=(-math.inf, math.inf), ideal=ideal, reference=reference)
        for metric, ideal, reference in metrics
    )
    problem = Problem(
        name=name,
        space=Space.from_document({"name": name, "hyperparameters": parameters, "conditions": conditions}),
        metrics=recorded,
        objectives=recorded[:2],
        max_epochs=27,
        known=known,
        budget_seconds=2700.0,
    )
    return SyntheticBenchmark(problem, formula)


def _number(name: str, low: float, high: float, *, kind: str = "uniform_float", log: bool = False) -> dict[str, object]:
    return {"type": kind, "name": name, "lower": low, "upper": high, "log": log}


def tradeoff(dimensions: int = 6) -> SyntheticBenchmark:
    """Build ZDT1 (Zitzler, Deb, Thiele 2000) with training: the front is f2 = 1 - sqrt(f1), at full epochs only."""
    names = [f"x{i}" for i in range(dimensions)]

    def formula(values: Natural, progress: Column) -> Mapping[str, Column]:
        first = values["x0"]
        distance = 1 + 9 * np.mean([values[name] for name in names[1:]], axis=0)
        return {"f1": first, "f2": distance * (1 - np.sqrt(first / distance)) + 2 * (1 - progress)}

    return _benchmark(
        "tradeoff",
        [_number(name, 0.0, 1.0) for name in names],
        [],
        [("f1", 0.0, 1.1), ("f2", 0.0, 11.0)],
        {"f1": _Known(lambda values: values["x0"])},
        formula,
    )


def networks() -> SyntheticBenchmark:
    """Build a small joint space: log and linear scales, words, an order, a constant, conditions on conditions."""

    def log_size(values: Natural) -> Column:
        widths = [values.get(f"width_{layer}", 0.0) for layer in range(3)]
        return np.log10(10 + widths[0] + widths[1] + widths[2])

    def formula(values: Natural, progress: Column) -> Mapping[str, Column]:
        size, rate = log_size(values), np.log10(values["rate"])
        best_rate = -2 - values["optimizer"]
        error = 90 - 25 * size + 10 * (rate - best_rate) ** 2 + 5 * values["quality"] + 40 * (1 - progress)
        return {"error": error, "log_size": size, "energy": values["depth"] * size * (1 + values["quality"])}

    conditions: list[dict[str, object]] = [
        {"type": "GT", "child": "width_1", "parent": "depth", "value": 1},
        {"type": "EQ", "child": "width_2", "parent": "depth", "value": 3},
        {"type": "EQ", "child": "momentum", "parent": "optimizer", "value": "sgd"},
        {"type": "GT", "child": "nesterov", "parent": "momentum", "value": 0.5},
    ]
    return _benchmark(
        "networks",
        [
            _number("rate", 1e-5, 1.0, log=True),
            _number("depth", 1, 3, kind="uniform_int"),
            *(_number(f"width_{layer}", 4, 512, kind="uniform_int", log=True) for layer in range(3)),
            {"type": "categorical", "name": "optimizer", "choices": ["adam", "sgd", "rmsprop"]},
            _number("momentum", 0.0, 0.99),
            {"type": "categorical", "name": "nesterov", "choices": [False, True]},
            {"type": "ordinal", "name": "quality", "sequence": [0, 1, 2, 5]},
            {"type": "constant", "name": "version", "value": 7},
        ],
        conditions,
        [("error", 0.0, 100.0), ("log_size", 1.0, 3.5), ("energy", 0.0, 60.0)],
        {"log_size": _Known(log_size)},
        formula,
    )


def flat() -> SyntheticBenchmark:
    """Build `networks` with metrics that are the same everywhere."""
    scores = {"error": 50.0, "log_size": 2.0, "energy": 3.0}
    whole = networks()
    known = {"log_size": _Known(lambda values: np.full(len(values["rate"]), scores["log_size"]))}

    def formula(values: Natural, progress: Column) -> Mapping[str, Column]:
        return {name: np.full(len(progress), score) for name, score in scores.items()}

    return SyntheticBenchmark(replace(whole.problem, known=known), formula)


def tiny() -> SyntheticBenchmark:
    """Build a space of four configurations."""

    def cost(values: Natural) -> Column:
        return values["kind"].astype(np.float64)

    def formula(values: Natural, progress: Column) -> Mapping[str, Column]:
        return {"error": 3 - values["kind"] + values["switch"] - progress, "cost": cost(values)}

    return _benchmark(
        "tiny",
        [
            {"type": "ordinal", "name": "kind", "sequence": [0, 1, 2]},
            {"type": "categorical", "name": "switch", "choices": [False, True]},
        ],
        [{"type": "EQ", "child": "switch", "parent": "kind", "value": 2}],
        [("error", -1.0, 5.0), ("cost", 0.0, 3.0)],
        {"cost": _Known(cost)},
        formula,
    )


def single() -> SyntheticBenchmark:
    """Build a space of one configuration."""

    def cost(values: Natural) -> Column:
        return values["only"].astype(np.float64)

    def formula(values: Natural, progress: Column) -> Mapping[str, Column]:
        return {"error": 1 - progress, "cost": cost(values)}

    parameters: list[dict[str, object]] = [{"type": "constant", "name": "only", "value": 1}]
    return _benchmark(
        "single", parameters, [], [("error", 0.0, 2.0), ("cost", 0.0, 2.0)], {"cost": _Known(cost)}, formula
    )


def perceptrons() -> SyntheticBenchmark:
    """Build a stack of no to three layers: the deepest are the best, and nothing is there to begin with."""

    def cost(values: Natural) -> Column:
        return values["layers"] + sum(values.get(f"units_{i}", np.zeros(1)) for i in range(3)) / 100

    def formula(values: Natural, progress: Column) -> Mapping[str, Column]:
        return {"error": 4 - values["layers"] + (values["rate"] - 0.5) ** 2 - progress, "cost": cost(values)}

    return _benchmark(
        "perceptrons",
        [
            _number("layers", 0, 3, kind="uniform_int"),
            *(_number(f"units_{i}", 4, 64, kind="uniform_int", log=True) for i in range(3)),
            _number("rate", 0.0, 1.0),
        ],
        [{"type": "GT", "child": f"units_{i}", "parent": "layers", "value": i} for i in range(3)],
        [("error", -1.0, 6.0), ("cost", -1.0, 6.0)],
        {"cost": _Known(cost)},
        formula,
    )


def choices(count: int = 8) -> SyntheticBenchmark:
    """Build a space of three unordered choices, ``count`` ** 3 configurations: nothing in it is continuous."""

    def cost(values: Natural) -> Column:
        return values["x"].astype(np.float64)

    def formula(values: Natural, progress: Column) -> Mapping[str, Column]:
        return {"error": (values["x"] - 2) ** 2 + values["y"] + values["z"] - progress, "cost": cost(values)}

    return _benchmark(
        "choices",
        [{"type": "categorical", "name": name, "choices": list(range(count))} for name in "xyz"],
        [],
        [("error", -1.0, 100.0), ("cost", 0.0, float(count))],
        {"cost": _Known(cost)},
        formula,
    )
