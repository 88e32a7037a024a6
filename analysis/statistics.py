"""Statistics over seeds: what many races say together, and how sure one may be.

All functions take scores where larger is better, one per seed. Races of different optimizers with the same seed are
paired: they met the same noise. Tests of many optimizers at once are in `bagbench.analysis.friedman`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ..problems.errors import InvalidArgument, UnknownName

Scores = NDArray[np.float64]
"""Scores (s,), one per seed, larger is better."""

CONFIDENCE = 0.95
"""Level of the intervals of medians."""

SIGNIFICANT = 0.05
"""Largest p-value, after Holm's correction, that is called a difference."""

_RESAMPLES, _RESAMPLING_SEED = 10_000, 20_210_503  # fixed, so that equal scores have equal intervals everywhere


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A sample in five numbers."""

    count: int
    median: float
    lower: float
    """First quartile."""
    upper: float
    """Third quartile."""
    mean: float
    standard_error: float
    """Of the mean; NaN for a single seed."""
    interval: tuple[float, float]
    """Confidence interval of the median, see `median_interval`; NaN for a single seed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two optimizers over the seeds that both have raced."""

    first: str
    second: str
    wins: int
    """Seeds in which ``first`` scores strictly better."""
    losses: int
    """Seeds in which ``second`` does."""
    seeds: int
    p_value: float
    """Paired Wilcoxon signed-rank test, two-sided, Holm-corrected over all pairs compared together."""
    direction: int
    """Whom that test favours: 1 ``first``, -1 ``second``, 0 neither. It weighs differences by their size's rank, so it
    may be another than who won more seeds."""
    a12: float
    """Vargha-Delaney effect size: the chance that a random race of ``first`` beats a random race of ``second``."""

    @property
    def conclusive(self) -> bool:
        """Whether ``first`` is significantly better."""
        return self.p_value < SIGNIFICANT and self.direction > 0

    @property
    def reversed(self) -> bool:
        """Whether ``second`` is."""
        return self.p_value < SIGNIFICANT and self.direction < 0

    @property
    def sentence(self) -> str:
        """The comparison in plain words."""
        ties = self.seeds - self.wins - self.losses
        tied = f", with {ties} tied" if ties else ""
        score = f"in {self.wins} of {self.seeds} seeds{tied}"
        if self.conclusive:
            return f"{self.first} beats {self.second} {score}"
        if self.reversed:
            return f"{self.second} beats {self.first} in {self.losses} of {self.seeds} seeds{tied}"
        return f"{self.first} and {self.second} cannot be told apart: the first is ahead {score}"


def spread(scores: Scores, /) -> Spread:
    """Summarise the scores (s,) of one or more seeds; a statistic that infinite ones leave undefined is NaN."""
    count = len(scores)
    lower, median, upper = quartiles(scores)
    with np.errstate(invalid="ignore"):  # infinite scores (races without a result) may leave a statistic undefined
        error = float(np.std(scores, ddof=1) / np.sqrt(count)) if count > 1 else float("nan")
    return Spread(
        count=count,
        median=median,
        lower=lower,
        upper=upper,
        mean=float(np.mean(scores)),
        standard_error=error,
        interval=median_interval(scores),
    )


def quartiles(scores: Scores, /) -> tuple[float, float, float]:
    """Give lower quartile, median and upper quartile of scores (s,), some of which may be infinite.

    Between a finite and an infinite score lies only the latter: numpy's interpolation would multiply it by zero.
    """
    shares = [0.25, 0.5, 0.75]
    below, above = (np.quantile(scores, shares, method=method) for method in ("lower", "higher"))
    with np.errstate(invalid="ignore"):
        between = np.where(np.isinf(above), above, np.quantile(scores, shares))
    lower, median, upper = np.where(below == above, below, between).tolist()
    return lower, median, upper


def median_interval(scores: Scores, /) -> tuple[float, float]:
    """Bound the median by the percentile bootstrap (Efron & Tibshirani 1993, section 13.3), at level `CONFIDENCE`.

    Medians of 10,000 resamples (s,) with replacement, drawn with a fixed seed: the same scores always have the same
    interval. With fewer than about ten seeds such intervals are too narrow. NaN for a single seed, which says nothing
    of others.
    """
    count = len(scores)
    if count < 2:
        return float("nan"), float("nan")
    rng = np.random.default_rng(_RESAMPLING_SEED)
    medians = np.median(scores[rng.integers(count, size=(_RESAMPLES, count))], axis=1)
    tail = (1.0 - CONFIDENCE) / 2.0
    # No interpolation: a bound is a median that was seen, also where scores are infinite.
    low, high = np.quantile(medians, [tail, 1.0 - tail], method="inverted_cdf")
    return float(low), float(high)


def vargha_delaney(first: Scores, second: Scores, /) -> float:
    """Give the probability that ``first`` is larger, ties counting half (Vargha & Delaney 2000, eq. 2)."""
    difference = first[:, None] - second[None, :]
    return float(((difference > 0) + 0.5 * (difference == 0)).mean())


def wilcoxon(first: Scores, second: Scores, /) -> float:
    """Give the two-sided p-value of the paired Wilcoxon signed-rank test; 1 if all pairs are equal."""
    from scipy import stats

    difference = first - second
    if not difference.any():
        return 1.0
    return float(stats.wilcoxon(difference).pvalue)


def favoured(first: Scores, second: Scores, /) -> int:
    """Tell whom `wilcoxon` favours, by its two rank sums: 1 ``first``, -1 ``second``, 0 neither."""
    from scipy import stats

    difference = (first - second)[first != second]
    return int(np.sign(np.sign(difference) @ stats.rankdata(np.abs(difference))))


def holm(p_values: Sequence[float], /) -> list[float]:
    """Correct p-values for having been looked at together (Holm 1979), in their order."""
    values = np.asarray(p_values, dtype=float)
    order = np.argsort(values, kind="stable")
    factors = np.arange(len(values), 0, -1)
    corrected = np.empty(len(values))
    corrected[order] = np.minimum(np.maximum.accumulate(values[order] * factors), 1.0)
    return corrected.tolist()


def compare(scores: Mapping[str, Mapping[int, float]], /) -> tuple[Comparison, ...]:
    """Compare every pair of optimizers.

    Parameters
    ----------
    scores
        Score by seed, by optimizer; the optimizers in order of merit, so that the better one comes first in a pair.

    Returns
    -------
    comparisons
        Of those that have a seed in common.
    """
    met = [pair for pair in combinations(scores, 2) if scores[pair[0]].keys() & scores[pair[1]].keys()]
    return _compared(scores, met)


def compare_with(scores: Mapping[str, Mapping[int, float]], baseline: str, /) -> dict[str, Comparison]:
    """Compare every optimizer with one of them, ``baseline``, and correct for as many comparisons.

    Returns
    -------
    comparisons
        By the optimizer's name, which is ``first`` in each.

    Raises
    ------
    UnknownName
        If ``baseline`` is none of the optimizers.
    InvalidArgument
        If an optimizer has no seed in common with it.
    """
    if baseline not in scores:
        raise UnknownName.among("optimizer of this experiment", baseline, scores)
    comparisons = _compared(scores, [(name, baseline) for name in scores if name != baseline])
    return {comparison.first: comparison for comparison in comparisons}


def _compared(scores: Mapping[str, Mapping[int, float]], pairs: Sequence[tuple[str, str]]) -> tuple[Comparison, ...]:
    """Compare the optimizers of each pair, and correct for the number of pairs."""
    paired = [_pair(scores, first, second) for first, second in pairs]
    corrected = holm([wilcoxon(a, b) for a, b in paired])
    return tuple(
        Comparison(
            first=first,
            second=second,
            wins=int((a > b).sum()),
            losses=int((a < b).sum()),
            seeds=len(a),
            p_value=p_value,
            direction=favoured(a, b),
            a12=vargha_delaney(a, b),
        )
        for (first, second), (a, b), p_value in zip(pairs, paired, corrected, strict=True)
    )


def _pair(scores: Mapping[str, Mapping[int, float]], first: str, second: str) -> tuple[Scores, Scores]:
    common = sorted(scores[first].keys() & scores[second].keys())
    if not common:
        raise InvalidArgument(f"{first} and {second} have no seed in common: race both with the same seeds")
    return np.array([scores[first][s] for s in common]), np.array([scores[second][s] for s in common])


def seeds_needed(pairs: int, /) -> int:
    """Count the seeds from which on a clean sweep can be significant.

    With n seeds the Wilcoxon test cannot go below p = 2 / 2^n, which Holm multiplies by up to the number of pairs.
    """
    seeds = 2
    while max(pairs, 1) * 2.0 ** (1 - seeds) >= SIGNIFICANT:
        seeds += 1
    return seeds


def few_seeds_warning(seeds: int, pairs: int, /) -> str | None:
    """Warn if so few seeds cannot show any difference between that many pairs of optimizers."""
    needed = seeds_needed(pairs)
    if not pairs or seeds >= needed:
        return None
    comparisons = "one comparison" if pairs == 1 else f"{pairs} comparisons"
    have = "1 seed" if seeds == 1 else f"{seeds} seeds"
    return (
        f"{have} cannot tell luck from skill: with {comparisons}, even winning every seed "
        f"is not significant below {needed} seeds (--seeds {needed} or more)"
    )


def average_ranks(values: NDArray[np.float64], /) -> NDArray[np.float64]:
    """Rank optimizers within each seed at each time, 1 being best and ties sharing, then average over seeds.

    Parameters
    ----------
    values : (a, s, t) float64
        Scores of ``a`` optimizers in ``s`` seeds at ``t`` times, larger is better.

    Returns
    -------
    ranks : (a, t) float64
    """
    # Rank = 1 + number of better ones + half the number of equal others.
    mine, theirs = values[:, None], values[None, :]
    better = (theirs > mine).sum(axis=1)
    equal = (theirs == mine).sum(axis=1) - 1
    ranks: NDArray[np.float64] = (1.0 + better + 0.5 * equal).mean(axis=1)
    return ranks


def log_times(start: float, end: float, count: int) -> NDArray[np.float64]:
    """Spread ``count`` times evenly on a logarithmic axis, both ends included exactly."""
    times = np.geomspace(start, end, count)
    times[0], times[-1] = start, end
    return times
