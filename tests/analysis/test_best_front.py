"""Best known fronts: pooled from races, stored with where they come from, and the goal of those races only."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bagbench.analysis.best_front import BestFront, front_file, goal, pool, read_best_front, write_best_front
from bagbench.analysis.indicators import hypervolume
from bagbench.analysis.races import Experiment, Settings, load_experiment
from bagbench.problems.errors import FileProblem, InvalidArgument


def on_surrogate(experiment: Experiment, **changes: object) -> Experiment:
    settings = {**experiment.settings, "source": "surrogate", "benchmark_sha256": "ab" * 32, **changes}
    return replace(experiment, settings=Settings(**settings))  # type: ignore[typeddict-item]


@pytest.fixture(scope="module")
def experiment(experiment_folder: Path) -> Experiment:
    return on_surrogate(load_experiment(experiment_folder))


@pytest.fixture
def front(experiment: Experiment) -> BestFront:
    halves = [replace(experiment, races=experiment.of(name)) for name in experiment.optimizers]
    return pool(halves)


def dominated_by_none(losses: NDArray[np.float64]) -> set[tuple[float, ...]]:
    points = {tuple(point) for point in losses.tolist()}
    return {p for p in points if not any(q != p and all(a <= b for a, b in zip(q, p, strict=True)) for q in points)}


def test_the_front_of_several_experiments_is_that_of_all_full_trainings(
    experiment: Experiment, front: BestFront
) -> None:
    histories = [race.history for race in experiment.races]
    full = np.concatenate([h.losses[h.scored & (h.epochs == 25)] for h in histories])
    assert {tuple(point) for point in front.losses.tolist()} == dominated_by_none(full)
    assert (np.diff(front.losses[:, 0]) > 0).all()


def test_configurations_are_those_that_had_the_losses(experiment: Experiment, front: BestFront) -> None:
    space = experiment.problem.space
    losses, vectors = experiment.pooled_front(experiment.races)
    digests = dict(zip(map(tuple, losses.tolist()), space.digests(vectors), strict=True))
    assert [space.digest(space.encode(values)) for values in front.configurations] == [
        digests[tuple(point)] for point in front.losses.tolist()
    ]


def test_a_stored_front_is_read_back_as_it_was(front: BestFront, tmp_path: Path) -> None:
    path = tmp_path / "digits-front.json"
    reference = np.array([100.0, 7.0])
    write_best_front(front, path, reference=reference)
    again = read_best_front(path)
    np.testing.assert_array_equal(again.losses, front.losses)
    assert [dict(c) for c in again.configurations] == [dict(c) for c in front.configurations]
    assert (again.problem, again.objectives, again.benchmark_sha256) == (
        "digits",
        ("val_error", "log10_params"),
        "ab" * 32,
    )
    assert [found["optimizers"] for found in again.found] == [["random-search"], ["sh-emoa"]]
    assert again.found[0]["seeds"] == list(range(10)) and again.found[0]["budget_seconds"] == 600.0
    assert not again.losses.flags.writeable
    assert json.loads(path.read_text())["hypervolume"] == hypervolume(front.losses, reference)
    assert [item.name for item in tmp_path.iterdir()] == ["digits-front.json"]


def test_races_on_the_same_benchmark_are_held_against_the_stored_front(
    experiment: Experiment, front: BestFront, tmp_path: Path
) -> None:
    write_best_front(front, front_file("digits", tmp_path), reference=np.array([100.0, 7.0]))
    one = replace(experiment, races=experiment.races[:1])
    found = goal(one, folder=tmp_path)
    assert found.name == "best known front of digits"
    np.testing.assert_array_equal(found.losses, front.losses)


@pytest.mark.parametrize("change", [{"benchmark_sha256": "cd" * 32}, {"noise": "sample"}])
def test_races_on_another_benchmark_are_held_against_their_own_front(
    change: dict[str, str], experiment: Experiment, front: BestFront, tmp_path: Path
) -> None:
    write_best_front(front, front_file("digits", tmp_path), reference=np.array([100.0, 7.0]))
    one = on_surrogate(replace(experiment, races=experiment.races[:1]), **change)
    found = goal(one, folder=tmp_path)
    assert found.name.startswith("pooled front of these races")
    np.testing.assert_array_equal(found.losses, one.front(one.races[0])[0])


def test_without_a_stored_front_races_are_held_against_their_own(experiment: Experiment, tmp_path: Path) -> None:
    losses, _ = experiment.pooled_front(experiment.races)
    np.testing.assert_array_equal(goal(experiment, folder=tmp_path).losses, losses)


@pytest.mark.parametrize("change", [{"benchmark_sha256": "cd" * 32}, {"noise": "sample"}])
def test_races_on_different_benchmarks_are_not_pooled(change: dict[str, str], experiment: Experiment) -> None:
    with pytest.raises(InvalidArgument, match=r"pooled from races on one surrogate .* got digits .*; digits .*noise"):
        pool([experiment, on_surrogate(experiment, **change)])


def test_races_of_the_true_trainer_are_not_pooled(experiment_folder: Path) -> None:
    with pytest.raises(InvalidArgument, match="pooled from races on one surrogate or table .* on trainer with noise"):
        pool([load_experiment(experiment_folder)])


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "expected a front that `python -m bagbench.scripts.best_front` wrote"),
        ('{"format": "bagbench-history"}', "expected a front that"),
        (None, "format version 2, this bagbench reads up to 1"),
    ],
)
def test_a_damaged_foreign_or_newer_front_is_refused(
    content: str | None, complaint: str, front: BestFront, tmp_path: Path
) -> None:
    path = tmp_path / "digits-front.json"
    write_best_front(front, path, reference=np.array([100.0, 7.0]))
    path.write_text(content or path.read_text().replace('"version": 1\n', '"version": 2\n'))
    with pytest.raises(FileProblem, match=complaint):
        read_best_front(path)
