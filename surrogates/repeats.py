"""The ceilings from configurations that were run many times: there the true means need not be modelled, they show.

A run is scored by the mean of m other runs of its configuration. The larger m, the nearer that comes to the score of
the true mean. Where noise is Gaussian and everywhere as large, the square of their correlation is R (1 - c / (m + c)),
with R that of the true mean and c the variance of noise over that of true means. So of Kendall's tau, too, a hyperbola
a - b / (m + c) is laid through its values at all m, by least squares, and a is the ceiling. Nothing is assumed of how
noise is distributed: where each run of a configuration either collapses or does not, pairs of replicates and a
Gaussian copula (`bagbench.surrogates.ceiling`) promise more than the true mean reaches.

The true mean is what R2 asks for, but not the best that tau could be given: that is near the expected rank of a run
among all runs, whose tau is estimated in the same way.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau, rankdata

from .ceiling import varies

Array = NDArray[np.float64]
Ceiling = dict[str, float | None]

FEWEST = 8
"""Runs of a configuration, at least: a hyperbola through fewer points ends anywhere."""
_SHIFTS = np.linspace(0.0, 5.0, 51)
"""What c is chosen from."""


def repeated_ceiling(outcomes: Array) -> Ceiling:
    """Estimate the best possible scores of outcomes (n, k) of n configurations, k >= `FEWEST` runs each.

    Returns
    -------
    ceiling
        ``r2``: 1 - noise / total, with the noise the variance within configurations; ``kendall_tau``: that of true
        means; ``rank_tau``: that of true expected ranks. None if some column of outcomes is constant.
    """
    if not all(varies(run) for run in outcomes.T):
        return dict.fromkeys(("r2", "kendall_tau", "rank_tau"))
    noise = float(outcomes.var(axis=1, ddof=1).mean())
    ranks = rankdata(outcomes).reshape(outcomes.shape)
    return {
        "r2": 1.0 - noise / float(outcomes.var()),
        "kendall_tau": min(1.0, _limit(_agreement(outcomes, outcomes))),
        "rank_tau": min(1.0, _limit(_agreement(ranks, outcomes))),
    }


def _agreement(values: Array, outcomes: Array) -> Array:
    """Give Kendall's tau-b (k - 1,) of outcomes (n, k) with means of 1, 2, ... ``values`` of other runs."""
    runs = outcomes.shape[1]
    taus = np.empty((runs, runs - 1))
    for left, outcome in enumerate(outcomes.T):
        sums = np.cumsum(np.roll(values, -left, axis=1)[:, 1:], axis=1)
        taus[left] = [kendalltau(total, outcome).statistic for total in sums.T]
    means: Array = taus.mean(axis=0)
    return means


def _limit(taus: Array) -> float:
    """Say where values at 1, 2, ... are going, if they lie on a - b / (m + c)."""
    counts = np.arange(1, len(taus) + 1)
    best, limit = np.inf, float(taus[-1])
    for shift in _SHIFTS:
        terms = np.stack([np.ones(len(taus)), -1.0 / (counts + shift)], axis=1)
        found = np.linalg.lstsq(terms, taus)[0]
        error = float(((terms @ found - taus) ** 2).sum())
        if error < best:
            best, limit = error, float(found[0])
    return limit
