"""Targets: the scale on which a metric is predicted, and the way back into its range.

Bounded, well-spread metrics (errors in percent) are predicted as they are and clipped. Positive metrics with a long
tail (cross-entropy, seconds) are predicted on a log scale, so that no prediction is negative and a few diverged runs
do not rule the fit; the "mean" prediction of such a metric is its geometric mean.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..problems.problem import Objective

Values = NDArray[np.float64]

SECONDS = "seconds_per_epoch"
"""Name of the head that predicts the mean training seconds of an epoch."""

_TAIL = 10.0
_FLOOR = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """How one metric is predicted."""

    name: str
    low: float
    high: float
    log: bool

    def forward(self, values: Values) -> Values:
        """Bring a metric onto the scale of the prediction."""
        return np.log(np.maximum(values, _FLOOR)) if self.log else values

    def backward(self, predictions: Values) -> Values:
        """Bring predictions back into the metric's range."""
        if self.log:
            # One by one: numpy's vectorised exponential may differ from the scalar one in the last bit.
            flat = np.fromiter(map(math.exp, predictions.ravel().tolist()), dtype=np.float64, count=predictions.size)
            predictions = flat.reshape(predictions.shape)
        return np.minimum(np.maximum(predictions, self.low), self.high)

    def backward_one(self, prediction: float) -> float:
        """Bring one prediction back; `backward`, bit for bit."""
        value = math.exp(prediction) if self.log else prediction
        return self.low if value < self.low else self.high if value > self.high else value


def target_for(metric: Objective, values: Values) -> Target:
    """Choose the scale for a metric, given the ``values`` it took: log if it is positive with a long tail."""
    low, high = metric.bounds
    finite = values[np.isfinite(values)]
    log = low >= 0 and float(np.quantile(finite, 0.99)) > _TAIL * float(np.median(finite))
    return Target(name=metric.name, low=low, high=high, log=log)


def seconds_target() -> Target:
    """Give the target of `SECONDS`."""
    return Target(name=SECONDS, low=_FLOOR, high=math.inf, log=True)
