"""A grid that is known completely: what is a surrogate worth that was fitted to a share of it, on all the rest?

A grid has n configurations, r runs of each, and m metrics. A surrogate learns all runs of a random share of the
configurations and is scored on every other one; the truth is the mean of a configuration's runs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..problems.errors import InvalidArgument
from ..problems.problem import Losses, Problem, Vectors
from ..surrogates.quality import scores
from ..tables.table import Table
from .indicators import hypervolume, nondominated

Array = NDArray[np.float64]
Scores = Mapping[str, float | None]

LAYERS = (1, 2, 3, 5)
"""Recall of the true front is told within so many layers of the predicted ones."""

_SECONDS = "train_seconds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """All runs of all configurations of a problem."""

    problem: Problem
    table: Table
    """Sorted by configuration."""
    metrics: tuple[str, ...]
    """Names of what is predicted, the seconds of a whole training last."""
    vectors: Vectors
    """(n, d)"""
    losses: Array
    """(n, r, m), after the last epoch."""

    @property
    def means(self) -> Losses:
        """Means over runs (n, m)."""
        means: Losses = self.losses.mean(axis=1)
        return means

    def rows(self, configurations: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Give the rows in ``table`` of all runs of the ``configurations`` (n,) that are marked."""
        return np.flatnonzero(np.repeat(configurations, self.losses.shape[1]))

    @property
    def objectives(self) -> list[int]:
        """Give the columns of ``metrics`` that the problem's front is made of."""
        return [self.metrics.index(name) for name in self.problem.objective_names]


def read_grid(table: Table) -> Grid:
    """Read a grid from a table.

    Raises
    ------
    InvalidArgument
        If configurations have different numbers of runs, or fewer than two.
    """
    table = table.take(np.argsort(table.runs.digests, kind="stable"))
    problem, runs = table.problem, table.runs
    counts = np.unique(np.unique(runs.digests, return_counts=True)[1])
    if len(counts) != 1 or counts[0] < 2:
        found = " or ".join(map(str, counts.tolist())) or "no"
        raise InvalidArgument(f"the table has {found} runs of a configuration: expected as many of each, two or more")
    names = [metric.name for metric in problem.metrics if metric.name not in {*problem.known, _SECONDS}]
    seconds = np.asarray(runs.curves[_SECONDS]).sum(axis=1)
    columns = [*(table.losses(name)[:, -1] for name in names), seconds]
    replicates = int(counts[0])
    return Grid(
        problem=problem,
        table=table,
        metrics=(*names, _SECONDS),
        vectors=runs.vectors[::replicates],
        losses=np.stack(columns, axis=1).reshape(-1, replicates, len(columns)),
    )


def draw(grid: Grid, share: float, seed: int) -> NDArray[np.bool_]:
    """Mark (n,) a random ``share`` of the configurations; with one seed, a larger share contains a smaller one.

    Raises
    ------
    InvalidArgument
        If it leaves nothing to learn from, or nothing to score on.
    """
    n = len(grid.vectors)
    count = round(share * n)
    if not 1 <= count < n:
        raise InvalidArgument(f"a share of {100 * share:g} % is {count} of {n} configurations: expected 1 to {n - 1}")
    marked = np.zeros(n, dtype=bool)
    marked[np.random.default_rng(seed).permutation(n)[:count]] = True
    return marked


def judge(grid: Grid, unseen: NDArray[np.bool_], predicted: Losses) -> Mapping[str, object]:
    """Score predictions (k, m) of the ``unseen`` configurations (n,), of which there are k.

    Returns
    -------
    verdict
        ``metrics``: of each, ``means`` are R2, Kendall's tau-b and RMSE against the mean of a configuration's runs,
        ``single`` against every single run, and ``best_tenth`` against the means of the tenth that has the lowest.
        ``front``: see `judge_front`.
    """
    losses, means = grid.losses[unseen], grid.means[unseen]
    metrics = {}
    for column, name in enumerate(grid.metrics):
        true, told = means[:, column], predicted[:, column]
        best = true <= np.quantile(true, 0.1)
        metrics[name] = {
            "means": scores(true, told),
            "single": scores(losses[:, :, column].ravel(), np.repeat(told, losses.shape[1])),
            "best_tenth": scores(true[best], told[best]),
        }
    objectives = grid.objectives
    front = judge_front(means[:, objectives], predicted[:, objectives], grid.problem.reference_point)
    return {"metrics": metrics, "front": front}


