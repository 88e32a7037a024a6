"""MO-DEHB: its cycles written by hand, its children taken apart, its subpopulations against brute force."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import moocore
import numpy as np
import pytest
from numpy.typing import NDArray

from bagbench.optimizers.base import Query, Result
from bagbench.optimizers.driving import drive, told
from bagbench.optimizers.mo_dehb import MoDehb
from bagbench.optimizers.synthetic import networks, single, tradeoff
from bagbench.problems.errors import InvalidArgument

Losses = NDArray[np.float64]
Vector = NDArray[np.float64]

PROBLEM = tradeoff().problem  # six floats, so vectors are numbers of the unit cube; reference point (1.1, 11)
FIRST_CYCLE = 9 + 3 + 1 + 3 + 1 + 3  # trials, on the ladder of 3, 9 and 27 epochs


def search_from(**options: float) -> MoDehb:
    return MoDehb(PROBLEM, seed=0, min_epochs=3, **options)


def answer(query: Query, losses: Sequence[float]) -> Result:
    array = np.array(losses, dtype=float)
    array.flags.writeable = False
    return Result(query=query, losses=array, seconds=1.0, status="failed" if np.isnan(array).any() else "ok")


def key(vector: Vector) -> bytes:
    return vector.tobytes()


def keys(vectors: Sequence[Vector]) -> list[bytes]:
    return [key(vector) for vector in vectors]


def asked_at(search: MoDehb, epochs: int) -> Query:
    """The next query of so many epochs; those before it get no result."""
    return next(query for query in (search.ask() for _ in range(100)) if query.epochs == epochs)


def test_the_first_cycle_promotes_and_the_later_ones_train_children_from_scratch() -> None:
    # 9 x 3 -> 3 x 9 -> 1 x 27 | 3 x 9 -> 1 x 27 | 3 x 27, then the same without resuming
    results = told(drive(search_from(), tradeoff(), trials=2 * FIRST_CYCLE))
    steps = [(result.query.epochs, result.query.resume_from) for result in results]
    epochs = [3] * 9 + [9] * 3 + [27] + [9] * 3 + [27] + [27] * 3
    resumed = [0] * 9 + [3] * 3 + [9] + [0] * 3 + [9] + [0] * 3
    assert steps == list(zip(epochs, resumed, strict=True)) + [(rung, 0) for rung in epochs]


def test_subpopulations_are_as_large_as_the_largest_rungs() -> None:
    search = MoDehb(PROBLEM, seed=0)
    drive(search, tradeoff(), trials=300)
    assert [len(search.population(epochs)) for epochs in (1, 3, 9, 27)] == [27, 9, 6, 4]


def test_subpopulations_keep_the_best_by_front_and_exclusive_hypervolume() -> None:
    """Oracle: drop, one by one, the last front's least contributor as moocore has it."""
    rng = np.random.default_rng(0)
    search = search_from()
    kept: dict[int, dict[bytes, Losses]] = {3: {}, 9: {}, 27: {}}
    for _ in range(120):
        query, losses = search.ask(), rng.random(2) * [1.3, 13.0]
        search.tell(answer(query, losses.tolist()))
        members = kept[query.epochs]
        members[key(query.config)] = losses
        if len(members) > {3: 9, 9: 3, 27: 3}[query.epochs]:
            del members[_worst(members)]
        assert set(keys(search.population(query.epochs))) == set(members)


def _worst(members: dict[bytes, Losses]) -> bytes:
    names, losses = list(members), np.array(list(members.values()))
    ranks = moocore.pareto_rank(losses)
    last = np.flatnonzero(ranks == ranks.max())
    clipped = np.minimum(losses[last], PROBLEM.reference_point)
    contributions = moocore.hv_contributions(clipped, ref=PROBLEM.reference_point)
    least = np.flatnonzero(contributions == contributions.min())[-1]  # of equals, the youngest goes
    return names[int(last[least])]


