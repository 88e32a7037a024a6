"""MO-BOHB and its model: schedules written by hand, and a test for each defect of the published code."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from bagbench.optimizers.base import Query, Result
from bagbench.optimizers.driving import drive, told
from bagbench.optimizers.mo_bohb import MoBohb
from bagbench.optimizers.motpe import Motpe, good_ones
from bagbench.optimizers.pareto import nondominated_ranks, select_by_hypervolume
from bagbench.optimizers.synthetic import networks, tiny, tradeoff
from bagbench.problems.errors import InvalidArgument
from bagbench.problems.problem import Problem

Losses = NDArray[np.float64]

PROBLEM = networks().problem  # ten parameters, 1 to 27 epochs, reference point (100, 3.5)
SPACE = PROBLEM.space
REFERENCE = PROBLEM.reference_point


def answer(query: Query, losses: Sequence[float]) -> Result:
    array = np.array(losses, dtype=float)
    array.flags.writeable = False
    return Result(query=query, losses=array, seconds=1.0, status="failed" if np.isnan(array).any() else "ok")


def asks(search: MoBohb, count: int) -> list[Query]:
    queries = [search.ask() for _ in range(count)]
    assert None not in queries
    return [query for query in queries if query is not None]


def values(vectors: Sequence[NDArray[np.float64]], name: str) -> NDArray[np.float64]:
    return np.array([vector[SPACE.index[name]] for vector in vectors])


def model(vectors: NDArray[np.float64], losses: Losses, *, gamma: float = 0.1) -> Motpe:
    return Motpe(SPACE, vectors, losses, gamma=gamma, reference=REFERENCE)


def proposals(of: Motpe, count: int) -> list[NDArray[np.float64]]:
    rng = np.random.default_rng(0)
    return [of.propose(rng, 24) for _ in range(count)]


# --- the schedule ------------------------------------------------------------------------------------------------


def test_the_brackets_are_those_written_by_hand() -> None:
    # 10 x 27 | 2 x 12 -> 1 x 27 | 3 x 27 | 4 x 5 -> 2 x 12 -> 1 x 27 | 2 x 12 -> ...
    results = told(drive(MoBohb(PROBLEM, seed=0), networks(), trials=24))
    steps = [(result.query.epochs, result.query.resume_from) for result in results]
    short, single = [(12, 0)] * 2 + [(27, 12)], [(27, 0)] * 3
    long = [(5, 0)] * 4 + [(12, 5)] * 2 + [(27, 12)]
    assert steps == [(27, 0)] * 10 + short + single + long + [(12, 0)]


def test_of_four_mutually_nondominated_ones_only_two_go_on() -> None:
    """The published code trains all four to the end."""
    search = MoBohb(PROBLEM, seed=0, initial=1)
    drive(search, networks(), trials=1 + 2 + 1 + 3)
    first = asks(search, 4)
    assert [query.epochs for query in first] == [5] * 4
    for position, query in enumerate(first):
        search.tell(answer(query, (20.0 + 15 * position, 3.0 - 0.5 * position)))
    following = asks(search, 4)
    assert [(query.epochs, query.resume_from) for query in following[:3]] == [(12, 5), (12, 5), (12, 0)]


def test_the_model_starts_once_a_rung_has_more_evaluations_than_there_are_parameters() -> None:
    """Of 10 and 11 equal configurations the model makes something else than random draws."""
    for initial, modelled in [(10, False), (11, True)]:
        with_model, without = (
            MoBohb(PROBLEM, seed=0, initial=initial, random_fraction=fraction) for fraction in (0, 1)
        )
        for search in (with_model, without):
            for query in asks(search, initial):
                search.tell(answer(query, (50.0, 2.0)))
        pairs = zip(asks(with_model, 2), asks(without, 2), strict=True)
        same = [np.array_equal(one.config, other.config, equal_nan=True) for one, other in pairs]
        assert all(same) is not modelled


def test_the_model_is_of_the_highest_rung_that_has_enough() -> None:
    """Small widths are good on the lowest rung, large ones in full: what is asked for are the large ones."""
    search = MoBohb(PROBLEM, seed=0, initial=60, random_fraction=0)
    for query in asks(search, 60):
        search.tell(answer(query, (90 - 60 * query.config[SPACE.index["width_0"]], 2.0)))
    full_model = values([query.config for query in asks(search, 40)], "width_0")
    assert np.median(full_model) > 0.7
    for vector in SPACE.sample(np.random.default_rng(1), 100):
        vector.flags.writeable = False
        losses = (30 + 60 * vector[SPACE.index["width_0"]], 2.0)
        search.tell(answer(Query(config=vector, epochs=5), losses))
    assert np.median(values([query.config for query in asks(search, 40)], "width_0")) > 0.7


def test_a_fraction_stays_random() -> None:
    search = MoBohb(PROBLEM, seed=0, initial=100, random_fraction=0.5)
    for query in asks(search, 100):
        search.tell(answer(query, (90 if query.config[SPACE.index["quality"]] else 10, 2.0)))
    share = np.mean(values([query.config for query in asks(search, 300)], "quality") != 0)
    assert 0.25 < share < 0.55  # half of them are random, three quarters of which are not 0


def test_a_crashed_trial_counts_as_bad_and_breaks_nothing() -> None:
    search = MoBohb(PROBLEM, seed=0, initial=60, random_fraction=0)
    for query in asks(search, 60):
        fails = query.config[SPACE.index["optimizer"]] != 1
        search.tell(answer(query, (np.nan, np.nan) if fails else (50.0, 2.0)))
    assert np.mean(values([query.config for query in asks(search, 50)], "optimizer") == 1) > 0.9


def test_when_all_trials_fail_the_search_goes_on() -> None:
    search = MoBohb(PROBLEM, seed=0)
    for _ in range(60):
        (query,) = asks(search, 1)
        search.tell(answer(query, (np.nan, np.nan)))


def test_a_result_told_twice_is_one_observation() -> None:
    once, twice = (MoBohb(PROBLEM, seed=0, initial=11, random_fraction=0) for _ in range(2))
    for search, times in ((once, 1), (twice, 2)):
        for position, query in enumerate(asks(search, 11)):
            for _ in range(times):
                search.tell(answer(query, (50.0 + position, 2.0)))
    for one, other in zip(asks(once, 5), asks(twice, 5), strict=True):
        assert np.array_equal(one.config, other.config, equal_nan=True)


def test_nothing_is_drawn_twice_before_the_space_is_used_up() -> None:
    search = MoBohb(tiny().problem, seed=0, initial=1, random_fraction=0)
    results = told(drive(search, tiny(), trials=8))
    drawn = [result.query.config.tobytes() for result in results if result.query.resume_from == 0]
    assert len(set(drawn[:4])) == 4


def test_two_searches_leave_each_other_alone() -> None:
    alone = told(drive(MoBohb(PROBLEM, seed=0), networks(), trials=40))
    drive(MoBohb(PROBLEM, seed=1), networks(), trials=40)
    again = told(drive(MoBohb(PROBLEM, seed=0), networks(), trials=40))
    for one, other in zip(alone, again, strict=True):
        assert np.array_equal(one.query.config, other.query.config, equal_nan=True)


@pytest.mark.parametrize(
    ("options", "got"),
    [
        ({"initial": 0}, "initial=0"),
        ({"min_evaluations": 0}, "min_evaluations=0"),
        ({"candidates": 0}, "candidates=0"),
        ({"gamma": 1.0}, "gamma=1.0"),
        ({"random_fraction": 1.5}, "random_fraction=1.5"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, float], got: str) -> None:
    with pytest.raises(InvalidArgument, match=f"mo-bohb needs.*{got}"):
        MoBohb(PROBLEM, seed=0, **options)  # type: ignore[arg-type]


# --- the split ---------------------------------------------------------------------------------------------------


def test_whole_fronts_are_good_as_long_as_they_fit_and_never_more_than_asked_for() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        losses = rng.random((60, 2)) * [110, 3.8]
        count = int(rng.integers(0, 60))
        chosen = good_ones(losses, count, REFERENCE)
        ranks = nondominated_ranks(losses)
        last = np.sort(ranks)[count - 1] if count else -1
        assert len(set(chosen.tolist())) == count
        assert set(np.flatnonzero(ranks < last).tolist()) <= set(chosen.tolist())
        assert (ranks[chosen] <= last).all()
        front = np.flatnonzero(ranks == last)
        taken = [i for i in chosen.tolist() if ranks[i] == last]
        assert taken == front[select_by_hypervolume(losses[front], len(taken), REFERENCE)].tolist()


def test_three_objectives_are_split_alike() -> None:
    losses = np.random.default_rng(0).random((40, 3))
    front = np.flatnonzero(nondominated_ranks(losses) == 0)
    chosen = good_ones(losses, 4, np.ones(3))
    assert chosen.tolist() == front[select_by_hypervolume(losses[front], 4, np.ones(3))].tolist()


def test_failed_trials_are_never_good() -> None:
    losses = np.array([[np.nan, np.nan], [50.0, 2.0], [np.inf, 1.0], [1e6, 1e6]])
    assert good_ones(losses, 4, REFERENCE).tolist() == [1, 3]


def test_volumes_are_against_the_reference_of_the_problem() -> None:
    """For negative objectives the published reference is about 0, whatever was observed."""
    front = np.array([[-9.0, -1.0], [-5.2, -5.0], [-1.0, -9.0]])
    assert good_ones(front, 1, np.array([0.0, 0.0])).tolist() == [1]
    assert good_ones(front, 1, np.array([-0.9, 90.0])).tolist() == [0]


def test_splits_of_many_evaluations_are_not_mistaken_for_each_other() -> None:
    """The published code remembers splits by the print of an array, which leaves out most of 1000 numbers."""
    vectors = SPACE.sample(np.random.default_rng(0), 1200)
    losses = np.random.default_rng(1).random((1200, 2)) * REFERENCE
    of = model(vectors, losses)
    for column in vectors.T:
        active = ~np.isnan(column)
        rows = np.flatnonzero(active)
        good, bad = of._split(active)
        assert good.tolist() == rows[good_ones(losses[rows], len(rows) // 10, REFERENCE)].tolist()
        assert sorted([*good.tolist(), *bad.tolist()]) == rows.tolist()


# --- the model ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "best"), [("depth", 0.5), ("quality", 2.0), ("optimizer", 2.0), ("nesterov", 1.0), ("rate", 0.3)]
)
def test_every_kind_of_parameter_is_learnt(name: str, best: float) -> None:
    """In the published code integers are flat in l / g: the first of the draws is returned."""
    vectors = SPACE.sample(np.random.default_rng(0), 400)
    distance = np.abs(np.nan_to_num(values(list(vectors), name), nan=9.0) - best)
    of = model(vectors, np.column_stack([10 + 8 * distance, np.full(400, 2.0)]))
    proposed = values(proposals(of, 60), name)
    proposed = proposed[~np.isnan(proposed)]
    assert np.mean(np.abs(proposed - best) < 0.1) > 0.85


def test_a_parameter_that_was_never_active_is_drawn_from_its_prior() -> None:
    vectors = SPACE.sample(np.random.default_rng(0), 400)
    vectors = vectors[np.isnan(values(list(vectors), "width_2"))][:100]
    of = model(vectors, np.random.default_rng(1).random((100, 2)) * REFERENCE)
    good, bad = of._estimators(SPACE.index["width_2"])
    drawn = good.sample(np.random.default_rng(0), 500)
    assert np.ptp(drawn) > 0.9
    assert good.log_density(drawn).tolist() == bad.log_density(drawn).tolist()


def test_with_less_than_ten_evaluations_nothing_is_good_and_l_is_the_prior() -> None:
    vectors = SPACE.sample(np.random.default_rng(0), 9)
    of = model(vectors, np.random.default_rng(1).random((9, 2)) * REFERENCE)
    SPACE.check(np.array(proposals(of, 20)))
    good, _ = of._split(np.ones(9, dtype=bool))
    assert good.size == 0


@pytest.mark.parametrize("problem", [PROBLEM, tradeoff().problem, tiny().problem], ids=lambda problem: problem.name)
def test_proposals_are_legal(problem: Problem) -> None:
    vectors = problem.space.sample(np.random.default_rng(0), 50)
    losses = np.random.default_rng(1).random((50, 2)) * problem.reference_point
    of = Motpe(problem.space, vectors, losses, gamma=0.1, reference=problem.reference_point)
    problem.space.check(np.array(proposals(of, 50)))
