"""How well a surrogate predicts where optimizers go: scored on the trials of races on the true trainer.

An optimizer visits other configurations than a table holds, and the better it is the stranger they are to a surrogate
(Zela et al. 2022, ICLR, "Surrogate NAS benchmarks", leave one optimizer out for that). Here no run of any of these
races was learnt from: a trial of a configuration that the surrogate has learnt from is not judged.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from ..problems.benchmark import Benchmark
from ..simulator.history import History
from ..surrogates.quality import Scores, scores
from .races import Experiment

Rows = NDArray[np.intp]


def visited(truth: Experiment, surrogate: Benchmark, learnt: Collection[str]) -> Mapping[str, Mapping[str, object]]:
    """Score a surrogate on what optimizers visited in races on the true trainer.

    Parameters
    ----------
    truth
        The races.
    surrogate
        Of the same problem and objectives.
    learnt
        Digests of the configurations that it has learnt from.

    Returns
    -------
    evidence
        By optimizer: how many trials it ``visited`` and how many of them were ``judged``; scores of the first trained
        objective, each trial at its own epochs, with ``mean_error`` (true less predicted); the same of trials
        trained in full (``full_``); of the seconds of trials begun from scratch (``seconds_``); and the median of how
        many times as long as predicted these took (``seconds_ratio``), which tells of another machine. None where there
        is nothing to score.
    """
    return {name: _one(truth, name, surrogate, learnt) for name in truth.optimizers}


def _one(truth: Experiment, optimizer: str, surrogate: Benchmark, learnt: Collection[str]) -> Mapping[str, object]:
    problem = truth.problem
    column = next(j for j, name in enumerate(problem.objective_names) if name not in problem.known)
    parts = []
    for race in truth.of(optimizer):
        history = race.history
        rows = _unseen(history, learnt)
        losses, seconds = surrogate.query_batch(history.vectors[rows], history.epochs[rows])
        spent = np.where(history.resume_from[rows] == 0, history.finished[rows] - history.started[rows], np.nan)
        full = history.epochs[rows] == problem.max_epochs
        parts.append(np.stack([history.losses[rows, column], losses[:, column], spent, seconds, full], axis=1))
    true, predicted, spent, seconds, full = np.concatenate(parts).T
    whole, fresh = full == 1.0, ~np.isnan(spent)
    return {
        "visited": sum(int(race.history.scored.sum()) for race in truth.of(optimizer)),
        "judged": len(true),
        **_scores(true, predicted, ""),
        **_scores(true[whole], predicted[whole], "full_"),
        **_scores(spent[fresh], seconds[fresh], "seconds_"),
        "seconds_ratio": float(np.median(spent[fresh] / seconds[fresh])) if fresh.any() else None,
    }


def _unseen(history: History, learnt: Collection[str]) -> Rows:
    """Find the trials with losses whose configuration was not learnt from."""
    known = np.isin(history.digests, np.array(sorted(learnt), dtype=np.str_))
    return np.flatnonzero(history.scored & ~known)


def _scores(true: NDArray[np.float64], predicted: NDArray[np.float64], prefix: str) -> Mapping[str, object]:
    judged: Scores = dict.fromkeys(("r2", "kendall_tau", "rmse", "mean_error"))
    if len(true):
        judged = {**scores(true, predicted), "mean_error": float(np.mean(true - predicted))}
    return {f"{prefix}{key}": value for key, value in judged.items()}
