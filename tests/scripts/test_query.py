"""``bagbench query``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bagbench.simulator.benchmarks import open_benchmark
from bagbench.surrogates.benchmark import SurrogateBenchmark
from bagbench.tables.table import Table

Command = Callable[..., Any]


@pytest.mark.parametrize("noise", ["mean", "sample"])
def test_answer_is_the_benchmarks(noise: str, bagbench: Command, surrogate: Path, config: str) -> None:
    benchmark = open_benchmark(surrogate, noise=noise, objectives=("train_seconds", "val_error"))
    outcome = benchmark.query(json.loads(config), epochs=7, seed=3)
    words = ("--epochs", 7, "--seed", 3, "--noise", noise, "--objectives", "train_seconds, val_error", "--json")
    answer = json.loads(bagbench("query", surrogate, "--config", config, *words).out)
    assert list(answer["losses"].items()) == list(zip(("train_seconds", "val_error"), outcome.losses, strict=True))
    assert (answer["seconds"], answer["epochs"], answer["seed"]) == (outcome.seconds, 7, 3)


def test_answer_names_units_and_the_size_in_plain_numbers(bagbench: Command, surrogate: Path, config: str) -> None:
    ran = bagbench("query", surrogate, "--config", config)
    assert ran.code == 0
    outcome = open_benchmark(surrogate).query(json.loads(config))
    words = [line.split() for line in ran.out.splitlines()]
    assert ["val_error", f"{outcome.losses[0]:.4g}", "%"] in words
    assert ["log10_params", f"{outcome.losses[1]:.4g}", f"{10 ** outcome.losses[1]:,.0f}"] in words
    assert ["training", f"{outcome.seconds:.4g}", "s"] in words


def test_surrogate_tells_its_own_doubt(bagbench: Command, surrogate: Path, table: Path) -> None:
    """Of a configuration that it has learnt from, and of one that shares nothing with any of them."""
    benchmark, stored = SurrogateBenchmark(surrogate), Table.open(table)
    known = json.dumps(stored.problem.space.decode(stored.runs.vectors[5]))
    answer = json.loads(bagbench("query", surrogate, "--config", known, "--json").out)["trust"]
    trust = benchmark.trust(stored.runs.vectors[5:6])
    assert answer == {"in_domain": True, "metric": "val_error", "spread": trust.spread[0]}
    said = bagbench("query", surrogate, "--config", known).out
    assert f"val_error after all epochs has a standard error of {trust.spread[0]:.3g}" in said
    assert "no run that it has learnt from is near" not in said
    many = benchmark.problem.space.sample(np.random.default_rng(0), 2000)
    far = many[~benchmark.trust(many).in_domain][0]
    said = bagbench("query", surrogate, "--config", json.dumps(benchmark.problem.space.decode(far))).out
    assert "no run that it has learnt from is near" in said


def test_table_answers_what_it_holds(bagbench: Command, table: Path) -> None:
    stored = Table.open(table)
    config = stored.problem.space.decode(stored.runs.vectors[5])
    answer = json.loads(bagbench("query", table, "--config", json.dumps(config), "--json").out)
    assert answer["losses"]["val_error"] == stored.losses("val_error")[5, -1]
    assert answer["source"] == "table"


def test_trainer_answers_by_training(bagbench: Command, config: str) -> None:
    words = ("--source", "trainer", "--epochs", 1, "--json")
    answer = json.loads(bagbench("query", "digits", "--config", config, *words).out)
    assert 0 <= answer["losses"]["val_error"] <= 100
    assert answer["seconds"] > 0
