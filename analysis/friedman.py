"""Many optimizers at once: the Friedman test, and Nemenyi's critical difference of average ranks after it.

The procedure, and what its diagram shows, are those of Demsar 2006, Journal of Machine Learning Research 7, section
3.2.2; what is a data set there is a seed here. The p-value is an approximation that is good from about ten seeds on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from .statistics import SIGNIFICANT, average_ranks


@dataclass(frozen=True, slots=True, kw_only=True)
class Friedman:
    """What a critical difference diagram shows."""

    average_ranks: Mapping[str, float]
    """By optimizer, best (lowest) first."""
    seeds: int
    """Seeds that all optimizers have raced; the test uses no others."""
    p_value: float
    """Of the hypothesis that all optimizers are equal."""
    critical_difference: float
    """Average ranks that differ by less cannot be told apart."""
    groups: tuple[tuple[str, ...], ...]
    """Each a largest set of two or more optimizers that cannot be told apart, best first: the bars of the diagram.

    Where the test finds no difference at all (p >= `SIGNIFICANT`), they are one group, whatever their ranks.
    """

    @property
    def sentence(self) -> str:
        """The outcome in plain words."""
        test = f"Friedman test over {self.seeds} seeds, p = {self.p_value:.2g}"
        if self.p_value >= SIGNIFICANT:
            return f"{len(self.average_ranks)} optimizers together show no difference ({test})"
        return (
            f"Average ranks that differ by {self.critical_difference:.2f} or more differ significantly "
            f"({test}; Nemenyi's critical difference)"
        )


def friedman(scores: Mapping[str, Mapping[int, float]], /) -> Friedman | None:
    """Test whether the optimizers differ, and which, over the seeds that all have raced.

    Parameters
    ----------
    scores
        Score by seed, by optimizer; larger is better.

    Returns
    -------
    friedman
        None where there is nothing to test: fewer than three optimizers (`statistics.compare` tests two), or fewer
        than two common seeds.
    """
    names = list(scores)
    common = sorted(set.intersection(*(set(scores[name]) for name in names))) if names else []
    if len(names) < 3 or len(common) < 2:
        return None
    values = np.array([[scores[name][seed] for seed in common] for name in names])
    ranks = average_ranks(values[:, :, None])[:, 0]
    order = np.argsort(ranks, kind="stable")
    p_value, width = _p_value(values), critical_difference(len(names), len(common))
    ranked = {names[row]: float(ranks[row]) for row in order}
    groups = _groups(ranked, width) if p_value < SIGNIFICANT else (tuple(ranked),)
    return Friedman(average_ranks=ranked, seeds=len(common), p_value=p_value, critical_difference=width, groups=groups)


def critical_difference(optimizers: int, seeds: int, /) -> float:
    """Give the difference from which on two average ranks differ significantly (Nemenyi 1963; Demsar 2006, CD).

    CD = q sqrt(k (k + 1) / (6 n)) for k optimizers and n seeds, where q is the quantile at 1 - `SIGNIFICANT` of the
    studentized range of k normal variables, divided by sqrt(2).
    """
    from scipy.stats import studentized_range

    quantile = float(studentized_range.ppf(1.0 - SIGNIFICANT, optimizers, np.inf)) / sqrt(2.0)
    return quantile * sqrt(optimizers * (optimizers + 1) / (6.0 * seeds))


def _p_value(values: NDArray[np.float64]) -> float:
    """Test scores (a, s), with ties; 1 if no seed distinguishes anybody."""
    from scipy.stats import friedmanchisquare

    if (values == values[0]).all():
        return 1.0
    return float(friedmanchisquare(*values).pvalue)


def _groups(ranked: Mapping[str, float], width: float) -> tuple[tuple[str, ...], ...]:
    """List the largest runs of neighbours, best first, whose ends differ by less than ``width``."""
    names, ranks = list(ranked), np.array(list(ranked.values()))
    ends = [int(np.searchsorted(ranks, rank + width, side="left")) for rank in ranks]
    runs = [
        (start, stop)
        for start, stop in enumerate(ends)
        if stop - start > 1 and (start == 0 or stop > ends[start - 1])  # else the run before holds it
    ]
    return tuple(tuple(names[start:stop]) for start, stop in runs)
