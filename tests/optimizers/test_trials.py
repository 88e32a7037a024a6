"""The books of asked, open and scored trials, and the pools of candidates that are checked against them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bagbench.optimizers.base import Query, Result
from bagbench.optimizers.candidates import candidate_pool
from bagbench.optimizers.synthetic import networks, single, tiny
from bagbench.optimizers.trials import Trials

PROBLEM = networks().problem  # reference point (100, 3.5), 27 epochs
SPACE = PROBLEM.space


def result(query: Query, *losses: float) -> Result:
    return Result(query=query, losses=np.array(losses), seconds=1.0)


def three_queries() -> tuple[Trials, list[Query]]:
    trials = Trials(PROBLEM)
    return trials, [trials.query(vector) for vector in SPACE.sample(np.random.default_rng(0), 3)]


def test_trials_are_open_until_they_are_told_and_scored_in_the_order_told() -> None:
    trials, (first, second, third) = three_queries()
    assert len(trials.open) == len(trials) == 3
    assert trials.vectors.shape == (0, len(SPACE))
    assert trials.losses.shape == (0, 2)
    trials.tell(result(third, 10, 2))
    trials.tell(result(first, 20, 3))
    assert np.array_equal(trials.vectors, [third.config, first.config], equal_nan=True)
    assert trials.losses.tolist() == [[10, 2], [20, 3]]
    assert np.array_equal(trials.open, [second.config], equal_nan=True)
    assert len(trials) == 3


def test_failed_trials_score_nothing_and_diverged_ones_as_the_reference_point() -> None:
    trials, (failed, diverged, infinite) = three_queries()
    trials.tell(result(failed, np.nan, np.nan))
    trials.tell(result(diverged, 1e6, 3))
    trials.tell(result(infinite, np.inf, 3))
    assert trials.losses.tolist() == [[100, 3]]
    assert len(trials.open) == 0


def test_a_result_counts_once_and_partial_trainings_are_not_scored() -> None:
    trials, (first, second, _) = three_queries()
    for losses in ((10, 2), (30, 2)):
        trials.tell(result(first, *losses))
    trials.tell(result(replace(second, epochs=9), 1, 2))
    assert trials.losses.tolist() == [[10, 2]]


def test_queries_are_for_training_in_full() -> None:
    _, (query, _, _) = three_queries()
    assert (query.epochs, query.resume_from, query.config.flags.writeable) == (27, 0, False)


def test_what_was_asked_is_never_new_and_what_is_new_comes_once() -> None:
    trials, queries = three_queries()
    new = SPACE.sample(np.random.default_rng(1), 2)
    found = trials.unasked(np.array([new[0], queries[0].config, new[1], new[0]]))
    assert sorted(SPACE.digests(found)) == sorted(SPACE.digests(new))


def test_a_pool_is_legal_and_near_its_parents_to_one_half() -> None:
    rng = np.random.default_rng(0)
    parents = SPACE.sample(rng, 3)
    pool = candidate_pool(SPACE, parents, rng)
    SPACE.check(pool)
    assert len(pool) == 512

    def near(vector: np.ndarray) -> bool:
        both = ~np.isnan(vector) & ~np.isnan(parents)
        return bool((((vector != parents) & both).sum(axis=1) <= 1).any())

    assert all(near(vector) for vector in pool[256:])
    assert sum(near(vector) for vector in pool[:256]) < 5


@pytest.mark.parametrize("count", [0, 1, 100])
def test_any_number_of_parents_will_do(count: int) -> None:
    for problem in (PROBLEM, tiny().problem, single().problem):
        rng = np.random.default_rng(0)
        pool = candidate_pool(problem.space, problem.space.sample(rng, count), rng)
        assert len(pool) == (512 if count else 256)
