"""Hypervolume and rank over seconds, evaluations and full trainings, against counting by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bagbench.analysis.costs import COSTS, Cost, spent, total_spent, trained_epochs
from bagbench.analysis.curves import end, hypervolume_curves, rank_curves, time_grid
from bagbench.analysis.indicators import normalized_hypervolume
from bagbench.analysis.races import Experiment, Race, load_experiment
from bagbench.problems.errors import UnknownName


@pytest.fixture(scope="module")
def experiment(experiment_folder: Path) -> Experiment:
    return load_experiment(experiment_folder)


@pytest.fixture
def five_trials(make_race: Callable[..., Race]) -> Race:
    """Five trials on two workers; the second one goes on where the first one ended, the last one is cut off.

    ::

        worker 0  |0: 5 ep|1: 5 to 25 epochs......|4: 25, cut off
        worker 1  |2: 10 epochs|3: 25, failed|
                  0       2    3             5    6              8
    """
    return make_race(
        np.zeros((5, 1)),
        np.array([[50.0, 3.0], [20.0, 3.0], [60.0, 4.0], [np.nan] * 2, [np.nan] * 2]),
        digests=["a", "a", "b", "c", "d"],
        epochs=np.array([5, 25, 10, 25, 25]),
        resume_from=np.array([0, 5, 0, 0, 0]),
        asked=np.zeros(5),
        started=np.array([0.0, 2.0, 0.0, 3.0, 6.0]),
        finished=np.array([2.0, 6.0, 3.0, 5.0, 8.0]),
        worker=np.array([0, 0, 1, 1, 0]),
        status=np.array(["ok", "ok", "ok", "failed", "censored"]),
        workers=2,
        budget_seconds=8.0,
    )


def test_expenses_add_up_in_the_order_of_completion(five_trials: Race) -> None:
    history = five_trials.history
    assert spent(history, "seconds", max_epochs=25).tolist() == [2.0, 6.0, 3.0, 5.0, 8.0]
    assert spent(history, "evaluations", max_epochs=25).tolist() == [1, 4, 2, 3, 4]
    # 5, then 10, then 25 that failed, then 20 more of the first one; the one that was cut off counts nothing
    np.testing.assert_allclose(25 * spent(history, "trainings", max_epochs=25), [5, 60, 15, 40, 60])
    assert total_spent(history, "trainings", max_epochs=25) == pytest.approx(2.4)


def test_without_checkpoints_training_on_is_charged_from_scratch(five_trials: Race) -> None:
    history = replace(five_trials.history, checkpointing=False)
    assert trained_epochs(history).tolist() == [5, 25, 10, 25, 25]
    assert total_spent(history, "trainings", max_epochs=25) == pytest.approx(65 / 25)


def test_unknown_cost_is_refused(five_trials: Race) -> None:
    with pytest.raises(UnknownName, match="unknown cost 'euros': expected one of evaluations, seconds, trainings"):
        spent(five_trials.history, "euros", max_epochs=25)  # type: ignore[arg-type]


@pytest.mark.parametrize("cost", COSTS)
def test_curves_over_any_cost_end_at_the_final_hypervolume(cost: Cost, experiment: Experiment) -> None:
    problem = experiment.problem
    for name, group in hypervolume_curves(experiment, cost=cost).items():
        for race, curve in zip(experiment.of(name), group, strict=True):
            front, _ = experiment.front(race)
            final = normalized_hypervolume(front, problem.reference_point, problem.ideal_point)
            assert curve.values[-1] == pytest.approx(final)
            assert (np.diff(curve.spent) >= 0).all() and curve.spent[-1] <= end(experiment, cost=cost)


@pytest.mark.parametrize("cost", COSTS)
def test_the_grid_reaches_from_the_first_result_to_the_end(cost: Cost, experiment: Experiment) -> None:
    curves = hypervolume_curves(experiment, cost=cost)
    grid = time_grid(experiment, curves, cost=cost)
    assert (np.diff(grid) > 0).all()
    assert grid[-1] == end(experiment, cost=cost)
    first = min(curve.spent[0] for group in curves.values() for curve in group)
    assert 0 < grid[0] == pytest.approx(max(first, grid[-1] / 1000), abs=1.0 if cost == "evaluations" else 1e-9)


def test_evaluations_are_whole_and_the_last_one_is_that_of_the_longest_race(experiment: Experiment) -> None:
    grid = time_grid(experiment, hypervolume_curves(experiment, cost="evaluations"), cost="evaluations")
    assert (grid == np.round(grid)).all()
    assert grid[-1] == max(race.evaluations for race in experiment.races)


def test_ranks_over_a_cost_are_those_of_the_values_at_each_point(experiment: Experiment) -> None:
    curves = hypervolume_curves(experiment, cost="trainings")
    grid = np.array([5.0, 20.0])
    ranks = rank_curves(experiment, curves, grid)
    at = {name: np.array([curve.at(grid) for curve in group]) for name, group in curves.items()}
    ahead = (at["sh-emoa"] > at["random-search"]) + 0.5 * (at["sh-emoa"] == at["random-search"])
    np.testing.assert_allclose(ranks["sh-emoa"], 2 - ahead.mean(axis=0))
    np.testing.assert_allclose(ranks["sh-emoa"] + ranks["random-search"], 3.0)


def test_without_a_common_seed_nobody_is_ranked(experiment: Experiment) -> None:
    apart = replace(experiment, races=(experiment.of("sh-emoa")[0], experiment.of("random-search")[1]))
    assert rank_curves(apart, hypervolume_curves(apart), np.array([1.0])) == {}