def test_a_child_replaces_the_worst_and_not_its_partner() -> None:
    search = search_from()
    drive(search, tradeoff(), trials=FIRST_CYCLE)
    before = keys(search.population(3))
    child = search.ask()
    search.tell(answer(child, (1e-6, 1e-6)))  # it dominates all others
    assert child.epochs == 3
    assert set(keys(search.population(3))) == {key(child.config), *before[:8]}


def test_with_no_crossover_a_child_is_a_member_of_its_rung_but_for_one_number() -> None:
    search = search_from(crossover=0.0)
    drive(search, tradeoff(), trials=FIRST_CYCLE)
    for epochs in (3, 9, 27):
        child = asked_at(search, epochs)
        differing = [(child.config != member).sum() for member in search.population(epochs)]
        assert min(differing) == 1


@pytest.mark.parametrize("scaling", [0.2, 0.5])
def test_a_mutant_is_a_parent_plus_the_scaled_difference_of_two_others_of_the_rung_below(scaling: float) -> None:
    """At 9 epochs the parents are the best three at 3 epochs: one of six ways to combine them fits."""
    search = search_from(crossover=1.0, scaling=scaling)
    drive(search, tradeoff(), trials=FIRST_CYCLE)
    child = asked_at(search, 9).config
    mutants = [a + scaling * (b - c) for a, b, c in permutations(search.population(3)[:3])]
    fits = [(np.abs(child - mutant) < 1e-9) | (mutant < 0) | (mutant >= 1) for mutant in mutants]
    assert max(fit.sum() for fit in fits) == len(child)
    assert any(
        ((mutant >= 0) & (mutant < 1)).sum() >= 3 for mutant, fit in zip(mutants, fits, strict=True) if fit.all()
    )


def test_where_parents_are_too_few_others_of_any_rung_help_out() -> None:
    search = search_from()
    drive(search, tradeoff(), trials=FIRST_CYCLE)
    best = search._populations[9][:1]
    parents = search._parents(best)
    assert len(set(keys(parents))) == 3
    assert key(parents[0]) == key(best[0].unit)


def test_numbers_that_leave_the_cube_are_drawn_anew_and_not_clipped() -> None:
    results = told(drive(search_from(scaling=3.0, crossover=1.0), tradeoff(), trials=100))
    numbers = np.array([result.query.config for result in results])
    assert ((numbers > 0) & (numbers < 1)).all()


def test_a_first_bracket_that_waits_lets_the_others_begin_and_then_evolution() -> None:
    search = search_from()
    queries = [search.ask() for _ in range(60)]
    assert [query.epochs for query in queries[:15]] == [3] * 9 + [9] * 3 + [27] * 3
    assert [query.epochs for query in queries[15:25]] == [3] * 9 + [9]
    assert len(set(keys([query.config for query in queries]))) == 60


def test_failed_trials_never_enter_a_subpopulation() -> None:
    search = search_from()
    failed = set()
    for count in range(80):
        query = search.ask()
        if count % 2:
            failed.add((key(query.config), query.epochs))
        search.tell(answer(query, (np.nan, np.nan) if count % 2 else (0.5, 5.0 + count)))
    members = {(name, epochs) for epochs in (3, 9, 27) for name in keys(search.population(epochs))}
    assert members
    assert not members & failed


def test_a_rung_never_sees_a_configuration_twice() -> None:
    results = told(drive(MoDehb(networks().problem, seed=0), networks(), trials=250))
    trials = [(key(result.query.config), result.query.epochs) for result in results]
    assert len(set(trials)) == len(trials)


def test_a_space_of_one_configuration_is_survived() -> None:
    search = MoDehb(single().problem, seed=0)
    drive(search, single(), trials=60)
    assert len(search.population(1)) == 1


def test_before_any_result_subpopulations_are_empty() -> None:
    assert search_from().population(27) == []


@pytest.mark.parametrize(("options", "got"), [({"scaling": 0.0}, "scaling=0.0"), ({"crossover": 1.5}, "crossover=1.5")])
def test_options_out_of_range_are_refused(options: dict[str, float], got: str) -> None:
    with pytest.raises(InvalidArgument, match=f"mo-dehb needs.*{got}"):
        search_from(**options)
