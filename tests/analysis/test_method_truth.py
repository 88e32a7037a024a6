"""Fronts of methods beside the truth, with hypervolumes computed by hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from bagbench.analysis.method_truth import Difference, MethodRanking, MethodTruth, compare_methods
from bagbench.analysis.races import Experiment, Race
from bagbench.analysis.validation import Agreement, compare_with_truth
from bagbench.analysis.validation_file import Claim
from bagbench.problems import get_problem
from bagbench.problems.benchmark import Outcome

PROBLEM = get_problem("digits")  # its reference point is (100 %, 7)
VECTORS = PROBLEM.space.sample(np.random.default_rng(0), 4)
A, B, C, D = PROBLEM.space.digests(VECTORS)
PREDICTED = np.array([[10.0, 5.0], [40.0, 3.0], [20.0, 4.0], [30.0, 6.0]])
TRUE = {A: [20.0, 5.0], B: [50.0, 3.0], C: [90.0, 4.0]}


MakeRace = Callable[[str, int, list[int]], Race]


@pytest.fixture
def race(make_race: Callable[..., Race]) -> MakeRace:
    """Make up a race of a method, a seed, and the configurations that it has tried."""
    return lambda optimizer, seed, rows: make_race(VECTORS[rows], PREDICTED[rows], optimizer=optimizer, seed=seed)


def ranking(
    races: Sequence[Race], true: Mapping[str, Sequence[float]], again: Mapping[str, Sequence[float]] | None = None
) -> MethodRanking:
    """Compare methods by one training of each configuration, or by two."""
    settings = {"source": "surrogate"}
    experiment = Experiment(problem=PROBLEM, races=tuple(races), settings=settings)  # type: ignore[arg-type]
    claims = [
        Claim(digest=digest, vector=vector, losses=losses, seconds=1.0)
        for digest, vector, losses in zip([A, B, C, D], VECTORS, PREDICTED, strict=True)
    ]
    trainings = {
        (digest, seed): Outcome(np.array(losses), 1.0)
        for seed, outcomes in enumerate((true, again or {}))
        for digest, losses in outcomes.items()
    }
    return compare_methods(experiment, compare_with_truth(claims, trainings, PROBLEM))


def test_both_hypervolumes_are_of_the_trained_configurations_of_all_seeds(race: MakeRace) -> None:
    """sh-emoa has A and B in one seed and C in another; D, dominated by A, is on no front of its.

    Predicted: A covers 90 x 2, C another 80 x 1, B another 60 x 1: 320. In truth A covers 80 x 2, B another 50 x 2,
    and C, which B dominates, nothing: 260, which is 18.75 % less. random-search has only C of the trained ones:
    predicted 80 x 3 = 240, in truth 10 x 3 = 30.
    """
    found = ranking([race("random-search", 0, [2, 3]), race("sh-emoa", 0, [0, 1, 3]), race("sh-emoa", 1, [2])], TRUE)
    best, other = found.methods
    assert (best.optimizer, best.claimed, best.trained) == ("sh-emoa", 3, 3)
    assert best.predicted_hypervolume == pytest.approx(320.0)
    assert best.true_hypervolume == pytest.approx(260.0)
    assert best.change == pytest.approx(-18.75)
    assert best.agreement.name == "val_error"
    assert best.agreement.mean_error == pytest.approx((10 + 10 + 70) / 3)
    assert (
        best.kendall_tau == best.agreement.kendall_tau == pytest.approx(1 / 3)
    )  # A < C < B, in truth A < B < C: (2 - 1) / 3
    assert (other.optimizer, other.claimed, other.trained) == ("random-search", 1, 1)
    assert math.isnan(other.kendall_tau)
    assert other.predicted_hypervolume == pytest.approx(240.0)
    assert other.true_hypervolume == pytest.approx(30.0)


def test_truth_beyond_the_reference_point_is_worth_nothing(race: MakeRace) -> None:
    (method,) = ranking([race("sh-emoa", 0, [0])], {A: [100.0, 5.0]}).methods
    assert method.predicted_hypervolume == pytest.approx(180.0)
    assert method.true_hypervolume == 0.0
    assert method.change == pytest.approx(-100.0)


def test_method_without_any_true_training_has_no_numbers(race: MakeRace) -> None:
    (method,) = ranking([race("sh-emoa", 0, [0])], {B: [50.0, 3.0]}).methods
    assert (method.trained, method.predicted_hypervolume, method.true_hypervolume) == (0, 0.0, 0.0)
    assert math.isnan(method.change) and math.isnan(method.agreement.kendall_tau)


def test_interval_is_of_both_trainings_and_needs_two_of_each(race: MakeRace) -> None:
    """A is worth (100 - e) x 2; e is 20 or 30, 25 on average, and with two trainings a resample holds one of them."""
    races = [race("sh-emoa", 0, [0])]
    (once,) = ranking(races, TRUE).methods
    assert all(map(math.isnan, once.true_interval))
    assert ranking(races, TRUE).differences == ()
    (twice,) = ranking(races, {A: [20.0, 5.0]}, {A: [30.0, 5.0]}).methods
    assert twice.true_hypervolume == pytest.approx(150.0)
    assert twice.true_interval == pytest.approx((140.0, 160.0))


def test_what_two_methods_share_varies_in_both_alike(race: MakeRace) -> None:
    """Both have A; sh-emoa also has B, worth another 50 x 2 whatever A's luck was."""
    races = [race("sh-emoa", 0, [0, 1]), race("random-search", 0, [0])]
    found = ranking(races, {A: [20.0, 5.0], B: [50.0, 3.0]}, {A: [30.0, 5.0], B: [50.0, 3.0]})
    (pair,) = found.differences
    assert (pair.first, pair.second) == ("sh-emoa", "random-search")
    assert pair.true_hypervolume == pytest.approx(100.0)
    assert pair.interval == pytest.approx((100.0, 100.0)) and pair.is_clear
    first, second = found.methods
    assert first.true_interval == pytest.approx((240.0, 260.0))
    assert second.true_interval == pytest.approx((140.0, 160.0))


