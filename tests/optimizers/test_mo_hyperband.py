"""MO-Hyperband and its brackets against schedules written by hand and promotions by brute force."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations

import moocore
import numpy as np
import pytest
from numpy.typing import NDArray

from bagbench.optimizers.base import Query, Result
from bagbench.optimizers.brackets import Brackets, hyperband
from bagbench.optimizers.driving import drive, told
from bagbench.optimizers.mo_hyperband import MoHyperband
from bagbench.optimizers.sampling import random_configurations
from bagbench.optimizers.synthetic import tiny, tradeoff
from bagbench.problems import get_problem
from bagbench.problems.errors import InvalidArgument

Losses = NDArray[np.float64]

PROBLEM = tradeoff().problem  # six floats, 1 to 27 epochs, reference point (1.1, 11)


def answer(query: Query, losses: Sequence[float]) -> Result:
    array = np.array(losses, dtype=float)
    array.flags.writeable = False
    return Result(query=query, losses=array, seconds=1.0, status="failed" if np.isnan(array).any() else "ok")


def key(query: Query) -> bytes:
    return query.config.tobytes()


def asks(search: MoHyperband | Brackets, count: int) -> list[Query]:
    queries = [search.ask() for _ in range(count)]
    assert None not in queries
    return [query for query in queries if query is not None]


def one_bracket(*rungs: tuple[int, int]) -> Brackets:
    draws = random_configurations(PROBLEM.space, np.random.default_rng(0))
    return Brackets(PROBLEM, [rungs], lambda _: next(draws))


def test_the_cycle_is_the_table_of_the_article() -> None:
    # Li et al., arXiv 1603.06560v1, table 1: R = 81, eta = 3
    assert [[n for n, _ in rungs] for rungs in hyperband((1, 3, 9, 27, 81), eta=3)] == [
        [81, 27, 9, 3, 1],
        [27, 9, 3, 1],
        [9, 3, 1],
        [6, 2],
        [5],
    ]


def test_the_cycle_of_the_seed_paper_has_13_evaluations() -> None:
    assert hyperband((6, 12, 25), eta=2) == (
        [(4, 6), (2, 12), (1, 25)],
        [(2, 12), (1, 25)],
        [(3, 25)],
    )


def test_one_worker_walks_the_cycle_as_written_by_hand() -> None:
    # 9 x 3 -> 3 x 9 -> 1 x 27 | 3 x 9 -> 1 x 27 | 3 x 27 | again
    results = told(drive(MoHyperband(PROBLEM, seed=0, min_epochs=3), tradeoff(), trials=22))
    steps = [(result.query.epochs, result.query.resume_from) for result in results]
    cycle = [(3, 0)] * 9 + [(9, 3)] * 3 + [(27, 9)] + [(9, 0)] * 3 + [(27, 9)] + [(27, 0)] * 3
    assert steps == cycle + [(3, 0)] * 2


def test_by_default_the_ladder_begins_at_the_lowest_fidelity() -> None:
    queries = asks(MoHyperband(get_problem("digits"), seed=0), 36)
    assert [query.epochs for query in queries] == [1] * 27 + [3] * 9  # nothing was told: the second bracket begins


def test_a_rung_waits_for_its_last_result_while_the_next_bracket_begins() -> None:
    # worker 1  a a a a a a a a . . . A A A     bracket a: nine asked, eight told: no promotion
    # worker 2                  b b b           bracket b begins, and steps back when a goes on
    search = MoHyperband(PROBLEM, seed=0, min_epochs=3)
    first = asks(search, 9)
    for position, query in enumerate(first[:8]):
        search.tell(answer(query, (0.1 * position, 5.0)))
    assert [query.epochs for query in asks(search, 2)] == [9, 9]
    search.tell(answer(first[8], (1.0, 10.0)))
    promoted = asks(search, 3)
    assert [(key(query), query.resume_from) for query in promoted] == [(key(query), 3) for query in first[:3]]
    assert [(query.epochs, query.resume_from) for query in asks(search, 1)] == [(9, 0)]  # the third of bracket b


def test_of_mutually_nondominated_ones_exactly_as_many_as_there_are_places_go_on() -> None:
    """The published code appends the next front entirely, even to a quota that is full."""
    for seed in range(20):
        losses = np.sort(np.random.default_rng(seed).random((6, 2)), axis=0) * [1.1, 11.0]
        losses[:, 1] = losses[::-1, 1]
        brackets = one_bracket((6, 1), (3, 3))
        first = asks(brackets, 6)
        for query, row in zip(first, losses.tolist(), strict=True):
            brackets.tell(answer(query, row))
        contributions = moocore.hv_contributions(losses, ref=PROBLEM.reference_point)
        best = np.argsort(-contributions)[:3]
        assert {key(query) for query in asks(brackets, 3)} == {key(first[i]) for i in best}
        assert brackets.ask() is None


def test_a_full_quota_takes_nobody_from_the_next_front() -> None:
    brackets = one_bracket((4, 1), (2, 3))
    first = asks(brackets, 4)
    for query, row in zip(first, [(0.9, 9.0), (0.2, 4.0), (0.1, 5.0), (1.0, 8.9)], strict=True):
        brackets.tell(answer(query, row))
    assert {key(query) for query in asks(brackets, 2)} == {key(first[1]), key(first[2])}
    assert brackets.ask() is None


def test_promotions_agree_with_brute_force() -> None:
    """Oracle: peel fronts by definition; cut the last by the volume that is lost without a point."""
    rng = np.random.default_rng(1)
    for _ in range(30):
        losses = rng.integers(0, 8, (9, 2)) * [0.15, 1.5]
        brackets = one_bracket((9, 1), (4, 3))
        first = asks(brackets, 9)
        for i in rng.permutation(9):
            brackets.tell(answer(first[i], losses[i].tolist()))
        chosen = losses[[i for query in asks(brackets, 4) for i in range(9) if key(query) == key(first[i])]]
        assert sorted(map(_worth(losses), chosen.tolist())) == sorted(map(_worth(losses), losses.tolist()))[:4]


def _worth(losses: Losses) -> Callable[[list[float]], tuple[int, float]]:
    """Rank and lost volume of each row, as a sort key."""
    rows = [tuple(row) for row in losses.tolist()]
    ranks: dict[tuple[float, ...], int] = {}
    rest = set(rows)
    while rest:
        front = {a for a in rest if not any(b != a and b[0] <= a[0] and b[1] <= a[1] for b in rest)}
        ranks.update(dict.fromkeys(front, len(set(ranks.values()))))
        rest -= front

    def volume(points: list[tuple[float, ...]]) -> float:
        corner = PROBLEM.reference_point
        boxes = [
            np.prod(np.maximum(corner - np.max(group, axis=0), 0)) * (-1) ** (size + 1)
            for size in range(1, len(points) + 1)
            for group in combinations(points, size)
        ]
        return float(sum(boxes))

    def worth(row: list[float]) -> tuple[int, float]:
        point = tuple(row)
        front = [other for other in rows if ranks[other] == ranks[point]]
        without = [other for i, other in enumerate(front) if i != front.index(point)]
        return ranks[point], round(volume(without) - volume(front), 9)

    return worth


def test_failed_trials_are_not_promoted_and_leave_their_places_empty() -> None:
    brackets = one_bracket((4, 1), (2, 3), (1, 9))
    first = asks(brackets, 4)
    for query, row in zip(first, [(np.nan, np.nan), (0.5, 5.0), (np.nan, np.nan), (np.nan, np.nan)], strict=True):
        brackets.tell(answer(query, row))
    (promoted,) = asks(brackets, 1)
    assert key(promoted) == key(first[1])
    brackets.tell(answer(promoted, (np.nan, np.nan)))
    assert brackets.ask() is None


def test_a_result_told_twice_counts_once() -> None:
    brackets = one_bracket((2, 1), (1, 3))
    first = asks(brackets, 2)
    for _ in range(2):
        brackets.tell(answer(first[0], (0.5, 5.0)))
    assert brackets.ask() is None
    brackets.tell(answer(first[1], (0.6, 6.0)))
    assert key(asks(brackets, 1)[0]) == key(first[0])


def test_configurations_are_new_until_the_space_is_used_up() -> None:
    search = MoHyperband(tiny().problem, seed=0)
    assert len({key(query) for query in asks(search, 4)}) == 4
    assert len(asks(search, 40)) == 40


def test_without_fidelities_it_draws_at_random_in_full() -> None:
    search = MoHyperband(replace(PROBLEM, min_epochs=27), seed=0)
    assert {query.epochs for query in asks(search, 10)} == {27}


def test_options_out_of_range_are_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"must be above 1, got 1"):
        MoHyperband(PROBLEM, seed=0, eta=1)
    with pytest.raises(InvalidArgument, match=r"whole number in \[1, 27\], got 0"):
        MoHyperband(PROBLEM, seed=0, min_epochs=0)
