"""Fronts: which configurations no other beats, and how much of the objectives' space they cover.

Objectives are losses: all are minimised.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..problems.problem import Losses


def layers(losses: Losses) -> NDArray[np.int64]:
    """Number the non-dominated layers (n,): 0 the front, 1 what is the front without it, and so on.

    Parameters
    ----------
    losses : (n, m)
    """
    import moocore

    if losses.shape[1] == 1:  # of one objective every value is a layer
        return np.unique(losses[:, 0], return_inverse=True)[1].astype(np.int64)
    return np.asarray(moocore.pareto_rank(losses), dtype=np.int64)


def covered(losses: Losses, reference: NDArray[np.float64]) -> float:
    """Compute the hypervolume of ``losses`` (n, m) below the ``reference`` point (m,)."""
    import moocore

    inside = losses[(losses < reference).all(axis=1)]
    return float(moocore.hypervolume(inside, ref=reference)) if len(inside) else 0.0
