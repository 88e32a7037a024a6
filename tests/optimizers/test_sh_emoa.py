"""SH-EMOA: its ladder against schedules written by hand, and a test for each defect of the published code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import moocore
import numpy as np
import pytest
from numpy.typing import NDArray

from bagbench.optimizers.base import Query, Result
from bagbench.optimizers.driving import drive, score, told
from bagbench.optimizers.sh_emoa import ShEmoa
from bagbench.optimizers.synthetic import SyntheticBenchmark, networks, single, tradeoff
from bagbench.problems import get_problem
from bagbench.problems.errors import InvalidArgument

Losses = NDArray[np.float64]

PROBLEM = tradeoff().problem  # six floats, reference point (1.1, 11)
RUNGS = (5, 12, 27)


def answer(query: Query, losses: Sequence[float]) -> Result:
    array = np.array(losses, dtype=float)
    array.flags.writeable = False
    return Result(query=query, losses=array, seconds=1.0, status="failed" if np.isnan(array).any() else "ok")


def on_a_front(position: float) -> tuple[float, float]:
    """Losses that no other position dominates."""
    return position, 11 * (1 - position)


def key(query: Query) -> bytes:
    return query.config.tobytes()


def population(search: ShEmoa) -> list[bytes]:
    return [vector.tobytes() for vector in search.population]


def shares_a_value(query: Query, other: Query) -> bool:
    return bool((query.config == other.config).any())


def test_the_ladder_is_climbed_as_written_by_hand() -> None:
    # rung 0: 2 random + 4 offspring | rung 1: 2 promotions + 2 offspring | rung 2: 2 promotions + offspring for ever
    search = ShEmoa(PROBLEM, seed=0, mu=2, offspring=4)
    results = told(drive(search, tradeoff(), trials=20))
    steps = [(result.query.epochs, result.query.resume_from) for result in results]
    assert steps == [(5, 0)] * 6 + [(12, 5)] * 2 + [(12, 0)] * 2 + [(27, 12)] * 2 + [(27, 0)] * 8


def test_reevaluations_are_queries_of_the_survivors_that_resume_their_training() -> None:
    search = ShEmoa(PROBLEM, seed=1, mu=3, offspring=5)
    drive(search, tradeoff(), trials=8)
    survivors = population(search)
    promotions = [search.ask() for _ in range(3)]
    assert [key(query) for query in promotions] == survivors
    assert {(query.epochs, query.resume_from, query.seed) for query in promotions} == {(12, 5, 0)}


def test_without_offspring_the_initial_population_climbs_alone() -> None:
    results = told(drive(ShEmoa(PROBLEM, seed=0, mu=3, offspring=0), tradeoff(), trials=9))
    assert [result.query.epochs for result in results] == [5] * 3 + [12] * 3 + [27] * 3


def test_every_child_is_trained_to_the_epochs_of_the_rung_whatever_its_parents_were() -> None:
    events = drive(ShEmoa(PROBLEM, seed=0, mu=4, offspring=8), tradeoff(), workers=7, trials=60)
    epochs = [event.epochs for event in events if isinstance(event, Query)]
    assert epochs == sorted(epochs)
    assert set(epochs) == set(RUNGS)


def test_depths_change_along_a_lineage() -> None:
    space = get_problem("digits").space
    search = ShEmoa(get_problem("digits"), seed=0, mu=2, offspring=60)
    found = set()
    for position in range(60):
        query = search.ask()
        assert query is not None
        config = space.decode(query.config)
        found.add((config["n_conv_l"], config["n_fc_l"]))
        search.tell(answer(query, (position, 5.0)))  # the first two stay the best: all others are their children
    assert {depth for depth, _ in found} == {depth for _, depth in found} == {1, 2, 3}


def test_survivors_are_those_of_front_and_exclusive_hypervolume() -> None:
    """Oracle: drop, one by one, the last front's least contributor as moocore has it."""
    rng = np.random.default_rng(0)
    search = ShEmoa(PROBLEM, seed=0, mu=6, offspring=100)
    kept: dict[bytes, Losses] = {}
    for _ in range(80):
        query, losses = search.ask(), rng.random(2) * [1.3, 13.0]
        assert query is not None
        search.tell(answer(query, losses.tolist()))
        kept[key(query)] = losses
        if len(kept) > 6:
            del kept[_worst(kept)]
        assert set(population(search)) == set(kept)


