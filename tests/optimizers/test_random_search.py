"""Random search: the law it draws by, and that it repeats nothing before it must."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from bagbench.optimizers.random_search import RandomSearch
from bagbench.optimizers.synthetic import networks, single, tiny
from bagbench.problems import get_problem
from bagbench.problems.problem import Problem
from bagbench.problems.space import Space


def vectors(problem: Problem, n: int, seed: int = 0) -> NDArray[np.float64]:
    search = RandomSearch(problem, seed=seed)
    return np.array([search.ask().config for _ in range(n)])


def test_every_trial_is_trained_in_full_from_scratch() -> None:
    search = RandomSearch(networks().problem, seed=0)
    queries = [search.ask() for _ in range(300)]
    assert {(query.epochs, query.resume_from, query.seed) for query in queries} == {(27, 0, 0)}


def test_it_draws_by_the_law_of_the_space() -> None:
    space = get_problem("digits").space
    found = vectors(get_problem("digits"), 1024)
    expected = space.sample(np.random.default_rng(1), 20_000)
    assert np.nanmean(found, axis=0) == pytest.approx(np.nanmean(expected, axis=0), abs=0.03)
    assert np.isnan(found).mean(axis=0) == pytest.approx(np.isnan(expected).mean(axis=0), abs=0.03)


def test_it_covers_the_space_more_evenly_than_chance() -> None:
    rate = get_problem("digits").space.index["lr_init"]
    found = np.sort(vectors(get_problem("digits"), 256)[:, rate])
    # one point in each of 256 equal bins; independent draws leave about 37 % of the bins empty
    assert (np.floor(found * 256) == np.arange(256)).all()


def test_nothing_comes_twice_across_blocks() -> None:
    problem = networks().problem
    assert len(set(problem.space.digests(vectors(problem, 1000)))) == 1000


def test_a_small_space_is_used_up_before_anything_repeats() -> None:
    width = {"type": "uniform_int", "name": "width", "lower": 1, "upper": 50, "log": True}
    switch = {"type": "categorical", "name": "switch", "choices": [False, True]}
    bonus = {"type": "uniform_int", "name": "bonus", "lower": 1, "upper": 4}
    only_if = {"type": "EQ", "child": "bonus", "parent": "switch", "value": True}
    space = Space.from_document({"hyperparameters": [width, switch, bonus], "conditions": [only_if]})
    digests = space.digests(vectors(replace(networks().problem, space=space), 500))
    everything = 50 * (1 + 4)
    assert len(set(digests[:everything])) == everything
    assert len(set(digests[everything:])) == everything


def test_four_configurations_and_one_go_round() -> None:
    for problem, size in ((tiny().problem, 4), (single().problem, 1)):
        digests = problem.space.digests(vectors(problem, 4 * size))
        assert all(len(set(digests[start : start + size])) == size for start in range(0, 4 * size, size))


def test_other_seeds_draw_other_points() -> None:
    digests = networks().problem.space.digests
    assert not set(digests(vectors(networks().problem, 20, seed=0))) & set(
        digests(vectors(networks().problem, 20, seed=1))
    )
