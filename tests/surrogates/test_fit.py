"""Fitting: reproducible, honest about what it had seen, and the same on any number of jobs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import r2_score

from bagbench.problems.errors import InvalidArgument
from bagbench.surrogates.benchmark import SurrogateBenchmark
from bagbench.surrogates.examples import read_examples
from bagbench.surrogates.fit import fit_surrogate, fold_of
from bagbench.surrogates.noise import fit_noise
from bagbench.surrogates.quality import noise_ceiling, scores
from bagbench.surrogates.targets import Target, target_for
from bagbench.surrogates.training import Recipe
from bagbench.tables.table import Table


def test_jobs_do_not_change_a_byte(table: Table, recipe: Recipe, file: Path, tmp_path: Path) -> None:
    fit_surrogate(table, tmp_path / "two.onnx", recipe=recipe, jobs=2)
    assert file.read_bytes() == (tmp_path / "two.onnx").read_bytes()


def test_card_in_the_file_says_what_is_true(
    file: Path,
) -> None:
    card: Any = SurrogateBenchmark(file).card
    error = card["metrics"]["val_error"]
    assert 0.7 < error["full_fidelity"]["r2"] <= error["ceiling"]["r2"]
    assert error["ceiling"]["rmse"] == pytest.approx(3.0, rel=0.35)  # the noise that the table was made with
    assert card["metrics"]["train_seconds"]["full_fidelity"]["r2"] > 0.9


def test_replicates_are_never_split_between_folds(table: Table) -> None:
    examples = read_examples(table)
    folds = fold_of(examples)
    for digest in np.unique(examples.digests):
        assert len(set(folds[examples.digests == digest])) == 1
    assert set(folds) == {0, 1, 2, 3, 4}


def test_failed_and_unfinished_runs_are_not_learnt_from(table: Table) -> None:
    status = table.runs.status.copy()
    status[3] = b"failed"
    curves = {name: values.copy() for name, values in table.runs.curves.items()}
    curves["train_seconds"][7, 10:] = np.nan
    damaged = replace(table, runs=replace(table.runs.take(np.arange(len(table))), status=status, curves=curves))
    assert len(read_examples(damaged)) == len(table) - 2


def test_too_large_a_table_is_learnt_from_in_part(table: Table) -> None:
    """Digests are hashes: the smallest of them are a random sample of configurations, replicates and all."""
    everything, part = read_examples(table), read_examples(table, most_points=60 * table.epochs)
    assert (len(part), len(everything)) == (60, len(table))
    by_digest = np.argsort(everything.digests, kind="stable")
    assert sorted(part.digests.tolist()) == everything.digests[by_digest[:60]].tolist()
    keys = [list(zip(each.digests, each.seeds, strict=True)) for each in (everything, part)]
    rows = [keys[0].index(key) for key in keys[1]]
    np.testing.assert_array_equal(part.values, everything.values[rows])
    np.testing.assert_array_equal(part.vectors, everything.vectors[rows])


def test_too_small_a_table_is_refused(table: Table, tmp_path: Path) -> None:
    few = replace(table, runs=table.runs.take(np.arange(12)))
    with pytest.raises(InvalidArgument, match="at least 20 whole runs to learn from, the table has 12"):
        fit_surrogate(few, tmp_path / "few.onnx")
    assert not list(tmp_path.iterdir())


def test_scores_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    true = rng.random(100)
    predicted = true + 0.1 * rng.standard_normal(100)
    ours = scores(true, predicted)
    assert ours["r2"] == pytest.approx(r2_score(true, predicted))
    assert ours["rmse"] == pytest.approx(float(np.sqrt(np.mean((true - predicted) ** 2))))


def test_noise_ceiling_finds_the_scores_of_somebody_who_knows_the_means() -> None:
    rng = np.random.default_rng(1)
    means = rng.standard_normal(4000)
    digests = np.repeat(np.array([f"{i:016x}" for i in range(4000)], dtype="S16"), 2)
    true = np.repeat(means, 2) + 0.5 * rng.standard_normal(8000)
    ceiling, oracle = noise_ceiling(true, digests), scores(true, np.repeat(means, 2))
    for name, tolerance in (("r2", 0.01), ("kendall_tau", 0.01), ("rmse", 0.01)):
        assert ceiling[name] == pytest.approx(oracle[name], abs=tolerance)
    assert ceiling["pairs"] == 4000


def test_ceiling_is_not_guessed_from_a_handful_of_replicates() -> None:
    digests = np.array([b"a", b"a", b"b", b"c"], dtype="S16")
    assert noise_ceiling(np.arange(4.0), digests) == {"pairs": 1.0}


def test_noise_keeps_the_mean_and_both_modes_of_outcomes() -> None:
    rng = np.random.default_rng(2)
    collapsed = rng.random(4000) < 0.5
    residuals = np.where(collapsed, 40.0, -40.0)[:, None, None] * np.ones((1, 3, 2))
    targets = [Target(name="t", low=-100.0, high=100.0, scale="identity")] * 2
    noise = fit_noise(rng.random((4000, 3, 2)), residuals, targets)
    draws = np.array([noise.draw(0.5, f"{i:016x}", 0).adds[-1, 0] for i in range(2000)])
    assert abs(draws.mean()) < 4
    assert (np.abs(np.abs(draws) - 40) < 4).all()


def test_collapsed_runs_score_what_guessing_scores_and_draws_have_the_mean_in_percent() -> None:
    rng = np.random.default_rng(4)
    target = Target(name="error", low=0.0, high=100.0, scale="logit")
    means = rng.uniform(20, 80, 6000)
    collapsed = rng.random(6000) < (means - 10) / 80
    outcomes = np.where(collapsed, 90.0, rng.uniform(5, 15, 6000))  # 10 % on average: the mean is what was predicted
    predictions = target.forward(means)[:, None, None]
    noise = fit_noise(predictions, target.forward(outcomes)[:, None, None] - predictions, [target])
    for mean in (30.0, 50.0, 70.0):
        predicted = float(target.forward(np.array(mean)))
        draws = target.backward(noise.library(predicted).onto(predicted)[:, 0, 0])
        assert draws.mean() == pytest.approx(mean, abs=2.0)
        guesses = draws[draws > 80]
        np.testing.assert_allclose(guesses, 90.0, atol=1e-3)
        assert len(guesses) / len(draws) == pytest.approx((mean - 10) / 80, abs=0.05)


def test_noise_is_a_function_of_configuration_and_seed() -> None:
    rng = np.random.default_rng(3)
    targets = [Target(name="t", low=-10.0, high=10.0, scale="identity")] * 2
    noise = fit_noise(rng.random((500, 4, 2)), rng.standard_normal((500, 4, 2)), targets)
    assert (noise.draw(0.3, "0" * 16, 5).adds == noise.draw(0.3, "0" * 16, 5).adds).all()
    draws = {float(noise.draw(0.3, "0" * 16, seed).adds[0, 0]) for seed in range(40)}
    assert len(draws) > 20


@pytest.mark.parametrize("scale", ["identity", "log", "logit"])
def test_targets_go_back_into_their_range_one_by_one_as_in_arrays(scale: str) -> None:
    target = Target(name="t", low=0.5, high=90.0, scale=scale)
    spread = {"identity": 60.0, "log": 4.0, "logit": 20.0}[scale]
    predictions = np.random.default_rng(0).normal(0, spread, 500)
    back = target.backward(predictions)
    assert back.min() == 0.5
    assert back.max() == 90.0
    assert (back == [target.backward_one(value) for value in predictions.tolist()]).all()
    inside = np.array([0.5, 0.6, 3.0, 89.0, 90.0])
    np.testing.assert_allclose(target.backward(target.forward(inside)), inside)
    assert target.backward_one(1e6) == 90.0


def test_errors_are_predicted_as_logits_and_long_tails_as_logarithms(table: Table) -> None:
    scales = {metric.name: target_for(metric).scale for metric in table.problem.metrics}
    assert scales["val_error"] == scales["test_error"] == "logit"
    assert scales["val_loss"] == "log"


def test_a_metric_that_never_changes_has_no_score_instead_of_a_division_by_zero() -> None:
    constant = np.full(40, 3.0)
    assert scores(constant, constant) == {"r2": None, "kendall_tau": None, "rmse": 0.0}
    digests = np.repeat(np.array([f"{i:016x}" for i in range(20)], dtype="S16"), 2)
    assert noise_ceiling(constant, digests)["r2"] is None
