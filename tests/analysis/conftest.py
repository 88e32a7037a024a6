"""A made-up experiment on `digits` in which sh-emoa is better than random search, and cheaper trials explain why."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bagbench.analysis.races import Race
from bagbench.problems import get_problem
from bagbench.problems.problem import Losses, Vectors
from bagbench.simulator import grid
from bagbench.simulator.history import History

FLOOR = {"random-search": 12.0, "sh-emoa": 2.0, "ms-ehvi": 6.0}  # lowest error that each can find, in percent
RUNGS = {"random-search": (25,), "sh-emoa": (5, 8, 15, 25), "ms-ehvi": (25,)}


def make_history(optimizer: str, seed: int, *, workers: int = 2, budget: float = 600.0) -> History:
    """Make up a race: random configurations, errors that training lowers to a floor, successive rungs of epochs."""
    problem = get_problem("digits")
    rng = np.random.default_rng([seed, len(optimizer)])
    rungs, n = RUNGS[optimizer], 1600
    vectors = problem.space.sample(rng, n)
    difficulty = rng.beta(1.2, 3.0, n)
    size = problem.known_losses(vectors)[:, 1]
    shares = np.cumsum(np.geomspace(1, 0.125, len(rungs)))[:-1]
    epochs = np.array(rungs)[np.searchsorted(shares, 2 * rng.random(n))]
    share = difficulty * (1.25 - 0.1 * size) + np.exp(-epochs / 5) + rng.normal(0, 0.01, n)
    error = FLOOR[optimizer] + 80 * np.clip(share, 0, 1)
    seconds = epochs * rng.lognormal(-2.6, 0.7, n)
    free = np.zeros(workers)
    started, worker = np.empty(n), np.empty(n, dtype=int)
    for row in range(n):
        worker[row] = free.argmin()
        started[row] = free.min()
        free[worker[row]] += seconds[row]
    keep = started < budget
    finished = started + seconds
    status = np.where(rng.random(n) < 0.03, "diverged", "ok")
    status = np.where(finished > budget, "censored", status)
    losses = np.where((status == "censored")[:, None], np.nan, np.stack([error, size], axis=1))
    return history_of(
        vectors[keep],
        losses[keep],
        epochs=epochs[keep],
        asked=started[keep],
        started=started[keep],
        finished=np.minimum(finished, budget)[keep],
        worker=worker[keep],
        status=status[keep],
        optimizer=optimizer,
        seed=seed,
        workers=workers,
        budget_seconds=budget,
        wall_seconds=0.25 + 0.01 * seed,
    )


def history_of(vectors: Vectors, losses: Losses, **others: object) -> History:
    """Make up a race on `digits`: one worker, trials of a second that are trained in full; ``others`` say otherwise."""
    problem, count = get_problem("digits"), len(vectors)
    fields: dict[str, Any] = {
        "vectors": vectors,
        "epochs": np.full(count, problem.max_epochs),
        "resume_from": np.zeros(count),
        "seeds": np.zeros(count),
        "losses": losses,
        "asked": np.arange(count, dtype=float),
        "started": np.arange(count, dtype=float),
        "finished": np.arange(1.0, count + 1),
        "worker": np.zeros(count, dtype=int),
        "status": np.full(count, "ok"),
        "thinking": np.zeros(count),
        "problem": "digits",
        "objectives": problem.objective_names,
        "optimizer": "toy",
        "seed": 0,
        "workers": 1,
        "budget_seconds": 100.0,
        "budget_evaluations": None,
        "checkpointing": True,
        "benchmark": "digits, made up",
        "wall_seconds": 0.0,
    } | others
    digests = fields.pop("digests", None) or problem.space.digests(vectors)
    return History(digests=np.array(digests), **fields)


@pytest.fixture(scope="session")
def make_race() -> Callable[..., Race]:
    """Make a race up, of the arguments of `history_of`."""

    def make(vectors: Vectors, losses: Losses, **others: object) -> Race:
        history = history_of(vectors, losses, **others)
        return Race(optimizer=history.optimizer, seed=history.seed or 0, history=history, digest=history.digest())

    return make


def make_folder(folder: Path, *, optimizers: tuple[str, ...], seeds: int, workers: int = 2) -> Path:
    """Fill ``folder`` as ``bagbench compare`` does; the source is the trainer, so that no surrogate is needed."""
    (folder / grid.RACES_FOLDER).mkdir(parents=True)
    for optimizer in optimizers:
        for seed in range(seeds):
            make_history(optimizer, seed, workers=workers).save(folder / grid.RACES_FOLDER / f"{optimizer}-{seed}.h5")
    experiment = {
        "problem": "digits",
        "source": "trainer",
        "noise": "mean",
        "objectives": None,
        "optimizers": list(optimizers),
        "seeds": list(range(seeds)),
        "budget_seconds": None,
        "budget_evaluations": None,
        "workers": workers,
        "checkpointing": True,
        "benchmark_sha256": "",
    }
    versions = {"bagbench": "0.1.0", "python": "3.11.2", "numpy": "2.3.0"}
    document = {"format": grid.FORMAT, "version": grid.VERSION, "experiment": experiment, "versions": versions}
    (folder / grid.EXPERIMENT_FILE).write_text(json.dumps(document))
    return folder


@pytest.fixture(scope="session")
def experiment_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty races: two optimizers, ten seeds, two workers."""
    folder = tmp_path_factory.mktemp("experiment") / "digits"
    return make_folder(folder, optimizers=("random-search", "sh-emoa"), seeds=10)
