"""A table of made-up runs with known mean, noise and cost, small enough to fit in seconds."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from bagbench.problems import get_problem
from bagbench.surrogates.boosting import Boosting
from bagbench.surrogates.distillation import Student
from bagbench.surrogates.fit import fit_surrogate
from bagbench.surrogates.perceptrons import Perceptrons
from bagbench.surrogates.training import Recipe
from bagbench.tables.runs import Runs, merge_runs
from bagbench.tables.table import Table

EPOCHS = 25


def make_table(configurations: int = 120, *, noise: float = 3.0) -> Table:
    """Build a table in which every third configuration has two seeds.

    With x the coordinate of the learning rate and w that of the first width, runs end at an error of
    10 + 160 (x - 0.5)^2 percent plus noise of standard deviation ``noise``, and cost (1 + 4 w) / 10 seconds an epoch.
    """
    problem = get_problem("digits")
    rng = np.random.default_rng(5)
    fresh = problem.space.sample(rng, configurations)
    vectors = np.concatenate([fresh, fresh[::3]])
    seeds = np.repeat([0, 1], [configurations, len(fresh[::3])])
    x, width = (vectors[:, problem.space.index[name]] for name in ("lr_init", "n_conv_0"))
    steps = np.arange(1, EPOCHS + 1)
    mean = 10 + 160 * (x[:, None] - 0.5) ** 2 + 30 * np.exp(-steps / 4)
    error = np.clip(mean + noise * rng.standard_normal((len(vectors), 1)), 0.5, 99.5)
    seconds = np.repeat((1 + 4 * width[:, None]) / 10, EPOCHS, axis=1)
    n = len(vectors)
    runs = Runs(
        vectors=vectors,
        digests=np.array(problem.space.digests(vectors), dtype="S16"),
        seeds=seeds,
        status=np.full(n, b"ok", dtype="S16"),
        errors=[""] * n,
        inclusion_probability=np.ones(n),
        started=np.zeros(n),
        environments=[json.dumps({"device": "none"})] * n,
        curves={
            "val_accuracy": 1 - error / 100,
            "test_accuracy": 1 - error / 100,
            "val_loss": error / 100 * math.log(10),
            "train_loss": error / 100,
            "train_seconds": seconds,
            "eval_seconds": seconds / 10,
        },
    )
    return Table(problem=problem, runs=merge_runs(runs, runs))


@pytest.fixture(scope="session")
def table() -> Table:
    return make_table()


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    quick = Boosting(trees=60, learning_rate=0.15, rows_in_leaf=40)
    student = Student(hidden=(48, 48), steps=1500)
    perceptrons = Perceptrons(members=1, width=64, layers=2, passes=32)
    return Recipe(teacher=quick, perceptrons=perceptrons, student=student, drawn=3600)


@pytest.fixture(scope="session")
def file(table: Table, recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fit a surrogate to the table, once."""
    path = tmp_path_factory.mktemp("surrogate") / "made-up.onnx"
    fit_surrogate(table, path, recipe=recipe)
    return path
