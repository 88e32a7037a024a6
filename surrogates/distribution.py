"""Distributions by thresholds: how likely is an outcome to exceed each of a dozen values?

Outcomes are bimodal: a training learns or collapses to guessing, and near the border nobody can say which. A model of
the mean alone sees a cloud there. A classifier per threshold sees the border itself, needs no shape of the
distribution, and gives the mean as the sum over the classes between thresholds (ordinal regression by binary problems:
Frank & Hall 2001; distribution regression: Foresi & Peracchi 1995). Where probabilities of higher thresholds come out
larger, they are sorted (rearrangement: Chernozhukov, Fernandez-Val, Galichon 2010, Econometrica 78).
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heapify, heappop, heappush

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

CLASSES = 12
"""Of each quantity, where there are many of them or few outcomes."""

_MOST = 36
_THRESHOLDS = 600  # of all quantities together, that a single quantity need not be coarse
_IN_CLASS = 40  # outcomes, at least, in each of more than `CLASSES`
_IN_TAIL = 5  # and in each that a class with a long tail is cut into


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Where p quantities are cut into classes, and what is the mean of each class."""

    limits: tuple[Array, ...]
    """For each quantity its (k,) ascending limits; the classes are (-inf, first], ..., (last, inf)."""
    means: tuple[Array, ...]
    """For each quantity the means (k + 1,) of its classes."""

    @classmethod
    def of(cls, values: Array, classes: int | None = None) -> Thresholds:
        """Cut at quantiles of ``values`` (n, p), into at most ``classes`` classes, none of them empty.

        By default they are `CLASSES`, and up to three times as many where outcomes are many and quantities few; and
        where there is room for more thresholds, classes of long tails are cut again: none need hold more of the
        variance than the square of its share of the outcomes.
        """
        room = 0
        if classes is None:
            n, p = values.shape
            classes = max(CLASSES, min(_MOST, _THRESHOLDS // p, n // _IN_CLASS))
            room = _THRESHOLDS // p - classes
        limits, means = [], []
        for column in values.T:
            cuts = np.unique(np.quantile(column, np.arange(1, classes) / classes, method="lower"))
            cuts = cuts[cuts < column.max()]
            cuts = np.union1d(cuts, _more_cuts(column, cuts, room, 1 / classes**2))
            owner = np.searchsorted(cuts, column, side="left")
            limits.append(cuts)
            means.append(np.bincount(owner, weights=column) / np.bincount(owner))
        return cls(limits=tuple(limits), means=tuple(means))

    def exceeded(self, values: Array) -> NDArray[np.bool_]:
        """Tell of ``values`` (n, p) which thresholds they exceed: (n, q), those of the first quantity first."""
        columns = [column[:, None] > cuts for column, cuts in zip(values.T, self.limits, strict=True)]
        return np.concatenate(columns, axis=1)

    def expectations(self, probabilities: Array) -> Array:
        """Give the means (n, p) of distributions that exceed the thresholds with ``probabilities`` (n, q)."""
        out = np.empty((len(probabilities), len(self.limits)))
        start = 0
        for column, (cuts, means) in enumerate(zip(self.limits, self.means, strict=True)):
            above = np.sort(probabilities[:, start : start + len(cuts)], axis=1)[:, ::-1]
            # The mean is the lowest class's plus each step up to the next, as often as its threshold is exceeded.
            out[:, column] = means[0] + above @ np.diff(means)
            start += len(cuts)
        return out


def _more_cuts(column: Array, cuts: Array, room: int, share: float) -> list[float]:
    """Find up to ``room`` more: of all classes of ``column`` (n,) that hold more than ``share`` of its variance.

    The one that holds most is cut at its mean, as long as there is one, and `_IN_TAIL` outcomes on either side.
    """
    ascending = np.sort(column)
    most, found = share * _squares(ascending), list[float]()
    starts = [0, *np.searchsorted(ascending, cuts, side="right").tolist()]
    parts = np.split(ascending, starts[1:])
    heap = [(-_squares(part), start, part) for start, part in zip(starts, parts, strict=True)]
    heapify(heap)
    while heap and len(found) < room:
        squares, start, part = heappop(heap)
        if -squares <= most:
            break
        below = int(np.searchsorted(part, part.mean(), side="right"))
        if min(below, len(part) - below) >= _IN_TAIL:
            found.append(float(part[below - 1]))
            heappush(heap, (-_squares(part[:below]), start, part[:below]))
            heappush(heap, (-_squares(part[below:]), start + below, part[below:]))
    return found


def _squares(values: Array) -> float:
    """Add up squared deviations from the mean."""
    return float(((values - values.mean()) ** 2).sum())
