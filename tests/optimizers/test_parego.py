"""ParEGO: its scalarisation by hand, and that what is fixed in the problem stays fixed in the search."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from bagbench.optimizers import parego
from bagbench.optimizers.base import Query, Result
from bagbench.optimizers.driving import Event, drive, score
from bagbench.optimizers.gaussian_process import Hyperparameters, Targets, fit_hyperparameters
from bagbench.optimizers.parego import ParEgo, augmented_chebyshev
from bagbench.optimizers.random_search import RandomSearch
from bagbench.optimizers.synthetic import SyntheticBenchmark, networks, tiny, tradeoff
from bagbench.optimizers.trials import Trials
from bagbench.problems.errors import InvalidArgument

Array = NDArray[np.float64]

BENCHMARK = tradeoff()  # ideal point (0, 0), reference point (1.1, 11)
PROBLEM = BENCHMARK.problem


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Array, Targets]]:
    """Collects what models are fitted to."""
    found: list[tuple[Array, Targets]] = []

    def watch(inputs: Array, targets: Targets, start: Hyperparameters | None) -> Hyperparameters:
        found.append((inputs, targets))
        return fit_hyperparameters(inputs, targets, start)

    monkeypatch.setattr(parego, "fit_hyperparameters", watch)
    return found


def configs(events: list[Event]) -> list[Array]:
    return [event.config for event in events if isinstance(event, Query)]


def test_the_scalarisation_by_hand() -> None:
    losses = np.array([[0.2, 0.8], [0.5, 0.5], [1.0, 0.0]])
    # max(0.05, 0.6) + 0.05 x 0.65, max(0.125, 0.375) + 0.05 x 0.5, max(0.25, 0) + 0.05 x 0.25
    assert augmented_chebyshev(losses, np.array([0.25, 0.75])) == pytest.approx([0.6325, 0.4, 0.2625])


def test_points_in_a_dent_of_the_front_are_the_best_for_some_weights() -> None:
    """A weighted sum would never choose the middle of these."""
    losses = np.array([[0.0, 1.0], [0.6, 0.6], [1.0, 0.0]])
    chosen = {int(np.argmin(augmented_chebyshev(losses, np.array([w, 1 - w])))) for w in np.linspace(0, 1, 21)}
    assert chosen == {0, 1, 2}
    assert {int(np.argmin(losses @ [w, 1 - w])) for w in np.linspace(0, 1, 21)} == {0, 2}


def test_weakly_dominated_points_lose_the_tie() -> None:
    values = augmented_chebyshev(np.array([[0.5, 0.4], [0.5, 0.1]]), np.array([0.9, 0.1]))
    assert values[1] < values[0]


def test_weights_are_new_for_every_trial(fits: list[tuple[Array, Targets]]) -> None:
    search = ParEgo(PROBLEM, seed=0, initial=8)
    drive(search, BENCHMARK, trials=8)
    for _ in range(30):
        search.ask()
    bests = {inputs[np.argmin(targets)].tobytes() for inputs, targets in fits}
    assert len({targets.tobytes() for _, targets in fits}) == 30
    assert len(bests) > 1


def test_losses_are_normalised_by_the_problems_points_and_not_by_what_was_seen(
    fits: list[tuple[Array, Targets]],
) -> None:
    """In another unit the search is the same; an outlier changes no other value."""
    stretched = tuple(replace(o, ideal=1000 * o.ideal, reference=1000 * o.reference) for o in PROBLEM.objectives)
    stretch = SyntheticBenchmark(
        replace(PROBLEM, objectives=(PROBLEM.objectives[0], stretched[1])),
        lambda values, progress: {
            name: loss * (1000 if name == "f2" else 1) for name, loss in BENCHMARK.formula(values, progress).items()
        },
    )
    plain = configs(drive(ParEgo(PROBLEM, seed=1), BENCHMARK, trials=25))
    other = configs(drive(ParEgo(stretch.problem, seed=1), stretch, trials=25))
    assert np.array_equal(plain[:20], other[:20])
    fits.clear()
    for outlier in (11.0, 1e9):
        search = ParEgo(PROBLEM, seed=0, initial=5)
        drive(search, BENCHMARK, trials=5)
        search.tell(replace(score(BENCHMARK, search.ask(), 0), losses=np.array([0.5, outlier])))
        search.ask()
    assert fits[1][1].tolist() == fits[3][1].tolist()


def test_the_model_sees_the_best_and_a_sample_of_the_rest(fits: list[tuple[Array, Targets]]) -> None:
    search = ParEgo(PROBLEM, seed=0, initial=200)
    drive(search, BENCHMARK, trials=199)
    search.ask()
    assert not fits
    rows = PROBLEM.space.sample(np.random.default_rng(1), 60)
    for row in rows:
        query = Query(config=row, epochs=27)
        search.tell(score(BENCHMARK, query, 0))
    search.ask()
    search.ask()
    for inputs, targets in fits:
        assert len(inputs) == len(targets) == 150
        assert (np.diff(targets[:75]) >= 0).all()
        assert targets[74] <= targets[75:].min()
    assert len(np.unique(fits[0][0], axis=0)) == 150


def test_every_trial_is_trained_in_full_and_none_comes_twice() -> None:
    events = drive(ParEgo(networks().problem, seed=0), networks(), trials=40, workers=4)
    queries = [event for event in events if isinstance(event, Query)]
    assert {(query.epochs, query.resume_from) for query in queries} == {(27, 0)}
    assert len({query.config.tobytes() for query in queries}) == len(queries)


def test_the_initial_design_is_one_low_discrepancy_sequence() -> None:
    search, sobol = ParEgo(PROBLEM, seed=5, initial=6), RandomSearch(PROBLEM, seed=5)
    assert all(np.array_equal(search.ask().config, sobol.ask().config) for _ in range(6))


def test_open_queries_count_as_if_they_had_scored_what_is_predicted(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one objective all weights are alike: only belief keeps several workers apart."""
    benchmark = BENCHMARK.with_objectives(["f2"])

    def gap_between_five_workers() -> float:
        search = ParEgo(benchmark.problem, seed=0)
        drive(search, benchmark, trials=15)
        asked = np.array([search.ask().config for _ in range(5)])
        return float(np.abs(asked[:, None] - asked).mean())

    believing = gap_between_five_workers()
    monkeypatch.setattr(Trials, "open", np.empty((0, 6)))
    assert believing > 1.2 * gap_between_five_workers()


