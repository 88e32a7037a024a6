"""A network that answers the same, to the last bit, on every machine, alone and in any batch.

Sums of floats depend on the order of their terms, and processors, libraries and sizes of a batch each have their own.
Here no sum is ever rounded: activations are whole numbers, weights multiples of a power of two, and both so small that
every partial sum fits into the 24 bits of a float32. Then all orders agree. What is rounded is each activation, down
to a whole number, which is no sum; and weights, once, when the network is made (see `rounding`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Features = NDArray[np.float32]

MISSING = -1e30
"""What a missing feature counts as: no ramp has begun there."""

_RAMP = 2.0**10 - 1  # largest value of a ramp that was learnt from
_FEW_VALUES = 12  # that a feature takes, up to which a function of it may be any
_EPOCHS = 8  # ramps of the epoch, denser at the beginning
_GAP = 0.25  # between a feature that is missing and its smallest value
_BLOCK = 2**16  # rows at a time: 128 activations of each take 32 MB


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """An affine map of a units to b units."""

    weights: NDArray[np.float32]
    """(a, b)"""
    biases: NDArray[np.float32]
    """(b,)"""

    def __call__(self, rows: Features) -> Features:
        """Map rows (n, a) to (n, b)."""
        return rows @ self.weights + self.biases


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Layers one after the other; between two of them what is negative becomes 0, and fractions are dropped."""

    layers: Sequence[Layer]
    """The first makes ramps of features, see `ramps`; the last gives the answers."""

    def predict(self, features: Features) -> Array:
        """Evaluate rows (n, f), NaN where missing; gives (n, h). The reference for the surrogate file."""
        blocks = [self._block(features[start : start + _BLOCK]) for start in range(0, len(features) or 1, _BLOCK)]
        return np.concatenate(blocks).astype(np.float64)

    def _block(self, features: Features) -> Features:
        rows = filled(features)
        for layer in self.layers[:-1]:
            rows = activation(layer(rows))
        return self.layers[-1](rows)


def filled(features: Features) -> Features:
    """Give features with `MISSING` for those that are NaN."""
    return np.fmax(features, np.float32(MISSING))


def activation(sums: Features) -> Features:
    """Give what units say of their ``sums``."""
    return np.floor(np.maximum(sums, 0))


def ramps(features: Features) -> Layer:
    """Choose ramps max(0, slope (x - start)) of each feature x, from examples (n, f) whose last column is the epoch.

    A feature that takes few values has a ramp from each, so that a linear map of them is any function of it; another
    one has one ramp; the epoch has several, which are denser at the beginning, where curves bend. A feature that may be
    missing has one more, which tells so. Slopes are powers of two: products with them are exact.
    """
    found = [(column, start, end) for column in range(features.shape[1]) for start, end in _starts(features, column)]
    weights = np.zeros((features.shape[1], len(found)), dtype=np.float32)
    biases = np.zeros(len(found), dtype=np.float32)
    for unit, (column, start, end) in enumerate(found):
        slope = 2.0 ** np.floor(np.log2(_RAMP / (end - start)))
        weights[column, unit], biases[unit] = slope, -slope * start
    return Layer(weights=weights, biases=biases)


def _starts(features: Features, column: int) -> list[tuple[float, float]]:
    """List where the ramps of a feature start, each with the feature's largest value."""
    present = features[~np.isnan(features[:, column]), column].astype(np.float64)
    values = np.unique(present)
    if len(values) <= _FEW_VALUES:
        starts = values[:-1]
    elif column == features.shape[1] - 1:
        starts = np.geomspace(values[0], values[-1], _EPOCHS, endpoint=False)
    else:
        starts = values[:1]
    if len(values) and len(present) < len(features):
        starts = np.concatenate([values[:1] - _GAP, starts])
    return [(float(start), float(values[-1])) for start in starts]
