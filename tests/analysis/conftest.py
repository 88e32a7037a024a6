"""A made-up experiment on `digits` in which sh-emoa is better than random search, and cheaper trials explain why."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bagbench.problems import get_problem
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
    return History(
        digests=np.array(problem.space.digests(vectors))[keep],
        vectors=vectors[keep],
        epochs=epochs[keep],
        resume_from=np.zeros(keep.sum()),
        seeds=np.zeros(keep.sum()),
        losses=losses[keep],
        asked=started[keep],
        started=started[keep],
        finished=np.minimum(finished, budget)[keep],
        worker=worker[keep],
        status=status[keep],
        thinking=np.zeros(keep.sum()),
        problem="digits",
        objectives=problem.objective_names,
        optimizer=optimizer,
        seed=seed,
        workers=workers,
        budget_seconds=budget,
        budget_evaluations=None,
        checkpointing=True,
        benchmark="digits, made up",
        wall_seconds=0.25 + 0.01 * seed,
    )


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
