"""Drift: no machine is equally fast from one minute to the next, and a surrogate's seconds are those of a steady one.

Neighbours on the same processor, its clock and its memory make one training take longer than the same training took
an hour ago. What runs that were made one after another have in common, once all is subtracted that their configurations
explain, is no matter of the configurations: it is the machine's. So the drift at a run is the mean residual of its
neighbours in time, on the same kind of machine, never its own nor another of its configuration. How many neighbours is
chosen by which number leaves the least; where none leaves clearly less than before, there is no drift. What is left
then, some kinds of machine have more of than others, and their runs say less of seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .boosting import Boosting

Array = NDArray[np.float64]

_FEWEST = 200  # runs of a kind of machine to estimate its drift from
_EACH_SIDE = (2, 4, 8, 16, 32, 64)  # neighbours in time, before and after
_CLEARLY = 0.95  # of the variance of what configurations do not explain
_ROUNDS = 2  # of explaining what the drift leaves, and finding the drift in what is not explained
_FOLDS = 5
_TREES = Boosting(model="lightgbm", rows_in_leaf=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What the machines did to the seconds of n runs."""

    slower: Array
    """(n,) by how much the logarithm is larger than that kind of machine usually makes it; of each kind the median is
    0."""
    weights: Array
    """(n,) what a run says of seconds, 1 on the kind of machine whose seconds scatter least: the ratio of variances."""


def estimate_drift(
    kinds: NDArray[np.object_], started: Array, digests: NDArray[np.bytes_], rich: Array, log_seconds: Array
) -> Drift:
    """Estimate by how much each run was slower than its kind of machine usually is.

    Parameters
    ----------
    kinds : (n,)
        Of machine, see `paces.machines`.
    started : (n,)
        When, in seconds; NaN where it is not known, which is no drift and a weight of 1.
    digests : (n,)
        Of the configurations: what is expected of a run is learnt from others alone.
    rich : (n, g)
        What is known of them, see `Features.rich`.
    log_seconds : (n,)
        Natural logarithm of what an epoch took, all on one clock.
    """
    slower, weights = np.zeros(len(log_seconds)), np.ones(len(log_seconds))
    known = ~np.isnan(started)
    dated = [np.flatnonzero(known & (kinds == kind)) for kind in sorted(set(kinds[known].tolist()))]
    machines = [rows[np.argsort(started[rows], kind="stable")] for rows in dated if len(rows) >= _FEWEST]
    configurations, owner = np.unique(digests, return_inverse=True)
    if not machines or len(configurations) < 2:
        return Drift(slower=slower, weights=weights)
    folds = owner % _FOLDS
    for _ in range(_ROUNDS):
        residuals = log_seconds - _explained(rich, log_seconds - slower, folds)
        for rows in machines:
            slower[rows] = _of_neighbours(residuals[rows], owner[rows])
    left = [float(np.var((residuals - slower)[rows])) for rows in machines]
    for rows, variance in zip(machines, left, strict=True):
        weights[rows] = min(left) / variance if variance else 1.0
    return Drift(slower=slower, weights=weights)


def _explained(rich: Array, values: Array, folds: NDArray[np.int64]) -> Array:
    """Predict values (n,) from what is known of configurations of other folds."""
    features, predicted = rich.astype(np.float32), np.empty(len(values))
    for fold in np.unique(folds).tolist():
        unseen = folds == fold
        predicted[unseen] = _TREES.fit(features[~unseen], values[~unseen]).predict(features[unseen])
    return predicted


def _of_neighbours(residuals: Array, owner: NDArray[np.intp]) -> Array:
    """Give the mean (n,) of each one's neighbours in a sequence (n,) of residuals, less its median; or zeros."""
    before = float(np.var(residuals))
    means = _means_of_others(residuals, owner)
    left = [float(np.var(residuals - mean)) for mean in means]
    best = int(np.argmin(left))
    if left[best] > _CLEARLY * before:
        return np.zeros(len(residuals))
    return means[best] - float(np.median(means[best]))


def _means_of_others(values: Array, owner: NDArray[np.intp]) -> list[Array]:
    """Give, for each number of neighbours on each side, their mean (n,), of other owners' values; 0 without any."""
    sums, counts = np.zeros(len(values)), np.zeros(len(values), dtype=np.int64)
    means = []
    for distance in range(1, max(_EACH_SIDE) + 1):
        foreign = owner[distance:] != owner[:-distance]
        sums[distance:] += foreign * values[:-distance]
        sums[:-distance] += foreign * values[distance:]
        counts[distance:] += foreign
        counts[:-distance] += foreign
        if distance in _EACH_SIDE:
            means.append(sums / np.maximum(counts, 1))
    return means
