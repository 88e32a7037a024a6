"""What has been asked for already: no method should spend a training on a configuration that it has seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ..problems.space import Space, Vector

_ATTEMPTS = 20


def endless_fresh(space: Space, rng: np.random.Generator) -> Iterator[Vector]:
    """Yield random vectors (d,) in which every parameter has a value, as `variation` wants them."""
    while True:
        yield from space.sample_all(rng, 64)


class Novelty:
    """Remembers the configurations that were asked for, by digest."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._asked: set[str] = set()

    def first_new(self, propose: Callable[[], Vector]) -> Vector:
        """Propose until a configuration is new; give up, with an old one, when the space seems used up.

        Returns
        -------
        vector : (d,)
            Read-only, fit for a `Query`.
        """
        for _ in range(_ATTEMPTS):
            vector = propose()
            digest = self._space.digest_row(vector.tolist())
            if digest not in self._asked:
                break
        self._asked.add(digest)
        vector.flags.writeable = False
        return vector
