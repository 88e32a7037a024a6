"""Training claims for real: what is trained, what is kept, and what is read back."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bagbench.analysis.claims import find_claims
from bagbench.analysis.races import Experiment, load_experiment
from bagbench.analysis.retraining import origin_of, outcomes, train_claims
from bagbench.analysis.validation import compare_with_truth
from bagbench.analysis.validation_file import Claim, Trainings, read_trainings, write_trainings
from bagbench.problems.benchmark import Benchmark, Outcome
from bagbench.problems.problem import Problem
from bagbench.problems.record import CURVES
from bagbench.tables.runs import Entry
from bagbench.tables.table import Table
from bagbench.tables.worker import Task, open_trainer


@pytest.fixture(scope="module")
def experiment(experiment_folder: Path) -> Experiment:
    return load_experiment(experiment_folder)


@pytest.fixture(scope="module")
def claims(experiment: Experiment, toy_benchmark: Benchmark) -> tuple[Claim, ...]:
    return find_claims(experiment, toy_benchmark)


def true(task: Task) -> Entry:
    """Make a run up: its last accuracy is a tenth of the seed; seed 4 finds no memory after two epochs."""
    epochs = 2 if task.seed == 4 else 25
    curves = {name: [0.5] * epochs for name in CURVES}
    curves["val_accuracy"] = [*[0.0] * (epochs - 1), task.seed / 10]
    return {
        "index": task.index,
        "digest": task.digest,
        "config": task.config,
        "seed": task.seed,
        "inclusion_probability": task.inclusion_probability,
        "status": "out_of_memory" if task.seed == 4 else "ok",
        "error": "",
        "started": float(task.seed),
        "environment": {"device": "abacus"},
        "curves": curves,
    }


class Done(Executor):
    """Answers at once, and remembers how many runs there were."""

    count = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **_: Any) -> Future[Any]:
        self.count += 1
        future: Future[Any] = Future()
        future.set_result(true(args[0]))
        return future


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Done:
    """The executor that every scheduler leads to."""
    done = Done()

    @contextmanager
    def opened(jobs: int, *, scheduler: str | None, processes: bool) -> Iterator[Executor]:
        assert (jobs, scheduler, processes) == (2, "tcp://somewhere:8786", True)
        yield done

    monkeypatch.setattr("bagbench.analysis.retraining.open_executor", opened)
    return done


def train(claims: tuple[Claim, ...], problem: Problem, path: Path, **options: Any) -> Trainings:
    return train_claims(claims, problem, path, jobs=2, scheduler="tcp://somewhere:8786", **options)


def test_training_stops_when_no_more_may_start_and_goes_on_from_there(
    experiment: Experiment, claims: tuple[Claim, ...], tmp_path: Path, cluster: Done
) -> None:
    """Three may start of the six runs (three configurations, two seeds); the second call makes the other three."""
    problem, path = experiment.problem, tmp_path / "validation.csv"
    allowed = iter([True, True, True])
    every = [(claim.digest, seed) for claim in claims[:3] for seed in range(2)]
    first = train(claims, problem, path, seeds=2, runs=3, may_start=lambda: next(allowed, False))
    assert sorted(first) == sorted(every[:3]) == sorted(read_trainings(path, problem))
    trained = train(claims, problem, path, seeds=2, runs=3)
    assert sorted(trained) == sorted(every)
    assert all(outcome.losses[0] == pytest.approx(100 - 10 * seed) for (_, seed), outcome in trained.items())
    assert all(outcome.seconds == pytest.approx(12.5) for outcome in trained.values())
    assert cluster.count == 6


def test_runs_go_to_the_table_with_their_curves_and_who_chose_them(
    experiment: Experiment, claims: tuple[Claim, ...], tmp_path: Path, cluster: Done
) -> None:
    problem, path = experiment.problem, tmp_path / "validation.csv"
    train(claims, problem, path, seeds=2, runs=2, origin=origin_of(experiment))
    table = Table.open(tmp_path / "validation.h5")
    assert sorted(zip(table.runs.digests.astype(str).tolist(), table.runs.seeds.tolist(), strict=True)) == sorted(
        (claim.digest, seed) for claim in claims[:2] for seed in range(2)
    )
    assert table.runs.curves["val_loss"].tolist() == [[0.5] * 25] * 4
    (environment,) = set(table.runs.environments)
    assert '"chosen_by": "bagbench validate"' in environment and '"answers_of": "trainer digits"' in environment


def test_experiments_that_share_a_table_share_its_runs(
    experiment: Experiment, claims: tuple[Claim, ...], tmp_path: Path, cluster: Done
) -> None:
    """The table rules, also where a file says otherwise; what it holds of other claims is not reported."""
    problem, path, table = experiment.problem, tmp_path / "validation.csv", tmp_path / "shared.h5"
    train(claims[:2], problem, tmp_path / "other.csv", seeds=1, table=table)
    write_trainings(path, problem, claims, {(claims[1].digest, 0): Outcome(np.array([50.0, 3.0]), 1.0)})
    trained = train(claims[1:], problem, path, seeds=1, runs=2, table=table)
    assert sorted(trained) == sorted((claim.digest, 0) for claim in claims[1:3])
    assert trained[claims[1].digest, 0].losses[0] == pytest.approx(100.0)
    assert cluster.count == 3
    assert not (tmp_path / "validation.h5").exists()


def test_failed_run_is_kept_without_a_result(
    experiment: Experiment, claims: tuple[Claim, ...], tmp_path: Path, cluster: Done
) -> None:
    problem, path = experiment.problem, tmp_path / "validation.csv"
    trained = train(claims, problem, path, seeds=5, runs=1)
    failed = trained[claims[0].digest, 4]
    assert np.isnan(failed.losses).all() and math.isnan(failed.seconds) and failed.status == "out_of_memory"
    assert compare_with_truth(claims, trained, problem).failed == 1
    train(claims, problem, path, seeds=5, runs=1)
    assert cluster.count == 5


def test_what_was_trained_counts_among_the_runs_whatever_its_turn(
    experiment: Experiment, claims: tuple[Claim, ...], tmp_path: Path
) -> None:
    """Nothing is trained: the last claim is there already, so it is the one that is asked for."""
    path, there = tmp_path / "validation.csv", Outcome(np.array([50.0, 3.0]), 1.0)
    write_trainings(path, experiment.problem, claims, {(claims[-1].digest, 0): there})
    trained = train_claims(claims, experiment.problem, path, seeds=1, jobs=1, runs=1)
    checked = compare_with_truth(claims, trained, experiment.problem)
    assert [known.digest for known in checked.claims] == [claims[-1].digest]
    assert (checked.claimed, checked.seeds, checked.out_of_turn) == (len(claims), 1, 1)
    assert compare_with_truth(claims, {(claims[0].digest, 0): there}, experiment.problem).out_of_turn == 0


def test_true_runs_are_those_of_the_trainer_and_can_be_learnt_from(
    experiment: Experiment, claims: tuple[Claim, ...], tmp_path: Path
) -> None:
    """Trained for real, in a worker process: the smallest network of the first claims."""
    small = min(claims, key=lambda claim: claim.losses[1])
    path, problem = tmp_path / "validation.csv", experiment.problem
    trained = train_claims((small,), problem, path, seeds=2, jobs=1, device="cpu")
    table = Table.open(tmp_path / "validation.h5", verify=True)
    read = outcomes(table, problem)
    assert sorted(read) == [(small.digest, 0), (small.digest, 1)] == sorted(trained)
    for (_, seed), outcome in trained.items():
        expected = open_trainer("digits", "cpu").query(small.vector, seed=seed)
        assert outcome.losses.tolist() == expected.losses.tolist() == read[small.digest, seed].losses.tolist()
    assert all('"torch"' in environment for environment in table.runs.environments)
