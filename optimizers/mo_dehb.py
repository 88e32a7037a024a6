"""MO-DEHB: differential evolution on every rung of Hyperband's brackets.

Awad, Mallik, Hutter 2021 (IJCAI, arXiv 2105.09821), made multi-objective as in MODEHB: parents and promotions are
chosen by front and then by exclusive hypervolume, and a newcomer replaces the least contributor of the last front.

Each rung has a subpopulation, as large as the largest rung of that many epochs in a cycle. With the defaults and 25
epochs one cycle is::

    27 x 1 -> 9 x 3 -> 3 x 9 -> 1 x 25
              9 x 3 -> 3 x 9 -> 1 x 25      subpopulations: 27 at 1 epoch, 9 at 3, 6 at 9, 4 at 25
                       6 x 9 -> 2 x 25
                                4 x 25

In the first cycle the arrows are promotions, and what begins a bracket is random until its subpopulation is full. From
then on every trial is a child, made for its rung: the parents of its mutation (rand/1) are the best of the rung below,
as many as the arrow lets through, or where a bracket begins the subpopulation itself; it is crossed (binomially) with a
member of its own rung, and trained from scratch. Where there are fewer than three parents, others of any rung help out.

Individuals live in the unit cube, with a number for every parameter, active or not; `Space.from_unit` makes of them
mixed, conditional configurations, and the numbers of inactive parameters are inherited silently.

Nobody waits: while the first cycle is held up by slow trials, evolution begins. Partners in crossover are drawn at
random, where DEHB goes round, since here a child does not replace its partner but the worst of all. Failed trials never
enter a subpopulation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle

import numpy as np

from ..problems.errors import InvalidArgument
from ..problems.problem import Losses, Problem
from ..problems.space import Vector
from .base import Query, Result
from .brackets import Brackets, Rungs, hyperband
from .ladder import epoch_ladder
from .novelty import proposals
from .pareto import order_by_front_and_contribution

_PARENTS = 3


@dataclass(frozen=True, slots=True, eq=False)
class _Individual:
    digest: str
    unit: Vector
    """(d,) in the unit cube."""
    losses: Losses


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """One trial of a later cycle."""

    epochs: int
    parents_from: int
    """Epochs of the subpopulation that its parents come from,"""
    parents: int | None
    """and how many of its best there are; None: all."""


class MoDehb:
    """Hyperband with differential evolution and multi-objective selection.

    Parameters
    ----------
    problem
    seed
        Of all its random draws.
    scaling
        F, the factor of the difference of two parents in a mutation.
    crossover
        Cr, the probability with which a child takes a number from the mutant, not from its partner.
    min_epochs
        The lowest rung; by default the problem's minimum.
    eta
        Factor between rungs, and one of how many is promoted; above 1.

    Raises
    ------
    InvalidArgument
        If an option is out of its range.
    """

    def __init__(
        self,
        problem: Problem,
        *,
        seed: int,
        scaling: float = 0.5,
        crossover: float = 0.5,
        min_epochs: int | None = None,
        eta: float = 3.0,
    ) -> None:
        if not (scaling > 0 and 0 <= crossover <= 1):
            raise InvalidArgument(
                f"mo-dehb needs scaling above 0 and crossover in [0, 1], got {scaling=} and {crossover=}"
            )
        lowest = problem.min_epochs if min_epochs is None else min_epochs
        ladder = epoch_ladder(problem, min_epochs=lowest, eta=eta)
        brackets = hyperband(ladder, eta=eta)
        self._problem = problem
        self._rng = np.random.default_rng(seed)
        self._scaling, self._crossover = scaling, crossover
        self._first_cycle = Brackets(problem, brackets, self._beginner)
        self._places = cycle(_places(brackets))
        self._sizes = {e: max(n for rungs in brackets for n, epochs in rungs if epochs == e) for e in ladder}
        self._populations: dict[int, list[_Individual]] = {epochs: [] for epochs in ladder}  # best first
        self._units: dict[str, Vector] = {}  # of each configuration asked for
        self._asked: set[tuple[str, int]] = set()  # digest and epochs

    def population(self, epochs: int) -> list[Vector]:
        """Give the configurations of the subpopulation of a rung, best first."""
        units = [member.unit for member in self._populations[epochs]]
        return list(self._problem.space.from_unit(np.array(units))) if units else []

    def ask(self) -> Query:
        """Name the next trial; never waits."""
        query = self._first_cycle.ask()
        if query is None:
            place = next(self._places)
            pool = self._populations[place.parents_from][: place.parents]
            query = Query(config=self._new(place.epochs, pool), epochs=place.epochs)
        self._asked.add((self._digest(query.config), query.epochs))
        return query

    def tell(self, result: Result) -> None:
        """Let the result decide on promotions, and compete with the subpopulation of its rung."""
        self._first_cycle.tell(result)
        if not np.isfinite(result.losses).all():
            return
        digest = self._digest(result.query.config)
        members = self._populations[result.query.epochs]
        if all(member.digest != digest for member in members):
            newcomer = _Individual(digest, self._units[digest], result.losses)
            self._populations[result.query.epochs] = self._survivors([*members, newcomer], result.query.epochs)

    def _survivors(self, candidates: list[_Individual], epochs: int) -> list[_Individual]:
        losses = np.array([member.losses for member in candidates])
        order = order_by_front_and_contribution(losses, self._problem.reference_point)
        return [candidates[i] for i in order[: self._sizes[epochs]]]

    def _beginner(self, epochs: int) -> Vector:
        """Draw what begins a bracket of the first cycle."""
        members = self._populations[epochs]
        return self._new(epochs, members if len(members) == self._sizes[epochs] else [])

    def _new(self, epochs: int, pool: Sequence[_Individual]) -> Vector:
        """Make a configuration that the rung has not seen: a child, or at random if the pool is empty."""
        space = self._problem.space

        def propose() -> Vector:
            return self._child(epochs, pool) if pool else self._rng.random(len(space))

        for unit in proposals(propose, lambda _: self._rng.random(len(space))):
            vector: Vector = space.from_unit(unit[None])[0]
            digest = self._digest(vector)
            if (digest, epochs) not in self._asked:
                break  # otherwise the last attempt is as good as any
        self._units.setdefault(digest, unit)
        vector.flags.writeable = False
        return vector

    def _child(self, epochs: int, pool: Sequence[_Individual]) -> Vector:
        """Mutate (rand/1) and cross (binomially), in the unit cube."""
        rng, dimensions = self._rng, len(self._problem.space)
        parents = self._parents(pool)
        members = self._populations[epochs]
        if len(parents) < _PARENTS or not members:
            return rng.random(dimensions)
        base, one, other = parents
        mutant = base + self._scaling * (one - other)
        mutant = np.where((mutant >= 0) & (mutant < 1), mutant, rng.random(dimensions))
        partner = members[rng.integers(len(members))].unit
        from_mutant = rng.random(dimensions) < self._crossover
        from_mutant[rng.integers(dimensions)] = True
        return np.where(from_mutant, mutant, partner)

    def _digest(self, vector: Vector) -> str:
        return self._problem.space.digests(vector[None])[0]

    def _parents(self, pool: Sequence[_Individual]) -> list[Vector]:
        """Draw three different individuals of the pool; if it has fewer, all of it and others of any rung."""
        units = {member.digest: member.unit for member in pool}
        drawn = [list(units.values())[i] for i in self._rng.permutation(len(units))[:_PARENTS]]
        if len(drawn) == _PARENTS:
            return drawn
        everyone = {member.digest: member.unit for members in self._populations.values() for member in members}
        others = [unit for digest, unit in everyone.items() if digest not in units]
        return drawn + [others[i] for i in self._rng.permutation(len(others))[: _PARENTS - len(drawn)]]


def _places(brackets: Sequence[Rungs]) -> Iterator[_Place]:
    """Walk through the trials of one cycle."""
    for rungs in brackets:
        (count, below), *higher = rungs
        yield from [_Place(epochs=below, parents_from=below, parents=None)] * count
        for count, epochs in higher:
            yield from [_Place(epochs=epochs, parents_from=below, parents=count)] * count
            below = epochs
