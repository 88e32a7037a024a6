"""Synchronous Hyperband brackets (Li et al. 2018, JMLR 18(185), algorithm 1), for any number of workers.

A bracket is a list of rungs (how many, epochs). Its first rung is drawn; when all trials of a rung are told, the best
go on to the next rung, by front and then by exclusive hypervolume. While one bracket waits for its last results, the
next one starts. ``hyperband((1, 3, 9), eta=3)`` is::

    bracket 0   9 x 1 epoch -> 3 x 3 epochs -> 1 x 9 epochs
    bracket 1                  3 x 3 epochs -> 1 x 9 epochs
    bracket 2                                  3 x 9 epochs
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from ..problems.problem import Losses, Problem
from ..problems.space import Vector
from .base import Query, Result
from .pareto import order_by_front_and_contribution

Rungs = Sequence[tuple[int, int]]
"""Of one bracket, lowest first: how many configurations, and to how many epochs they are trained."""


def hyperband(ladder: Sequence[int], *, eta: float) -> tuple[Rungs, ...]:
    """Lay out one cycle of Hyperband on a ladder of epochs, the longest bracket first.

    The sizes are those of Li et al. (arXiv 1603.06560v1, table 1) and of BOHB's code: a bracket of s + 1 rungs out of
    K begins with ``floor(K / (s + 1)) eta^s`` configurations, and each rung keeps one of ``eta``, one at least.
    """
    cycle = []
    for lowest in range(len(ladder)):
        epochs = ladder[lowest:]
        first = int(len(ladder) // len(epochs) * eta ** (len(epochs) - 1))
        cycle.append([(max(1, int(first / eta**i)), e) for i, e in enumerate(epochs)])
    return tuple(cycle)


class Brackets:
    """Runs brackets, several at once where workers would idle.

    Parameters
    ----------
    problem
    schedule
        Brackets in the order in which they begin; may be endless.
    draw
        Called with the epochs of a bracket's first rung for each of its configurations; gives a read-only vector (d,).
    """

    def __init__(self, problem: Problem, schedule: Iterable[Rungs], draw: Callable[[int], Vector]) -> None:
        self._problem = problem
        self._schedule = iter(schedule)
        self._draw = draw
        self._open: list[_Bracket] = []  # in the order in which they began

    def ask(self) -> Query | None:
        """Name the next trial, of the oldest bracket that has one; None if all wait and no further one can begin."""
        for bracket in self._open:
            if bracket.has_work:
                return self._query(bracket)
        rungs = next(self._schedule, None)
        if rungs is None:
            return None
        self._open.append(_Bracket(rungs, self._problem.reference_point))
        return self._query(self._open[-1])

    def tell(self, result: Result) -> None:
        """Let the oldest bracket that waits for this trial have it; results that none waits for are ignored."""
        digest = self._problem.space.digests(result.query.config[None])[0]
        for bracket in self._open:
            if bracket.accepts(digest, result):
                break
        self._open = [bracket for bracket in self._open if not bracket.is_over]

    def _query(self, bracket: _Bracket) -> Query:
        epochs, resume_from = bracket.epochs, bracket.resume_from
        vector = bracket.next_promoted() if resume_from else self._draw(epochs)
        bracket.expect(self._problem.space.digests(vector[None])[0])
        return Query(config=vector, epochs=epochs, resume_from=resume_from)


class _Bracket:
    """One run of successive halving."""

    def __init__(self, rungs: Rungs, reference: Losses) -> None:
        self._rungs = rungs
        self._reference = reference
        self._level = 0
        self._unasked = rungs[0][0]
        self._promoted: deque[Vector] = deque()
        self._running: Counter[str] = Counter()
        self._scored: list[tuple[Vector, Losses]] = []

    @property
    def epochs(self) -> int:
        return self._rungs[self._level][1]

    @property
    def resume_from(self) -> int:
        """Epochs that the configurations of this rung have been trained already."""
        return self._rungs[self._level - 1][1] if self._level else 0

    @property
    def has_work(self) -> bool:
        return self._unasked > 0

    @property
    def is_over(self) -> bool:
        return not self._unasked and not self._running

    def next_promoted(self) -> Vector:
        return self._promoted.popleft()

    def expect(self, digest: str) -> None:
        self._unasked -= 1
        self._running[digest] += 1

    def accepts(self, digest: str, result: Result) -> bool:
        """Take the result if it is one of those awaited; after the last one of a rung, promote."""
        if result.query.epochs != self.epochs or not self._running[digest]:
            return False
        self._running -= Counter([digest])
        if np.isfinite(result.losses).all():  # a failed trial cannot be trained further
            self._scored.append((result.query.config, result.losses))
        if self.is_over and self._level + 1 < len(self._rungs):
            self._promote()
        return True

    def _promote(self) -> None:
        """Begin the next rung with exactly as many as it has places for, or all that have not failed if fewer."""
        self._level += 1
        if self._scored:
            order = order_by_front_and_contribution(np.array([losses for _, losses in self._scored]), self._reference)
            self._promoted.extend(self._scored[i][0] for i in order[: self._rungs[self._level][0]])
        self._unasked = len(self._promoted)
        self._scored = []
