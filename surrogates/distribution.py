"""Distributions by thresholds: how likely is an outcome to exceed each of a dozen values?

Outcomes are bimodal: a training learns or collapses to guessing, and near the border nobody can say which. A model of
the mean alone sees a cloud there. A classifier per threshold sees the border itself, needs no shape of the
distribution, and gives the mean as the sum over the classes between thresholds (ordinal regression by binary problems:
Frank & Hall 2001; distribution regression: Foresi & Peracchi 1995). Where probabilities of higher thresholds come out
larger, they are sorted (rearrangement: Chernozhukov, Fernandez-Val, Galichon 2010, Econometrica 78).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

CLASSES = 12
"""Of each quantity, where there are many of them or few outcomes."""

_MOST = 36
_THRESHOLDS = 600  # of all quantities together, that a single quantity need not be coarse
_IN_CLASS = 40  # outcomes, at least, in each of more than `CLASSES`


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

        By default they are `CLASSES`, and up to three times as many where outcomes are many and quantities few.
        """
        if classes is None:
            n, p = values.shape
            classes = max(CLASSES, min(_MOST, _THRESHOLDS // p, n // _IN_CLASS))
        limits, means = [], []
        for column in values.T:
            cuts = np.unique(np.quantile(column, np.arange(1, classes) / classes, method="lower"))
            cuts = cuts[cuts < column.max()]
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
