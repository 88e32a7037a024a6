"""What one simulated trial costs, everything included: asking, answering, keeping the history, telling."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import bagbench
from bagbench.surrogates.benchmark import SurrogateBenchmark

SHIPPED = Path(bagbench.__file__).parent / "data" / "digits.onnx"
TRIALS = 3000
pytestmark = pytest.mark.skipif(not SHIPPED.exists(), reason="no shipped surrogate")


def race(benchmark: SurrogateBenchmark, seed: int) -> float:
    """Run one race of random search; microseconds per trial."""
    optimizer = bagbench.OPTIMIZERS["random-search"](benchmark.problem, seed=seed)
    start = time.perf_counter()
    history = bagbench.simulate(benchmark, optimizer, budget_evaluations=TRIALS)
    assert len(history) == TRIALS
    return (time.perf_counter() - start) / TRIALS * 1e6


@pytest.mark.parametrize("noise", ["mean", "sample"])
def test_a_trial_costs_no_more_than_a_few_bare_queries(noise: str, say: Callable[[str], None]) -> None:
    benchmark = SurrogateBenchmark(SHIPPED, noise=noise)
    race(benchmark, 0)
    trial = min(race(benchmark, seed) for seed in range(1, 6))
    vectors = benchmark.problem.space.sample(np.random.default_rng(0), TRIALS)
    start = time.perf_counter()
    for vector in vectors:
        benchmark.query(vector)
    query = (time.perf_counter() - start) / TRIALS * 1e6
    say(f"one simulated trial of random search, noise {noise!r}: {trial:.1f} us, {query:.1f} us of it the query")
    assert trial < 6 * query
