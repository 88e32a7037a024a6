"""Refinement: what the leaves of a forest say, chosen for all trees together.

Boosting chooses the leaves of a tree once, as well as it can before it knows the trees that follow. Where these are
known, the best values of all leaves are one linear least-squares problem (fully corrective boosting: Johnson & Zhang
2014, "Learning nonlinear functions using regularized greedy forest"; of random forests: Ren, Cao, Wei & Sun 2015,
"Global refinement of random forest"). It is solved tree by tree, each given all others, a number of times over
(backfitting: Hastie & Tibshirani 1990, "Generalized additive models", section 4.4), which is block coordinate descent:
no round makes the sum of squares larger.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .forest import Forest

_PENALTY = 1.0  # on the squares of changes to a leaf, in rows: few rows change it less


def refine(forest: Forest, features: NDArray[np.float32], targets: NDArray[np.float64], rounds: int) -> Forest:
    """Give the same trees with other values in their leaves: nearer to ``targets`` (n,), given ``features`` (n, f).

    Parameters
    ----------
    forest
        Grown from the same rows.
    features : (n, f) float32
        NaN where missing.
    targets : (n,) float64
    rounds
        How often every tree is given new values; 0 leaves them as they are.
    """
    leaves = [tree.leaves(features) for tree in forest.trees]
    values = [tree.value.copy() for tree in forest.trees]
    rows = [np.bincount(leaf, minlength=len(value)) for leaf, value in zip(leaves, values, strict=True)]
    rest = targets - forest.base
    for leaf, value in zip(leaves, values, strict=True):
        rest -= value[leaf]
    for _ in range(rounds):
        for leaf, value, count in zip(leaves, values, rows, strict=True):
            change = np.bincount(leaf, weights=rest, minlength=len(value)) / (count + _PENALTY)
            value += change
            rest -= change[leaf]
    trees = [replace(tree, value=value) for tree, value in zip(forest.trees, values, strict=True)]
    return Forest(trees=trees, base=forest.base)