def _worst(members: dict[bytes, Losses]) -> bytes:
    names, losses = list(members), np.array(list(members.values()))
    ranks = moocore.pareto_rank(losses)
    last = np.flatnonzero(ranks == ranks.max())
    clipped = np.minimum(losses[last], PROBLEM.reference_point)
    contributions = moocore.hv_contributions(clipped, ref=PROBLEM.reference_point)
    least = np.flatnonzero(contributions == contributions.min())[-1]  # of equals, the youngest goes
    return names[int(last[least])]


def test_parents_are_chosen_by_the_order_of_survival_and_not_by_a_product() -> None:
    search = ShEmoa(PROBLEM, seed=0, mu=3, offspring=100)  # three members: every tournament has all of them
    first = [search.ask() for _ in range(3)]
    # exclusive hypervolumes 0.47, 0.10, 0.01; products of the distances to the reference 0.53, 1.15, 1.05
    for query, losses in zip(first, [(0.05, 10.5), (0.99, 0.51), (1.0, 0.5)], strict=True):
        search.tell(answer(query, losses))
    assert all(shares_a_value(search.ask(), first[0]) for _ in range(50))


def test_members_with_equal_losses_are_told_apart() -> None:
    search = ShEmoa(PROBLEM, seed=0, mu=4, offspring=40)
    asked = []
    for _ in range(20):
        asked.append(search.ask())
        search.tell(answer(asked[-1], (0.5, 5.0)))
    assert population(search) == [key(query) for query in asked[:4]]


@pytest.mark.parametrize("losses", [(2.0, 20.0), (1.1, 11.0), (0.5, 11.0)])
def test_a_front_without_volume_is_ranked_all_the_same(losses: tuple[float, float]) -> None:
    search = ShEmoa(PROBLEM, seed=0, mu=4, offspring=8)
    for _ in range(40):
        search.tell(answer(search.ask(), losses))
    assert search.ask().epochs == 27
    assert len(set(population(search))) == 4


def test_the_front_is_of_all_results_and_not_of_the_population() -> None:
    search = ShEmoa(PROBLEM, seed=0, mu=2, offspring=20)
    for position in np.linspace(0.1, 0.9, 9):
        search.tell(answer(search.ask(), on_a_front(position)))
    search.tell(answer(search.ask(), (1.0, 10.0)))
    assert [tuple(result.losses) for result in search.front()] == [on_a_front(x) for x in np.linspace(0.1, 0.9, 9)]
    assert len(search.population) == 2


def test_the_front_takes_a_configuration_as_trained_longest() -> None:
    search = ShEmoa(PROBLEM, seed=0, mu=2, offspring=0)
    for losses in [on_a_front(0.2), on_a_front(0.4), on_a_front(0.6), on_a_front(0.8)]:
        search.tell(answer(search.ask(), losses))
    assert [result.query.epochs for result in search.front()] == [12, 12]


def test_before_any_result_the_front_is_empty() -> None:
    assert ShEmoa(PROBLEM, seed=0).front() == []


def test_a_straggler_that_would_have_survived_is_promoted_late() -> None:
    # asks   a b c d | promotions of the two best of a, b, c | ...
    # tells  a b c   |                                         d
    for losses, late in [((0.01, 0.01), True), ((1.0, 10.9), False)]:
        search = ShEmoa(PROBLEM, seed=0, mu=2, offspring=2)
        *punctual, straggler = [search.ask() for _ in range(4)]
        for query, position in zip(punctual, (0.2, 0.5, 0.9), strict=True):
            search.tell(answer(query, on_a_front(position)))
        assert [search.ask().resume_from for _ in range(2)] == [5, 5]
        search.tell(answer(straggler, losses))
        following = search.ask()
        assert (key(following) == key(straggler)) == late
        assert (following.epochs, following.resume_from) == (12, 5 if late else 0)


