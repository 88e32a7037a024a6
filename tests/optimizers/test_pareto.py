"""Pareto numerics against brute force and moocore."""

from __future__ import annotations

import math
from itertools import combinations

import moocore
import numpy as np
import pytest
from numpy.typing import NDArray

from bagbench.optimizers.pareto import (
    crowding_distance,
    hypervolume_contributions,
    nondominated_ranks,
    order_by_front_and_contribution,
    select_by_hypervolume,
)

Losses = NDArray[np.float64]


def dominates(first: Losses, second: Losses) -> bool:
    return bool((first <= second).all() and (first < second).any())


def ranks_by_definition(losses: Losses) -> list[int]:
    """Rank = length of the longest chain of points that dominate one another, ending in the point."""
    ranks: dict[int, int] = {}

    def rank(i: int) -> int:
        if i not in ranks:
            ranks[i] = max((rank(j) + 1 for j in range(len(losses)) if dominates(losses[j], losses[i])), default=0)
        return ranks[i]

    return [rank(i) for i in range(len(losses))]


def volume(losses: Losses, reference: Losses) -> float:
    inside = losses[(losses < reference).all(axis=1)]
    return float(moocore.hypervolume(inside, ref=reference)) if len(inside) else 0.0


def contributions_by_removal(losses: Losses, reference: Losses) -> Losses:
    total = volume(losses, reference)
    return np.array([total - volume(np.delete(losses, i, axis=0), reference) for i in range(len(losses))])


def grid_losses(rng: np.random.Generator, m: int, n: int = 60) -> Losses:
    """Losses with many ties and duplicates."""
    return rng.integers(0, 7, (n, m)).astype(float)


