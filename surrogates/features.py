"""Features: what the trees see of a configuration at an epoch, in fitting and in queries.

The columns are the configuration vector (NaN where inactive: trees send a missing value its own way), the known ones
among the problem's own objectives, which answers need anyhow, and the epoch. Trees need no other scale: a monotone
transform of a column gives the same splits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..problems.problem import Problem, Vectors

Values = NDArray[np.float64]

Matrix = NDArray[np.float64]
"""(n, f) features; trees see them rounded to float32."""


@dataclass(frozen=True)
class Features:
    """The feature columns of a problem."""

    problem: Problem

    @cached_property
    def known(self) -> tuple[str, ...]:
        """Names of the known metrics among the columns."""
        return tuple(name for name in self.problem.objective_names if name in self.problem.known)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, the epoch last."""
        return (*self.problem.space.names, *self.known, "epoch")

    @cached_property
    def width(self) -> int:
        """Number of columns f."""
        return len(self.names)

    def matrix(self, vectors: Vectors, epochs: NDArray[np.int64]) -> Matrix:
        """Compute features (n, f) of configurations (n, d), each at its own epoch (n,)."""
        natural = self.problem.space.natural(vectors)
        return self.assemble(vectors, [self.problem.known[name](natural) for name in self.known], epochs)

    def assemble(self, vectors: Vectors, known: Sequence[Values], epochs: NDArray[np.int64]) -> Matrix:
        """Put features (n, f) together; ``known`` are the metrics (n,) that `known` names."""
        return np.column_stack([vectors, *known, epochs])
