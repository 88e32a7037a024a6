"""MO-ASHA: asynchronous successive halving, promotion by front and then by exclusive hypervolume.

Li et al. 2020 (MLSys, algorithm 2) with the multi-objective order of Schmucker et al. 2021 (arXiv 2106.12639), whose
rule inside a front is replaced by exclusive hypervolume against the problem's fixed reference point.

Whenever a worker is free, rungs are looked through from the top: of the n results of a rung the best ``n / eta`` may
be on the next one; the best of them that is not gets promoted, and trains on from where it was. If there is none, a new
random configuration starts on the lowest rung. So nobody ever waits, and `ask` never returns None.

A published MO-ASHA compares the newest result's place in a list of sorted indices, which for a chain of three points
prefers the worst; here a result's own rank counts, and all results of a rung are looked at, not the newest alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..problems.problem import Losses, Problem
from ..problems.space import Vector
from .base import Query, Result
from .ladder import epoch_ladder
from .pareto import nondominated_ranks, order_by_front_and_contribution
from .sampling import random_configurations


class MoAsha:
    """Asynchronous successive halving.

    Parameters
    ----------
    problem
    seed
        Of all its random draws.
    min_epochs
        The lowest rung; by default the problem's minimum.
    eta
        Factor between rungs, and one of how many is promoted; above 1.

    Raises
    ------
    InvalidArgument
        If an option is out of its range.
    """

    def __init__(self, problem: Problem, *, seed: int, min_epochs: int | None = None, eta: float = 3.0) -> None:
        lowest = problem.min_epochs if min_epochs is None else min_epochs
        self._ladder = epoch_ladder(problem, min_epochs=lowest, eta=eta)
        self._space = problem.space
        self._draws = random_configurations(problem.space, np.random.default_rng(seed))
        self._rungs = [_Rung(problem.reference_point, eta) for _ in self._ladder]

    def ask(self) -> Query:
        """Name the next trial; never waits."""
        for level in range(len(self._ladder) - 2, -1, -1):
            promoted = self._rungs[level].promote()
            if promoted is not None:
                return Query(config=promoted, epochs=self._ladder[level + 1], resume_from=self._ladder[level])
        return Query(config=next(self._draws), epochs=self._ladder[0])

    def tell(self, result: Result) -> None:
        """Let the result compete with those of its rung; a failed one never does."""
        query = result.query
        if np.isfinite(result.losses).all():
            digest = self._space.digests(query.config[None])[0]
            self._rungs[self._ladder.index(query.epochs)].add(digest, query.config, result.losses)


class _Rung:
    """All results of one number of epochs, each configuration once."""

    def __init__(self, reference: Losses, eta: float) -> None:
        self._reference = reference
        self._eta = eta
        self._digests: set[str] = set()
        self._vectors: list[Vector] = []
        self._losses: Losses = np.empty((0, len(reference)))
        self._waiting: NDArray[np.bool_] = np.empty(0, dtype=bool)  # for their promotion
        self._is_settled = True  # all that may be promoted have been

    def add(self, digest: str, vector: Vector, losses: Losses) -> None:
        if digest not in self._digests:
            self._digests.add(digest)
            self._vectors.append(vector)
            self._losses = np.vstack([self._losses, losses])
            self._waiting = np.append(self._waiting, True)
            self._is_settled = False

    def promote(self) -> Vector | None:
        """Give the best of the first ``n / eta`` that was not promoted yet, and remember that it was."""
        if self._is_settled:
            return None
        best = self._best_waiting()
        if best is None:
            self._is_settled = True
            return None
        self._waiting[best] = False
        return self._vectors[best]

    def _best_waiting(self) -> int | None:
        """Look through the first front that has somebody waiting; all behind it come later in the order."""
        ranks = nondominated_ranks(self._losses)
        rank = ranks[self._waiting].min(initial=len(ranks))
        front = np.flatnonzero(ranks == rank)
        places = int(len(ranks) / self._eta) - np.count_nonzero(ranks < rank)
        order = front[order_by_front_and_contribution(self._losses[front], self._reference)]
        return next((i for i in order[: max(places, 0)].tolist() if self._waiting[i]), None)
