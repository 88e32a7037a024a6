"""How fast the surrogate answers, against a library that evaluates trees, in one run."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import xgboost

import bagbench
from bagbench.surrogates.benchmark import SurrogateBenchmark
from bagbench.surrogates.features import Features

SHIPPED = Path(bagbench.__file__).parent / "data" / "digits.onnx"
pytestmark = pytest.mark.skipif(not SHIPPED.exists(), reason="no shipped surrogate")

TREES, LEAVES = 64, 1024

Task = tuple[Callable[[object], object], Sequence[object]]
"""A function and the arguments that it is called with, one after the other."""


def fastest(*tasks: Task, repeats: int = 15) -> list[float]:
    """Time per call in microseconds: the fastest of several passes, in turns, so that all meet the same machine.

    Each timed pass follows one that brings what it needs back into the caches.
    """
    times: list[list[float]] = [[] for _ in tasks]
    for _ in range(repeats):
        for (function, arguments), passes in zip(tasks, times, strict=True):
            for _ in range(2):
                start = time.perf_counter()
                for argument in arguments:
                    function(argument)
                seconds = time.perf_counter() - start
            passes.append(seconds / len(arguments))
    return [min(passes) * 1e6 for passes in times]


def booster_of(features: np.ndarray, targets: np.ndarray) -> xgboost.Booster:
    """Grow the trees of a forest that was shipped before there was a network, and was less like its teacher."""
    settings = {"tree_method": "hist", "grow_policy": "lossguide", "max_depth": 0, "max_leaves": LEAVES, "nthread": 1}
    return xgboost.train(settings, xgboost.DMatrix(features, targets), TREES)


def test_query_from_a_dict_is_20_times_faster_than_one_row_of_xgboost(say: Callable[[str], None]) -> None:
    benchmark = SurrogateBenchmark(SHIPPED)
    space = benchmark.problem.space
    vectors = space.sample(np.random.default_rng(0), 300)
    configs = [space.decode(vector) for vector in vectors]
    many, last = space.sample(np.random.default_rng(1), 5000), np.full(5000, 25)
    features = Features(benchmark.problem).matrix(many, last).astype(np.float32)
    losses, _ = benchmark.query_batch(many, last)
    booster = booster_of(features, losses[:, 0])
    rows = [features[i : i + 1] for i in range(300)]

    single, by_vector, library, curve, batches, library_batches = fastest(
        (benchmark.query, configs),
        (benchmark.query, list(vectors)),
        (booster.inplace_predict, rows),
        (benchmark.curve, configs),
        (lambda _: benchmark.query_batch(many, last), [None]),
        (lambda _: booster.inplace_predict(features), [None]),
    )
    batch, library_batch = batches / len(many), library_batches / len(many)
    say(
        f"one query from a dict: {single:.1f} us, {library / single:.1f} times as fast as `Booster.inplace_predict` on "
        f"one row of {TREES} trees of {LEAVES:,} leaves ({library:.1f} us)"
    )
    say(
        f"one query from a vector: {by_vector:.1f} us; a curve of 25 epochs: {curve:.0f} us; "
        f"`query_batch`: {batch:.2f} us a configuration, {batch / library_batch:.2f} times as long as "
        f"`inplace_predict` with these trees ({library_batch:.2f} us)"
    )
    assert library / single >= 20


OPENING = r"""
import json, re, time
begun = time.process_time()
{code}
seconds = time.process_time() - begun
print(json.dumps([seconds, int(re.search(r"VmHWM:\s+(\d+) kB", open("/proc/self/status").read())[1]) / 1024]))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from Linux's /proc")
def test_opening_costs_little_more_than_its_libraries_and_little_memory(say: Callable[[str], None]) -> None:
    """From nothing to the first answer, in processor time, beside importing onnxruntime and numpy alone."""
    config = SurrogateBenchmark(SHIPPED).problem.space.sample(np.random.default_rng(0), 1)[0].tolist()
    opening = "import numpy; from bagbench.simulator.benchmarks import open_benchmark; "
    opening += f"open_benchmark('digits').query(numpy.array({config}).astype(float))".replace("nan", "numpy.nan")
    found: list[list[float]] = []
    for code in (opening, "import numpy, onnxruntime") * 5:
        command = [sys.executable, "-c", OPENING.format(code=code)]
        found.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    seconds, megabytes = min(found[::2])
    libraries, _ = min(found[1::2])
    say(
        f"from nothing to the first answer: {1000 * seconds:.0f} ms of processor time, {1000 * libraries:.0f} of them "
        f"to import numpy and onnxruntime; {megabytes:.0f} MB of memory"
    )
    assert seconds < 3 * libraries
    assert megabytes < 150
