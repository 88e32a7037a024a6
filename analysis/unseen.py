"""Judging a surrogate on configurations that were run many times, and of which it has learnt from no run.

There, how good predictions could be is known from the very runs that they are judged by.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..problems.errors import InvalidArgument
from ..surrogates.benchmark import SurrogateBenchmark
from ..surrogates.ceiling import GROUPS, jackknife_error
from ..surrogates.quality import scores
from ..surrogates.regions import kendall_tau
from ..surrogates.repeats import FEWEST, repeated_ceiling
from ..tables.table import Table

Array = NDArray[np.float64]
Rows = NDArray[np.intp]

_CONFIGURATIONS = 20
"""At least: of fewer, no score says much."""


def learnt_configurations(surrogate: SurrogateBenchmark, table: Table) -> frozenset[str]:
    """Give the digests of the configurations that a surrogate has learnt from, by the table that it was fitted to.

    Raises
    ------
    InvalidArgument
        If it was fitted to another one: nobody could tell what it has not learnt from.
    """
    if surrogate.provenance["table_sha256"] != table.sha256:
        raise InvalidArgument(
            "the surrogate was not fitted to this table: expected the one with the sha256 in its provenance"
        )
    return frozenset(table.runs.digests.astype(str).tolist())


def judge_unseen(table: Table, surrogate: SurrogateBenchmark, learnt: frozenset[str]) -> Mapping[str, object]:
    """Score a surrogate's means on runs of configurations that were run many times.

    Parameters
    ----------
    table
        Of the surrogate's problem; made with ``bagbench populate --replicates 0.9``, say.
    surrogate
        Whose trained objectives are judged after the last epoch.
    learnt
        Digests of the configurations that it has learnt from: they are left out.

    Returns
    -------
    evidence
        How many ``configurations`` and ``runs_of_each``; and by objective, under ``metrics``: ``single_runs`` and
        ``means``, scores (`bagbench.surrogates.quality.scores`) against each run and against the means of them;
        ``ceiling``, the best possible scores against single runs (`repeated_ceiling`); ``share_of_ceiling``, what of
        them is reached; and the standard errors of these, each with ``_error`` to its name, by the jackknife over
        groups of configurations (Shao & Tu 1995, "The Jackknife and Bootstrap").

    Raises
    ------
    InvalidArgument
        If the table is of another search space, or has fewer than 20 configurations with at least 8 finished runs
        of which the surrogate has not learnt.
    UnknownName
        If the surrogate does not predict an objective.
    """
    problem = surrogate.problem
    if table.problem.space != problem.space or table.epochs != problem.max_epochs:
        raise InvalidArgument(
            f"the held-out runs are of {table.problem.name!r}, and the surrogate is of {problem.name!r}: expected the "
            "same search space and epochs"
        )
    names = [name for name in problem.objective_names if name not in problem.known]
    true = np.stack([table.losses(name)[:, -1] for name in names], axis=1)
    rows = _repeated(table, np.isfinite(true.sum(axis=1)), learnt)
    losses, _ = surrogate.query_batch(table.runs.vectors[rows[:, 0]], np.full(len(rows), problem.max_epochs))
    columns = [problem.objective_names.index(name) for name in names]
    return {
        "configurations": len(rows),
        "runs_of_each": rows.shape[1],
        "metrics": {
            name: _judge(true[rows, j], losses[:, column])
            for j, (name, column) in enumerate(zip(names, columns, strict=True))
        },
    }


def _repeated(table: Table, finished: NDArray[np.bool_], learnt: frozenset[str]) -> Rows:
    """Choose configurations, and the same number of runs of each (n, k), so that there are as many as possible."""
    unseen = finished & ~np.isin(table.runs.digests.astype(str), sorted(learnt))
    digests, group, counts = np.unique(table.runs.digests[unseen], return_inverse=True, return_counts=True)
    numbers = np.unique(counts[counts >= FEWEST])
    used = [int(number * (counts >= number).sum()) for number in numbers]
    each = int(numbers[int(np.argmax(used))]) if used else FEWEST
    chosen = np.flatnonzero(counts >= each)
    if len(chosen) < _CONFIGURATIONS:
        raise InvalidArgument(
            f"{len(chosen)} of the {len(digests)} configurations that were not learnt from have at least {FEWEST} "
            f"finished runs: expected {_CONFIGURATIONS} of them, as `bagbench populate --replicates 0.9` makes"
        )
    order = np.flatnonzero(unseen)[np.argsort(group, kind="stable")]
    first = np.cumsum(counts) - counts
    rows: Rows = order[first[chosen, None] + np.arange(each)]
    return rows


class _Judged(NamedTuple):
    """Scores of predictions against single runs, and the best possible ones."""

    reached: Mapping[str, float | None]
    best: Mapping[str, float | None]

    def shares(self) -> Mapping[str, float | None]:
        pairs = {
            "r2": (self.reached["r2"], self.best["r2"]),
            "kendall_tau": (self.reached["kendall_tau"], self.best["kendall_tau"]),
            "rank_tau": (self.reached["kendall_tau"], self.best["rank_tau"]),
        }
        return {name: None if a is None or not b or b <= 0 else a / b for name, (a, b) in pairs.items()}


def _judge(true: Array, predicted: Array) -> Mapping[str, object]:
    """Score predictions (n,) on runs (n, k)."""
    whole = _score(true, predicted)
    group = np.arange(len(true)) % GROUPS
    parts = [_score(true[group != left], predicted[group != left]) for left in range(GROUPS)]

    def with_errors(of: Callable[[_Judged], Mapping[str, float | None]]) -> Mapping[str, float | None]:
        found = of(whole)
        errors = {f"{name}_error": _error([of(part)[name] for part in parts]) for name in found if name != "rmse"}
        return {**found, **errors}

    return {
        "single_runs": with_errors(lambda judged: judged.reached),
        "means": scores(true.mean(axis=1), predicted),
        "ceiling": with_errors(lambda judged: judged.best),
        "share_of_ceiling": with_errors(_Judged.shares),
    }


def _score(true: Array, predicted: Array) -> _Judged:
    taus = [kendall_tau(run, predicted) for run in true.T]
    known = [tau for tau in taus if tau is not None]
    single = scores(true.ravel(), np.repeat(predicted, true.shape[1]))
    return _Judged({**single, "kendall_tau": float(np.mean(known)) if known else None}, repeated_ceiling(true))


def _error(without: Sequence[float | None]) -> float | None:
    return jackknife_error([math.nan if value is None else value for value in without])