def test_it_falls_back_to_a_random_new_candidate_where_the_numerics_fail(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise np.linalg.LinAlgError("not positive definite")

    monkeypatch.setattr(parego, "fit_hyperparameters", fail)
    with caplog.at_level(logging.WARNING):
        asked = configs(drive(ParEgo(PROBLEM, seed=0, initial=5), BENCHMARK, trials=10))
    assert len({config.tobytes() for config in asked}) == 10
    assert "parego proposes a random candidate: not positive definite" in caplog.text


def test_until_two_trials_have_scored_it_draws_from_the_design() -> None:
    search, sobol = ParEgo(PROBLEM, seed=3, initial=1), RandomSearch(PROBLEM, seed=3)
    for losses in ((np.nan, np.nan), (0.5, 5.0), (np.nan, np.nan), (0.4, 6.0)):
        query = search.ask()
        assert np.array_equal(query.config, sobol.ask().config)
        search.tell(Result(query=query, losses=np.array(losses), seconds=1.0))
    assert not np.array_equal(search.ask().config, sobol.ask().config)


def test_a_used_up_space_is_gone_through_again() -> None:
    asked = configs(drive(ParEgo(tiny().problem, seed=0, initial=2), tiny(), trials=12))
    assert len({config.tobytes() for config in asked[:4]}) == len({config.tobytes() for config in asked}) == 4


def test_an_empty_initial_design_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"an initial design of 1 configuration or more, got initial=0"):
        ParEgo(PROBLEM, seed=0, initial=0)
