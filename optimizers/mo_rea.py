"""Regularised evolution with a Pareto tournament: the oldest dies, not the worst.

Real, Aggarwal, Huang, Le 2019 (arXiv 1802.01548), algorithm 1: draw a sample of the population, mutate one parameter of
its best member, let the child in and the oldest member out. Nobody survives by luck: what stays in the population has
to be found again and again. With several objectives the best of a sample is the one of the lowest front, and on a front
the least crowded, both taken over the whole population; a published port compares places in a sorted list instead of
ranks, by which the worst of three points in a chain wins.

A mutation draws one active parameter afresh. Age counts from when a result is told, as in the paper's distributed form,
so many queries may be open. Failed trials never enter the population.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from ..problems.errors import InvalidArgument
from ..problems.problem import Losses, Problem
from ..problems.space import Vector
from .base import Query, Result
from .novelty import Novelty
from .nsga2 import crowded_order
from .variation import mutate


@dataclass(frozen=True, slots=True, eq=False)
class _Member:
    vector: Vector
    losses: Losses


class MoRea:
    """Aging evolution.

    Parameters
    ----------
    problem
    seed
        Of all its random draws.
    population
        How many live; the default is NASLib's, the paper's 100 suits thousands of trials.
    sample
        How many compete to be a parent, from 1 (no selection) to ``population`` (always the best).

    Raises
    ------
    InvalidArgument
        If an option is out of its range.
    """

    def __init__(self, problem: Problem, *, seed: int, population: int = 30, sample: int = 10) -> None:
        if not 1 <= sample <= population:
            raise InvalidArgument(
                f"mo-rea needs 1 <= sample <= population, got sample={sample} and population={population}"
            )
        self._problem = problem
        self._rng = np.random.default_rng(seed)
        self._novelty = Novelty(problem.space, self._rng)
        self._sample = sample
        self._initial = population  # random configurations still to be asked for
        self._population: deque[_Member] = deque(maxlen=population)  # oldest first
        self._told: set[str] = set()

    @property
    def population(self) -> list[Vector]:
        """Those alive, oldest first."""
        return [member.vector for member in self._population]

    def ask(self) -> Query:
        """Name the next trial; never waits."""
        random = self._initial > 0 or not self._population
        self._initial -= 1
        vector = self._novelty.first_new(self._random if random else self._child)
        return Query(config=vector, epochs=self._problem.max_epochs)

    def tell(self, result: Result) -> None:
        """Let the result in, and the oldest member out."""
        digest = self._problem.space.digests(result.query.config[None])[0]
        if np.isfinite(result.losses).all() and digest not in self._told:
            self._told.add(digest)
            self._population.append(_Member(result.query.config, result.losses))

    def _random(self) -> Vector:
        vector: Vector = self._problem.space.sample(self._rng, 1)[0]
        return vector

    def _child(self) -> Vector:
        space = self._problem.space
        parent, fresh = self._parent(), space.sample_all(self._rng, 1)[0]
        return mutate(space, parent, fresh, self._rng, fraction=0.0)  # one parameter

    def _parent(self) -> Vector:
        """Give the best of a sample without replacement."""
        drawn = self._rng.permutation(len(self._population))[: self._sample]
        order = crowded_order(np.array([member.losses for member in self._population]))
        best = next(i for i in order.tolist() if i in drawn)
        return self._population[best].vector
