"""NSGA-II for mixed and conditional spaces.

Deb, Pratap, Agarwal, Meyarivan 2002, IEEE Transactions on Evolutionary Computation 6(2): binary tournaments by rank and
crowding, simulated binary crossover (Deb, Agrawal 1995), polynomial mutation, and the best of parents and offspring
survive. Numbers are varied in the unit cube, on their declared scale; choices are exchanged and drawn afresh. A
conditional parameter that only one parent has is inherited from that parent; one that neither has is drawn.

Steady-state (Durillo, Nebro, Luna, Alba 2009, EMO): an offspring competes with the population as soon as it is told,
so many queries may be open, nobody waits for a generation, and a good child is a parent at once, which matters where
trials are few. Failed trials never enter the population, and a configuration is a member once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..problems.errors import InvalidArgument
from ..problems.parameters import Number
from ..problems.problem import Losses, Problem
from ..problems.space import Space, Vector
from .base import Query, Result
from .novelty import Novelty, endless_fresh
from .pareto import Indices, crowding_distance, nondominated_ranks

Draws = NDArray[np.float64]
"""Uniform numbers in [0, 1), (k,), one for each gene."""

_CROSSOVER_PROBABILITY = 0.9
_GENE_PROBABILITY = 0.5  # that a gene takes part in a crossover
_CROSSOVER_INDEX = 5.0  # not the 20 of the paper, which has 25,000 evaluations to move by such small steps
_MUTATION_INDEX = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class _Member:
    digest: str
    vector: Vector
    losses: Losses


class Nsga2:
    """Non-dominated sorting, then crowding.

    Parameters
    ----------
    problem
    seed
        Of all its random draws.
    population
        Its size, 2 at least. The paper's 100 suits its 25,000 evaluations, the default a hundred or
        two.

    Raises
    ------
    InvalidArgument
        If the population is too small.
    """

    def __init__(self, problem: Problem, *, seed: int, population: int = 10) -> None:
        if population < 2:
            raise InvalidArgument(f"nsga2 needs a population of 2 or more, got population={population}")
        self._problem = problem
        self._rng = np.random.default_rng(seed)
        self._fresh = endless_fresh(problem.space, self._rng)
        self._novelty = Novelty(problem.space, self._rng)
        self._size = population
        self._initial = population  # random configurations still to be asked for
        self._population: list[_Member] = []  # best first

    @property
    def population(self) -> list[Vector]:
        """The members, best first."""
        return [member.vector for member in self._population]

    def ask(self) -> Query:
        """Name the next trial; never waits."""
        random = self._initial > 0 or not self._population
        self._initial -= 1
        vector = self._novelty.first_new(self._random if random else self._child)
        return Query(config=vector, epochs=self._problem.max_epochs)

    def tell(self, result: Result) -> None:
        """Let the result compete with the population."""
        digest = self._problem.space.digests(result.query.config[None])[0]
        if not np.isfinite(result.losses).all() or any(member.digest == digest for member in self._population):
            return
        candidates = [*self._population, _Member(digest, result.query.config, result.losses)]
        order = crowded_order(np.array([member.losses for member in candidates]))
        self._population = [candidates[i] for i in order[: self._size]]

    def _random(self) -> Vector:
        vector: Vector = self._problem.space.deactivate(next(self._fresh)[None])[0]
        return vector

    def _child(self) -> Vector:
        space, rng = self._problem.space, self._rng
        first, second = (self._population[self._tournament()].vector for _ in range(2))
        child = cross(space, first, second, rng) if rng.random() < _CROSSOVER_PROBABILITY else first
        return mutate_polynomially(space, child, next(self._fresh), rng)

    def _tournament(self) -> int:
        """Draw two places without replacement; the better one wins."""
        return int(self._rng.permutation(len(self._population))[:2].min())


def crowded_order(losses: Losses, /) -> Indices:
    """Order from best to worst by front, inside a front by crowding distance (Deb et al. 2002, section III.B).

    Parameters
    ----------
    losses : (n, m) float64

    Returns
    -------
    order : (n,) int64
        Indices, best first; of equals, the earlier first; rows with a NaN last.
    """
    ranks = nondominated_ranks(losses)
    distances = np.zeros(len(losses))
    for rank in range(ranks.max(initial=-1) + 1):
        front = ranks == rank
        distances[front] = crowding_distance(losses[front])
    return np.lexsort((-distances, ranks))


def cross(space: Space, first: Vector, second: Vector, rng: np.random.Generator) -> Vector:
    """Make one child (d,) of two parents: numbers by simulated binary crossover, choices by exchange.

    The child may lack a value that it needs, where neither parent has one.
    """
    numbers = np.array([isinstance(parameter, Number) for parameter in space.parameters])
    chosen = rng.random(len(first)) < _GENE_PROBABILITY
    child = np.where(np.isnan(first), second, first)
    both = chosen & ~np.isnan(first) & ~np.isnan(second)
    child[both & ~numbers] = second[both & ~numbers]
    both &= numbers
    child[both] = simulated_binary(first[both], second[both], rng.random(both.sum()), rng.random(both.sum()) < 0.5)
    return child


def simulated_binary(first: Vector, second: Vector, draws: Draws, upper: NDArray[np.bool_]) -> Vector:
    """Recombine numbers in [0, 1] so that children spread as those of single-point binary crossover do.

    The bounded form of the authors' own program: the spread factor is cut where a child would leave [0, 1].

    Parameters
    ----------
    first, second : (k,) float64
    draws : (k,) float64
    upper : (k,) bool
        Which of both children to give: the one on the side of the larger parent, or the other.
    """
    low, high = np.minimum(first, second), np.maximum(first, second)
    gap = np.maximum(high - low, 1e-14)
    power = _CROSSOVER_INDEX + 1
    room = np.where(upper, 1 - high, low)
    alpha = 2 - (1 + 2 * room / gap) ** -power
    scaled = draws * alpha
    spread = np.where(scaled <= 1, scaled, 1 / (2 - scaled)) ** (1 / power)
    children: Vector = np.clip(0.5 * (low + high + np.where(upper, spread, -spread) * gap), 0.0, 1.0)
    return children


def mutate_polynomially(space: Space, vector: Vector, fresh: Vector, rng: np.random.Generator) -> Vector:
    """Mutate each active parameter with probability 1 / (their number); values that are missing come from ``fresh``.

    Integers move by one step of their grid at least: steps of the unit cube, rounded, would hardly change three depths.
    """
    child = np.where(np.isnan(vector), fresh, vector)
    active = space.active(child[None])[0]
    mutated = np.flatnonzero(active & (rng.random(len(child)) < 1 / active.sum()))
    for i in mutated:
        parameter = space.parameters[i]
        if isinstance(parameter, Number):
            child[i] = _moved(parameter, float(child[i]), polynomial_step(float(child[i]), rng.random()))
        else:
            child[i] = fresh[i]
    legal: Vector = space.snap(child[None])[0]
    return legal


def polynomial_step(x: float, draw: float) -> float:
    """Give the step of polynomial mutation from ``x`` in [0, 1], bounded so that it stays there.

    Deb, Goyal 1996; the bounded form of the authors' own program.
    """
    power = _MUTATION_INDEX + 1
    if draw < 0.5:
        return float((2 * draw + (1 - 2 * draw) * (1 - x) ** power) ** (1 / power)) - 1
    return 1 - float((2 * (1 - draw) + (2 * draw - 1) * x**power) ** (1 / power))


def _moved(parameter: Number, x: float, step: float) -> float:
    """Move a number by a step; an integer that would stay moves on by one, from an end of its range away from it."""
    before, after = parameter.snap(np.array([x, x + step])).tolist()  # crossover leaves numbers off their grid
    if not parameter.integer or before != after:
        return float(after)
    value = int(parameter.decode(after))
    upwards = value < parameter.upper and (step > 0 or value == parameter.lower)
    return parameter.encode(value + 1 if upwards else value - 1)
