"""NASH: rounds of short trainings, moves to the best, new starts at local optima."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from bagbench.optimizers.base import Query, Result
from bagbench.optimizers.driving import drive, told
from bagbench.optimizers.nash import Nash
from bagbench.optimizers.synthetic import tradeoff
from bagbench.problems import get_problem
from bagbench.problems.errors import InvalidArgument

DIGITS = get_problem("digits")  # 25 epochs, reference point (100, 7)
SPACE = DIGITS.space


def answer(query: Query, losses: tuple[float, float]) -> Result:
    status = "failed" if np.isnan(losses).any() else "ok"
    return Result(query=query, losses=np.array(losses), seconds=1.0, status=status)


def asked(search: Nash) -> list[Query]:
    queries = []
    while (query := search.ask()) is not None:
        queries.append(query)
    return queries


def play(search: Nash, queries: list[Query], score: Callable[[int], tuple[float, float]]) -> None:
    for i, query in enumerate(queries):
        search.tell(answer(query, score(i)))


def size(query: Query) -> tuple[int, ...]:
    config = SPACE.decode(query.config)
    return tuple(int(value) for name, value in sorted(config.items()) if name.startswith(("n_conv", "n_fc")))


def test_a_climb_goes_as_written_by_hand() -> None:
    # round 0: 3 starts | the best trains on, round 1: its 3 neighbours | the best of them trains on, round 2 ...
    search = Nash(DIGITS, seed=0, neighbours=3)
    starts = asked(search)
    assert [(query.epochs, query.resume_from) for query in starts] == [(5, 0)] * 3
    play(search, starts, lambda i: [(50.0, 4.0), (40.0, 3.0), (60.0, 5.0)][i])
    best, *neighbours = asked(search)
    assert (best.config.tobytes(), best.epochs, best.resume_from) == (starts[1].config.tobytes(), 25, 5)
    assert [(query.epochs, query.resume_from) for query in neighbours] == [(5, 0)] * 3
    play(search, neighbours, lambda i: [(41.0, 3.5), (30.0, 3.2), (39.0, 3.1)][i])
    best, *_ = asked(search)
    assert best.config.tobytes() == neighbours[1].config.tobytes()


def test_it_starts_with_one_layer_of_each_kind() -> None:
    starts = asked(Nash(DIGITS, seed=0))
    assert len({size(query) for query in starts}) == 8
    assert {(SPACE.decode(query.config)["n_conv_l"], SPACE.decode(query.config)["n_fc_l"]) for query in starts} == {
        (1, 1)
    }


def test_neighbours_never_shrink_and_most_grow() -> None:
    grown = []
    for seed in range(20):
        search = Nash(DIGITS, seed=seed, neighbours=5)
        play(search, asked(search), lambda i: (50.0 - i, 3.0))
        parent, *neighbours = asked(search)
        before = SPACE.decode(parent.config)
        for query in neighbours:
            after = SPACE.decode(query.config)
            assert all(
                float(after[name]) >= float(before[name]) for name in before if name.startswith(("n_conv", "n_fc"))
            )
            grown.append(size(query) != size(parent))
    assert 0.5 < np.mean(grown) < 0.8  # two operators of three grow


def test_a_trade_between_the_objectives_is_a_move_too() -> None:
    search = Nash(DIGITS, seed=0, neighbours=2)
    play(search, asked(search), lambda i: (50.0, 3.0))
    _, *neighbours = asked(search)
    play(search, neighbours, lambda i: [(60.0, 4.0), (20.0, 5.0)][i])  # dominated; better and larger
    best, *_ = asked(search)
    assert best.config.tobytes() == neighbours[1].config.tobytes()


def test_at_a_local_optimum_it_starts_again() -> None:
    search = Nash(DIGITS, seed=0, neighbours=4)
    play(search, asked(search), lambda i: (50.0, 3.0))
    _, *neighbours = asked(search)
    play(search, neighbours, lambda i: (51.0, 3.1))
    starts = asked(search)
    assert [(query.epochs, query.resume_from) for query in starts] == [(5, 0)] * 4
    play(search, starts, lambda i: (90.0, 6.0))  # worse than the climb before, which is over
    best, *_ = asked(search)
    assert (best.epochs, best.resume_from) == (25, 5)


def test_a_round_waits_for_its_last_neighbour_but_not_for_long_trainings() -> None:
    search = Nash(DIGITS, seed=0, neighbours=2)
    first, second = asked(search)
    search.tell(answer(first, (50.0, 3.0)))
    search.tell(answer(first, (50.0, 3.0)))
    assert search.ask() is None
    search.tell(answer(second, (np.nan, np.nan)))
    long, *neighbours = asked(search)
    assert long.config.tobytes() == first.config.tobytes()
    play(search, neighbours, lambda i: (40.0 - i, 3.0))
    assert len(asked(search)) == 3


def test_without_fidelities_winners_are_not_trained_again() -> None:
    problem = replace(tradeoff().problem, min_epochs=27)
    results = told(drive(Nash(problem, seed=0), tradeoff(), trials=60))
    assert {(result.query.epochs, result.query.resume_from) for result in results} == {(27, 0)}


def test_no_neighbours_are_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"nash needs one neighbour or more in a round, got neighbours=0"):
        Nash(DIGITS, seed=0, neighbours=0)
