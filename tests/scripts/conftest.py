"""The command line in this process, and a small table and surrogate for it to work on."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from bagbench.problems import get_problem
from bagbench.scripts import cli
from bagbench.surrogates.boosting import Boosting
from bagbench.surrogates.distillation import Student
from bagbench.surrogates.fit import fit_surrogate
from bagbench.surrogates.perceptrons import Perceptrons
from bagbench.surrogates.training import Recipe
from bagbench.tables.runs import Entry, runs_from_entries
from bagbench.tables.table import Table


class Ran(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str


Command = Callable[..., Ran]


@pytest.fixture
def bagbench(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run ``bagbench`` with some words, as a shell would."""

    def run(*words: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["bagbench", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            cli.main()
        return Ran(int(left.value.code or 0), *capsys.readouterr())

    return run


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    """Models of hardly any trees and units."""
    tiny = Boosting(model="lightgbm", trees=8, leaves=8, rows_in_leaf=2)
    quick = Perceptrons(members=1, width=8, layers=1, passes=3)
    return Recipe(drawn=200, teacher=tiny, perceptrons=quick, student=Student(hidden=(8,), steps=20))


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of 80 made-up runs of `digits`: large networks and large batches are better, so fronts train fast."""
    problem = get_problem("digits")
    vectors = problem.space.sample(np.random.default_rng(0), 80)
    size, batch = problem.known_losses(vectors)[:, 1], vectors[:, problem.space.index["batch_size"]]
    steps = np.arange(1, problem.max_epochs + 1)
    entries = []
    for index, vector in enumerate(vectors):
        config = problem.space.decode(vector)
        accuracy = np.clip((0.1 * size[index] + 0.3 * batch[index]) * (1 - np.exp(-steps / 5)), 0, 1).tolist()
        loss = [2.0 - share for share in accuracy]
        seconds = [0.02 * size[index]] * problem.max_epochs
        entries.append(
            Entry(
                index=index,
                digest=problem.space.digest(vector),
                config=config,
                seed=0,
                inclusion_probability=1.0,
                status="ok",
                error="",
                started=float(index),
                environment={"device": "cpu"},
                curves={
                    "val_accuracy": accuracy,
                    "test_accuracy": [0.9 * share for share in accuracy],
                    "val_loss": loss,
                    "train_loss": loss,
                    "train_seconds": seconds,
                    "eval_seconds": seconds,
                },
            )
        )
    path = tmp_path_factory.mktemp("table") / "made_up.h5"
    Table(problem=problem, runs=runs_from_entries(entries, problem)).save(path)
    return path


@pytest.fixture(scope="session")
def surrogate(table: Path, recipe: Recipe) -> Path:
    """A surrogate of `table`."""
    path = table.with_suffix(".onnx")
    fit_surrogate(Table.open(table), path, recipe=recipe)
    return path


@pytest.fixture(scope="session")
def config() -> str:
    """A configuration of `digits` that trains in a moment, as JSON."""
    return (
        '{"batch_norm": false, "batch_size": 256, "global_avg_pooling": true, "kernel_size": 3, "lr_init": 0.001, '
        '"n_conv_0": 4, "n_conv_l": 1, "n_fc_0": 4, "n_fc_l": 1}'
    )