@pytest.mark.parametrize("m", [1, 2, 3, 4])
@pytest.mark.parametrize("seed", range(5))
def test_ranks_equal_the_definition(m: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for losses in (rng.random((60, m)), grid_losses(rng, m)):
        assert nondominated_ranks(losses).tolist() == ranks_by_definition(losses)


@pytest.mark.parametrize("m", [2, 3, 5])
def test_ranks_equal_those_of_moocore_on_many_points(m: int) -> None:
    losses = np.random.default_rng(m).random((1500, m))
    assert (nondominated_ranks(losses) == moocore.pareto_rank(losses)).all()


def test_a_chain_of_three_points_has_three_ranks() -> None:
    assert nondominated_ranks(np.array([[2.0, 2.0], [3.0, 3.0], [1.0, 1.0]])).tolist() == [1, 2, 0]


def test_equal_points_share_a_front() -> None:
    losses = np.array([[1.0, 2.0], [2.0, 1.0], [1.0, 2.0], [2.0, 2.0]])
    assert nondominated_ranks(losses).tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize("m", [1, 2, 3])
def test_rows_with_nan_rank_after_all_others(m: int) -> None:
    losses = np.arange(4.0)[:, None] * np.ones(m)
    losses[1, -1] = np.nan
    assert nondominated_ranks(losses).tolist() == [0, 3, 1, 2]


def test_infinite_losses_are_ranked_like_any_other() -> None:
    assert nondominated_ranks(np.array([[np.inf, 0.0, 2.0], [2.0, 4.0, 0.0]])).tolist() == [0, 0]
    losses = np.array([[np.inf, 0.0], [np.inf, 1.0], [0.0, np.inf], [np.inf, np.inf]])
    assert nondominated_ranks(losses).tolist() == [0, 1, 0, 2]


def test_no_points_have_no_ranks_and_no_order() -> None:
    assert nondominated_ranks(np.empty((0, 2))).size == 0
    assert order_by_front_and_contribution(np.empty((0, 2)), np.ones(2)).size == 0
    assert select_by_hypervolume(np.empty((0, 2)), 3, np.ones(2)).size == 0
    assert crowding_distance(np.empty((0, 2))).size == 0


@pytest.mark.parametrize("m", [1, 2, 3, 4])
@pytest.mark.parametrize("seed", range(4))
def test_contributions_on_a_front_equal_what_removal_costs(m: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for losses in (rng.random((40, m)), grid_losses(rng, m) / 7):
        front = losses[nondominated_ranks(losses) == 0]
        reference = np.full(m, 0.8)  # some points lie outside the box
        expected = contributions_by_removal(front, reference)
        assert hypervolume_contributions(front, reference) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("m", [2, 3])
def test_dominated_points_contribute_nothing_and_lessen_nobody(m: int) -> None:
    losses = np.random.default_rng(0).random((50, m))
    front = nondominated_ranks(losses) == 0
    contributions = hypervolume_contributions(losses, np.ones(m))
    assert (contributions[~front] == 0).all()
    assert contributions[front] == pytest.approx(hypervolume_contributions(losses[front], np.ones(m)))


def test_contributions_of_a_staircase_drawn_by_hand() -> None:
    #  3 |A . . R      A (0, 2) alone: 1 x 1, B (1, 1): 1 x 1, C (2, 0): 1 x 1; reference (3, 3)
    #  2 |A A+. .      a duplicate, a point on the border and one outside are worth nothing
    losses = np.array([[0.0, 2.0], [1.0, 1.0], [2.0, 0.0], [3.0, -1.0], [9.0, -9.0], [np.nan, 0.0]])
    assert hypervolume_contributions(losses, np.array([3.0, 3.0])).tolist() == [1, 1, 1, 0, 0, 0]
    assert hypervolume_contributions(losses[[0, 0, 1]], np.array([3.0, 3.0])).tolist() == [0, 0, 2]


def test_one_objective_contributes_the_distance_to_the_reference() -> None:
    assert hypervolume_contributions(np.array([[0.25], [0.5], [2.0]]), np.ones(1)).tolist() == [0.75, 0, 0]


@pytest.mark.parametrize("m", [1, 2, 3])
def test_greedy_selection_takes_the_largest_gain_at_every_step(m: int) -> None:
    rng = np.random.default_rng(m)
    losses, reference = rng.random((20, m)), np.full(m, 0.9)
    chosen: list[int] = []
    for index in select_by_hypervolume(losses, 6, reference).tolist():
        gains = [volume(losses[[*chosen, i]], reference) - volume(losses[chosen], reference) for i in range(20)]
        assert index not in chosen
        assert gains[index] == pytest.approx(max(gains), abs=1e-12)
        chosen.append(index)
    assert len(chosen) == 6


@pytest.mark.parametrize("m", [2, 3])
def test_greedy_selection_keeps_its_guarantee(m: int) -> None:
    losses, reference = np.random.default_rng(m).random((10, m)), np.ones(m)
    best = max(volume(losses[list(subset)], reference) for subset in combinations(range(10), 4))
    assert volume(losses[select_by_hypervolume(losses, 4, reference)], reference) >= (1 - 1 / math.e) * best


@pytest.mark.parametrize("m", [1, 2, 3])
def test_selection_fills_up_with_worthless_points_in_the_order_given(m: int) -> None:
    losses = np.array([[5.0] * m, [np.nan] * m, [0.5] * m, [1.0] * m])
    assert select_by_hypervolume(losses, 3, np.ones(m)).tolist() == [2, 0, 1]
    assert select_by_hypervolume(losses, 9, np.ones(m)).tolist() == [2, 0, 1, 3]


def test_crowding_distance_of_a_front_computed_by_hand() -> None:
    losses = np.array([[0.0, 1.0], [1.0, 0.0], [0.25, 0.5], [0.5, 0.25]])
    assert crowding_distance(losses).tolist() == [np.inf, np.inf, 0.5 + 0.75, 0.75 + 0.5]


def test_crowding_distance_is_defined_for_constant_objectives() -> None:
    assert crowding_distance(np.array([[0.0, 7.0], [1.0, 7.0], [0.5, 7.0]])).tolist() == [np.inf, np.inf, 1.0]
    assert crowding_distance(np.full((3, 2), 7.0)).tolist() == [0, 0, 0]


def test_order_is_front_then_contribution_then_as_given() -> None:
    losses = np.array([[0.9, 0.9], [np.nan, 0.0], [0.5, 0.4], [0.4, 0.7], [0.9, 0.9], [0.1, 0.9]])
    # contributions on the front, reference (1, 1): (0.5, 0.4) 0.15, (0.4, 0.7) 0.02, (0.1, 0.9) 0.03
    assert order_by_front_and_contribution(losses, np.ones(2)).tolist() == [2, 5, 3, 0, 4, 1]


def test_arguments_stay_as_they_were() -> None:
    losses, reference = np.random.default_rng(0).random((12, 3)), np.ones(3)
    before = losses.copy()
    for array in (losses, reference):
        array.flags.writeable = False
    order_by_front_and_contribution(losses, reference)
    select_by_hypervolume(losses, 4, reference)
    crowding_distance(losses)
    assert (losses == before).all()
