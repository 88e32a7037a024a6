"""Examples: what a surrogate is learnt from, read from a table."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..problems.errors import InvalidArgument
from ..problems.problem import Problem, Vectors
from ..tables.runs import Runs
from ..tables.table import Table
from .drift import estimate_drift
from .features import Features
from .paces import Pace, machines, paces
from .targets import DOUBT, SECONDS, Target, find_levels, seconds_target, target_for

Array = NDArray[np.float64]

MOST_POINTS = 1_000_000
_RESERVED = {SECONDS, DOUBT, "features"}  # names of other outputs of a surrogate's file, and of its input


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """What is learnt from: n runs over E epochs, h heads."""

    problem: Problem
    targets: tuple[Target, ...]
    vectors: Vectors
    """(n, d)"""
    digests: NDArray[np.bytes_]
    """(n,)"""
    seeds: NDArray[np.int64]
    """(n,)"""
    inclusion_probability: Array
    """(n,) with which the design took the configuration; NaN where somebody chose it."""
    values: Array
    """(n, E, h) on the scale of the predictions; the last head, seconds, is the same at all epochs of a run, and NaN of
    runs on another device than the one whose seconds are predicted."""
    profile: Array
    """(E,) cumulative seconds in units of the mean epoch."""
    seconds_weights: Array
    """(n,) how much a run counts where seconds are learnt."""
    measured: Array
    """(n,) the last head as the machine took it, drift and all; NaN of runs that were made on another kind of machine
    than the one whose seconds are predicted."""
    paces: tuple[Pace, ...] = ()
    """Of the kinds of machine that the runs were made on; seconds are those of the first."""

    def __len__(self) -> int:
        return len(self.vectors)

    def take(self, rows: NDArray[np.int64]) -> Examples:
        """Give the examples of the runs ``rows`` (k,)."""
        each = ("vectors", "digests", "seeds", "inclusion_probability", "values", "seconds_weights", "measured")
        return replace(self, **{name: getattr(self, name)[rows] for name in each})

    @property
    def timed(self) -> NDArray[np.bool_]:
        """(n,) the runs that say something of seconds."""
        return ~np.isnan(self.values[:, 0, -1])

    @property
    def drawn(self) -> NDArray[np.bool_]:
        """(n,) the runs that a design drew, whose replicates are a fair sample; all runs where none was drawn."""
        drawn = ~np.isnan(self.inclusion_probability)
        return drawn if drawn.any() else ~drawn


def read_examples(table: Table, most_points: int = MOST_POINTS) -> Examples:
    """Take from a table what can be learnt: whole curves of runs that did not fail.

    Of a table with more points than ``most_points`` only the runs with the smallest digests are read. Digests are
    hashes, so these are a random sample of the configurations, with their replicates; and as tables are sorted by
    digest, they lie together. Seconds are put on the clock of one kind of machine, see `bagbench.surrogates.paces`, and
    rid of what the machines' speed drifted, see `bagbench.surrogates.drift`.

    Raises
    ------
    InvalidArgument
        If there are fewer than 20 of them, or a metric has a name that surrogates keep for themselves.
    """
    most = max(20, most_points // table.epochs)
    if len(table) > most:
        table = table.take(np.sort(np.argsort(table.runs.digests, kind="stable")[:most]))
    problem, runs = table.problem, table.runs
    whole = np.flatnonzero(
        np.isin(runs.status, (b"ok", b"diverged")) & ~np.isnan(runs.curves["train_seconds"]).any(axis=1)
    )
    if len(whole) < 20:
        raise InvalidArgument(f"a surrogate needs at least 20 whole runs to learn from, the table has {len(whole)}")
    metrics = [m for m in problem.metrics if m.name not in problem.known and m.name != "train_seconds"]
    if taken := sorted(_RESERVED & {metric.name for metric in metrics}):
        raise InvalidArgument(f"a surrogate cannot have an objective called {taken[0]!r}, it needs the name for itself")
    losses = {metric.name: table.losses(metric.name)[whole] for metric in metrics}
    learnt = runs.take(whole)
    targets = [
        replace(target_for(metric, values), levels=find_levels(values, learnt.digests))
        for metric, values in ((metric, losses[metric.name]) for metric in metrics)
    ]
    values = [target.forward(losses[target.name]) for target in targets]
    seconds = _read_seconds(learnt, Features(problem).rich(learnt.vectors))
    return Examples(
        problem=problem,
        targets=(*targets, seconds_target()),
        vectors=learnt.vectors,
        digests=learnt.digests,
        seeds=learnt.seeds,
        inclusion_probability=learnt.inclusion_probability,
        values=np.stack([*values, np.repeat(seconds.steady[:, None], table.epochs, axis=1)], axis=2),
        profile=seconds.profile,
        seconds_weights=seconds.weights,
        measured=seconds.measured,
        paces=seconds.paces,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seconds:
    """What is learnt of the seconds of n runs, see `Examples`."""

    steady: Array
    measured: Array
    weights: Array
    profile: Array
    paces: tuple[Pace, ...]


def _read_seconds(runs: Runs, rich: Array) -> _Seconds:
    """Put seconds on one clock that does not drift."""
    increments, kinds = runs.curves["train_seconds"], machines(runs.environments)
    mean = increments.mean(axis=1)
    clocks = paces(runs.environments, rich, np.log(mean))
    pace = {clock.machine: clock.times_as_long or math.nan for clock in clocks}
    one_clock = np.log(mean) - np.log([pace[kind] for kind in kinds])
    timed = ~np.isnan(one_clock)
    drift = estimate_drift(kinds[timed], runs.started[timed], runs.digests[timed], rich[timed], one_clock[timed])
    steady, weights = one_clock.copy(), np.zeros(len(mean))
    steady[timed] -= drift.slower
    weights[timed] = drift.weights
    shape = np.median((increments / mean[:, None])[timed], axis=0)
    return _Seconds(
        steady=steady,
        measured=np.where(kinds == clocks[0].machine, one_clock, np.nan),
        weights=weights,
        profile=np.cumsum(shape / shape.mean()),
        paces=tuple(clocks),
    )