# --- verdicts --------------------------------------------------------------------------------------------------------

NOTHING = Agreement(name="val_error", unit="%", kendall_tau=math.nan, mean_error=math.nan, rmse=math.nan)


def apart(first: str, second: str, low: float, high: float) -> Difference:
    return Difference(first=first, second=second, true_hypervolume=(low + high) / 2, interval=(low, high))


def method(name: str, predicted: float, true: float, *, trained: int = 5, claimed: int = 5) -> MethodTruth:
    return MethodTruth(
        optimizer=name,
        claimed=claimed,
        trained=trained,
        predicted_hypervolume=predicted,
        true_hypervolume=true,
        agreement=NOTHING,
    )


def test_ranking_holds_where_no_pair_is_swapped() -> None:
    found = MethodRanking(methods=(method("a", 30.0, 27.0), method("b", 20.0, 19.0), method("c", 10.0, 10.0)))
    assert found.verdict == "The predicted ranking of the methods holds: Kendall tau 1.00, none of 3 pairs swapped."
    assert found.loss == (
        "The front of a suffered most: its hypervolume is 10 % below the prediction, 27.00 instead of 30.00."
    )
    assert found.caution == ""


def test_swapped_pairs_are_named_with_their_numbers() -> None:
    """One of six pairs is swapped: tau = (5 - 1) / 6."""
    methods = (method("a", 40.0, 30.0), method("b", 30.0, 31.0), method("c", 20.0, 20.0), method("d", 10.0, 9.0))
    found = MethodRanking(methods=methods)
    assert found.kendall_tau == pytest.approx(4 / 6)
    assert found.verdict == (
        "The predicted ranking of the methods mostly holds: Kendall tau 0.67, 1 of 6 pairs swapped: "
        "b is truly ahead of a (31.00 to 30.00, predicted 30.00 to 40.00)."
    )


def test_noise_says_which_swaps_are_more_than_luck() -> None:
    """b over a is sure, c over a is not."""
    methods = (
        method("a", 40.0, 30.0),
        method("b", 35.0, 36.0),
        method("c", 34.0, 30.5),
        method("few", 1.0, 1.0, trained=1),
    )
    pairs = (
        apart("a", "b", -8.0, -4.0),
        apart("a", "c", -2.0, 1.0),
        apart("b", "c", 3.0, 8.0),
        apart("a", "few", 9, 9),
    )
    assert MethodRanking(methods=methods, differences=pairs).noise == (
        "Replicates tell 2 of 3 pairs of methods apart (95 % interval of the difference); "
        "of the 2 swapped ones: b over a."
    )
    unsure = MethodRanking(methods=methods[:1] + methods[2:], differences=pairs[1:2])
    assert unsure.noise.endswith(
        "tell 0 of 1 pairs of methods apart (95 % interval of the difference); of the 1 swapped ones: none."
    )
    held = MethodRanking(methods=(method("b", 40.0, 40.0), method("c", 30.0, 30.0)), differences=pairs[2:3])
    assert held.noise == "Replicates tell 1 of 1 pairs of methods apart (95 % interval of the difference)."
    assert MethodRanking(methods=methods).noise == ""


def test_ranking_turned_round_does_not_hold() -> None:
    found = MethodRanking(methods=(method("a", 20.0, 10.0), method("b", 10.0, 11.0)))
    assert "does not hold: Kendall tau -1.00, 1 of 1 pairs swapped" in found.verdict


def test_method_of_which_few_were_trained_is_shown_but_not_judged() -> None:
    """c would have lost everything and swapped with both."""
    few = method("c", 50.0, 0.0, trained=2, claimed=9)
    found = MethodRanking(methods=(few, method("a", 30.0, 30.0), method("b", 20.0, 20.0)))
    assert found.kendall_tau == 1.0 and found.swapped == ()
    assert found.verdict.startswith("The predicted ranking of the methods' samples holds: Kendall tau 1.00")
    assert found.loss == "No method's front lost hypervolume in truth."
    assert "c 2 of 9, a 5 of 5, b 5 of 5." in found.caution
    assert found.caution.endswith("With fewer than 3, no verdict is passed on c.")


def test_one_method_is_no_ranking() -> None:
    found = MethodRanking(methods=(method("a", 2.0, 1.0), method("b", 1.0, 1.0, trained=0)))
    assert found.verdict.startswith("Methods with 3 or more retrained configurations: 1; too few, or too equal")
    assert MethodRanking(methods=()).loss == "No method's front can be judged."
