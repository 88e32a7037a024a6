"""Noise: one draw of what a run would score, instead of its expectation.

The library keeps residual curves of real runs: what each scored at every epoch less what a surrogate that had not
seen its configuration predicted, on the scale of the prediction, sorted into bins by the predicted final value of the
first trained metric. A draw takes one run's residuals from the bin of the configuration at hand, all epochs and metrics
together. So draws are coherent along a curve and across metrics, and as skewed or bimodal as real outcomes are. Which
run is taken is a function of (configuration digest, seed).

A run that collapsed scores what guessing scores, whatever was predicted of it: there the library keeps the outcome
itself. The other residuals are shifted so that the mean of the draws is what the surrogate predicts as the mean, on
the scale on which a metric's means are taken.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from operator import index
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..problems.errors import InvalidArgument
from ..problems.problem import Problem
from .targets import Target

Array = NDArray[np.float64]

_BINS = 24
_RUNS = 64
_COLLAPSED = 0.85  # of the way from the best to the worst finished runs


class Draw(NamedTuple):
    """One draw: what was predicted becomes ``keeps * prediction + adds``."""

    keeps: NDArray[np.float32]
    """(..., E, h) 1, or 0 where the outcome does not depend on the prediction."""
    adds: NDArray[np.float32]
    """(..., E, h)"""

    def onto(self, predictions: Array | float) -> Array:
        """Turn predictions into outcomes; the shapes broadcast."""
        outcomes: Array = self.keeps.astype(np.float64) * predictions + self.adds
        return outcomes


@dataclass(frozen=True, kw_only=True)
class Noise:
    """A library of draws."""

    edges: Array
    """(b - 1,) limits between bins of the predicted final value, on the scale of the prediction."""
    keeps: NDArray[np.float32]
    adds: NDArray[np.float32]
    """(b, k, E, h) draws of k runs for each bin, at each epoch, of each head; see `Draw`."""

    def library(self, predicted: float) -> Draw:
        """Give the draws (k, E, h) that `draw` chooses from."""
        b = bisect_left(self._edges, predicted)
        return Draw(self.keeps[b], self.adds[b])

    def draw(self, predicted: float, digest: str, seed: int) -> Draw:
        """Draw one run (E, h).

        Parameters
        ----------
        predicted
            Final value of the first head, as predicted for the configuration.
        digest
            Of the configuration.
        seed
            Replicate.
        """
        b, run = bisect_left(self._edges, predicted), _number(digest, seed) % self.adds.shape[1]
        return Draw(self.keeps[b, run], self.adds[b, run])

    @cached_property
    def _edges(self) -> list[float]:
        return list(map(float, self.edges))


Evaluate = Callable[[list[float]], Sequence[float]]
Perturbation = Callable[[Sequence[float], list[float], int], Sequence[float]]


def draw_run(noise: Noise, problem: Problem, final: float, numbers: list[float], seed: int) -> Draw:
    """Draw the noise of one run, (E, all heads), given what the first head predicts at its last epoch.

    Raises
    ------
    InvalidArgument
        If ``seed`` is no whole number.
    """
    try:
        seed = int(index(seed))
    except TypeError:
        raise InvalidArgument(f"a seed is a whole number, got {seed!r}") from None
    return noise.draw(final, problem.space.digest_row(numbers), seed)


def perturbing(noise: Noise, evaluate: Evaluate, heads: list[int], problem: Problem) -> Perturbation:
    """Make the function that draws one run around predictions (h,) of one row of features, by a seed.

    ``evaluate`` predicts; it is asked for the last epoch where a run ends before.
    """
    last, width = problem.max_epochs, len(problem.space)

    def perturb(values: Sequence[float], features: list[float], seed: int) -> Sequence[float]:
        epochs, final = int(features[-1]), values[0]
        if epochs != last:
            final = evaluate([*features[:-1], last])[0]
        draw = draw_run(noise, problem, final, features[:width], seed)
        keeps, adds = draw.keeps[epochs - 1].tolist(), draw.adds[epochs - 1].tolist()
        return [keeps[head] * value + adds[head] for value, head in zip(values, heads, strict=True)]

    return perturb


def fit_noise(predictions: Array, residuals: Array, targets: Sequence[Target]) -> Noise:
    """Sort residuals into a library.

    Parameters
    ----------
    predictions : (n, E, h)
        Curves of each run, predicted without having seen its configuration.
    residuals : (n, E, h)
        Of the same runs.
    targets : (h,)
        Whose heads they are.
    """
    final = predictions[:, -1, 0]
    bins = max(1, min(_BINS, len(final) // _RUNS))
    edges = np.unique(np.quantile(final, np.arange(1, bins) / bins, method="lower"))
    edges = edges[edges < final.max()]
    owner = np.searchsorted(edges, final)
    outcomes = predictions + residuals
    collapsed = np.stack([_collapsed(outcomes[:, :, h], target) for h, target in enumerate(targets)], axis=2)
    keeps, adds = [], []
    for b in range(len(edges) + 1):
        inside = np.flatnonzero(owner == b)
        chosen = inside[_spread(residuals[inside, -1, 0])]
        level, fixed = predictions[inside].mean(axis=0), collapsed[chosen]
        drawn = np.where(fixed, outcomes[chosen], residuals[chosen])
        shifts = [_shift(level[:, h], drawn[:, :, h], fixed[:, :, h], target) for h, target in enumerate(targets)]
        keeps.append(~fixed)
        adds.append(drawn + np.where(fixed, 0.0, np.stack(shifts, axis=1)))
    return Noise(edges=edges, keeps=np.stack(keeps).astype(np.float32), adds=np.stack(adds).astype(np.float32))


def _collapsed(outcomes: Array, target: Target) -> NDArray[np.bool_]:
    """Tell which outcomes (n, E) are those of guessing: near the worst that finished runs score, of what is bounded."""
    if target.scale != "logit":
        return np.zeros(outcomes.shape, dtype=bool)
    averaged = target.to_average(outcomes)
    low, high = np.quantile(averaged[:, -1], [0.01, 0.99])
    collapsed: NDArray[np.bool_] = averaged > low + _COLLAPSED * (high - low)
    return collapsed


def _shift(level: Array, drawn: Array, fixed: NDArray[np.bool_], target: Target) -> Array:
    """Find by bisection what to add to residuals so that outcomes around ``level`` (E,) have its mean.

    ``drawn`` (k, E) are residuals or, where ``fixed``, outcomes.
    """
    wanted = target.to_average(level)
    reach = np.abs(np.where(fixed, 0.0, drawn)).max(axis=0)
    low: Array = -reach
    high: Array = reach
    for _ in range(50):
        outcomes = np.where(fixed, drawn, level + drawn + (low + high) / 2)
        too_low = target.to_average(outcomes).mean(axis=0) < wanted
        low, high = np.where(too_low, (low + high) / 2, low), np.where(too_low, high, (low + high) / 2)
    return 0.5 * low + 0.5 * high


def _spread(final: Array) -> NDArray[np.int64]:
    """Choose `_RUNS` rows that lie at evenly spaced quantiles of their final residual."""
    order = np.argsort(final, kind="stable")
    quantiles = ((np.arange(_RUNS) + 0.5) / _RUNS * len(order)).astype(np.int64)
    return np.take(order, quantiles)


def _number(digest: str, seed: int) -> int:
    return int.from_bytes(blake2b(f"{digest}/{seed}/noise".encode(), digest_size=8).digest(), "little")
