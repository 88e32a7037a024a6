"""What a suggestion costs after 500 trials, ours against a library's of the same idea, in one run on one thread."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import bagbench
from bagbench.optimizers import OPTIMIZERS
from bagbench.optimizers.base import Result
from bagbench.problems.threads import one_thread

SHIPPED = Path(bagbench.__file__).parent / "data" / "digits.onnx"
TRIALS = 500
pytestmark = pytest.mark.skipif(not SHIPPED.exists(), reason="no shipped surrogate")


def milliseconds(name: str, asks: int, options: dict[str, int]) -> float:
    """Processor time of asking for a trial of `digits` and telling its result, median of so many after the first 500.

    The results are the surrogate's, so that every method has seen what it would see in a race.
    """
    benchmark = bagbench.open_benchmark("digits")
    optimizer = OPTIMIZERS[name](benchmark.problem, seed=0, **options)
    seconds = []
    for _ in range(TRIALS + asks):
        start = time.process_time()
        query = optimizer.ask()
        asked = time.process_time()
        assert query is not None
        outcome = benchmark.query(query.config, epochs=query.epochs, seed=query.seed)
        result = Result(query=query, losses=outcome.losses, seconds=outcome.seconds)
        told = time.process_time()
        optimizer.tell(result)
        seconds.append(asked - start + time.process_time() - told)
    return statistics.median(seconds[TRIALS:]) * 1e3


@pytest.mark.parametrize(
    ("ours", "theirs", "library", "factor", "asks"),
    [
        ("mo-bohb", "optuna-tpe", "optuna", 5, 26),
        ("nsga2", "optuna-nsga2", "optuna", 1, 100),
        ("ms-ehvi", "botorch-qlognehvi", "botorch", 5, 3),
    ],
)
def test_a_suggestion_of_ours_costs_less(
    ours: str, theirs: str, library: str, factor: float, asks: int, say: Callable[[str], None]
) -> None:
    if theirs not in OPTIMIZERS:
        pytest.skip(f"needs the extra {library}")
    # Gaussian processes would be fitted for hours on the way: here the first 500 trials are their initial design.
    options = {"ms-ehvi": {"initial": TRIALS}, "botorch-qlognehvi": {"startup": TRIALS}}
    with one_thread():
        our, their = (milliseconds(name, asks, options.get(name, {})) for name in (ours, theirs))
    say(
        f"a suggestion after {TRIALS} trials, median of {asks}: {ours} {our:.2f} ms, {theirs} {their:.2f} ms, "
        f"{their / our:.1f} times"
    )
    assert their / our >= factor
