"""What has been asked for already: no method should spend a training on a configuration that it has seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ..problems.space import Space, Vector

_ATTEMPTS = 20  # at a new configuration, by whoever asks
_RANDOM_ATTEMPTS = 64  # further ones, anywhere in the space


def endless_fresh(space: Space, rng: np.random.Generator) -> Iterator[Vector]:
    """Yield random vectors (d,) in which every parameter has a value, as `variation` wants them."""
    while True:
        yield from space.sample_all(rng, 64)


def proposals(propose: Callable[[], Vector], anywhere: Callable[[], Vector] | None) -> Iterator[Vector]:
    """Propose until somebody has enough: what a method would, and if all of that is known, anything in the space.

    Where nothing is continuous, all that is near a front has been seen before long, and most of the space has not.
    """
    for _ in range(_ATTEMPTS):
        yield propose()
    if anywhere is not None:
        for _ in range(_RANDOM_ATTEMPTS):
            yield anywhere()


class Novelty:
    """Remembers the configurations that were asked for, by digest.

    Parameters
    ----------
    space
    anywhere
        Draws any configuration (d,); None for a method that would learn from it what is not so.
    """

    def __init__(self, space: Space, anywhere: Callable[[], Vector] | None) -> None:
        self._space = space
        self._anywhere = anywhere
        self._asked: set[str] = set()

    def first_new(self, propose: Callable[[], Vector]) -> Vector:
        """Propose until a configuration is new; give up, with an old one, when the space seems used up.

        Returns
        -------
        vector : (d,)
            Read-only, fit for a `Query`.
        """
        for vector in proposals(propose, self._anywhere):
            digest = self._space.digest_row(vector.tolist())
            if digest not in self._asked:
                break
        self._asked.add(digest)
        vector.flags.writeable = False
        return vector
