"""Claims of a race beside the truth."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bagbench.analysis.claims import digests_by_method, find_claims, spread_out, take_turns
from bagbench.analysis.races import Experiment, load_experiment
from bagbench.analysis.validation import Validation, check_validity, compare_with_truth
from bagbench.analysis.validation_file import Claim
from bagbench.problems import get_problem
from bagbench.problems.benchmark import Benchmark, Outcome
from bagbench.problems.errors import InvalidArgument
from bagbench.problems.problem import Problem
from bagbench.problems.space import Space


@pytest.fixture(scope="module")
def experiment(experiment_folder: Path) -> Experiment:
    return load_experiment(experiment_folder)


# --- what is claimed -------------------------------------------------------------------------------------------------


def test_claims_are_the_union_of_the_final_fronts(experiment: Experiment, toy_benchmark: Benchmark) -> None:
    found = find_claims(experiment, toy_benchmark)
    fronts = [experiment.front(race) for race in experiment.races]
    expected: dict[str, list[float]] = {}
    for losses, vectors in fronts:
        for row, vector in zip(losses.tolist(), vectors, strict=True):
            expected.setdefault(experiment.problem.space.digest(vector), row)
    assert {claim.digest: claim.losses.tolist() for claim in found} == expected
    assert len(found) == len(expected)


def test_claimed_seconds_are_those_of_a_whole_training(experiment: Experiment, toy_benchmark: Benchmark) -> None:
    for claim in find_claims(experiment, toy_benchmark)[:5]:
        assert claim.seconds == toy_benchmark.query(claim.vector).seconds


@given(st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_every_prefix_of_a_spread_order_goes_on_with_the_farthest_point(count: int, seed: int) -> None:
    points = np.random.default_rng(seed).random((count, 2))
    order = spread_out(points)
    assert sorted(order) == list(range(count))
    assert points[order[0], 0] == points[:, 0].min()
    for k in range(1, count):
        distances = np.linalg.norm(points[:, None] - points[order[:k]], axis=2).min(axis=1)
        assert distances[order[k]] == distances.max()


def test_equal_points_are_all_in_the_order() -> None:
    assert sorted(spread_out(np.zeros((4, 2)))) == [0, 1, 2, 3]
    assert len(spread_out(np.empty((0, 2)))) == 0


def test_methods_take_turns_and_share_what_they_share() -> None:
    """After 1 the second has as much as the first; 3 is the first's only other one, and the third has only 1 and 5."""
    assert take_turns([[1, 2, 3], [4, 1], [1, 5]]) == [1, 2, 4, 5, 3]
    assert take_turns([]) == [] == take_turns([[]])


@given(st.lists(st.lists(st.integers(0, 20), unique=True), max_size=5))
def test_every_prefix_of_turns_serves_all_that_are_not_exhausted(hands: list[list[int]]) -> None:
    """Whoever added the last one had no more than anybody who still holds others."""
    order = take_turns(hands)
    assert len(order) == len(set(order)) and set(order) == {item for hand in hands for item in hand}
    for k, item in enumerate(order):
        before = set(order[:k])
        waiting = [len(before & set(hand)) for hand in hands if not set(hand) <= before]
        assert min(len(before & set(hand)) for hand in hands if item in hand) == min(waiting)


def test_every_first_k_claims_are_shared_out_among_the_methods(
    experiment: Experiment, toy_benchmark: Benchmark
) -> None:
    order = [claim.digest for claim in find_claims(experiment, toy_benchmark)]
    fronts = digests_by_method(experiment).values()
    for k in range(2 * min(len(front) for front in fronts)):
        counts = [len(front & set(order[:k])) for front in fronts]
        assert max(counts) - min(counts) <= 1


# --- what can be checked at all --------------------------------------------------------------------------------------


def from_surrogate(experiment: Experiment, problem: Problem) -> Experiment:
    return replace(experiment, problem=problem, settings={**experiment.settings, "source": "surrogate"})


def test_races_on_the_trainer_are_true_already(experiment: Experiment) -> None:
    with pytest.raises(InvalidArgument, match=r"answered by the true trainer: there is nothing to validate"):
        check_validity(experiment)


def test_problem_without_a_trainer_is_refused(experiment: Experiment, toy_problem: Problem) -> None:
    with pytest.raises(InvalidArgument, match=r"the problem 'toy' of these races has no trainer here: .* digits"):
        check_validity(from_surrogate(experiment, toy_problem))


