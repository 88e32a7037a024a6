"""Races that train for real: what a race on a surrogate never meets is met, told and written down all the same."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bagbench.analysis.figures import worker_timeline
from bagbench.analysis.races import load_experiment
from bagbench.optimizers.base import Query, Result
from bagbench.problems import get_problem
from bagbench.problems.problem import Problem
from bagbench.simulator import grid
from bagbench.simulator.grid import Grid, run_grid
from bagbench.simulator.history import History
from bagbench.simulator.simulate import simulate

torch = pytest.importorskip("torch")

from bagbench.problems import network  # noqa: E402 - it needs torch
from bagbench.problems import training_run as module  # noqa: E402
from bagbench.problems.trainer import Trainer  # noqa: E402

CHEAP: dict[str, Any] = {
    "batch_norm": False,
    "batch_size": 256,
    "global_avg_pooling": True,
    "kernel_size": 3,
    "lr_init": 1e-3,
    "n_conv_l": 1,
    "n_conv_0": 4,
    "n_fc_l": 1,
    "n_fc_0": 4,
}
LARGE = {**CHEAP, "n_conv_0": 100}


class Listed:
    """Asks for what it is given, one trial after the other, and keeps what it is told."""

    def __init__(self, problem: Problem, *trials: tuple[Mapping[str, Any], int, int]) -> None:
        self.queries = [
            Query(config=problem.space.encode(config), epochs=epochs, resume_from=resume_from)
            for config, epochs, resume_from in trials
        ]
        self.told: list[Result] = []

    def ask(self) -> Query | None:
        return self.queries.pop(0)

    def tell(self, result: Result) -> None:
        self.told.append(result)


@pytest.fixture
def small_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let memory run out for every network of more than 50 channels, as a GPU's does."""
    build = network.build_network

    def limited(config: Mapping[str, Any], shape: Any) -> Any:
        if config["n_conv_0"] > 50:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB\nand more")
        return build(config, shape)

    monkeypatch.setattr(module, "build_network", limited)


@pytest.mark.usefixtures("small_memory")
def test_a_race_survives_a_trial_for_which_memory_runs_out(tmp_path: Path) -> None:
    benchmark = Trainer(get_problem("digits"), device="cpu")
    optimizer = Listed(benchmark.problem, (CHEAP, 1, 0), (LARGE, 2, 0), (CHEAP, 3, 1))
    history = simulate(benchmark, optimizer, budget_evaluations=3)
    assert history.status.tolist() == ["ok", "out_of_memory", "ok"]
    assert np.isnan(history.losses).tolist() == [[False] * 2, [True] * 2, [False] * 2]
    assert [result.status for result in optimizer.told] == history.status.tolist()
    assert np.isnan(optimizer.told[1].losses).all()
    assert (np.diff(history.finished, prepend=0.0) > 0).all()  # it costs what it costs
    history.save(tmp_path / "race.h5")
    assert History.load(tmp_path / "race.h5").digest() == history.digest()


@pytest.mark.usefixtures("small_memory")
def test_the_report_counts_it_among_the_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = get_problem("digits")

    def listed(_: Problem, *, seed: int) -> Listed:
        return Listed(problem, (CHEAP, 1, 0), (LARGE, 2, 0), (CHEAP, 3, seed))

    monkeypatch.setattr(grid, "get_optimizer", lambda _: listed)
    out = tmp_path / "races"
    run_grid(
        Grid(problem="digits", optimizers=("random-search",), seeds=(0,), source="trainer", budget_evaluations=3),
        out=out,
    )
    experiment = load_experiment(out)
    (race,) = experiment.races
    assert race.history.status.tolist() == ["ok", "out_of_memory", "ok"]
    bars: Any = worker_timeline(experiment, race)["data"]
    assert {group["name"]: len(group["x"]) for group in bars} == {"completed": 2, "failed": 1}
