"""NASH: hill climbing with network morphisms, in configuration space.

Elsken, Metzen, Hutter 2017 (arXiv 1711.04528), algorithm 1: from a small network, train a handful of neighbours that
are deeper or wider for a short while, move to the best, repeat. **An imitation**: there neighbours inherit their
parent's weights and a short training suffices; a table knows no weights, so a short training here is the first epochs
of one from scratch, and what wins a round is then trained on to the end.

::

    start          random configurations, every stack of layers as shallow as it can be
    round          neighbours, trained to min_epochs: a layer deeper, a layer wider, or something else changed a little
    move           to the best of the round, which trains on to the maximum while the next round begins
    local optimum  no neighbour is on the front of all short trainings since the start: start again

The best is the one on that front that dominates most alone; the paper has one objective. A round waits for its last
neighbour. In a space without stacks (see `morphism`) neighbours are those of the space. Where all of
them have been trained before, what lies further away takes their place.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import partial

import numpy as np

from ..problems.errors import InvalidArgument
from ..problems.problem import Losses, Problem
from ..problems.space import Vector
from .base import Query, Result
from .ladder import epoch_ladder
from .morphism import deepen, neighbour, nudge, stacks, widen
from .novelty import Novelty
from .pareto import nondominated_ranks, order_by_front_and_contribution

_OPERATORS = (deepen, widen, nudge)


@dataclass(frozen=True, slots=True, eq=False)
class _Trained:
    vector: Vector
    losses: Losses


class Nash:
    """Pareto hill climbing.

    Parameters
    ----------
    problem
    seed
        Of all its random draws.
    neighbours
        How many in a round; the paper's 8.
    min_epochs
        Length of a short training; by default a fifth of the maximum.

    Raises
    ------
    InvalidArgument
        If an option is out of its range.
    """

    def __init__(self, problem: Problem, *, seed: int, neighbours: int = 8, min_epochs: int | None = None) -> None:
        if neighbours < 1:
            raise InvalidArgument(f"nash needs one neighbour or more in a round, got neighbours={neighbours}")
        self._problem = problem
        self._rng = np.random.default_rng(seed)
        self._novelty = Novelty(problem.space, self._rng)
        self._neighbours = neighbours
        self._short = epoch_ladder(problem, min_epochs=min_epochs)[0]
        self._waiting: deque[Query] = deque()
        self._open: set[str] = set()  # of the round
        self._round: list[_Trained] = []
        self._climb: list[_Trained] = []  # all that was trained since the last start
        self._begin()

    def ask(self) -> Query | None:
        """Name the next trial, or wait for the rest of the round."""
        return self._waiting.popleft() if self._waiting else None

    def tell(self, result: Result) -> None:
        """Take in the result; with the last one of a round, move."""
        digest = self._problem.space.digests(result.query.config[None])[0]
        if digest not in self._open or result.query.epochs != self._short:
            return
        self._open.remove(digest)
        if np.isfinite(result.losses).all():
            self._round.append(_Trained(result.query.config, result.losses))
        if not self._open:
            self._move()

    def _begin(self) -> None:
        self._climb = []
        self._ask_for([self._novelty.first_new(self._shallow) for _ in range(self._neighbours)])

    def _move(self) -> None:
        best = self._best_of_round()
        self._climb, self._round = [*self._climb, *self._round], []
        if best is None:
            self._begin()
            return
        if self._short < self._problem.max_epochs:
            self._waiting.append(Query(config=best, epochs=self._problem.max_epochs, resume_from=self._short))
        self._ask_for([self._novelty.first_new(partial(self._neighbour, best)) for _ in range(self._neighbours)])

    def _best_of_round(self) -> Vector | None:
        """Give the best of the round, if it is on the front of the climb."""
        trained = [*self._climb, *self._round]
        if not self._round:
            return None
        losses = np.array([each.losses for each in trained])
        ranks = nondominated_ranks(losses)
        order = order_by_front_and_contribution(losses, self._problem.reference_point)
        best = next(i for i in order.tolist() if i >= len(self._climb))
        return trained[best].vector if ranks[best] == 0 else None

    def _neighbour(self, vector: Vector) -> Vector:
        return neighbour(self._problem.space, vector, self._rng, _OPERATORS)

    def _shallow(self) -> Vector:
        """Draw a configuration and take from every stack all layers but the first."""
        space = self._problem.space
        vector = space.sample_all(self._rng, 1)[0]
        for stack in stacks(space):
            vector[stack.depth] = 0.0  # the lower end of its range
        start: Vector = space.deactivate(vector[None])[0]
        return start

    def _ask_for(self, vectors: list[Vector]) -> None:
        self._open = set(self._problem.space.digests(np.array(vectors)))
        self._waiting += [Query(config=vector, epochs=self._short) for vector in vectors]
