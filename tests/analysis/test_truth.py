"""Evidence of true races: scores where the error is known, and trajectories of races that are made up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bagbench.analysis.indicators import hypervolume
from bagbench.analysis.races import Experiment, Race, load_experiment
from bagbench.analysis.trajectories import trajectories
from bagbench.analysis.truth import on_one_clock, true_races
from bagbench.analysis.visited import visited
from bagbench.problems.errors import InvalidArgument
from bagbench.simulator.benchmarks import DATA
from bagbench.tables.table import Table


@pytest.fixture(scope="module")
def experiment(experiment_folder: Path) -> Experiment:
    return load_experiment(experiment_folder)


class Remembering:
    """Answers with what the races scored, ``bias`` percent too low, and with ``haste`` times their seconds."""

    def __init__(self, experiment: Experiment, *, bias: float = 0.0, haste: float = 1.0) -> None:
        self.answers = {}
        for race in experiment.races:
            history = race.history
            spent = history.finished - history.started
            keys = zip(history.vectors, history.epochs.tolist(), strict=True)
            for (vector, epochs), losses, seconds in zip(keys, history.losses, spent.tolist(), strict=True):
                self.answers[vector.tobytes(), epochs] = losses - np.array([bias, 0.0]), haste * seconds

    def query_batch(self, vectors: np.ndarray, epochs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = [self.answers[key.tobytes(), epoch] for key, epoch in zip(vectors, epochs.tolist(), strict=True)]
        return np.array([losses for losses, _ in found]), np.array([seconds for _, seconds in found])


def test_trials_are_scored_at_their_own_epochs(experiment: Experiment) -> None:
    evidence: Any = visited(experiment, Remembering(experiment, bias=2.0, haste=3.0), ())  # type: ignore[arg-type]
    assert set(evidence) == {"random-search", "sh-emoa"}
    for name, scores in evidence.items():
        races = experiment.of(name)
        assert scores["visited"] == scores["judged"] == sum(race.history.scored.sum() for race in races)
        for prefix in ("", "full_"):
            assert scores[f"{prefix}mean_error"] == pytest.approx(2.0)
            assert scores[f"{prefix}rmse"] == pytest.approx(2.0)
            assert scores[f"{prefix}kendall_tau"] == pytest.approx(1.0)
        assert scores["seconds_kendall_tau"] == pytest.approx(1.0)
        assert scores["seconds_r2"] < 0


def test_what_was_learnt_from_is_not_judged(experiment: Experiment) -> None:
    first = experiment.of("sh-emoa")[0].history
    learnt = first.digests[first.scored][:7].tolist()
    both: Any = [visited(experiment, Remembering(experiment), some) for some in ((), learnt)]  # type: ignore[arg-type]
    assert both[0]["sh-emoa"]["judged"] - both[1]["sh-emoa"]["judged"] == 7
    assert both[0]["sh-emoa"]["visited"] == both[1]["sh-emoa"]["visited"]


def test_the_same_races_have_the_same_trajectories(experiment: Experiment) -> None:
    evidence: Any = trajectories(experiment, experiment)
    assert evidence["kendall_tau"] == pytest.approx(1.0)
    assert (evidence["true_seeds"], evidence["simulated_seeds"]) == (10, 10)
    for name, row in evidence["final"].items():
        assert row["true"] == row["simulated"]
        assert row["within"] == row["races"] == 10
        curve = evidence["curves"][name]
        assert curve["true"] == curve["simulated"]
        assert curve["seconds"] == sorted(curve["seconds"])
        for low, middle, high in zip(curve["low"], curve["simulated"], curve["high"], strict=True):
            assert low <= middle <= high


def test_final_hypervolumes_are_those_of_the_races(experiment: Experiment) -> None:
    one = replace(experiment, races=tuple(race for race in experiment.races if race.seed == 3))
    evidence: Any = trajectories(one, experiment)
    end = min(race.simulated_seconds for race in one.races)
    for race in one.races:
        history = race.history
        counted = history.scored & (history.epochs == experiment.problem.max_epochs) & (history.finished <= end)
        expected = hypervolume(history.losses[counted], experiment.problem.reference_point)
        assert evidence["final"][race.optimizer]["true"] == pytest.approx(expected)
        assert evidence["final"][race.optimizer]["within"] == 1


def test_a_surrogate_on_which_the_ranking_turns_is_found_out(experiment: Experiment) -> None:
    swapped = {"random-search": "sh-emoa", "sh-emoa": "random-search"}
    turned = tuple(replace(race, optimizer=swapped[race.optimizer]) for race in experiment.races)
    evidence: Any = trajectories(experiment, replace(experiment, races=turned))
    assert evidence["kendall_tau"] == pytest.approx(-1.0)
    same: Any = trajectories(experiment, experiment)
    for name, other in swapped.items():
        assert evidence["final"][name]["true"] == same["final"][name]["true"]
        assert evidence["final"][name]["simulated"] == same["final"][other]["simulated"]


def test_what_nobody_trained_in_full_has_no_score_there(experiment: Experiment) -> None:
    race = experiment.of("sh-emoa")[0]
    short = replace(race.history, epochs=np.minimum(race.history.epochs, 20))
    early = replace(experiment, races=(replace(race, history=short),))
    scores: Any = visited(early, Remembering(early), ())["sh-emoa"]  # type: ignore[arg-type]
    assert scores["kendall_tau"] == pytest.approx(1.0)
    assert scores["full_kendall_tau"] is None
    assert scores["full_rmse"] is None


def test_races_on_something_else_are_refused(experiment: Experiment) -> None:
    table = Table.open(DATA / "flowers.h5")
    simulated = replace(experiment, settings={**experiment.settings, "source": "surrogate"})  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match="expected races on the trainer"):
        true_races(simulated, DATA / "digits.onnx", table, seeds=1)
    with pytest.raises(InvalidArgument, match="was not fitted to this table"):
        true_races(experiment, DATA / "digits.onnx", table, seeds=1)


def test_a_machine_that_takes_twice_as_long_is_put_on_the_clock_of_the_surrogate(experiment: Experiment) -> None:
    def slowed(race: Race) -> Race:
        history = race.history
        return replace(race, history=replace(history, started=2 * history.started, finished=2 * history.finished))

    settings: Any = {**experiment.settings, "budget_seconds": 80.0}
    slow = replace(experiment, races=tuple(map(slowed, experiment.races)), settings=settings)
    moved = on_one_clock(slow, 2.0)
    assert moved.settings["budget_seconds"] == 40.0
    assert slow.settings["budget_seconds"] == 80.0
    for evaluations, expected in ((None, experiment.problem.budget_seconds / 2), (3, None)):
        other: Any = {**settings, "budget_seconds": None, "budget_evaluations": evaluations}
        assert on_one_clock(replace(slow, settings=other), 2.0).settings["budget_seconds"] == expected
    assert trajectories(moved, experiment)["curves"] == trajectories(experiment, experiment)["curves"]
    for before, after in zip(experiment.races, moved.races, strict=True):
        assert (before.history.finished == after.history.finished).all()
    for wrong in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(InvalidArgument, match="expected a positive number"):
            on_one_clock(slow, wrong)
