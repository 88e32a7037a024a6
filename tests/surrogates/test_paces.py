"""Paces: runs of several kinds of machine end up on one clock."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bagbench.scripts.info import describe, info
from bagbench.surrogates.benchmark import SurrogateBenchmark
from bagbench.surrogates.examples import read_examples
from bagbench.surrogates.fit import _residuals as residuals_of
from bagbench.surrogates.fit import fit_surrogate
from bagbench.surrogates.paces import machines
from bagbench.surrogates.training import Recipe
from bagbench.tables.table import Table

FAST = {"device": "cpu", "processor": "fast", "torch": "2", "threads": "1"}
SLOW = {**FAST, "processor": "slow"}


def made_on(table: Table, environments: Sequence[dict[str, str]], times: np.ndarray[Any, Any]) -> Table:
    """Say of a table that its runs were made in ``environments``, and took ``times`` as long as they did."""
    curves = {name: values.copy() for name, values in table.runs.curves.items()}
    curves["train_seconds"] *= times[:, None]
    runs = table.runs.take(np.arange(len(table)))
    return replace(table, runs=replace(runs, environments=[json.dumps(each) for each in environments], curves=curves))


def of_two(table: Table, slow: np.ndarray[Any, Any], factor: float) -> Table:
    return made_on(table, [SLOW if each else FAST for each in slow], np.where(slow, factor, 1.0))


def test_seconds_of_two_machines_become_those_of_the_one_with_more_runs(table: Table) -> None:
    slow = np.random.default_rng(0).random(len(table)) < 0.4
    noise = np.exp(0.1 * np.random.default_rng(1).standard_normal(len(table)))
    one = made_on(table, [FAST] * len(table), noise)
    two = read_examples(of_two(one, slow, 1.5))
    fast_pace, slow_pace = two.paces
    assert (fast_pace.runs, slow_pace.runs) == ((~slow).sum(), slow.sum())
    assert "fast" in fast_pace.machine
    assert fast_pace.times_as_long == 1.0
    assert slow_pace.times_as_long == pytest.approx(1.5, rel=0.06)
    wanted = read_examples(one)
    assert wanted.paces[0].runs == len(table)
    np.testing.assert_array_equal(two.values[~slow], wanted.values[~slow])
    np.testing.assert_allclose(two.values[..., -1], wanted.values[..., -1], atol=0.06)
    np.testing.assert_array_equal(two.values[..., :-1], wanted.values[..., :-1])
    mirrored = read_examples(of_two(one, ~slow, 1 / 1.5))
    assert "slow" in mirrored.paces[0].machine
    assert mirrored.paces[1].times_as_long == pytest.approx(1.5, rel=0.06)


def test_one_machine_changes_nothing(table: Table) -> None:
    seconds = table.runs.curves["train_seconds"]
    np.testing.assert_array_equal(read_examples(table).values[:, 0, -1], np.log(seconds.mean(axis=1)))


def test_two_slow_runs_are_hardly_believed(table: Table) -> None:
    slow = np.zeros(len(table), dtype=bool)
    slow[[3, 70]] = True
    assert 1.0 < read_examples(of_two(table, slow, 2.0)).paces[1].times_as_long < 1.4


def test_noise_of_seconds_is_that_of_the_machine_whose_seconds_they_are(table: Table) -> None:
    rng = np.random.default_rng(2)
    slow = rng.random(len(table)) < 0.4
    noise = np.exp(np.where(slow, 0.5, 0.05) * rng.standard_normal(len(table)))
    examples = read_examples(made_on(of_two(table, slow, 1.5), [SLOW if each else FAST for each in slow], noise))
    predictions = examples.values.copy()
    predictions[:, :, -1] = np.log(table.runs.curves["train_seconds"].mean(axis=1))[:, None]
    residuals = residuals_of(examples, predictions)
    np.testing.assert_array_equal(residuals[~slow], (examples.values - predictions)[~slow])
    own, others = (np.mean(residuals[rows, :, -1] ** 2) for rows in (~slow, slow))
    assert others == pytest.approx(own)
    assert not residuals[..., :-1].any()


def test_only_what_seconds_depend_on_makes_another_machine() -> None:
    newer = {**FAST, "bagbench": "9", "python": "4", "precision": "float32"}
    texts = [json.dumps(each) for each in (FAST, newer, SLOW, {"file": "mine.csv"}, {**FAST, "precision": "bf16"})]
    kinds = machines(texts).tolist()
    assert kinds[0] == kinds[1]
    assert len(set(kinds)) == 4


def test_file_and_info_say_whose_seconds_they_are(
    table: Table, recipe: Recipe, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slow = np.arange(len(table)) % 3 == 0
    two = of_two(table, slow, 3.0)
    path = tmp_path / "two.onnx"
    fit_surrogate(two, path, recipe=recipe)
    surrogate = SurrogateBenchmark(path)
    stored = describe(str(path))["surrogate"]["provenance"]["machines"]
    assert stored == [asdict(pace) for pace in read_examples(two).paces]
    row = int(np.flatnonzero(slow)[0])
    vector = two.runs.vectors[row]
    measured = two.runs.curves["train_seconds"][row].sum()
    assert surrogate.query(vector).seconds == pytest.approx(measured / 3.0, rel=0.25)
    info(str(path))
    shown = capsys.readouterr().out
    assert "the seconds that are predicted" in shown
    assert f"{stored[1]['times_as_long']:.2f} times as long" in shown
