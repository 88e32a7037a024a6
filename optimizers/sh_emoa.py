"""SH-EMOA: an evolution strategy with hypervolume selection that climbs a ladder of epochs.

Guerrero-Viu et al. 2021 (arXiv 2105.01015); survival as in SMS-EMOA (Beume, Naujoks, Emmerich 2007), but against the
problem's fixed reference point, so extremes need no protection.

The population keeps its size; what halves from rung to rung is the number of offspring. The budget of a race is not
known to an optimizer, so the ladder counts offspring: ``offspring`` on the lowest rung, ``offspring / eta`` on the
next, and so on, and the highest rung goes on for ever. With the defaults and 25 epochs::

    rung   epochs   evaluations                          epochs of training
    0      5        10 random + 80 offspring             450
    1      11       10 promotions + 40 offspring         10 x 6 + 440 when resumed, 550 from scratch
    2      25       10 promotions + offspring for ever   10 x 14 + ...

Unlike the published code: every parameter mutates, the depths included; parents and survivors are chosen by one and the
same order (front, then exclusive hypervolume); promotions are queries like any other; members are told apart by
configuration, not by losses; all results are kept, and `front` is taken from all of them.

Many queries may be open. While promotions are out, parents come from the ranked population of the rung below, and
a straggler from there that would have survived is promoted late. Failed trials never enter the population.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..problems.errors import InvalidArgument
from ..problems.problem import Losses, Problem
from ..problems.space import Vector
from .base import Query, Result
from .ladder import epoch_ladder
from .novelty import endless_fresh, proposals, steps
from .pareto import nondominated_ranks, order_by_front_and_contribution
from .variation import crossover, mutate

_TOURNAMENT = 3
_MUTATION_PROBABILITY = 0.5
_MUTATED_FRACTION = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class _Member:
    digest: str
    vector: Vector
    losses: Losses


class ShEmoa:
    """The (mu + 1) strategy on a ladder of epochs.

    Parameters
    ----------
    problem
    seed
        Of all its random draws.
    mu
        Size of the population, 2 at least.
    offspring
        How many on the lowest rung; ``eta`` times fewer on every further one, without end on the highest.
    min_epochs
        The lowest rung; by default a fifth of the maximum.
    eta
        Factor between rungs, above 1.

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
        mu: int = 10,
        offspring: int = 80,
        min_epochs: int | None = None,
        eta: float = 2.0,
    ) -> None:
        if mu < 2 or offspring < 0:
            raise InvalidArgument(
                f"sh-emoa needs a population of 2 or more and no negative number of offspring, got mu={mu} and "
                f"offspring={offspring}"
            )
        self._problem = problem
        self._rng = np.random.default_rng(seed)
        self._fresh = endless_fresh(problem.space, self._rng)
        self._mu = mu
        self._ladder = epoch_ladder(problem, min_epochs=min_epochs, eta=eta)
        self._offspring = [math.ceil(offspring / eta**rung) for rung in range(len(self._ladder) - 1)]
        self._rung = 0
        self._initial = mu  # random configurations still to be asked for
        self._bred = 0  # offspring asked for on this rung
        self._promotions: deque[_Member] = deque()
        self._population: list[_Member] = []  # scored on this rung, best first
        self._elders: list[_Member] = []  # scored on the rung below, best first
        self._asked: set[tuple[str, int]] = set()  # digest and epochs
        self._due: set[tuple[str, int]] | None = None  # all of it when the last offspring of this rung was asked for
        self._told: set[tuple[str, int]] = set()
        self._results: dict[str, Result] = {}  # of each configuration, the one trained longest

    @property
    def population(self) -> list[Vector]:
        """The population of the current rung, best first."""
        return [member.vector for member in self._population]

    def front(self) -> list[Result]:
        """Give the non-dominated ones of all results so far, each configuration by its longest training."""
        results = list(self._results.values())
        losses = np.array([result.losses for result in results]).reshape(len(results), len(self._problem.objectives))
        return [result for result, rank in zip(results, nondominated_ranks(losses), strict=True) if rank == 0]

    def ask(self) -> Query:
        """Name the next trial; never waits."""
        if self._rung_is_done():
            self._climb()
        if self._promotions:
            member = self._promotions.popleft()
            return self._query(member.digest, member.vector)
        if self._initial:
            self._initial -= 1
            return self._query(*self._unasked(self._random))
        self._bred += 1
        return self._query(*self._unasked(self._child if self._parents() else self._random))

    def tell(self, result: Result) -> None:
        """Let the result compete with the population of its rung."""
        query = result.query
        member = _Member(self._digest(query.config), query.config, result.losses)
        self._told.add((member.digest, query.epochs))
        if not np.isfinite(result.losses).all():
            return
        known = self._results.get(member.digest)
        if known is None or known.query.epochs < query.epochs:
            self._results[member.digest] = result
        if query.epochs == self._ladder[self._rung]:
            self._population = self._survivors(self._population, member)
        elif self._rung and query.epochs == self._ladder[self._rung - 1]:
            self._elders = self._survivors(self._elders, member)
            if member in self._elders:
                self._promotions.append(member)

    def _rung_is_done(self) -> bool:
        if self._rung == len(self._offspring) or self._bred < self._offspring[self._rung]:
            return False
        if self._initial or self._promotions or not self._population:
            return False
        # A space with fewer than mu configurations never fills the population, nor does one where most trials fail:
        # then it is enough that all offspring have come back. What others were asked for meanwhile need not.
        if self._due is None:
            self._due = set(self._asked)
        return len(self._population) == self._mu or self._due <= self._told

    def _climb(self) -> None:
        self._rung += 1
        self._bred, self._due = 0, None
        self._elders, self._population = self._population, []
        self._promotions = deque(self._elders)

    def _survivors(self, members: list[_Member], newcomer: _Member) -> list[_Member]:
        """Rank ``members`` and ``newcomer``, and drop the last beyond mu; a configuration is a member once."""
        if any(member.digest == newcomer.digest for member in members):
            return members
        candidates = [*members, newcomer]
        losses = np.array([member.losses for member in candidates])
        order = order_by_front_and_contribution(losses, self._problem.reference_point)
        return [candidates[i] for i in order[: self._mu]]

    def _parents(self) -> list[_Member]:
        """Give the population once it is full; until then the one below, which is ranked on equal terms."""
        return self._elders if len(self._population) < self._mu and self._elders else self._population

    def _unasked(self, propose: Callable[[], Vector]) -> tuple[str, Vector]:
        """Propose until the rung has not seen the configuration; give up when the space seems used up."""
        for vector in proposals(propose, steps(self._problem.space, self._rng)):
            digest = self._digest(vector)
            if (digest, self._ladder[self._rung]) not in self._asked:
                break
        return digest, vector

    def _child(self) -> Vector:
        """Mutate or recombine the best of three parents drawn without replacement."""
        space, rng, parents = self._problem.space, self._rng, self._parents()
        first = int(rng.permutation(len(parents))[:_TOURNAMENT].min())  # they are ranked: the lowest place is the best
        parent, fresh = parents[first].vector, next(self._fresh)
        if len(parents) == 1 or rng.random() < _MUTATION_PROBABILITY:
            return mutate(space, parent, fresh, rng, fraction=_MUTATED_FRACTION)
        partner = (first + int(rng.integers(1, len(parents)))) % len(parents)  # anyone but the parent
        return crossover(space, parent, parents[partner].vector, fresh, rng)

    def _random(self) -> Vector:
        vector: Vector = self._problem.space.deactivate(next(self._fresh)[None])[0]
        return vector

    def _digest(self, vector: Vector) -> str:
        return self._problem.space.digests(vector[None])[0]

    def _query(self, digest: str, vector: Vector) -> Query:
        """Ask for training to the epochs of the rung, on top of what the configuration has been trained already."""
        epochs = self._ladder[self._rung]
        self._asked.add((digest, epochs))
        vector.flags.writeable = False
        trained = self._results[digest].query.epochs if digest in self._results else 0
        return Query(config=vector, epochs=epochs, resume_from=trained if trained < epochs else 0)
