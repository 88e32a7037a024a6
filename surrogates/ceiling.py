"""The ceiling: the scores of somebody who knows every configuration's true mean, estimated from replicates.

What no two runs of a configuration agree on, nobody can predict. The variance of that noise is half the mean squared
difference of a pair of replicates, so the best R2 is 1 - noise / total, and the best RMSE the root of the noise.

The best Kendall's tau follows from the tau of replicates under a Gaussian copula: outcomes are some ascending function
of z = sqrt(r) m + sqrt(1 - r) e, with m a standard normal number of the configuration and e one of the run. Two runs
then have latent numbers that correlate by r; where outcomes are continuous, tau = 2/pi arcsin(r) (Kruskal 1958,
"Ordinal measures of association"), and m has 2/pi arcsin(sqrt(r)) with either. But errors are counts of images, and
all runs that guess have the same: then r is found, and what m reaches, from tables of how likely which outcomes meet.
With ties among outcomes no prediction reaches what it could without; means that differ by less than two neighbouring
outcomes count as tied, so that without noise the best is 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Ceiling = dict[str, float | None]

_FEWEST = 10  # pairs
_EQUAL = 1e-9  # of the largest of some numbers: if they differ by less, they are one number
_NODES = 800  # of the configurations' latent number, at equally likely quantiles
_LEVELS = 400  # of outcomes that are told apart, where there are more
_HALVINGS = 14
_GROUPS = 20  # of pairs, of which one is left out at a time


def noise_ceiling(true: Array, digests: NDArray[np.bytes_]) -> Ceiling:
    """Estimate the best possible scores of outcomes (n,) of configurations (n,) from those that were run twice.

    As neither replicate is the first, their tau is taken of all pairs and their mirror images, but for each with its
    own.

    Returns
    -------
    ceiling
        ``r2``, ``kendall_tau``, ``rmse``, ``replicate_tau`` and ``pairs``; below 10 pairs, ``pairs`` alone. Of the
        first two the standard errors, too, ``r2_error`` and ``kendall_tau_error``, by the jackknife over groups of
        pairs (Shao & Tu 1995, "The Jackknife and Bootstrap"): an estimate from few pairs may be far off.
    """
    one, two = _pairs(true, digests)
    if len(one) < _FEWEST:
        return {"pairs": float(len(one))}
    noise, pairs = _noise(one, two), float(len(one))
    if not varies(true):
        return {"pairs": pairs, "rmse": math.sqrt(noise), "r2": None, "kendall_tau": None}
    agreement, variance = _agreement(one, two), float(np.var(true))
    return {
        "r2": 1.0 - noise / variance,
        "r2_error": _error(lambda rows: _noise(one[rows], two[rows]) / variance, len(one)),
        "kendall_tau": None if agreement is None else best_tau(true, agreement),
        "kendall_tau_error": _error(lambda rows: _untied(_agreement(one[rows], two[rows])), len(one)),
        "rmse": math.sqrt(noise),
        "replicate_tau": agreement,
        "pairs": pairs,
    }


def noise_share(true: Array, digests: NDArray[np.bytes_]) -> float | None:
    """Give the share of the variance of outcomes that is noise; None of constants and below 10 pairs."""
    one, two = _pairs(true, digests)
    return _noise(one, two) / float(np.var(true)) if len(one) >= _FEWEST and varies(true) else None


def varies(values: Array) -> bool:
    """Tell whether values are more than one: rounding alone may make a constant's variance larger than 0."""
    return bool(np.ptp(values) > _EQUAL * np.abs(values).max())


def best_tau(true: Array, agreement: float) -> float:
    """Give the tau-b of means with outcomes (n,), where that of replicates is ``agreement``; 0 where they disagree."""
    if agreement <= 0.0:
        return 0.0
    levels, shares = _distribution(true)
    if len(levels) == len(true):
        return _untied(agreement)
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        likely = _likely(shares, middle)
        low, high = (middle, high) if _tau(likely.T @ likely / _NODES) < agreement else (low, middle)
    likely = _likely(shares, low)
    means = np.round(likely @ levels / float(np.diff(levels).min()))
    first = np.flatnonzero(np.diff(means, prepend=-np.inf))
    return _tau(np.add.reduceat(likely, first, axis=0) / _NODES)


