"""The ceiling: the scores of somebody who knows every configuration's true mean, estimated from replicates.

What no two runs of a configuration agree on, nobody can predict. The variance of that noise is half the mean squared
difference of a pair of replicates, so the best R2 is 1 - noise / total, and the best RMSE the root of the noise.

The best Kendall's tau follows from the tau of replicates under a Gaussian copula: outcomes are some ascending function
of z = sqrt(r) m + sqrt(1 - r) e, with m a standard normal number of the configuration and e one of the run. Two runs
then have latent numbers that correlate by r; where outcomes are continuous, tau = 2/pi arcsin(r) (Kruskal 1958,
"Ordinal measures of association"), and m has 2/pi arcsin(sqrt(r)) with either. But errors are counts of images, and
all runs that guess have the same: then r is found, and what m reaches, from tables of how likely which outcomes meet.
Among tied outcomes means differ by hardly anything but differ, and tau-b counts that against them; a prediction that
ties on purpose can score more. Without noise means are tied where outcomes are, and the best is 1.

Where noise is neither Gaussian nor everywhere as large, that of tau may be too high: of pairs one cannot tell. Of
many runs of a configuration one can (`bagbench.surrogates.repeats`).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Ceiling = dict[str, float | None]

_FEWEST = 10  # pairs
_EQUAL = 1e-9  # of the larger of two numbers, or of the largest of all: if they differ by less, they are one number
_NODES = 800  # of the configurations' latent number, at equally likely quantiles
_LEVELS = 400  # of outcomes that are told apart, where there are more
_HALVINGS = 24
_CLOSE = 0.01  # to the tau of replicates
GROUPS = 20
"""Of configurations, of which one is left out at a time."""


def noise_ceiling(true: Array, digests: NDArray[np.bytes_]) -> Ceiling:
    """Estimate the best possible scores of outcomes (n,) of configurations (n,) from those that were run twice.

    As neither replicate is the first, their tau is taken of all pairs and their mirror images, but for each with its
    own.

    Returns
    -------
    ceiling
        ``r2``, ``kendall_tau``, ``rmse``, ``replicate_tau`` and ``pairs``; below 10 pairs, ``pairs`` alone. Of the
        first two the standard errors, too, ``r2_error`` and ``kendall_tau_error``, by the jackknife over groups of
        configurations (Shao & Tu 1995, "The Jackknife and Bootstrap"): an estimate from few pairs may be far off.
    """
    pairs = _Pairs(true, digests)
    count = float(len(pairs.one))
    if count < _FEWEST:
        return {"pairs": count}
    if not varies(true):
        return {"pairs": count, "rmse": math.sqrt(pairs.noise()), "r2": None, "kendall_tau": None}
    agreement, parts = pairs.agreement(), pairs.parts()
    return {
        "r2": 1.0 - pairs.noise_share(),
        "r2_error": jackknife_error([part.noise_share() for part in parts]),
        "kendall_tau": None if agreement is None else best_tau(true, agreement),
        "kendall_tau_error": jackknife_error([_untied(part.agreement()) for part in parts]),
        "rmse": math.sqrt(pairs.noise()),
        "replicate_tau": agreement,
        "pairs": count,
    }


def noise_share(true: Array, digests: NDArray[np.bytes_]) -> float | None:
    """Give the share of the variance of outcomes that is noise; None of constants and below 10 pairs."""
    pairs = _Pairs(true, digests)
    return pairs.noise_share() if len(pairs.one) >= _FEWEST and varies(true) else None


def varies(values: Array) -> bool:
    """Tell whether values are more than one: rounding alone may make a constant's variance larger than 0."""
    return bool(np.ptp(values) > _EQUAL * np.abs(values).max())


def best_tau(true: Array, agreement: float) -> float:
    """Give the tau-b of means with outcomes (n,), where that of replicates is ``agreement``; 0 where they disagree."""
    if agreement <= 0.0:
        return 0.0
    shares = _shares(true)
    if len(shares) == len(true):
        return _untied(agreement)
    low, high, found = 0.0, 1.0, 0.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        likely = _likely(shares, middle)
        reached = _tau(likely.T @ likely / _NODES)
        if reached is None or reached >= agreement:
            high = middle
        else:
            low, found = middle, reached
    if found < agreement - _CLOSE:  # some outcome is too rare for the nodes
        return _untied(agreement)
    likely = _likely(shares, low)
    ranks = likely @ (np.cumsum(shares) - shares / 2)  # expected: they are tied where means are
    apart = np.flatnonzero(np.diff(np.round(ranks / _EQUAL), prepend=-1.0))
    best = _tau(np.add.reduceat(likely, apart, axis=0) / _NODES)
    return _untied(agreement) if best is None else min(1.0, best)


