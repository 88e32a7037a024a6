"""LEMONADE, in configuration space: spend expensive evaluations where the front is thin in the cheap objectives.

Elsken, Metzen, Hutter 2019 (arXiv 1804.09081), algorithm 1. The population is the Pareto front of all results. In each
generation many children are proposed: their parents are drawn with probability inverse to a kernel density estimate of
the population's cheap objectives (section 4, eq. 2), and operators make them deeper, wider, shallower, narrower, or
change something else a little. Of these children a few are drawn by the same law, and only those are evaluated.

**An imitation**: there children inherit weights (Lamarckian inheritance, by network morphisms and approximate ones) and
train briefly; on a table each child is trained in full from scratch. The outer loop is the paper's.

Cheap objectives are those that the problem knows exactly. Where it knows none, parents are drawn by the density of all
observed objectives, and there is nothing to pre-select children by. A generation is proposed when the last one has been
asked for, from whatever has been told by then, so nobody waits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..problems.errors import InvalidArgument
from ..problems.problem import Losses, Problem, Vectors
from ..problems.space import Vector
from .base import Query, Result
from .morphism import deepen, narrow, neighbour, nudge, widen, without_layer
from .novelty import Novelty
from .pareto import nondominated_ranks

_OPERATORS = (deepen, widen, nudge, without_layer, narrow)
_LEAST_BANDWIDTH = 0.01  # of the range from ideal to reference: fronts may agree in an objective


@dataclass(frozen=True, slots=True, eq=False)
class _Member:
    digest: str
    vector: Vector
    losses: Losses


class Lemonade:
    """Density-guided evolution of the front.

    Parameters
    ----------
    problem
    seed
        Of all its random draws.
    initial
        Random configurations to begin with.
    proposed
        Children that are proposed in a generation.
    accepted
        How many of them are evaluated.

    Raises
    ------
    InvalidArgument
        If an option is out of its range.
    """

    declines: ClassVar[Mapping[str, str]] = {
        "beats_random_search": "a child is one small step from its parent, parents are all along the front, and "
        "nothing is inherited: 60 trials do not get it from a random start to the front of `tradeoff`"
    }

    def __init__(
        self, problem: Problem, *, seed: int, initial: int = 10, proposed: int = 64, accepted: int = 8
    ) -> None:
        if initial < 1 or not 1 <= accepted <= proposed:
            raise InvalidArgument(
                "lemonade needs initial >= 1 and 1 <= accepted <= proposed, "
                f"got initial={initial}, accepted={accepted} and proposed={proposed}"
            )
        self._problem = problem
        self._rng = np.random.default_rng(seed)
        self._novelty = Novelty(problem.space, self._rng)
        self._initial = initial
        self._proposed, self._accepted = proposed, accepted
        self._cheap = np.array([name in problem.known for name in problem.objective_names])
        self._children: deque[Vector] = deque()
        self._front: list[_Member] = []

    @property
    def population(self) -> list[Vector]:
        """The Pareto front of all results."""
        return [member.vector for member in self._front]

    def ask(self) -> Query:
        """Name the next trial; never waits."""
        vector = self._novelty.first_new(self._next)
        self._initial -= 1
        return Query(config=vector, epochs=self._problem.max_epochs)

    def tell(self, result: Result) -> None:
        """Take in the result, and drop what is dominated."""
        digest = self._problem.space.digests(result.query.config[None])[0]
        if not np.isfinite(result.losses).all() or any(member.digest == digest for member in self._front):
            return
        candidates = [*self._front, _Member(digest, result.query.config, result.losses)]
        ranks = nondominated_ranks(np.array([member.losses for member in candidates]))
        self._front = [member for member, rank in zip(candidates, ranks, strict=True) if rank == 0]

    def _next(self) -> Vector:
        """Give the next accepted child; while there is no front, a random configuration."""
        if self._initial > 0 or not self._front:
            vector: Vector = self._problem.space.sample(self._rng, 1)[0]
            return vector
        if not self._children:
            self._children.extend(self._generation())
        return self._children.popleft()

    def _generation(self) -> Vectors:
        """Propose children and accept some of them, (k, d)."""
        losses = np.array([member.losses for member in self._front])
        seen = self._normalized(losses)
        parents = self._rng.choice(len(seen), size=self._proposed, p=inverse_density(seen, seen))
        space, front, rng = self._problem.space, self._front, self._rng
        if not self._cheap.any():
            return np.array([neighbour(space, front[i].vector, rng, _OPERATORS) for i in parents[: self._accepted]])
        children = np.array([neighbour(space, front[i].vector, rng, _OPERATORS) for i in parents])
        weights = inverse_density(self._normalized(self._problem.known_losses(children)), seen)
        return children[rng.choice(len(children), size=self._accepted, replace=False, p=weights)]

    def _normalized(self, losses: Losses) -> Losses:
        """Scale the cheap columns (all, where none is) so that ideal and reference are 0 and 1."""
        ideal, reference = self._problem.ideal_point, self._problem.reference_point
        columns = self._cheap if self._cheap.any() else ~self._cheap
        scaled: Losses = ((np.minimum(losses, reference) - ideal) / (reference - ideal))[:, columns]
        return scaled


def inverse_density(points: Losses, of: Losses, /) -> NDArray[np.float64]:
    """Give probabilities (n,) inverse to a Gaussian kernel density estimate (Elsken et al. 2019, eq. 2).

    Parameters
    ----------
    points : (n, m) float64
        Where the density is wanted. Each of them counts as one more observation, so the loneliest of points is drawn
        at most p + 1 times as often as the most crowded, and not infinitely often.
    of : (p, m) float64
        What it is the density of. Bandwidths are Scott's (1992), per column.
    """
    bandwidth = np.maximum(of.std(axis=0) * len(of) ** (-1 / (of.shape[1] + 4)), _LEAST_BANDWIDTH)
    squares = np.sum(((points[:, None, :] - of) / bandwidth) ** 2, axis=2)
    inverse = 1 / (1 + np.exp(-0.5 * squares).sum(axis=1))
    probabilities: NDArray[np.float64] = inverse / inverse.sum()
    return probabilities
