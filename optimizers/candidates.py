"""Pools of candidates: where model-based methods look for the best value of their acquisition function."""

from __future__ import annotations

import numpy as np

from ..problems.problem import Vectors
from ..problems.space import Space

_RANDOM = 256
_NEIGHBOURS = 256
_PARENTS = 32


def candidate_pool(space: Space, parents: Vectors, rng: np.random.Generator) -> Vectors:
    """Draw candidates all over the space and around good configurations.

    Parameters
    ----------
    parents : (p, d) float64
        Good configurations; of more than 32, as many are drawn.

    Returns
    -------
    pool : (n, d) float64
        256 random configurations, then as many neighbours that differ from a parent in one parameter.
    """
    chosen = rng.permutation(len(parents))[:_PARENTS]
    counts = [len(share) for share in np.array_split(np.arange(_NEIGHBOURS), len(chosen))] if len(chosen) else []
    neighbours = [space.neighbours(parents[i], rng, count) for i, count in zip(chosen, counts, strict=True)]
    return np.concatenate([space.sample(rng, _RANDOM), *neighbours])
