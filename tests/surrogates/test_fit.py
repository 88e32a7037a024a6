"""Fitting: reproducible, honest about what it had seen, and the same on any number of jobs."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import kendalltau
from sklearn.metrics import r2_score

from bagbench.problems import get_problem
from bagbench.problems.errors import InvalidArgument
from bagbench.problems.problem import Objective
from bagbench.surrogates.benchmark import SurrogateBenchmark
from bagbench.surrogates.ceiling import noise_ceiling
from bagbench.surrogates.examples import Examples, read_examples
from bagbench.surrogates.fit import fit_surrogate, fold_of
from bagbench.surrogates.noise import fit_noise
from bagbench.surrogates.quality import Scores, _share, quality_card, scores
from bagbench.surrogates.targets import Target, target_for
from bagbench.surrogates.training import Recipe
from bagbench.tables.table import Table

from .conftest import make_table


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
    scales = {metric.name: target_for(metric, np.ones(3)).scale for metric in table.problem.metrics}
    assert scales["val_error"] == scales["test_error"] == "logit"
    assert scales["val_loss"] == "log"


def test_a_metric_that_never_changes_has_no_score_instead_of_a_division_by_zero() -> None:
    constant = np.full(1000, 0.1)
    assert np.var(constant) > 0.0  # by rounding
    found = scores(constant, constant + 0.01)
    assert (found["r2"], found["kendall_tau"]) == (None, None)
    assert found["rmse"] == pytest.approx(0.01)
    digests = np.repeat(np.array([f"{i:016x}" for i in range(500)], dtype="S16"), 2)
    assert noise_ceiling(constant, digests)["r2"] is None


@pytest.mark.parametrize("pairs", [10, 40])
@pytest.mark.parametrize("rounding", [0.0, 0.5])
def test_the_ceiling_of_few_pairs_is_right_on_average(pairs: int, rounding: float) -> None:
    rng = np.random.default_rng(8)
    digests = np.repeat(np.array([f"{i:016x}" for i in range(pairs)], dtype="S16"), 2)
    agreements, plain = list[Any](), list[float]()
    for _ in range(300):
        true = np.repeat(rng.standard_normal(pairs), 2) + 0.5 * rng.standard_normal(2 * pairs)
        true = np.round(true / rounding) * rounding if rounding else true
        agreements.append(noise_ceiling(true, digests)["replicate_tau"])
        plain.append(float(kendalltau(true[::2], true[1::2]).statistic))
    assert np.mean(agreements) == pytest.approx(np.mean(plain), abs=0.012)
    if not rounding:  # normal replicates that correlate by 1 / (1 + 0.25)
        assert np.mean(agreements) == pytest.approx(2 / np.pi * np.arcsin(0.8), abs=0.03)


def test_replicates_that_are_all_equal_have_no_tau() -> None:
    digests = np.array([f"{i:016x}" for i in np.repeat(np.arange(20), [2] * 10 + [1] * 10)], dtype="S16")
    true = np.concatenate([np.full(20, 5.0), np.arange(10.0)])
    ceiling = noise_ceiling(true, digests)
    assert (ceiling["replicate_tau"], ceiling["kendall_tau"], ceiling["r2"]) == (None, None, 1.0)


def test_runs_that_somebody_chose_do_not_set_the_ceiling() -> None:
    """A thousand runs of noise 15 with a hundred replicates; then the best twenty again, whose noise is small."""
    rng = np.random.default_rng(9)
    means = np.sort(rng.uniform(0, 100, 1000))
    rows = np.concatenate([np.arange(1000), rng.choice(1000, 100, replace=False), np.repeat(np.arange(20), 5)])
    noise = np.where(means[rows] > 5, 15.0, 0.1)
    true = np.clip(means[rows] + noise * rng.standard_normal(len(rows)), 0, 100)
    problem = get_problem("digits")
    examples = Examples(
        problem=problem,
        targets=(Target(name="val_error", low=0.0, high=100.0, scale="identity"),),
        vectors=problem.space.sample(rng, 1000)[rows],
        digests=np.array([f"{row:016x}" for row in rows], dtype="S16"),
        seeds=np.arange(len(rows)),
        inclusion_probability=np.where(np.arange(len(rows)) < 1100, 1.0, np.nan),
        values=true[:, None, None],
        profile=np.ones(1),
        seconds_weights=np.ones(len(rows)),
        measured=np.zeros(len(rows)),
    )
    card: Any = quality_card(examples, means[rows][:, None, None])
    judged = card["metrics"]["val_error"]
    oracle = scores(true[:1100], means[rows][:1100])
    assert judged["ceiling"]["r2"] == pytest.approx(oracle["r2"], abs=0.04)
    assert judged["ceiling"]["pairs"] == 100
    assert noise_ceiling(true, examples.digests)["r2"] > 0.87  # type: ignore[operator]  # what all of them would say


def test_no_share_of_a_ceiling_below_zero() -> None:
    scored: Scores = {"r2": -0.2, "kendall_tau": 0.5, "rmse": 1.0}
    assert _share(scored, {"r2": -0.1, "kendall_tau": 0.8}) == {"r2": None, "kendall_tau": 0.625}


def test_small_values_and_zeros_keep_their_place_on_a_log_scale() -> None:
    metric = Objective(name="mse", unit="", bounds=(0.0, math.inf), reference=1.0, ideal=0.0)
    tiny = np.concatenate([[0.0, 2e-9], np.full(200, 3e-8)])
    target = target_for(metric, tiny)
    np.testing.assert_allclose(target.backward(target.forward(tiny))[:3], [1e-9, 2e-9, 3e-8])
    counts = np.array([0.0, 0.0, 100.0, 300.0])
    assert target_for(metric, counts).backward(target_for(metric, counts).forward(counts)).tolist() == counts.tolist()
    outlier = np.array([1e-300, 5e-324, 0.1, 0.2, 0.3])  # does not rule the fit
    assert np.ptp(target_for(metric, outlier).forward(outlier)) < 20
    assert np.isfinite(target_for(metric, np.zeros(3)).forward(np.zeros(3))).all()


def test_configurations_in_one_fold_are_refused_before_anything_is_learnt(recipe: Recipe, tmp_path: Path) -> None:
    table = make_table(300)
    first = np.array([int(digest, 16) % 5 == 0 for digest in table.runs.digests])
    with pytest.raises(InvalidArgument, match="all that tell seconds are in one fold"):
        fit_surrogate(table.take(np.flatnonzero(first)), tmp_path / "one.onnx", recipe=recipe)
    assert not list(tmp_path.iterdir())


def test_names_that_a_surrogate_needs_for_itself_are_refused(table: Table) -> None:
    problem = table.problem
    doubt = replace(problem.metrics[0], name="doubt")
    renamed = replace(problem, metrics=(doubt, *problem.metrics[1:]), objectives=(doubt, problem.objectives[1]))
    with pytest.raises(InvalidArgument, match="cannot have an objective called 'doubt'"):
        read_examples(replace(table, problem=renamed))


@pytest.mark.parametrize("wrong", [{"seed": -1}, {"seed": 2**32}, {"seed": 1.0}, {"trees_share": 1.5}, {"drawn": -1}])
def test_recipes_out_of_range_are_refused(wrong: Any) -> None:
    with pytest.raises(InvalidArgument, match="a recipe"):
        Recipe(**wrong)
