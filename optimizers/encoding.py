"""Configurations as numbers for models: a fixed place for every parameter, whatever is active.

The unit cube has one entry per number, ordinal and two-way choice, one per choice of every other categorical parameter
(one-hot), and none for constants. Logarithms have been taken already: vectors of a `Space` are log-scaled.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..problems.parameters import Choice, Column, Parameter
from ..problems.problem import Vectors
from ..problems.space import Space

Features = NDArray[np.float64]
"""Encoded configurations (n, k)."""

_INACTIVE = 0.5  # one constant for all: to a stationary kernel an inactive parameter is then no difference at all


def unit_cube(space: Space, vectors: Vectors, /) -> Features:
    """Encode into the unit cube.

    Parameters
    ----------
    vectors : (n, d) float64

    Returns
    -------
    features : (n, k) float64
        In [0, 1]; where a parameter is inactive, its entries are the same constant for all configurations.
    """
    columns = [_columns(parameter, vectors[:, i]) for i, parameter in enumerate(space.parameters)]
    return np.concatenate(columns, axis=1)


def activity_flags(space: Space, vectors: Vectors, /) -> Features:
    """Tell of every conditional parameter whether it is active: (n, c), 1 or 0."""
    conditional = [i for i, condition in enumerate(space.conditions) if condition is not None]
    return (~np.isnan(vectors[:, conditional])).astype(np.float64)


def _columns(parameter: Parameter, x: Column) -> Features:
    """Encode one parameter, (n, its entries)."""
    if parameter.size == 1:
        return np.empty((len(x), 0))
    if not isinstance(parameter, Choice):
        scaled = x[:, None]
    elif parameter.ordered or parameter.size == 2:
        scaled = x[:, None] / (parameter.size - 1)
    else:
        scaled = (x[:, None] == np.arange(parameter.size)).astype(np.float64)
    return np.where(np.isnan(x)[:, None], _INACTIVE, scaled)
