"""Parzen estimators of one parameter: densities over its numbers x that integrate, or over its values sum, to 1.

As in MOTPE (Ozaki et al. 2020, GECCO; 2022, JAIR 73), which takes them from TPE (Bergstra et al. 2011, NIPS): a
kernel for each observation and one prior kernel, all weighted alike.

=====================  ==================================================================================
float, log integer     Gaussians truncated to [0, 1]; log integers are rounded after drawing
integer, ordinal       Gaussians truncated to the grid widened by half a step, integrated over each grid cell
categorical            Aitchison-Aitken kernels (1976, Biometrika 63(3)), the prior uniform
=====================  ==================================================================================

Unlike the published code: cells have a lower and an upper end, so integers are told apart; and every observation
has its own bandwidth, not that of another one.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from ..problems.parameters import Choice, Column, Parameter

_SHARE_OF_OBSERVED = 0.9  # of an Aitchison-Aitken kernel, on the choice that was observed
_NARROWEST = 100  # kernels are never narrower than this part of the range


class Estimator(Protocol):
    """What a model needs of an estimator."""

    def sample(self, rng: np.random.Generator, n: int) -> Column:
        """Draw numbers (n,)."""
        ...

    def log_density(self, x: Column) -> Column:
        """Give log densities (n,), or log probabilities where the values are countable."""
        ...


def estimate(parameter: Parameter, observed: Column) -> Estimator:
    """Estimate the density of a parameter from ``observed`` numbers (n,); with none it is the prior."""
    if isinstance(parameter, Choice):
        size = len(parameter.choices)
        return GridKernels(observed, size=size, step=1.0) if parameter.ordered else ChoiceKernels(observed, size=size)
    if math.isfinite(parameter.size) and not parameter.log:
        return GridKernels(observed, size=int(parameter.size), step=1 / (parameter.size - 1))
    return GaussianKernels(observed, low=0.0, high=1.0)


def legal(parameter: Parameter, x: float) -> float:
    """Round a drawn x to a number of the parameter, as exactly as `Space` has it."""
    return parameter.encode(parameter.decode(x)) if math.isfinite(parameter.size) else round(x, 10)


def bandwidths(centres: Column, length: float) -> Column:
    """Give each kernel (n,) the larger of the distances to its neighbours; those at the ends have only one.

    They are clipped to between ``length / min(100, n)`` and ``length``.
    """
    order = np.argsort(centres, kind="stable")
    ordered = centres[order]
    gaps = np.concatenate([[0.0], ordered[1:] - ordered[:-1], [0.0]])
    widths = np.empty(len(centres))
    widths[order] = np.maximum(gaps[:-1], gaps[1:])  # back to each kernel's own place
    return np.minimum(np.maximum(widths, length / min(_NARROWEST, len(centres))), length)


class GaussianKernels:
    """Truncated Gaussians on [low, high], among them a prior in the middle that is as wide as the range."""

    def __init__(self, observed: Column, *, low: float, high: float) -> None:
        from scipy.special import ndtr, ndtri  # not at import

        self._cdf, self._quantile = ndtr, ndtri
        self._low, self._high = low, high
        self._centres = np.append(observed, (low + high) / 2)
        self._widths = bandwidths(self._centres, high - low)
        self._widths[-1] = high - low
        self._below = ndtr((low - self._centres) / self._widths)
        self._inside = ndtr((high - self._centres) / self._widths) - self._below

    def sample(self, rng: np.random.Generator, n: int) -> Column:
        """Draw numbers (n,)."""
        chosen = rng.integers(len(self._centres), size=n)
        quantiles = self._below[chosen] + rng.random(n) * self._inside[chosen]
        x: Column = self._centres[chosen] + self._widths[chosen] * self._quantile(quantiles)
        return np.minimum(np.maximum(x, self._low), self._high)

    def log_density(self, x: Column) -> Column:
        """Give log densities (n,)."""
        z = (x[:, None] - self._centres) / (self._widths * math.sqrt(2))
        z *= z
        np.negative(z, out=z)
        heights = 1 / (len(self._centres) * math.sqrt(2 * math.pi) * self._widths * self._inside)
        densities: Column = np.exp(z, out=z) @ heights
        return np.log(densities)

    def log_mass(self, left: Column, right: Column) -> Column:
        """Give log probabilities (n,) of the intervals from ``left`` to ``right``."""
        upper, lower = ((edge[:, None] - self._centres) / self._widths for edge in (right, left))
        masses: Column = (self._cdf(upper) - self._cdf(lower)) @ (1 / (len(self._centres) * self._inside))
        return np.log(masses)


class GridKernels:
    """Gaussians integrated over the cells of a grid: 0, step, ..., (size - 1) step."""

    def __init__(self, observed: Column, *, size: int, step: float) -> None:
        self._step = step
        self._last = size - 1
        self._kernels = GaussianKernels(observed, low=-step / 2, high=(size - 0.5) * step)

    def sample(self, rng: np.random.Generator, n: int) -> Column:
        """Draw grid points (n,)."""
        cells = np.rint(self._kernels.sample(rng, n) / self._step)
        return np.minimum(np.maximum(cells, 0), self._last) * self._step

    def log_density(self, x: Column) -> Column:
        """Give log probabilities (n,) of grid points."""
        points, places = np.unique(x, return_inverse=True)  # draws repeat, and masses are dear
        return self._kernels.log_mass(points - self._step / 2, points + self._step / 2)[places]


class ChoiceKernels:
    """Aitchison-Aitken kernels over choices without an order."""

    def __init__(self, observed: Column, *, size: int) -> None:
        counts = np.bincount(observed.astype(int), minlength=size)
        others = (1 - _SHARE_OF_OBSERVED) / max(size - 1, 1)
        weights = counts * (_SHARE_OF_OBSERVED - others) + len(observed) * others + 1 / size
        self._probabilities: Column = weights / weights.sum()  # the sum is n + 1, but for a single choice

    def sample(self, rng: np.random.Generator, n: int) -> Column:
        """Draw choice indices (n,)."""
        edges = np.cumsum(self._probabilities)[:-1]
        return np.searchsorted(edges, rng.random(n), side="right").astype(np.float64)

    def log_density(self, x: Column) -> Column:
        """Give log probabilities (n,) of choice indices."""
        probabilities: Column = self._probabilities[x.astype(int)]
        return np.log(probabilities)
