"""Random configurations for methods that begin, or always go on, by drawing at random."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..problems.space import Space, Vector

_BLOCK = 64
_PATIENCE = 256  # draws in a row that are all known: the space counts as used up


def random_configurations(space: Space, rng: np.random.Generator) -> Iterator[Vector]:
    """Yield configurations (d,), read-only, drawn as the space declares; none twice until the space seems used up."""
    seen: set[str] = set()
    known_in_a_row = 0
    while True:
        vectors = space.deactivate(space.sample_all(rng, _BLOCK))
        vectors.flags.writeable = False
        for vector, digest in zip(vectors, space.digests(vectors), strict=True):
            known_in_a_row = known_in_a_row + 1 if digest in seen else 0
            seen.add(digest)
            if known_in_a_row == 0 or known_in_a_row > _PATIENCE:
                yield vector
