"""The surrogate as a benchmark, beyond the contract that all benchmarks share."""

from __future__ import annotations

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bagbench.problems.errors import InvalidArgument, UnknownName
from bagbench.surrogates.benchmark import SurrogateBenchmark

ALL = ["test_error", "log10_macs", "train_seconds", "val_loss", "log10_params", "val_error"]


@pytest.mark.parametrize("noise", ["mean", "sample"])
@pytest.mark.parametrize("objectives", [None, ALL, ["log10_macs"]])
def test_every_way_to_ask_gives_the_same_bits(noise: str, objectives: list[str] | None, file: Path) -> None:
    benchmark = SurrogateBenchmark(file, noise=noise, objectives=objectives)
    space = benchmark.problem.space
    rng = np.random.default_rng(0)
    vectors, epochs, seeds = space.sample(rng, 60), rng.integers(1, 26, 60), rng.integers(0, 5, 60)
    losses, seconds = benchmark.query_batch(vectors, epochs, seeds)
    for row, (epoch, seed) in enumerate(zip(epochs.tolist(), seeds.tolist(), strict=True)):
        for config in (vectors[row], space.decode(vectors[row])):
            outcome = benchmark.query(config, epochs=epoch, seed=seed)
            assert (outcome.losses == losses[row]).all()
            assert outcome.seconds == seconds[row]
        last = benchmark.curve(vectors[row], epochs=epoch, seed=seed).at(epoch)
        assert (last.losses == losses[row]).all()
        assert last.seconds == seconds[row]


def test_known_objectives_are_exact_under_noise_too(file: Path) -> None:
    benchmark = SurrogateBenchmark(file, noise="sample", objectives=["log10_macs", "val_error", "log10_params"])
    vectors = benchmark.problem.space.sample(np.random.default_rng(1), 50)
    losses, _ = benchmark.query_batch(vectors, np.full(50, 7))
    known = benchmark.problem.known_losses(vectors)
    assert (losses[:, [0, 2]] == known[:, [0, 2]]).all()


def test_sampled_noise_has_the_spread_of_the_table_and_the_mean_of_the_prediction(file: Path) -> None:
    mean, sample = (SurrogateBenchmark(file, noise=noise, objectives=["val_error"]) for noise in ("mean", "sample"))
    vectors = mean.problem.space.sample(np.random.default_rng(2), 40)
    for_each = [np.repeat(vectors, 50, axis=0), np.full(2000, 25)]
    expected, _ = mean.query_batch(*for_each)
    drawn, _ = sample.query_batch(*for_each, np.tile(np.arange(50), 40))
    residuals = (drawn - expected).ravel()
    assert abs(residuals.mean()) < 1.0
    assert 2.0 < residuals.std() < 9.0  # the table's noise is 3; what the surrogate does not know comes on top


def test_threads_do_not_disturb_each_other(file: Path) -> None:
    benchmark = SurrogateBenchmark(file)
    vectors = benchmark.problem.space.sample(np.random.default_rng(3), 200)
    alone = [benchmark.query(vector).losses[0] for vector in vectors]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda vector: benchmark.query(vector).losses[0], [*vectors] * 5))
    assert together == alone * 5


def test_seconds_of_random_configurations_never_run_backwards(file: Path) -> None:
    for noise in ("mean", "sample"):
        benchmark = SurrogateBenchmark(file, noise=noise)
        for vector in benchmark.problem.space.sample(np.random.default_rng(4), 50):
            assert (np.diff(benchmark.curve(vector).seconds, prepend=0.0) > 0).all()


def test_unknown_noise_and_objective_are_named(file: Path) -> None:
    with pytest.raises(UnknownName, match="unknown noise 'loud': expected one of mean, sample"):
        SurrogateBenchmark(file, noise="loud")
    with pytest.raises(UnknownName, match="unknown objective of 'digits' 'accuracy'"):
        SurrogateBenchmark(file, objectives=["accuracy"])


def test_seeds_and_epochs_are_whole_numbers_of_any_kind(file: Path) -> None:
    sample = SurrogateBenchmark(file, noise="sample")
    vectors = sample.problem.space.sample(np.random.default_rng(5), 3)
    for same in (1, True, np.int64(1), np.uint8(1)):
        assert sample.query(vectors[0], seed=same).losses.tolist() == sample.query(vectors[0], seed=1).losses.tolist()
    for wrong in (1.0, "1", None, float("nan")):
        with pytest.raises(InvalidArgument, match="a seed is a whole number"):
            sample.query(vectors[0], seed=wrong)  # type: ignore[arg-type]
    whole = sample.query_batch(vectors, np.array([1, 5, 25]), np.arange(3))[0].tolist()
    listed: Any = [1, 5, 25], [0, 1, 2]
    assert sample.query_batch(vectors, *listed)[0].tolist() == whole
    for epochs, seeds in (([1, 5], None), ([1.0, 5.0, 25.0], None), ([1, 5, 25], [0, 1]), (25, None)):
        for noise in ("mean", "sample"):
            with pytest.raises(InvalidArgument, match="must be an array of 3 whole numbers, one for each"):
                SurrogateBenchmark(file, noise=noise).query_batch(vectors, epochs, seeds)  # type: ignore[arg-type]


def test_answers_cannot_be_written_to(file: Path) -> None:
    benchmark = SurrogateBenchmark(file)
    outcome = benchmark.query(benchmark.problem.space.sample(np.random.default_rng(6), 1)[0])
    with pytest.raises(ValueError, match="read-only"):
        outcome.losses[0] = 0.0


@pytest.mark.parametrize("noise", ["mean", "sample"])
def test_a_benchmark_that_nobody_holds_is_gone_at_once(noise: str, file: Path) -> None:
    """It holds megabytes of trees: a cycle of references would keep them until Python looks for cycles."""
    benchmark = SurrogateBenchmark(file, noise=noise)
    benchmark.query(benchmark.problem.space.sample(np.random.default_rng(7), 1)[0])
    remains = weakref.ref(benchmark)
    gc.disable()
    try:
        del benchmark
        assert remains() is None
    finally:
        gc.enable()
