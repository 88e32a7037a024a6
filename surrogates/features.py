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

from ..problems.parameters import Choice
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

    def rich(self, vectors: Vectors) -> Matrix:
        """Compute all that is worth knowing of configurations (n, d), for models that need not be fast: (n, g).

        The vectors; each unordered choice of three or more also as one column a choice; every known metric, raced or
        not; the problem's hints.
        """
        problem = self.problem
        natural = problem.space.natural(vectors)
        columns = [vectors]
        for i, parameter in enumerate(problem.space.parameters):
            if isinstance(parameter, Choice) and parameter.size > 2 and not parameter.ordered:
                columns.append((vectors[:, i, None] == np.arange(parameter.size)).astype(np.float64))
        columns += [function(natural)[:, None] for function in problem.known.values()]
        if problem.hints is not None:
            columns.append(problem.hints(natural))
        return np.concatenate(columns, axis=1)

    def assemble(self, vectors: Vectors, known: Sequence[Values], epochs: NDArray[np.int64]) -> Matrix:
        """Put features (n, f) together; ``known`` are the metrics (n,) that `known` names."""
        return np.column_stack([vectors, *known, epochs])
