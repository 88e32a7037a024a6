"""What has been asked for already: no method should spend a training on a configuration that it has seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ..problems.space import Space, Vector

_ATTEMPTS = 20  # at a new configuration, by whoever asks
_STEPS = 32  # away from the last attempt, if all were known


def endless_fresh(space: Space, rng: np.random.Generator) -> Iterator[Vector]:
    """Yield random vectors (d,) in which every parameter has a value, as `variation` wants them."""
    while True:
        yield from space.sample_all(rng, 64)


def proposals(propose: Callable[[], Vector], further: Callable[[Vector], Vector] | None) -> Iterator[Vector]:
    """Propose until somebody has enough: what a method would, and if all of that is known, what lies further away.

    Where nothing is continuous, all that is near a front has been seen before long, and most of the space has not.

    Parameters
    ----------
    propose
        Draws what the method would ask for.
    further
        Makes a step from what was proposed last; None: there is no more.
    """
    for _ in range(_ATTEMPTS):
        vector = propose()
        yield vector
    if further is not None:
        for _ in range(_STEPS):
            vector = further(vector)
            yield vector


def steps(space: Space, rng: np.random.Generator) -> Callable[[Vector], Vector]:
    """Make the function that gives a random neighbour of a configuration (d,)."""
    return lambda vector: space.neighbours(vector, rng, 1)[0]


class Novelty:
    """Remembers the configurations that were asked for, by digest.

    Parameters
    ----------
    space
    rng
        Where all that a method proposes is known, a random walk starts from its last proposal; None for a method that
        would learn from it what is not so.
    """

    def __init__(self, space: Space, rng: np.random.Generator | None) -> None:
        self._space = space
        self._further = None if rng is None else steps(space, rng)
        self._asked: set[str] = set()

    def first_new(self, propose: Callable[[], Vector]) -> Vector:
        """Propose until a configuration is new; give up, with an old one, when the space seems used up.

        Returns
        -------
        vector : (d,)
            Read-only, fit for a `Query`.
        """
        for vector in proposals(propose, self._further):
            digest = self._space.digest_row(vector.tolist())
            if digest not in self._asked:
                break
        self._asked.add(digest)
        vector.flags.writeable = False
        return vector