def _untied(agreement: float | None) -> float:
    """Give the best tau where no outcomes are tied; not a number where there is no agreement."""
    if agreement is None:
        return math.nan
    return 2.0 / math.pi * math.asin(math.sqrt(max(0.0, math.sin(math.pi / 2.0 * agreement))))


class _Pairs:
    """Pairs of replicates: neighbours among the runs of a configuration.

    Parameters
    ----------
    true : (n,)
    digests : (n,)
        Of the configurations.
    """

    def __init__(self, true: Array, digests: NDArray[np.bytes_]) -> None:
        self._true, self._digests = true, digests
        order = np.argsort(digests, kind="stable")
        first = np.flatnonzero(digests[order][:-1] == digests[order][1:])
        self.one, self.two = true[order[first]], true[order[first + 1]]
        self._repeated = np.unique(digests[order[first]])

    def parts(self) -> list[_Pairs]:
        """Leave out one group of configurations after the other: each time about a twentieth of those with pairs."""
        place = np.searchsorted(self._repeated, self._digests)
        repeated = self._repeated[np.minimum(place, len(self._repeated) - 1)] == self._digests
        group = np.where(repeated, place, np.arange(len(self._digests))) % GROUPS
        groups = min(GROUPS, len(self._repeated))
        return [_Pairs(self._true[group != left], self._digests[group != left]) for left in range(groups)]

    def noise(self) -> float:
        """Estimate the variance of noise."""
        return float(np.mean((self.one - self.two) ** 2)) / 2.0 if len(self.one) else math.nan

    def noise_share(self) -> float:
        """Estimate the share of noise in the variance of outcomes."""
        return self.noise() / float(np.var(self._true)) if varies(self._true) else math.nan

    def agreement(self) -> float | None:
        """Give Kendall's tau-b of replicates, either way round; None if all of them are equal."""
        from scipy.stats import kendalltau

        one, two = self.one, self.two
        n, values = len(one), np.concatenate([one, two])
        mirrored = float(kendalltau(values, np.concatenate([two, one])).statistic)
        sizes = np.unique(values, return_counts=True)[1]
        untied = n * (2 * n - 1) - float((sizes * (sizes - 1) / 2).sum())
        own = int((one != two).sum())  # a pair and its own image disagree, unless it is tied
        return (mirrored * untied + own) / (untied - own) if untied > own else None


def jackknife_error(without: list[float]) -> float | None:
    """Give a statistic's jackknife error from its values ``without`` each group; None if one of them is unknown."""
    spread = math.sqrt(max(0, len(without) - 1)) * float(np.std(without)) if len(without) > 1 else math.nan
    return spread if math.isfinite(spread) else None


def _shares(true: Array) -> Array:
    """Give the shares (k,) of the outcomes that are told apart, ascending; all n of them if none are tied."""
    values = np.sort(true)
    apart = np.diff(values) > _EQUAL * np.maximum(np.abs(values[1:]), np.abs(values[:-1]))
    shares: Array = np.bincount(np.concatenate([[0], np.cumsum(apart)])) / len(true)
    if _LEVELS < len(shares) < len(true):
        block = ((np.cumsum(shares) - shares / 2) * _LEVELS).astype(np.int64)
        return np.bincount(np.unique(block, return_inverse=True)[1], weights=shares).astype(np.float64)
    return shares


def _likely(shares: Array, correlation: float) -> Array:
    """Give how likely each outcome is (q, k) at each of the latent number's nodes (q,)."""
    from scipy.special import ndtr, ndtri

    nodes = ndtri((np.arange(_NODES) + 0.5) / _NODES)
    cuts = ndtri(np.minimum(np.cumsum(shares), 1.0)[:-1])
    below = ndtr((cuts - math.sqrt(correlation) * nodes[:, None]) / math.sqrt(max(1e-12, 1.0 - correlation)))
    likely: Array = np.diff(below, axis=1, prepend=0.0, append=1.0)
    return likely


def _tau(joint: Array) -> float | None:
    """Give Kendall's tau-b of two variables from how likely which values meet (a, b); None if either is constant."""
    smaller = np.cumsum(joint, axis=0) - joint  # of the first variable, by value of the second
    both_smaller = np.cumsum(smaller, axis=1) - smaller
    larger = smaller.sum(axis=1, keepdims=True) - smaller - both_smaller
    untied = [1.0 - float((joint.sum(axis=axis) ** 2).sum()) for axis in (0, 1)]
    if min(untied) <= 1e-9:
        return None
    difference = 2.0 * float((joint * (both_smaller - larger)).sum())
    return difference / math.sqrt(untied[0] * untied[1])