def judge_front(true: Losses, predicted: Losses, reference: Losses) -> Mapping[str, object]:
    """Tell how much of the true front of k configurations somebody finds who believes predictions (k, m) of them.

    Returns
    -------
    verdict
        ``configurations`` on the true front; ``recall``: which share of these is within so many `LAYERS` of the
        predicted front (the second layer is the front of what is left without the first); ``taken``: how many
        configurations these layers hold; ``hypervolume``: what the configurations of the first layer dominate in
        truth, as a share of what the true front dominates.
    """
    front = peel(true, 1) == 1
    layer = peel(predicted, max(LAYERS))
    within = {str(most): (layer > 0) & (layer <= most) for most in LAYERS}
    return {
        "configurations": int(front.sum()),
        "recall": {most: float(taken[front].mean()) for most, taken in within.items()},
        "taken": {most: int(taken.sum()) for most, taken in within.items()},
        "hypervolume": hypervolume(true[layer == 1], reference) / hypervolume(true[front], reference),
    }


def judge_one_run(grid: Grid, unseen: NDArray[np.bool_]) -> Mapping[str, object]:
    """Tell how much of the true front of the ``unseen`` configurations (n,) somebody finds who trains each once.

    That run is the first of those whose mean is the truth, so it looks a little better than it is. See `judge_front`.
    """
    objectives = grid.objectives
    true, told = grid.means[unseen][:, objectives], grid.losses[unseen][:, 0, objectives]
    return judge_front(true, told, grid.problem.reference_point)


def peel(losses: Losses, layers: int) -> NDArray[np.int64]:
    """Number the first fronts of points (k, m) from 1: (k,), with 0 for all behind; equal points share a number."""
    points, owner = np.unique(losses, axis=0, return_inverse=True)
    number = np.zeros(len(points), dtype=np.int64)
    for layer in range(1, layers + 1):
        left = np.flatnonzero(number == 0)
        if not len(left):
            break
        number[left[nondominated(points[left])]] = layer
    peeled: NDArray[np.int64] = number[owner.ravel()]
    return peeled


def ceilings(grid: Grid, unseen: NDArray[np.bool_]) -> Mapping[str, Mapping[str, Scores]]:
    """Estimate what the noise of runs lets anybody reach on the ``unseen`` configurations (n,), per metric.

    R2 cannot exceed 1 - v / s, with v the variance of the noise in the truth and s that of the truth: of ``single``
    runs v is the mean variance within a configuration, of ``means`` the r-th part of that. Tau is that of two halves of
    the runs, corrected for their length (Spearman 1910; Brown 1910: a correlation c of halves is 2 c / (1 + c) of
    wholes) and lifted to the truth (a correlation c with another noisy truth is sqrt(c) with the exact one), where
    tau = 2/pi arcsin(correlation) as under a Gaussian copula.
    """
    found = {}
    for column, name in enumerate(grid.metrics):
        losses = grid.losses[unseen][:, :, column]
        replicates = losses.shape[1]
        half = replicates // 2
        noise = float(losses.var(axis=1, ddof=1).mean())
        pairs = _correlation(losses[:, 0], losses[:, 1])
        halves = _correlation(losses[:, :half].mean(axis=1), losses[:, half : 2 * half].mean(axis=1))
        wholes = 2 * halves / (1 + halves) if math.isfinite(halves) else halves
        found[name] = {
            "means": _ceiling(losses.mean(axis=1), noise / replicates, wholes),
            "single": _ceiling(losses.ravel(), noise, pairs),
        }
    return found


def _correlation(one: Array, two: Array) -> float:
    """Give the correlation of a Gaussian copula with the tau of two samples (k,), at least 0; NaN of constants."""
    from scipy.stats import kendalltau

    tau = float(kendalltau(one, two).statistic)
    return max(0.0, math.sin(math.pi / 2 * tau)) if math.isfinite(tau) else math.nan


def _ceiling(truth: Array, noise: float, correlation: float) -> Scores:
    spread = float(truth.var())
    tau = 2 / math.pi * math.asin(min(1.0, math.sqrt(correlation))) if math.isfinite(correlation) else None
    return {"r2": 1 - noise / spread if spread else None, "kendall_tau": tau}
