"""The books of a method whose models learn from full trainings: what was asked, what is open, what came of it."""

from __future__ import annotations

import numpy as np

from ..problems.problem import Losses, Problem, Vectors
from ..problems.space import Vector
from .base import Query, Result


class Trials:
    """Queries and results of one optimizer.

    A configuration counts once, however often its result comes; failed trials count as asked, but score nothing.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._asked: set[str] = set()
        self._open: dict[str, Vector] = {}
        self._scored: dict[str, tuple[Vector, Losses]] = {}  # in the order told

    def __len__(self) -> int:
        """Count the configurations that were asked for."""
        return len(self._asked)

    @property
    def vectors(self) -> Vectors:
        """Configurations (n, d) that were trained in full, in the order told."""
        return np.array([vector for vector, _ in self._scored.values()]).reshape(-1, len(self._problem.space))

    @property
    def losses(self) -> Losses:
        """Their losses (n, m), clipped at the reference point.

        Beyond it nothing is worth anything, and the losses of diverged trials are too large for any model.
        """
        losses = np.array([losses for _, losses in self._scored.values()]).reshape(-1, len(self._problem.objectives))
        clipped: Losses = np.minimum(losses, self._problem.reference_point)
        return clipped

    @property
    def open(self) -> Vectors:
        """Configurations (n, d) that are being trained."""
        return np.array(list(self._open.values())).reshape(-1, len(self._problem.space))

    def enter(self, vector: Vector) -> None:
        """Note that a configuration (d,) is being trained, and make it read-only."""
        vector.flags.writeable = False
        digest = self._digest(vector)
        self._asked.add(digest)
        self._open[digest] = vector

    def query(self, vector: Vector) -> Query:
        """Enter a configuration (d,), and ask for its training in full."""
        self.enter(vector)
        return Query(config=vector, epochs=self._problem.max_epochs)

    def tell(self, result: Result) -> None:
        """Enter a result; only full trainings are scored."""
        digest = self._digest(result.query.config)
        self._open.pop(digest, None)
        if result.query.epochs == self._problem.max_epochs and np.isfinite(result.losses).all():
            self._scored.setdefault(digest, (result.query.config, result.losses))

    def unasked(self, vectors: Vectors) -> Vectors:
        """Give those rows of ``vectors`` (n, d) that were never asked for, each once."""
        rows = {digest: i for i, digest in enumerate(self._problem.space.digests(vectors)) if digest not in self._asked}
        return vectors[list(rows.values())]

    def _digest(self, vector: Vector) -> str:
        return self._problem.space.digests(vector[None])[0]
