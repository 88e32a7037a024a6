"""The verdict: scores, ranks, sentences and ``summary.csv``."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bagbench.analysis.indicators import hypervolume
from bagbench.analysis.races import Experiment, load_experiment
from bagbench.analysis.summary import COLUMNS, Score, rank, summarize, write_summary
from bagbench.problems.errors import FileProblem


@pytest.fixture(scope="module")
def experiment(experiment_folder: Path) -> Experiment:
    return load_experiment(experiment_folder)


def score(optimizer: str, seed: int, value: float) -> Score:
    return Score(
        optimizer=optimizer,
        seed=seed,
        hypervolume=value,
        normalized_hypervolume=value / 10,
        igd_plus=0.0,
        evaluations=7,
        simulated_seconds=60.0,
        wall_seconds=0.5,
        digest="d",
        additive_epsilon=0.0,
        regret=10.0 - value,
        test_hypervolume=value - 1,
        trainings=3.0,
        policy="full",
    )


def test_every_race_has_its_line(experiment: Experiment) -> None:
    scores = summarize(experiment).scores
    assert [(line.optimizer, line.seed) for line in scores] == [
        (name, seed) for name in ("random-search", "sh-emoa") for seed in range(10)
    ]


def test_a_score_is_that_of_the_full_fidelity_trials_within_the_budget(experiment: Experiment) -> None:
    race, line = experiment.races[13], summarize(experiment).scores[13]
    history = race.history
    full = history.losses[history.scored & (history.epochs == 25)]
    assert line.hypervolume == pytest.approx(hypervolume(full, np.array([100.0, 7.0])))
    assert line.normalized_hypervolume == pytest.approx(line.hypervolume / 500.0)
    assert line.evaluations == int((history.status != "censored").sum()) < len(history)
    assert line.simulated_seconds == 600.0
    assert line.digest == history.digest()


def test_all_fidelities_count_if_the_policy_says_so(experiment_folder: Path) -> None:
    full = summarize(load_experiment(experiment_folder)).scores
    every = summarize(load_experiment(experiment_folder, policy="all")).scores
    assert all(a.hypervolume >= b.hypervolume for a, b in zip(every, full, strict=True))
    assert any(a.hypervolume > b.hypervolume for a, b in zip(every, full, strict=True) if a.optimizer == "sh-emoa")


def test_costs_and_shortfalls_of_a_race_are_those_of_its_trials(experiment: Experiment) -> None:
    race, summary = experiment.races[13], summarize(experiment)
    line, history = summary.scores[13], race.history
    completed = history.status != "censored"
    assert line.trainings == pytest.approx((history.epochs - history.resume_from)[completed].sum() / 25)
    pooled, _ = experiment.pooled_front(experiment.races)
    front, _ = experiment.front(race)
    shortfalls = [min(max((a - r) / [100.0, 5.0]) for a in front) for r in pooled]
    assert line.additive_epsilon == pytest.approx(max(shortfalls)) and line.igd_plus <= line.additive_epsilon
    assert line.policy == "full"


def test_without_a_stored_front_regret_is_to_the_pooled_one(experiment: Experiment) -> None:
    summary = summarize(experiment)
    pooled, _ = experiment.pooled_front(experiment.races)
    best = hypervolume(pooled, np.array([100.0, 7.0]))
    assert summary.goal.name.startswith("pooled front of these races")
    assert [line.regret for line in summary.scores] == pytest.approx([best - s.hypervolume for s in summary.scores])


def test_the_true_trainer_is_not_asked_for_test_errors(experiment: Experiment) -> None:
    assert all(math.isnan(line.test_hypervolume) for line in summarize(experiment).scores)


def test_two_optimizers_have_no_friedman_test_but_three_do(experiment: Experiment) -> None:
    assert summarize(experiment).friedman is None
    copies = tuple(replace(race, optimizer="copy") for race in experiment.of("sh-emoa"))
    three = summarize(replace(experiment, races=experiment.races + copies)).friedman
    assert three is not None and three.average_ranks["copy"] == three.average_ranks["sh-emoa"] < 2.0
    assert three.p_value < 0.05


def test_the_headline_names_the_winner(experiment: Experiment) -> None:
    summary = summarize(experiment)
    (pair,) = summary.comparisons
    assert summary.headline == f"sh-emoa wins: it beats random-search in {pair.wins} of 10 seeds."
    assert summary.warning is None


def test_standings_rank_by_median_and_share_places() -> None:
    values = {"a": [1.0, 9.0, 2.0], "b": [3.0, 3.0, 3.0], "c": [3.0, 4.0, 1.0]}
    lines = rank([score(name, seed, value) for name, column in values.items() for seed, value in enumerate(column)])
    assert [(line.place, line.optimizer) for line in lines] == [(1, "b"), (1, "c"), (3, "a")]
    # by seed: b c a = 1.5 1.5 3; 3 2 1; 1 3 2
    assert [line.average_rank for line in lines] == pytest.approx([5.5 / 3, 6.5 / 3, 2.0])


def test_summary_csv_gives_the_same_numbers_back(experiment: Experiment, tmp_path: Path) -> None:
    summary = summarize(experiment)
    write_summary(summary, tmp_path / "summary.csv")
    with (tmp_path / "summary.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert tuple(lines[0]) == COLUMNS
    assert (
        list(COLUMNS)
        == (
            "optimizer seed hypervolume normalized_hypervolume igd_plus evaluations "
            "simulated_seconds wall_seconds digest additive_epsilon regret test_hypervolume trainings policy"
        ).split()
    )
    for line, expected in zip(lines, summary.scores, strict=True):
        assert float(line["hypervolume"]) == expected.hypervolume
        assert float(line["igd_plus"]) == expected.igd_plus
        assert line["digest"] == expected.digest
        assert float(line["trainings"]) == expected.trainings
        assert line["policy"] == "full"
    assert [path.name for path in tmp_path.iterdir()] == ["summary.csv"]


def test_a_race_without_results_scores_zero_and_infinitely_far() -> None:
    lines = rank([score("a", 0, 0.0)])
    assert lines[0].hypervolume.median == 0.0 and math.isnan(lines[0].hypervolume.standard_error)


def test_a_folder_without_races_is_refused(experiment_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "experiment.json").write_text((experiment_folder / "experiment.json").read_text())
    with pytest.raises(FileProblem, match="no race is finished there: run `bagbench compare` again"):
        load_experiment(tmp_path)


def test_a_folder_without_experiment_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match=r"expected the experiment\.json of a folder that `bagbench compare` made"):
        load_experiment(tmp_path)


def test_a_winner_over_many_is_told_by_the_runner_up(experiment: Experiment) -> None:
    summary = summarize(experiment)
    (pair,) = summary.comparisons
    many = tuple(replace(pair, second=f"method-{number}", p_value=0.001) for number in range(7))
    headline = replace(summary, comparisons=many).headline
    told = f"method-0 in {pair.wins} of 10 seeds"
    assert headline == f"sh-emoa wins: it beats all 7 others, the runner-up {told}."
