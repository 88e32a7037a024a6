"""Regularised evolution: who dies, who becomes a parent, what a mutation changes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from bagbench.optimizers.base import Query, Result
from bagbench.optimizers.driving import drive, told
from bagbench.optimizers.mo_rea import MoRea
from bagbench.optimizers.synthetic import networks, tradeoff
from bagbench.problems.errors import InvalidArgument

PROBLEM = tradeoff().problem


def answer(query: Query, losses: Sequence[float]) -> Result:
    status = "failed" if np.isnan(losses).any() else "ok"
    return Result(query=query, losses=np.array(losses, dtype=float), seconds=1.0, status=status)


def changed(query: Query, parent: Query) -> int:
    return int((query.config != parent.config).sum())


def test_the_oldest_dies_however_good_it_is() -> None:
    search = MoRea(PROBLEM, seed=0, population=4, sample=2)
    queries = []
    for age in range(12):
        queries.append(search.ask())
        search.tell(answer(queries[-1], (float(age), float(age))))  # every one is worse than all before
    assert [vector.tobytes() for vector in search.population] == [query.config.tobytes() for query in queries[-4:]]


def test_age_counts_from_when_a_result_is_told() -> None:
    search = MoRea(PROBLEM, seed=0, population=2, sample=1)
    first, second, third = (search.ask() for _ in range(3))
    for query in (third, first, second):
        search.tell(answer(query, (1.0, 1.0)))
    assert [vector.tobytes() for vector in search.population] == [first.config.tobytes(), second.config.tobytes()]


@pytest.mark.parametrize("chain", [(2, 3, 1), (1, 2, 3), (3, 1, 2), (3, 2, 1)])
def test_of_three_in_a_chain_the_best_is_the_parent(chain: tuple[int, int, int]) -> None:
    search = MoRea(PROBLEM, seed=0, population=3, sample=3)  # all compete, so there is no luck
    queries = [search.ask() for _ in range(3)]
    for query, loss in zip(queries, chain, strict=True):
        search.tell(answer(query, (loss, loss)))
    best = queries[chain.index(1)]
    assert {changed(search.ask(), best) for _ in range(20)} == {1}


def test_on_a_front_the_lonely_win_over_the_crowded() -> None:
    search = MoRea(PROBLEM, seed=0, population=5, sample=4)
    queries = [search.ask() for _ in range(5)]
    for query, x in zip(queries, (0.0, 0.49, 0.5, 0.51, 1.0), strict=True):
        search.tell(answer(query, (x, 1 - x)))
    parents = [min(range(5), key=lambda i: changed(child, queries[i])) for child in (search.ask() for _ in range(50))]
    assert set(parents) == {0, 4}  # of any four, one extreme at least


def test_parents_are_the_best_of_samples_of_the_stated_size() -> None:
    """Oracle: the best of all is in a sample of 2 of 6 with probability 1/3, the worst is never the best of one."""
    search = MoRea(PROBLEM, seed=0, population=6, sample=2)
    queries = [search.ask() for _ in range(6)]
    for query, loss in zip(queries, range(6), strict=True):
        search.tell(answer(query, (loss, loss)))
    parents = [min(range(6), key=lambda i: changed(child, queries[i])) for child in (search.ask() for _ in range(1500))]
    shares = np.bincount(parents, minlength=6) / 1500
    assert np.allclose(shares, [5 / 15, 4 / 15, 3 / 15, 2 / 15, 1 / 15, 0], atol=0.04)


def test_a_mutation_changes_one_active_parameter_and_what_it_switches() -> None:
    search = MoRea(networks().problem, seed=0, population=1, sample=1)
    space = networks().problem.space
    drive(search, networks(), trials=1)
    parent = space.decode(search.population[0])
    for _ in range(100):
        child = space.decode(search.ask().config)
        differing = [name for name in parent if name in child and child[name] != parent[name]]
        assert len(differing) == 1
        assert set(child) == set(parent) or differing[0] in ("depth", "optimizer", "momentum")


def test_failed_trials_and_repeated_results_never_enter() -> None:
    search = MoRea(PROBLEM, seed=0, population=4, sample=2)
    for position in range(12):
        result = answer(search.ask(), (np.nan, 1.0) if position % 2 else (1.0, 1.0))
        search.tell(result)
        search.tell(result)
    assert len({vector.tobytes() for vector in search.population}) == 4


def test_it_begins_with_a_random_population_trained_in_full() -> None:
    results = told(drive(MoRea(PROBLEM, seed=0, population=8, sample=3), tradeoff(), trials=8))
    configs = np.array([result.query.config for result in results])
    assert all(len(np.unique(column)) == 8 for column in configs.T)
    assert {result.query.epochs for result in results} == {27}


@pytest.mark.parametrize("sample", [0, 31])
def test_a_sample_that_does_not_fit_the_population_is_refused(sample: int) -> None:
    with pytest.raises(InvalidArgument, match=rf"1 <= sample <= population, got sample={sample} and population=30"):
        MoRea(PROBLEM, seed=0, sample=sample)
