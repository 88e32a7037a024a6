"""Targets of metrics that take few values: found only where replicates show it, kept in the file, and answered."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bagbench.surrogates.benchmark import SurrogateBenchmark
from bagbench.surrogates.description import Description
from bagbench.surrogates.examples import read_examples
from bagbench.surrogates.file import read_sealed
from bagbench.surrogates.fit import fit_unjudged
from bagbench.surrogates.subgraph import read_metadata
from bagbench.surrogates.targets import Target, find_levels
from bagbench.surrogates.training import Recipe
from bagbench.tables.runs import Runs
from bagbench.tables.table import Table

SIZES = np.array([1e3, 2e3, 2.1e3, 5e4, 1e6])
STEPS = np.array([1.0, 1.04, 9.0])


def some_runs(configurations: int = 400, replicates: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Make up sizes (n, 1) of five kinds, and the digests (n,) of whose they are."""
    sizes = np.random.default_rng(0).choice(SIZES, configurations)
    digests = np.array([f"{i:016x}" for i in range(configurations)], dtype="S16")
    return np.tile(sizes, replicates)[:, None], np.tile(digests, replicates)


def test_few_values_on_which_replicates_agree_are_levels() -> None:
    assert find_levels(*some_runs()) == tuple(SIZES)


def test_noise_has_no_levels_however_few_its_values() -> None:
    values, digests = some_runs()
    values[3] = SIZES[0] if values[3] != SIZES[0] else SIZES[1]  # one run of 800 differs from its replicate
    assert find_levels(values, digests) == ()


def test_without_replicates_nobody_can_tell() -> None:
    assert find_levels(*some_runs(replicates=1)) == ()


@pytest.mark.parametrize(("alone", "known"), [(4, True), (5, False)])
def test_values_of_one_configuration_alone_promise_more_that_were_not_seen(alone: int, known: bool) -> None:
    values, digests = some_runs()
    for place in range(alone):
        values[[place, place + 400]] = 1e7 + place
    assert bool(find_levels(values, digests)) == known


@given(st.floats(-1e6, 1e6))
def test_what_is_predicted_is_the_nearest_level_on_its_scale(prediction: float) -> None:
    target = Target(name="size", low=0.0, high=math.inf, scale="log", levels=tuple(SIZES))
    nearest = SIZES[np.argmin(np.abs(np.log(SIZES) - prediction))]
    assert target.backward_one(prediction) == nearest
    assert target.backward(np.array([prediction])).tolist() == [nearest]


def test_every_level_is_its_own_nearest() -> None:
    for scale in ("identity", "log"):
        target = Target(name="size", low=0.0, high=math.inf, scale=scale, levels=tuple(SIZES))
        assert target.backward(target.forward(SIZES)).tolist() == SIZES.tolist()
    assert Target(name="one", low=0.0, high=9.0, scale="identity", levels=(4.0,)).backward_one(8.0) == 4.0


def with_sizes(table: Table) -> Table:
    """Let a table's validation loss be a metric without noise, of three values, by the first width alone."""
    assert isinstance(table.runs, Runs)
    index = table.problem.space.index["n_conv_0"]
    size = STEPS[np.digitize(table.runs.vectors[:, index], [0.3, 0.6])]
    curves = {**table.runs.curves, "val_loss": np.repeat(size[:, None], table.epochs, axis=1)}
    return replace(table, runs=replace(table.runs, curves=curves))


def test_answers_are_levels_however_they_are_asked_for(table: Table, recipe: Recipe, tmp_path: Path) -> None:
    sized = with_sizes(table)
    examples = read_examples(sized)
    assert {target.name: target.levels for target in examples.targets if target.levels} == {"val_loss": tuple(STEPS)}
    path = tmp_path / "sized.onnx"
    fit_unjudged(examples, path, recipe)
    document: Any = json.loads(read_metadata(read_sealed(path), "bagbench") or "")
    assert json.loads(Description.from_json(json.dumps(document), path).to_json()) == document
    for noise in ("mean", "sample"):
        benchmark = SurrogateBenchmark(path, objectives=["val_error", "val_loss"], noise=noise)
        vectors = benchmark.problem.space.sample(np.random.default_rng(1), 200)
        found = benchmark.query_batch(vectors, np.full(200, 25))[0]
        assert set(found[:, 1]) == set(STEPS)
        assert len(set(found[:, 0])) > 150
        assert [benchmark.query(vector).losses[1] for vector in vectors] == found[:, 1].tolist()
        assert set(benchmark.curve(vectors[0]).losses[:, 1]) <= set(STEPS)
        if noise == "mean":  # sizes that differ by 4 % are told apart
            index = benchmark.problem.space.index["n_conv_0"]
            true = STEPS[np.digitize(vectors[:, index], [0.3, 0.6])]
            assert np.mean(found[:, 1] == true) > 0.8
