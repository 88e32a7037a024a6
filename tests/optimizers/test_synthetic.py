"""The closed-form benchmarks: what they claim of themselves."""

from __future__ import annotations

from collections.abc import Callable

import moocore
import numpy as np
import pytest

from bagbench.optimizers.synthetic import (
    TRADEOFF_HYPERVOLUME,
    SyntheticBenchmark,
    flat,
    networks,
    single,
    tiny,
    tradeoff,
)
from bagbench.problems.benchmark import Benchmark

ALL = pytest.mark.parametrize("build", [flat, networks, single, tiny, tradeoff])
Build = Callable[[], SyntheticBenchmark]


@ALL
def test_every_path_gives_the_same_answer(build: Build) -> None:
    benchmark = build()
    assert isinstance(benchmark, Benchmark)
    vectors = benchmark.problem.space.sample(np.random.default_rng(0), 5)
    losses, seconds = benchmark.query_batch(vectors, np.full(5, 9))
    for vector, expected, cost in zip(vectors, losses, seconds, strict=True):
        outcome = benchmark.query(vector, epochs=9)
        assert outcome.losses.tolist() == expected.tolist() == benchmark.curve(vector).losses[8].tolist()
        assert outcome.seconds == cost == 9


@ALL
def test_known_objectives_are_exact(build: Build) -> None:
    benchmark = build()
    vectors = benchmark.problem.space.sample(np.random.default_rng(0), 30)
    known = benchmark.problem.known_losses(vectors)
    losses, _ = benchmark.query_batch(vectors, np.full(30, 27))
    assert not np.isnan(known).all()
    assert (np.isnan(known) | (known == losses)).all()
    for name, function in benchmark.problem.known.items():
        column = benchmark.problem.objective_names.index(name)
        assert [function.one(benchmark.problem.space.decode(vector)) for vector in vectors] == known[:, column].tolist()


def test_the_front_of_tradeoff_has_the_hypervolume_that_is_claimed() -> None:
    benchmark = tradeoff()
    vectors = np.zeros((20_001, 6))
    vectors[:, 0] = np.linspace(0, 1, len(vectors))
    losses, _ = benchmark.query_batch(vectors, np.full(len(vectors), 27))
    found = moocore.hypervolume(losses, ref=benchmark.problem.reference_point)
    assert found == pytest.approx(TRADEOFF_HYPERVOLUME, abs=1e-3)
    assert found < TRADEOFF_HYPERVOLUME


def test_no_configuration_of_tradeoff_lies_below_its_front() -> None:
    benchmark = tradeoff()
    vectors = benchmark.problem.space.sample(np.random.default_rng(0), 5000) ** 4  # drawn towards the front
    first, second = benchmark.query_batch(vectors, np.full(5000, 27))[0].T
    assert (second >= 1 - np.sqrt(first)).all()


def test_training_helps() -> None:
    for benchmark in (tradeoff(), networks()):
        vector = benchmark.problem.space.sample(np.random.default_rng(0), 1)[0]
        assert (np.diff(benchmark.curve(vector).losses.max(axis=1)) < 0).all()


@pytest.mark.parametrize(("build", "size"), [(tiny, 4), (single, 1)])
def test_small_spaces_are_as_small_as_they_say(build: Build, size: int) -> None:
    space = build().problem.space
    assert len(set(space.digests(space.sample(np.random.default_rng(0), 200)))) == size


def test_flat_is_flat() -> None:
    benchmark = flat()
    losses, _ = benchmark.query_batch(benchmark.problem.space.sample(np.random.default_rng(0), 20), np.arange(1, 21))
    assert (losses == losses[0]).all()


def test_networks_uses_every_kind_of_parameter_and_nested_conditions() -> None:
    space = networks().problem.space
    vectors = space.sample(np.random.default_rng(0), 300)
    inactive = dict(zip(space.names, np.isnan(vectors).mean(axis=0), strict=True))
    assert inactive["nesterov"] > inactive["momentum"] > 0 < inactive["width_1"] < inactive["width_2"]
    assert set(space.configspace()) == set(space.names)
