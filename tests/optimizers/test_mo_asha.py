"""MO-ASHA: who is promoted, when, and that nobody waits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from bagbench.optimizers.base import Query, Result
from bagbench.optimizers.driving import drive, told
from bagbench.optimizers.mo_asha import MoAsha
from bagbench.optimizers.pareto import order_by_front_and_contribution
from bagbench.optimizers.synthetic import SyntheticBenchmark, single, tradeoff
from bagbench.problems.errors import InvalidArgument

PROBLEM = tradeoff().problem  # six floats, 1 to 27 epochs, reference point (1.1, 11)


def answer(query: Query, losses: Sequence[float]) -> Result:
    array = np.array(losses, dtype=float)
    array.flags.writeable = False
    return Result(query=query, losses=array, seconds=1.0, status="failed" if np.isnan(array).any() else "ok")


def worse_and_worse(_: SyntheticBenchmark, query: Query, count: int) -> Result:
    """Let every result be dominated by all before it, so that none takes a place from an older one."""
    return answer(query, (0.01 * count, 0.1 * count))


def key(query: Query) -> bytes:
    return query.config.tobytes()


def test_of_a_chain_of_three_the_one_that_dominates_is_promoted() -> None:
    """A list of sorted indices read as ranks would give [2, 0, 1], and promote the worst."""
    search = MoAsha(PROBLEM, seed=0, eta=3)
    first = [search.ask() for _ in range(3)]
    for query, losses in zip(first, [(0.2, 2.0), (0.3, 3.0), (0.1, 1.0)], strict=True):
        search.tell(answer(query, losses))
    promoted = search.ask()
    assert key(promoted) == key(first[2])
    assert (promoted.epochs, promoted.resume_from, promoted.seed) == (3, 1, first[2].seed)


def test_one_worker_halves_as_written_by_hand() -> None:
    # eta = 3: every third result of a rung opens a place on the next one
    search = MoAsha(PROBLEM, seed=0, min_epochs=3, eta=3)
    results = told(drive(search, tradeoff(), trials=13, answer=worse_and_worse))
    assert [result.query.epochs for result in results] == [3, 3, 3, 9, 3, 3, 3, 9, 3, 3, 3, 9, 27]


def test_an_older_result_is_promoted_when_its_turn_comes() -> None:
    """The newest result opens the place, but the best one takes it."""
    search = MoAsha(PROBLEM, seed=0, eta=2)
    first = [search.ask() for _ in range(4)]
    for query, losses in zip(first, [(0.1, 1.0), (0.2, 2.0), (0.9, 9.0), (1.0, 10.0)], strict=True):
        search.tell(answer(query, losses))
    assert [key(search.ask()) for _ in range(2)] == [key(first[0]), key(first[1])]
    assert search.ask().epochs == 1


def test_inside_a_front_the_larger_contribution_is_promoted_first() -> None:
    search = MoAsha(PROBLEM, seed=0, eta=3)
    first = [search.ask() for _ in range(3)]
    for query, losses in zip(first, [(0.10, 5.0), (0.5, 1.0), (0.11, 4.9)], strict=True):
        search.tell(answer(query, losses))
    assert key(search.ask()) == key(first[1])


def test_the_promoted_are_the_best_third_as_the_whole_order_has_them() -> None:
    rng = np.random.default_rng(0)
    search = MoAsha(PROBLEM, seed=0, eta=3)
    first = [search.ask() for _ in range(60)]
    losses = rng.random((60, 2)) * [1.2, 12.0]
    for i in rng.permutation(60):
        search.tell(answer(first[i], losses[i].tolist()))
    promoted = [search.ask() for _ in range(20)]
    best = order_by_front_and_contribution(losses, PROBLEM.reference_point)[:20]
    assert [key(query) for query in promoted] == [key(first[i]) for i in best]
    assert search.ask().resume_from == 0


def test_a_newcomer_among_the_best_third_is_promoted_although_it_opened_no_place() -> None:
    search = MoAsha(PROBLEM, seed=0, eta=3)
    for position in (0.5, 0.6, 0.7):
        search.tell(answer(search.ask(), (position, 5.0)))
    search.tell(answer(search.ask(), (0.9, 9.0)))  # the first promotion comes back
    newcomer = search.ask()
    search.tell(answer(newcomer, (0.1, 1.0)))
    assert key(search.ask()) == key(newcomer)


def test_while_all_results_are_out_it_goes_on_with_new_configurations() -> None:
    search = MoAsha(PROBLEM, seed=0)
    queries = [search.ask() for _ in range(200)]
    assert {query.epochs for query in queries} == {1}
    assert len({key(query) for query in queries}) == 200


def test_the_highest_rung_that_has_somebody_to_promote_goes_first() -> None:
    results = told(drive(MoAsha(PROBLEM, seed=0, eta=3), tradeoff(), trials=40, answer=worse_and_worse))
    epochs = [result.query.epochs for result in results]
    assert epochs.index(27) == 39  # 27 x 1, 9 x 3, 3 x 9, then at once
    assert [epochs.count(rung) for rung in (1, 3, 9, 27)] == [27, 9, 3, 1]


def test_failed_trials_open_no_place_and_take_none() -> None:
    search = MoAsha(PROBLEM, seed=0, eta=2)
    first = [search.ask() for _ in range(3)]
    for query, losses in zip(first, [(np.nan, np.nan), (0.5, 5.0), (np.nan, np.nan)], strict=True):
        search.tell(answer(query, losses))
    assert search.ask().epochs == 1


def test_a_space_of_one_is_trained_only_once_and_then_again_from_scratch() -> None:
    results = told(drive(MoAsha(single().problem, seed=0), single(), trials=10))
    assert {result.query.epochs for result in results} == {1}  # one result has no best third


@pytest.mark.parametrize("eta", [1.0, 0.5])
def test_a_factor_that_is_not_above_one_is_refused(eta: float) -> None:
    with pytest.raises(InvalidArgument, match=f"must be above 1, got {eta}"):
        MoAsha(PROBLEM, seed=0, eta=eta)
