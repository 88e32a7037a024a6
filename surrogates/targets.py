"""Targets: the scale on which a metric is predicted, and the way back into its range.

Errors in percent are predicted as logits, so that 1 % and 2 % are as far apart as they are for somebody who compares
good networks, and no prediction leaves [0, 100]. Other metrics that cannot be negative (cross-entropy, seconds) are
predicted as logarithms, so that a few diverged runs do not rule the fit, unless many of them are 0. Anything else is
predicted as it is. What a surrogate calls the mean is, for an error in percent, the mean in percent; for what has a
long tail, the mean of the logarithms, brought back, which no single run can rule.

A metric without noise that takes few values (a size, say, in a table that was trained on a grid) has no others: what is
predicted is the nearest of them. Else configurations of one size would each have their own, and the one that is
predicted to be a thousandth smaller would be on the front alone.
"""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..problems.problem import Objective

Values = NDArray[np.float64]

SECONDS = "seconds_per_epoch"
"""Name of the head that predicts the mean training seconds of an epoch."""
DOUBT = "doubt"
"""Name of the output that predicts the logarithm of what `bagbench.surrogates.doubt` is about."""

SCALES = ("identity", "log", "logit")

_FLOOR = 1e-6  # of what is put on a log scale
_FEW_ZEROS = 0.01  # of the values, up to which zeros are put on a log scale, a little above 0
_MARGIN = 0.0025  # of the range, beyond its ends, so that the ends themselves have a logit
_PAIRS = 10  # of replicates, at least, to know that they agree
_UNSEEN = 0.01  # of configurations that may have a value which no other has
_LARGE = 700.0  # its exponential is still finite


@dataclass(frozen=True, kw_only=True)
class Target:
    """How one metric is predicted."""

    name: str
    low: float
    high: float
    scale: str
    """One of `SCALES`."""
    floor: float = _FLOOR
    """What values below it count as on a log scale, which has no zero; only fitting needs it."""
    levels: tuple[float, ...] = ()
    """All values that the metric takes, ascending; empty where they are many, or not known."""

    def forward(self, values: Values) -> Values:
        """Bring a metric onto the scale of the prediction."""
        if self.scale == "logit":
            bottom, top = self._ends
            return np.log((values - bottom) / (top - values))
        return np.log(np.maximum(values, self.floor)) if self.scale == "log" else values

    def to_average(self, predictions: Values) -> Values:
        """Bring predictions onto the scale on which means are taken; `from_average` is the way back."""
        if self.scale != "logit":
            return predictions
        bottom, top = self._ends
        return top - (top - bottom) / (1.0 + np.exp(np.minimum(predictions, _LARGE)))

    def from_average(self, means: Values) -> Values:
        """Bring means onto the scale of the prediction."""
        return self.forward(means) if self.scale == "logit" else means

    def within(self, means: Values) -> Values:
        """Keep means that a model has drawn beyond the metric's range inside of it, on the scale of averages."""
        return means if self.scale == "log" else np.clip(means, self.low, self.high)

    def backward(self, predictions: Values) -> Values:
        """Bring predictions back into the metric's range, one by one.

        numpy's vectorised exponential may differ from the scalar one in the last bit, and an answer must not depend on
        how many were asked for.
        """
        back = map(self.backward_one, predictions.ravel().tolist())
        return np.fromiter(back, dtype=np.float64, count=predictions.size).reshape(predictions.shape)

    @cached_property
    def backward_one(self) -> Callable[[float], float]:
        """The function that brings one prediction back."""
        if self.levels:
            return self._nearest_level()
        low, high, exp = self.low, self.high, math.exp
        bottom, top = self._ends
        length = top - bottom

        def clip(value: float) -> float:
            return low if value < low else high if value > high else value

        def from_logit(prediction: float) -> float:
            value = top - length / (1.0 + exp(prediction if prediction < _LARGE else _LARGE))
            return low if value < low else high if value > high else value

        def from_log(prediction: float) -> float:
            value = exp(prediction if prediction < _LARGE else _LARGE)
            return low if value < low else high if value > high else value

        return {"logit": from_logit, "log": from_log, "identity": clip}[self.scale]

    def _nearest_level(self) -> Callable[[float], float]:
        """Make the function that finds the level nearest to a prediction, on its scale."""
        levels, predicted = self.levels, self.forward(np.array(self.levels))
        middles = ((predicted[:-1] + predicted[1:]) / 2).tolist()
        return lambda prediction: levels[bisect(middles, prediction)]

    @property
    def _ends(self) -> tuple[float, float]:
        """Where the logit would be infinite."""
        margin = _MARGIN * (self.high - self.low)
        return self.low - margin, self.high + margin


def target_for(metric: Objective, values: Values) -> Target:
    """Choose the scale of a metric by its unit, its bounds and its ``values``, of which many may be 0.

    The floor of a log scale is half the smallest value above 0, unless that is a millionth of the median or less.
    """
    low, high = metric.bounds
    if metric.unit == "%":
        return Target(name=metric.name, low=low, high=high, scale="logit")
    positive = values[values > 0]
    if low < 0 or np.mean(values == 0) > _FEW_ZEROS or not len(positive):
        return Target(name=metric.name, low=low, high=high, scale="identity")
    floor = max(0.5 * float(positive.min()), 1e-6 * float(np.median(positive)))
    return Target(name=metric.name, low=low, high=high, scale="log", floor=floor)


def find_levels(values: Values, digests: NDArray[np.bytes_]) -> tuple[float, ...]:
    """List all that a metric takes, ascending, if ``values`` (n, E) of configurations (n,) show that there is no more.

    They do if replicates agree, and hardly any value is of one configuration alone: the share of those that are
    estimates the probability that another configuration has a value not seen yet (Good 1953, Biometrika 40).
    """
    names, first, owner = np.unique(digests, return_index=True, return_inverse=True)
    if len(values) - len(names) < _PAIRS or (values != values[first[owner]]).any():
        return ()
    each = [np.unique(curve) for curve in values[first]]
    levels, configurations = np.unique(np.concatenate(each), return_counts=True)
    few = np.sum(configurations == 1) <= _UNSEEN * len(names)
    return tuple(levels.tolist()) if few and np.isfinite(levels).all() else ()


def seconds_target() -> Target:
    """Give the target of `SECONDS`."""
    return Target(name=SECONDS, low=_FLOOR, high=math.inf, scale="log")
