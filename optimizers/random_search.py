"""Random search: the baseline that every method must beat.

Scrambled Sobol points (Owen 1998) in the log-scaled, conditional space, each trained in full, as in the seed paper
(Guerrero-Viu et al. 2021); the published code re-creates its generator for every point, which makes its points
independent uniform ones. Here they are one sequence, and none comes twice before the space is used up.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar

import numpy as np

from ..problems.problem import Problem, Vectors
from ..problems.space import Space
from .base import Query, Result

_BLOCK = 256  # a power of two keeps every prefix of blocks balanced
_PATIENCE = 8  # a space of n configurations counts as used up after 8 n draws in a row without a new one


class RandomSearch:
    """Quasi-random configurations at full fidelity."""

    declines: ClassVar[Mapping[str, str]] = {"beats_random_search": "it is random search"}

    def __init__(self, problem: Problem, *, seed: int) -> None:
        self._problem = problem
        self._queries = self._endless_queries(np.random.default_rng(seed))

    def ask(self) -> Query:
        """Name the next trial; never waits."""
        return next(self._queries)

    def tell(self, result: Result) -> None:
        """Learn nothing."""

    def _endless_queries(self, rng: np.random.Generator) -> Iterator[Query]:
        space, epochs = self._problem.space, self._problem.max_epochs
        blocks = _sobol_blocks(space, rng)
        for vectors in blocks if _never_repeats(space) else _without_repetition(space, blocks):
            vectors.flags.writeable = False
            yield from [Query(config=vector, epochs=epochs) for vector in vectors]


def _sobol_blocks(space: Space, rng: np.random.Generator) -> Iterator[Vectors]:
    """Yield consecutive blocks (n, d) of one scrambled sequence."""
    from scipy.stats import qmc  # half a second: not at import

    sobol = qmc.Sobol(len(space), rng=rng)
    while True:
        yield space.from_unit(sobol.random(_BLOCK))


def _never_repeats(space: Space) -> bool:
    """Tell whether a float that is always active makes every configuration unique."""
    return any(
        math.isinf(parameter.size) and condition is None
        for parameter, condition in zip(space.parameters, space.conditions, strict=True)
    )


def _without_repetition(space: Space, blocks: Iterable[Vectors]) -> Iterator[Vectors]:
    """Leave out configurations that came before, until none are left; then begin again."""
    seen: set[str] = set()
    stale = 0
    for vectors in blocks:
        new = {digest: i for i, digest in enumerate(space.digests(vectors)) if digest not in seen}
        seen.update(new)
        stale = 0 if new else stale + len(vectors)
        if new:
            yield vectors[sorted(new.values())]
        elif stale >= _PATIENCE * len(seen):
            seen.clear()