def test_while_promotions_are_out_parents_come_from_the_rung_below() -> None:
    search = ShEmoa(PROBLEM, seed=0, mu=3, offspring=3)
    drive(search, tradeoff(), trials=6)
    promotions = [search.ask() for _ in range(3)]
    children = [search.ask() for _ in range(10)]
    assert {child.epochs for child in children} == {12}
    assert all(any(shares_a_value(child, parent) for parent in promotions) for child in children)


def test_failed_trials_never_enter_the_population() -> None:
    search = ShEmoa(PROBLEM, seed=0, mu=3, offspring=30)
    failed = set()
    for position in range(20):
        query = search.ask()
        fails = position % 2 == 0
        failed |= {key(query)} if fails else set()
        search.tell(answer(query, (np.nan, np.nan) if fails else on_a_front(position / 20)))
    assert len(search.population) == 3
    assert not failed & set(population(search))


def test_a_failed_promotion_leaves_a_place_to_a_child() -> None:
    search = ShEmoa(PROBLEM, seed=0, mu=3, offspring=3)
    drive(search, tradeoff(), trials=6)
    for losses in [on_a_front(0.2), (np.nan, np.nan), on_a_front(0.6), on_a_front(0.8)]:
        search.tell(answer(search.ask(), losses))
    assert len(search.population) == 3


def test_where_everything_fails_it_keeps_drawing_at_random_on_the_lowest_rung() -> None:
    search = ShEmoa(PROBLEM, seed=0, mu=2, offspring=2)
    queries = []
    for _ in range(30):
        queries.append(search.ask())
        search.tell(answer(queries[-1], (np.nan, np.nan)))
    assert {query.epochs for query in queries} == {5}
    assert len({key(query) for query in queries}) == 30


def test_a_space_smaller_than_the_population_is_climbed_too() -> None:
    results = told(drive(ShEmoa(single().problem, seed=0, mu=5, offspring=5), single(), trials=30))
    assert {result.query.epochs for result in results} == set(RUNGS)


def test_nothing_is_asked_twice_at_the_same_epochs() -> None:
    results = told(drive(ShEmoa(networks().problem, seed=0, mu=4, offspring=20), networks(), trials=150))
    asked = [(key(result.query), result.query.epochs) for result in results]
    assert len(set(asked)) == len(asked)


def test_it_may_resume_only_what_was_trained() -> None:
    """A configuration whose first training failed has nothing to resume."""
    search = ShEmoa(PROBLEM, seed=0, mu=2, offspring=6)
    results = told(drive(search, tradeoff(), trials=60, workers=4, answer=_every_fourth_fails))  # drive() checks each
    assert any(result.query.resume_from for result in results)


def _every_fourth_fails(benchmark: object, query: Query, count: int) -> Result:
    result = score(tradeoff(), query, count)
    return answer(query, (np.nan, np.nan)) if count % 4 == 0 else result


@pytest.mark.parametrize(("options", "got"), [({"mu": 1}, "mu=1"), ({"offspring": -1}, "offspring=-1")])
def test_options_out_of_range_are_refused(options: dict[str, int], got: str) -> None:
    with pytest.raises(InvalidArgument, match=f"a population of 2 or more.*{got}"):
        ShEmoa(PROBLEM, seed=0, **options)


def test_a_problem_without_fidelities_is_searched_in_full() -> None:
    problem = replace(PROBLEM, min_epochs=27)
    search = ShEmoa(problem, seed=0)
    assert {search.ask().epochs for _ in range(30)} == {27}


@pytest.mark.parametrize("workers", [1, 8])
def test_the_ladder_is_climbed_though_hardly_a_trial_succeeds(workers: int) -> None:
    def mostly_failing(benchmark: SyntheticBenchmark, query: Query, count: int) -> Result:
        result = score(benchmark, query, count)
        return result if count % 20 == 0 else replace(result, losses=np.full(2, np.nan), status="failed")

    search = ShEmoa(networks().problem, seed=0)
    results = told(drive(search, networks(), trials=300, workers=workers, answer=mostly_failing))
    assert {result.query.epochs for result in results} == {5, 12, 27}
