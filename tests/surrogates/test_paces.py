"""Paces: runs of several kinds of machine end up on one clock."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bagbench.problems.errors import InvalidArgument
from bagbench.scripts.info import describe, info
from bagbench.surrogates.benchmark import SurrogateBenchmark
from bagbench.surrogates.examples import read_examples
from bagbench.surrogates.fit import _residuals as residuals_of
from bagbench.surrogates.fit import fit_surrogate, fold_of
from bagbench.surrogates.paces import machines
from bagbench.surrogates.training import Recipe
from bagbench.surrogates.tuning import fold_loss, tune
from bagbench.tables.table import Table

FAST = {"device": "cpu", "processor": "fast", "torch": "2", "threads": "1"}
SLOW = {**FAST, "processor": "slow"}
GPU = {**FAST, "device": "cuda", "processor": "a GPU", "runs_per_device": "1"}
SHARED = {**GPU, "runs_per_device": "16"}


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
    factor = read_examples(of_two(table, slow, 2.0)).paces[1].times_as_long
    assert factor is not None
    assert 1.0 < factor < 1.4


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


def on_a_gpu(table: Table, there: np.ndarray[Any, Any], gpu: dict[str, str]) -> Table:
    """Say of runs that a GPU made them, on which all take equally long, whatever they are."""
    dear = table.runs.curves["train_seconds"].mean(axis=1)
    return made_on(table, [gpu if each else FAST for each in there], np.where(there, 1.0 / dear, 1.0))


@pytest.mark.parametrize("share", [0.3, 0.7])
def test_neighbours_on_a_gpu_do_not_set_the_clock(table: Table, share: float) -> None:
    there = np.random.default_rng(3).random(len(table)) < share
    examples = read_examples(on_a_gpu(table, there, SHARED))
    here, gpu = examples.paces
    assert (here.machine.startswith("device cpu"), here.runs, here.times_as_long) == (True, (~there).sum(), 1.0)
    assert (gpu.machine.startswith("device cuda"), gpu.runs, gpu.times_as_long) == (True, there.sum(), None)
    np.testing.assert_array_equal(examples.timed, ~there)
    np.testing.assert_array_equal(examples.seconds_weights > 0, ~there)
    alone = read_examples(table.take(np.flatnonzero(~there)))
    np.testing.assert_array_equal(examples.values[~there][..., -1], alone.values[..., -1])
    np.testing.assert_array_equal(examples.profile, alone.profile)
    np.testing.assert_array_equal(examples.values[..., :-1], read_examples(table).values[..., :-1])


def test_gpu_that_runs_had_to_themselves_sets_the_clock_if_most_were_made_there(table: Table) -> None:
    for share, device in ((0.3, "cpu"), (0.7, "cuda")):
        there = np.random.default_rng(3).random(len(table)) < share
        examples = read_examples(on_a_gpu(table, there, GPU))
        assert examples.paces[0].machine.startswith(f"device {device}")
        np.testing.assert_array_equal(examples.timed, there == (device == "cuda"))


def test_shared_gpu_sets_the_clock_where_hardly_a_run_was_alone(table: Table) -> None:
    there = np.arange(len(table)) >= 19
    examples = read_examples(on_a_gpu(table, there, SHARED))
    np.testing.assert_array_equal(examples.timed, there)
    assert len(read_examples(on_a_gpu(table, there | True, SHARED)).paces) == 1


def test_few_runs_alone_on_a_device_do_not_outweigh_many_that_shared_one(table: Table) -> None:
    many = table.take(np.repeat(np.arange(len(table)), 4))
    there = np.arange(len(many)) >= 25
    assert len(many) > 500
    np.testing.assert_array_equal(read_examples(on_a_gpu(many, there, SHARED)).timed, there)


def test_runs_that_do_not_name_their_device_keep_their_pace(table: Table) -> None:
    imported = np.arange(len(table)) % 3 == 0
    environments = [{"file": "mine.csv"} if each else FAST for each in imported]
    examples = read_examples(made_on(table, environments, np.where(imported, 2.0, 1.0)))
    assert examples.timed.all()
    assert examples.paces[1].times_as_long == pytest.approx(2.0, rel=0.1)


def test_surrogate_of_two_devices_learns_metrics_from_both_and_seconds_from_one(
    table: Table, recipe: Recipe, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = np.random.default_rng(3).random(len(table)) < 0.6
    path = tmp_path / "both.onnx"
    card: Any = fit_surrogate(on_a_gpu(table, there, SHARED), path, recipe=recipe)
    assert card["runs"] == len(table)
    assert card["metrics"]["train_seconds"]["full_fidelity"]["r2"] > 0.8
    predicted = SurrogateBenchmark(path).query_batch(table.runs.vectors[there], np.full(there.sum(), table.epochs))[1]
    as_here = table.runs.curves["train_seconds"][there].sum(axis=1)
    assert np.corrcoef(np.log(predicted), np.log(as_here))[0, 1] > 0.9
    drawn = SurrogateBenchmark(path, noise="sample")
    seconds = drawn.query_batch(table.runs.vectors, np.full(len(table), table.epochs), np.arange(len(table)))[1]
    assert np.isfinite(seconds).all()
    info(str(path))
    assert "another device: not counted" in capsys.readouterr().out


def test_residual_of_seconds_is_that_of_the_run_most_alike(table: Table) -> None:
    there = np.random.default_rng(3).random(len(table)) < 0.6
    examples = read_examples(on_a_gpu(table, there, SHARED))
    predictions = read_examples(table).values.copy()
    predictions[:, :, -1] += np.linspace(-0.5, 0.5, len(table))[:, None]
    residuals = residuals_of(examples, predictions)
    np.testing.assert_array_equal(residuals[~there], (examples.values - predictions)[~there])
    own = np.flatnonzero(~there)
    for row in np.flatnonzero(there)[::9]:
        nearest = own[np.argmin(np.abs(predictions[own, -1, -1] - predictions[row, -1, -1]))]
        assert residuals[row, -1, -1] == residuals[nearest, -1, -1]


def test_tuning_judges_seconds_by_runs_that_have_them(table: Table, recipe: Recipe) -> None:
    there = np.random.default_rng(3).random(len(table)) < 0.6
    examples = read_examples(on_a_gpu(table, there, SHARED))
    assert 0.0 < fold_loss(examples, fold_of(examples), 0, recipe) < 1.0


def test_seconds_of_one_fold_alone_cannot_be_judged(table: Table, recipe: Recipe, tmp_path: Path) -> None:
    saved = tmp_path / "mine.h5"
    on_a_gpu(table, fold_of(read_examples(table)) != 0, SHARED).save(saved)
    mixed = Table.open(saved)
    assert read_examples(mixed).timed.any()
    for learn in (
        lambda: fit_surrogate(mixed, tmp_path / "mine.onnx", recipe=recipe),
        lambda: tune(mixed, tmp_path / "mine.jsonl", 1, recipe=recipe),
    ):
        with pytest.raises(InvalidArgument, match="in one fold"):
            learn()
    assert not (tmp_path / "mine.onnx").exists()


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
