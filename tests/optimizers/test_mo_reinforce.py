"""REINFORCE: gradients against finite differences, and who is rewarded for what."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from bagbench.optimizers.base import Query, Result
from bagbench.optimizers.driving import drive
from bagbench.optimizers.mo_reinforce import MoReinforce, entropy_gradient, log_gradient, softmax
from bagbench.optimizers.synthetic import networks, tradeoff
from bagbench.problems.errors import InvalidArgument

Vector = NDArray[np.float64]
PROBLEM = tradeoff().problem  # ideal (0, 0), reference (1.1, 11)
RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(5, 6)) * 2


def answer(query: Query, losses: tuple[float, float]) -> Result:
    status = "failed" if np.isnan(losses).any() else "ok"
    return Result(query=query, losses=np.array(losses), seconds=1.0, status=status)


def differences(function: Callable[[Vector], float], at: Vector) -> Vector:
    """Central differences."""
    steps = 1e-6 * np.eye(len(at))
    return np.array([(function(at + step) - function(at - step)) / 2e-6 for step in steps])


def entropy(logits: Vector) -> float:
    return float(-softmax(logits) @ np.log(softmax(logits)))


@pytest.mark.parametrize("logits", LOGITS)
def test_the_policy_gradient_is_that_of_finite_differences(logits: Vector) -> None:
    for chosen in range(len(logits)):

        def log_probability(at: Vector, chosen: int = chosen) -> float:
            return float(np.log(softmax(at)[chosen]))

        expected = differences(log_probability, logits)
        assert np.allclose(log_gradient(softmax(logits), chosen), expected, atol=1e-8)


@pytest.mark.parametrize("logits", LOGITS)
def test_the_entropy_gradient_is_that_of_finite_differences(logits: Vector) -> None:
    assert np.allclose(entropy_gradient(softmax(logits)), differences(entropy, logits), atol=1e-8)


def test_a_probability_of_nothing_has_an_entropy_gradient_all_the_same() -> None:
    assert np.allclose(entropy_gradient(np.array([1.0, 0.0])), 0.0)


def test_expected_updates_climb_the_expected_reward() -> None:
    """Oracle: summed over all choices, p(choice) reward log-gradient is the gradient of the expected reward."""
    logits, rewards = LOGITS[0], RNG.normal(size=6)
    p = softmax(logits)
    update = sum(p[i] * rewards[i] * log_gradient(p, i) for i in range(6))
    assert np.allclose(update, differences(lambda at: float(softmax(at) @ rewards), logits), atol=1e-8)


def test_one_result_moves_the_policy_as_computed_by_hand() -> None:
    search = MoReinforce(PROBLEM, seed=0, rate=1.0, bonus=0.0, memory=0.5)
    first, second = search.ask(), search.ask()
    search.tell(answer(first, (0.55, 5.5)))  # the first one is its own baseline: nothing to learn
    assert all(np.allclose(probabilities, 1 / 8) for probabilities in search.policy)
    search.tell(answer(second, (0.11, 1.1)))  # both objectives better by 0.4, so the weights do not matter
    for x, probabilities in zip(second.config, search.policy, strict=True):
        logits = np.full(8, -0.4 / 8)
        logits[round(x * 7)] += 0.4
        assert np.allclose(probabilities, softmax(logits))
    third = search.ask()
    before = search.policy
    search.tell(answer(third, (0.33, 3.3)))  # 0.5 (0.5 + 0.1): just what is expected
    assert np.allclose(np.array(search.policy), np.array(before))


def test_late_results_use_the_probabilities_of_when_they_were_asked_for() -> None:
    search = MoReinforce(PROBLEM, seed=0, rate=5.0, bonus=0.0, memory=0.0)
    early, *others = (search.ask() for _ in range(10))
    for i, query in enumerate(others):
        search.tell(answer(query, (1.0 - i / 10, 10.0 - i)))
    before = [np.log(p) for p in search.policy]
    search.tell(answer(early, (0.0, 0.0)))
    advantage = 5.0 * 0.2 / 1.1  # the last one before scored (0.2, 2)
    for x, old, probabilities in zip(early.config, before, search.policy, strict=True):
        logits = old - advantage / 8  # it was asked for when all levels were equally probable
        logits[round(x * 7)] += advantage
        assert np.allclose(probabilities, softmax(logits))


def test_what_is_inactive_is_neither_rewarded_nor_blamed() -> None:
    space = networks().problem.space
    search = MoReinforce(networks().problem, seed=0)
    queries = [search.ask() for _ in range(12)]
    search.tell(answer(queries[0], (50.0, 2.0)))
    for query in queries[1:]:
        before = search.policy
        search.tell(answer(query, (10.0, 1.5)))
        moved = [not np.array_equal(old, new) for old, new in zip(before, search.policy, strict=True)]
        several = np.array([len(p) > 1 for p in before])
        assert np.array_equal(moved, several & ~np.isnan(query.config))
    assert len(search.policy) == len(space)


def test_better_levels_become_more_probable() -> None:
    search = MoReinforce(PROBLEM, seed=0)
    drive(search, tradeoff(), trials=300)
    for probabilities in search.policy[1:]:  # the front is where all but the first are 0
        assert probabilities[0] > 0.3
        assert probabilities[0] == probabilities.max()


def test_the_bonus_keeps_the_policy_open() -> None:
    spread = []
    for bonus in (0.0, 0.3):
        search = MoReinforce(PROBLEM, seed=0, bonus=bonus)
        drive(search, tradeoff(), trials=150)
        spread.append(np.mean([-(p * np.log(p)).sum() for p in search.policy]))
    assert spread[0] + 0.2 < spread[1] < np.log(8)


def test_failures_are_worth_as_little_as_the_reference_point_and_repeats_nothing() -> None:
    searches = [MoReinforce(PROBLEM, seed=0) for _ in range(3)]
    for search, losses in zip(searches, [(np.nan, np.nan), (1.1, 11.0), (1e6, 1e6)], strict=True):
        first, second = search.ask(), search.ask()
        search.tell(answer(first, (0.5, 5.0)))
        search.tell(answer(second, losses))
        search.tell(answer(second, losses))
    failed, reference, diverged = (np.array(search.policy) for search in searches)
    assert np.array_equal(failed, reference) and np.array_equal(failed, diverged)
    assert (failed < 1 / 8).sum() == 6


@pytest.mark.parametrize("options", [{"rate": 0.0}, {"bonus": -1.0}, {"memory": 1.0}])
def test_options_out_of_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(InvalidArgument, match=r"mo-reinforce needs rate > 0, bonus >= 0 and 0 <= memory < 1, got"):
        MoReinforce(PROBLEM, seed=0, **options)
