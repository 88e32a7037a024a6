"""Regions and fronts: held against brute force, and against runs whose truth is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bagbench.surrogates.examples import Examples, read_examples
from bagbench.surrogates.fronts import covered, layers
from bagbench.surrogates.regions import by_configuration, collapse_limit, front_evidence, near_the_front, regions
from bagbench.tables.table import Table


def brute_force_layers(losses: np.ndarray) -> list[int]:
    numbers, left, layer = [-1] * len(losses), list(range(len(losses))), 0
    while left:
        front = [
            i for i in left if not any((losses[j] <= losses[i]).all() and (losses[j] < losses[i]).any() for j in left)
        ]
        for i in front:
            numbers[i] = layer
        left = [i for i in left if i not in front]
        layer += 1
    return numbers


@pytest.mark.parametrize("objectives", [1, 2, 3])
def test_layers_are_those_of_brute_force(objectives: int) -> None:
    losses = np.random.default_rng(objectives).integers(0, 6, (60, objectives)).astype(float)
    assert layers(losses).tolist() == brute_force_layers(losses)


def test_covered_counts_boxes_and_nothing_beyond_the_reference() -> None:
    reference = np.array([3.0, 3.0])
    assert covered(np.array([[1.0, 2.0], [2.0, 1.0], [5.0, 0.0]]), reference) == pytest.approx(3.0)
    assert covered(np.array([[4.0, 4.0]]), reference) == 0.0
    assert covered(np.array([[1.0], [2.0]]), np.array([3.0])) == pytest.approx(2.0)


def test_near_the_front_is_the_first_layers_with_a_tenth() -> None:
    line = np.arange(100.0)
    assert np.flatnonzero(near_the_front(np.stack([line, line], axis=1))).tolist() == list(range(10))
    trade_off = np.stack([line, -line], axis=1)
    assert near_the_front(trade_off).all()


@pytest.fixture(scope="module")
def examples(table: Table) -> Examples:
    return read_examples(table)


def test_runs_are_averaged_by_configuration_in_the_problems_objectives(table: Table, examples: Examples) -> None:
    owner, true = by_configuration(examples, examples.values)
    assert len(true) == len(np.unique(table.runs.digests))
    losses = np.stack([table.losses(name)[:, -1] for name in table.problem.objective_names], axis=1)
    for configuration in (0, 7):
        np.testing.assert_allclose(true[configuration], losses[owner == configuration].mean(axis=0), rtol=1e-6)


def test_seconds_raced_are_those_of_a_whole_training(table: Table) -> None:
    problem = table.problem.with_objectives(["val_error", "train_seconds"])
    examples = replace(read_examples(table), problem=problem)
    owner, true = by_configuration(examples, examples.values)
    seconds = table.runs.curves["train_seconds"].sum(axis=1)
    for configuration in (0, 7):
        assert true[configuration, 1] == pytest.approx(seconds[owner == configuration].mean(), rel=1e-6)


def test_perfect_predictions_find_the_whole_front(examples: Examples) -> None:
    evidence: Any = front_evidence(examples, examples.values)
    assert (evidence["recall"], evidence["recall_near"]) == (1.0, 1.0)
    assert evidence["hypervolume_share"] == pytest.approx(1.0)
    assert evidence["kendall_tau"] == pytest.approx(1.0)
    assert evidence["true_front"] == evidence["predicted_front"] > 1


def test_predictions_upside_down_lose_the_front(examples: Examples) -> None:
    evidence: Any = front_evidence(examples, -examples.values)
    perfect: Any = front_evidence(examples, examples.values)
    assert evidence["hypervolume_share"] < 0.95 * perfect["hypervolume_share"]
    assert evidence["recall"] < 0.5


def test_each_region_has_its_own_error(examples: Examples) -> None:
    """Runs predicted to collapse are wrong by 4, the others right: only the one region says so."""
    target = examples.targets[0]
    true = target.backward(examples.values[:, -1, 0])
    shifted = np.where(true > collapse_limit(true), true + 4.0, true)
    predictions = examples.values.copy()
    predictions[:, -1, 0] = target.forward(shifted)
    evidence: Any = regions(examples, predictions)
    assert evidence["metric"] == "val_error"
    assert evidence["collapsed"]["runs"] == (true > collapse_limit(true)).sum()
    assert evidence["collapsed"]["mean_error"] == pytest.approx(-4.0)
    assert evidence["collapsed"]["rmse"] == pytest.approx(4.0)
    assert evidence["good"]["rmse"] == pytest.approx(0.0, abs=1e-9)
    assert evidence["good"]["runs"] == pytest.approx((true <= collapse_limit(true)).sum() / 2, abs=1)


def test_runs_that_do_not_tell_seconds_have_no_part_in_a_front_of_seconds(table: Table) -> None:
    problem = table.problem.with_objectives(["val_error", "train_seconds"])
    examples = replace(read_examples(table), problem=problem)
    alone = np.arange(len(examples)) % 4 == 0
    told = np.where(alone, examples.values[:, 0, -1], np.nan)
    values = np.concatenate([examples.values[..., :-1], np.repeat(told[:, None, None], table.epochs, axis=1)], axis=2)
    predictions = examples.values.copy()
    predictions[..., -1] = np.random.default_rng(0).permutation(examples.values[:, 0, -1])[:, None]
    mixed = replace(examples, values=values)
    own = np.flatnonzero(alone)
    assert front_evidence(mixed, predictions) == front_evidence(examples.take(own), predictions[own])
    assert front_evidence(mixed, predictions)["hypervolume_share"] < 1.0  # type: ignore[operator]
    assert regions(mixed, predictions)["near_the_front"]["runs"] > 0  # type: ignore[index]