def _untied(agreement: float | None) -> float:
    """Give the best tau where no outcomes are tied; not a number where there is no agreement."""
    if agreement is None:
        return math.nan
    return 2.0 / math.pi * math.asin(math.sqrt(max(0.0, math.sin(math.pi / 2.0 * agreement))))


def _error(statistic: Callable[[NDArray[np.int64]], float], n: int) -> float | None:
    """Estimate the standard error of a ``statistic`` of pairs, told which of ``n``, by leaving out groups of them."""
    group = np.arange(n) % _GROUPS
    without = np.array([statistic(np.flatnonzero(group != left_out)) for left_out in range(min(n, _GROUPS))])
    spread = float(np.sqrt((len(without) - 1) * np.var(without)))
    return spread if math.isfinite(spread) else None


def _pairs(true: Array, digests: NDArray[np.bytes_]) -> tuple[Array, Array]:
    order = np.argsort(digests, kind="stable")
    first = np.flatnonzero(digests[order][:-1] == digests[order][1:])
    return true[order[first]], true[order[first + 1]]


def _noise(one: Array, two: Array) -> float:
    return float(np.mean((one - two) ** 2)) / 2.0


def _agreement(one: Array, two: Array) -> float | None:
    """Give Kendall's tau-b of replicates (n,) and (n,), either way round; None if all of them are equal."""
    from scipy.stats import kendalltau

    n, values = len(one), np.concatenate([one, two])
    mirrored = float(kendalltau(values, np.concatenate([two, one])).statistic)
    sizes = np.unique(values, return_counts=True)[1]
    untied = n * (2 * n - 1) - float((sizes * (sizes - 1) / 2).sum())
    own = int((one != two).sum())  # a pair and its own image disagree, unless it is tied
    return (mirrored * untied + own) / (untied - own) if untied > own else None


def _distribution(true: Array) -> tuple[Array, Array]:
    """Give the outcomes that are told apart (k,), ascending, and their shares (k,); all n of them if none are tied."""
    levels, place = np.unique(np.round(true / (_EQUAL * np.abs(true).max())), return_inverse=True)
    levels *= _EQUAL * np.abs(true).max()
    if _LEVELS < len(levels) < len(true):
        chosen = np.unique(np.quantile(true, np.linspace(0, 1, _LEVELS), method="nearest"))
        place = np.clip(np.searchsorted(chosen, levels, side="right") - 1, 0, None)[place]
        levels = chosen
    return levels, np.bincount(place, minlength=len(levels)) / len(true)


def _likely(shares: Array, correlation: float) -> Array:
    """Give how likely each outcome is (q, k) at each of the latent number's nodes (q,)."""
    from scipy.special import ndtr, ndtri

    nodes = ndtri((np.arange(_NODES) + 0.5) / _NODES)
    cuts = ndtri(np.minimum(np.cumsum(shares), 1.0)[:-1])
    below = ndtr((cuts - math.sqrt(correlation) * nodes[:, None]) / math.sqrt(max(1e-12, 1.0 - correlation)))
    likely: Array = np.diff(below, axis=1, prepend=0.0, append=1.0)
    return likely


def _tau(joint: Array) -> float:
    """Give Kendall's tau-b of two variables from how likely which values meet (a, b)."""
    smaller = np.cumsum(joint, axis=0) - joint  # of the first variable, by value of the second
    both_smaller = np.cumsum(smaller, axis=1) - smaller
    larger = smaller.sum(axis=1, keepdims=True) - smaller - both_smaller
    untied = [1.0 - float((joint.sum(axis=axis) ** 2).sum()) for axis in (0, 1)]
    difference = 2.0 * float((joint * (both_smaller - larger)).sum())
    return difference / math.sqrt(untied[0] * untied[1])
