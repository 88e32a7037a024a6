"""Features: what the trees see of a configuration at an epoch. The same code serves fitting and queries.

The columns are the configuration vector (NaN where inactive: trees send a missing value its own way), the known
metrics, and the epoch. Trees need no other scale: a monotone transform of a column gives the same splits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..problems.parameters import Value
from ..problems.problem import KnownFunction, Problem, Vectors

Matrix = NDArray[np.float64]
"""(n, f) features; trees see them rounded to float32."""


@dataclass(frozen=True)
class Features:
    """The feature columns of a problem."""

    problem: Problem

    @cached_property
    def _known(self) -> tuple[KnownFunction, ...]:
        return tuple(self.problem.known[name] for name in sorted(self.problem.known))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, the epoch last."""
        return (*self.problem.space.names, *sorted(self.problem.known), "epoch")

    @cached_property
    def width(self) -> int:
        """Number of columns f."""
        return len(self.names)

    def matrix(self, vectors: Vectors, epochs: NDArray[np.int64]) -> Matrix:
        """Compute features (n, f) of configurations (n, d), each at its own epoch (n,)."""
        natural = self.problem.space.natural(vectors)
        known = [function(natural)[:, None] for function in self._known]
        return np.concatenate([vectors, *known, epochs[:, None]], axis=1)

    def row(self, numbers: list[float], config: Mapping[str, Value], epoch: int) -> list[float]:
        """Compute the features of one configuration, given as a vector's numbers and as natural values."""
        return [*numbers, *[function.one(config) for function in self._known], epoch]
