"""Variation of configurations in conditional spaces: what evolutionary methods make children with.

``fresh`` is a vector (d,) in which every parameter has a value (a row of `Space.sample_all`): the source of new values,
also for parameters that a child activates and no parent has.
"""

from __future__ import annotations

import numpy as np

from ..problems.space import Space, Vector


def mutate(space: Space, parent: Vector, fresh: Vector, rng: np.random.Generator, *, fraction: float) -> Vector:
    """Replace a ``fraction`` of the parent's active parameters, one at least, by fresh values.

    Any active parameter may be chosen, those that switch others on and off included.
    """
    active = np.flatnonzero(~np.isnan(parent))
    chosen = rng.permutation(active)[: max(1, round(fraction * len(active)))]
    child = np.where(np.isnan(parent), fresh, parent)
    child[chosen] = fresh[chosen]
    return _canonical(space, child)


def crossover(
    space: Space, parent: Vector, partner: Vector, fresh: Vector, rng: np.random.Generator, *, probability: float = 0.5
) -> Vector:
    """Cross uniformly: take each parameter from the partner with ``probability``, else from the parent.

    Where only one of the two has a value, a child that needs one takes that.
    """
    from_partner = (rng.random(len(parent)) < probability) | np.isnan(parent)
    child = np.where(from_partner & ~np.isnan(partner), partner, parent)
    return _canonical(space, np.where(np.isnan(child), fresh, child))


def _canonical(space: Space, complete: Vector) -> Vector:
    child: Vector = space.deactivate(complete[None])[0]
    return child
