"""NSGA-II: survival against brute force, its two operators against the distributions that they are defined by."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from bagbench.optimizers.base import Query, Result
from bagbench.optimizers.driving import drive
from bagbench.optimizers.nsga2 import (
    Nsga2,
    _moved,
    cross,
    crowded_order,
    mutate_polynomially,
    polynomial_step,
    simulated_binary,
)
from bagbench.optimizers.synthetic import networks, tiny, tradeoff
from bagbench.problems import get_problem
from bagbench.problems.errors import InvalidArgument

Losses = NDArray[np.float64]
PROBLEM = tradeoff().problem


def answer(query: Query, losses: Sequence[float]) -> Result:
    status = "failed" if np.isnan(losses).any() else "ok"
    return Result(query=query, losses=np.array(losses, dtype=float), seconds=1.0, status=status)


def dominates(first: Losses, second: Losses) -> bool:
    return bool((first <= second).all() and (first < second).any())


def survivors_by_brute_force(losses: Losses, k: int) -> set[int]:
    """Take whole fronts while they fit; of the front that does not, those with the largest crowding distance."""
    left = set(range(len(losses)))
    kept: list[int] = []
    while left:
        front = [i for i in left if not any(dominates(losses[j], losses[i]) for j in left)]
        if len(kept) + len(front) > k:
            break
        kept += front
        left -= set(front)
    if not left:
        return set(kept)
    distance = dict.fromkeys(front, 0.0)
    for column in losses.T:
        row = sorted(front, key=lambda i: column[i])
        distance[row[0]] = distance[row[-1]] = np.inf
        for before, i, after in zip(row, row[1:], row[2:], strict=False):
            distance[i] += (column[after] - column[before]) / (column[row[-1]] - column[row[0]])
    return {*kept, *sorted(front, key=lambda i: -distance[i])[: k - len(kept)]}


@pytest.mark.parametrize("objectives", [2, 3])
def test_the_best_by_front_and_crowding_survive(objectives: int) -> None:
    rng = np.random.default_rng(0)
    for k in range(2, 20):
        losses = rng.random((20, objectives))
        assert set(crowded_order(losses)[:k].tolist()) == survivors_by_brute_force(losses, k)


def test_failed_trials_come_last_in_the_order() -> None:
    losses = np.array([[np.nan, 1.0], [2.0, 2.0], [1.0, 1.0]])
    assert crowded_order(losses).tolist() == [2, 1, 0]


def test_the_population_is_what_brute_force_keeps_of_it_and_the_newcomer() -> None:
    rng = np.random.default_rng(1)
    search = Nsga2(PROBLEM, seed=0, population=6)
    known: dict[bytes, Losses] = {}
    for _ in range(60):
        before, query, losses = search.population, search.ask(), rng.random(2)
        search.tell(answer(query, losses.tolist()))
        known[query.config.tobytes()] = losses
        candidates = [vector.tobytes() for vector in [*before, query.config]]
        kept = survivors_by_brute_force(np.array([known[name] for name in candidates]), 6)
        assert {vector.tobytes() for vector in search.population} == {candidates[i] for i in kept}


def test_of_two_drawn_members_the_better_one_is_the_parent() -> None:
    # Of three, the best wins two of the three possible pairs, the middle one, the worst none.
    search = Nsga2(PROBLEM, seed=0, population=3)
    queries = [search.ask() for _ in range(3)]
    for query, loss in zip(queries, (0.9, 0.1, 0.5), strict=True):
        search.tell(answer(query, (loss, loss)))
    best, middle, worst = (queries[i].config for i in (1, 2, 0))
    children = np.array([search.ask().config for _ in range(200)])
    inherits = [np.mean((children == parent).any(axis=1)) for parent in (best, middle, worst)]
    assert inherits[0] > inherits[1] > 0.3
    assert inherits[2] == 0.0


def test_crossover_spreads_children_as_the_polynomial_density_says() -> None:
    """Oracle: far from the bounds, P(spread <= b) is b^(n+1) / 2 below 1 and 1 - b^-(n+1) / 2 above (n = 5)."""
    draws = (np.arange(20_000) + 0.5) / 20_000
    first, second = np.full(draws.size, 0.499), np.full(draws.size, 0.501)
    children = simulated_binary(first, second, draws, np.ones(draws.size, dtype=bool))
    spread = (children - 0.5) / 0.001
    for b in (0.7, 0.9, 1.0, 1.2, 2.0):
        expected = b**6 / 2 if b <= 1 else 1 - b**-6 / 2
        assert np.mean(spread <= b) == pytest.approx(expected, abs=1e-3)


def test_crossover_keeps_the_mean_of_its_parents_and_stays_inside() -> None:
    rng = np.random.default_rng(0)
    first, second, draws = rng.random((3, 1000))
    lower = simulated_binary(first, second, draws, np.zeros(1000, dtype=bool))
    upper = simulated_binary(first, second, draws, np.ones(1000, dtype=bool))
    assert (lower <= upper).all()
    assert lower.min() >= 0 and upper.max() <= 1
    assert np.allclose(simulated_binary(first, first, draws, draws < 0.5), first, atol=1e-12)


def test_mutation_steps_have_the_polynomial_density() -> None:
    """Oracle: a step of d or more to the right of the middle has probability ((1-d)^6 - 1/2^6) / (1 - 1/2^6) / 2."""
    steps = np.array([polynomial_step(0.5, draw) for draw in (np.arange(4000) + 0.5) / 4000])
    assert np.allclose(steps, -steps[::-1])
    for d in (0.05, 0.1, 0.3):
        expected = ((1 - d) ** 6 - 0.5**6) / (1 - 0.5**6) / 2
        assert np.mean(steps >= d) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("x", [0.0, 0.01, 0.5, 1.0])
def test_mutation_stays_inside(x: float) -> None:
    moved = [x + polynomial_step(x, draw) for draw in np.linspace(0, 0.999999, 101)]
    assert min(moved) >= -1e-12 and max(moved) <= 1 + 1e-12


def test_mutation_changes_one_active_parameter_on_average() -> None:
    space, rng = PROBLEM.space, np.random.default_rng(0)
    parent = np.full(6, 0.5)
    children = [mutate_polynomially(space, parent, fresh, rng) for fresh in space.sample_all(rng, 1000)]
    assert np.mean([(child != parent).sum() for child in children]) == pytest.approx(1.0, abs=0.1)


def test_children_are_legal_and_every_kind_of_parameter_varies() -> None:
    space, rng = networks().problem.space, np.random.default_rng(0)
    parents = space.sample(rng, 40)
    seen = []
    for first, second in itertools.pairwise(parents):
        for fresh in space.sample_all(rng, 10):
            child = mutate_polynomially(space, cross(space, first, second, rng), fresh, rng)
            space.check(child[None])
            seen.append(~((child == first) | (child == second) | np.isnan(child)))
    changed = dict(zip(space.names, np.any(seen, axis=0).tolist(), strict=True))
    assert not changed.pop("version")
    assert all(changed.values())


def test_a_value_that_only_one_parent_has_is_inherited() -> None:
    space, rng = get_problem("digits").space, np.random.default_rng(0)
    shallow, deep = (
        next(row for row in space.sample(rng, 200) if space.decode(row)["n_conv_l"] == depth) for depth in (1, 3)
    )
    widths = [space.index["n_conv_1"], space.index["n_conv_2"]]
    for first, second in ((shallow, deep), (deep, shallow)):
        assert np.array_equal(cross(space, first, second, rng)[widths], deep[widths])


def test_an_offspring_is_a_parent_as_soon_as_it_is_told() -> None:
    search = Nsga2(PROBLEM, seed=0, population=4)
    drive(search, tradeoff(), trials=12)
    query = search.ask()
    search.tell(answer(query, (-1.0, -1.0)))
    assert search.population[0].tobytes() == query.config.tobytes()


def test_failed_trials_and_repeated_results_never_enter() -> None:
    search = Nsga2(PROBLEM, seed=0, population=4)
    for position in range(12):
        query = search.ask()
        result = answer(query, (np.nan, np.nan) if position % 3 == 0 else (position, -position))
        search.tell(result)
        search.tell(result)
    assert len({vector.tobytes() for vector in search.population}) == 4


def test_a_space_that_is_used_up_is_asked_for_again() -> None:
    search = Nsga2(tiny().problem, seed=0)
    drive(search, tiny(), trials=30)
    assert len(search.population) == 4


def test_a_population_of_one_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"nsga2 needs a population of 2 or more, got population=1"):
        Nsga2(PROBLEM, seed=0, population=1)


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("recombined", [False, True])
def test_a_mutated_integer_never_stays(depth: int, recombined: bool) -> None:
    """At an end of its range it moves inwards, and numbers that a crossover left off their grid count as on it."""
    space = get_problem("digits").space
    position, rng = space.index["n_conv_l"], np.random.default_rng(0)
    parents = [vector for vector in space.sample(rng, 200) if space.decode(vector)["n_conv_l"] == depth]
    moved = 0
    for vector, fresh in zip(parents, space.sample_all(rng, len(parents)), strict=True):
        child = cross(space, vector, parents[0], rng) if recombined else vector
        mutated = np.array([_moved(space.parameters[position], float(child[position]), step) for step in (-0.01, 0.01)])
        depths = [int(space.parameters[position].decode(float(x))) for x in mutated]
        assert all(1 <= found <= 3 and abs(found - depth) == 1 for found in depths)
        changed = mutate_polynomially(space, child, fresh, rng)
        moved += space.decode(changed)["n_conv_l"] != depth
    assert moved >= 1