def test_namesake_with_another_space_is_refused(experiment: Experiment) -> None:
    item = {"type": "uniform_float", "name": "x", "lower": 0.0, "upper": 1.0}
    other = replace(get_problem("digits"), space=Space.from_document({"hyperparameters": [item]}), known={})
    with pytest.raises(InvalidArgument, match="the problem 'digits' of these races has no trainer here"):
        check_validity(from_surrogate(experiment, other))


def test_exact_objectives_cannot_be_contradicted(experiment: Experiment) -> None:
    exact = get_problem("digits").with_objectives(["log10_params"])
    with pytest.raises(InvalidArgument, match="the objectives log10_params are exact functions of the configuration"):
        check_validity(from_surrogate(experiment, exact))


def test_default_objectives_can_be_checked(experiment: Experiment) -> None:
    check_validity(from_surrogate(experiment, get_problem("digits")))


# --- what came out ---------------------------------------------------------------------------------------------------


def claim(name: str, error: float, seconds: float = 1.0) -> Claim:
    vector = get_problem("digits").space.sample(np.random.default_rng(0), 1)[0]
    return Claim(digest=name, vector=vector, losses=np.array([error, 3.0]), seconds=seconds)


def outcome(error: float, seconds: float = 1.0) -> Outcome:
    return Outcome(np.array([error, 3.0]), seconds)


def validation(predicted: list[float], true: list[float]) -> Validation:
    claims = [claim(str(number), error) for number, error in enumerate(predicted)]
    trainings = {(str(number), 0): outcome(error) for number, error in enumerate(true)}
    return compare_with_truth(claims, trainings, get_problem("digits"))


def test_numbers_are_those_computed_by_hand() -> None:
    """Of the six pairs, five are in the predicted order: tau = (5 - 1) / 6."""
    checked = validation([1.0, 2.0, 3.0, 4.0], [2.0, 5.0, 4.0, 7.0])
    error, seconds = checked.agreements
    assert (error.name, error.unit) == ("val_error", "%")
    assert error.kendall_tau == pytest.approx(4 / 6)
    assert error.mean_error == pytest.approx((1 + 3 + 1 + 3) / 4)
    assert error.rmse == pytest.approx(math.sqrt((1 + 9 + 1 + 9) / 4))
    assert seconds.name == "seconds"
    assert seconds.mean_error == 0.0
    assert math.isnan(seconds.kendall_tau)  # all are equal


@pytest.mark.parametrize(
    ("true", "sentence"),
    [
        ([11.0, 12.0, 13.0], r"ranking of the front held: Kendall tau 1\.00 .* on average 10 % above the prediction\."),
        ([0.9, 0.8, 0.7], r"did not hold: Kendall tau -1\.00 .* 3 configurations, .* 1\.2 % below the prediction\."),
        ([5.0, 5.0, 5.0], r"3 configurations are too few, or too equal, to say whether the ranking of the front holds"),
    ],
)
def test_sentence_says_whether_the_ranking_held(true: list[float], sentence: str) -> None:
    assert re.search(sentence, validation([1.0, 2.0, 3.0], true).sentence)


def test_truth_is_the_mean_over_seeds_and_failed_runs_are_only_counted() -> None:
    claims = [claim("b", 2.0), claim("a", 1.0, seconds=4.0), claim("never trained", 0.0), claim("failed", 3.0)]
    failed = Outcome(np.array([math.nan, math.nan]), math.nan, "out_of_memory")
    trainings = {
        ("a", 0): outcome(10.0, 5.0),
        ("a", 1): outcome(20.0, 7.0),
        ("a", 2): failed,
        ("b", 0): outcome(30.0),
        ("failed", 0): failed,
    }
    checked = compare_with_truth(claims, trainings, get_problem("digits"))
    assert [claim.digest for claim in checked.claims] == ["a", "b"]
    assert checked.losses.tolist() == [[15.0, 3.0], [30.0, 3.0]]
    assert checked.seconds.tolist() == [6.0, 1.0]
    assert checked.failed == 2
    assert "2 configurations are too few" in checked.sentence


def test_nothing_trained_is_no_verdict() -> None:
    checked = validation([1.0, 2.0], [])
    assert checked.losses.shape == (0, 2)
    assert "0 configurations are too few" in checked.sentence
