"""A forest in plain arrays: what xgboost and lightgbm fit, and what the surrogate file stores.

All trees decide by "feature <= threshold goes left" on float32 features. An inner node i of tree t has children
``left[i]`` and ``right[i]``; a leaf has feature -1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """One regression tree of k nodes, the root first."""

    feature: NDArray[np.int64]
    """(k,) column to look at; -1 for a leaf."""
    threshold: NDArray[np.float32]
    """(k,) largest value that goes left."""
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    """(k,) children; 0 for a leaf."""
    missing_left: NDArray[np.bool_]
    """(k,) whether NaN goes left."""
    value: NDArray[np.float64]
    """(k,) what a leaf adds; 0 for inner nodes."""

    def predict(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Evaluate rows (n, f): plain, slow, the reference for every faster way."""
        return self.value[self.leaves(features)]

    def leaves(self, features: NDArray[np.float32]) -> NDArray[np.int64]:
        """Find the nodes (n,) at which rows (n, f) end, one level of the tree at a time."""
        node = np.zeros(len(features), dtype=np.int64)
        rows = np.flatnonzero(self.feature[node] >= 0)  # those that are still on their way
        while len(rows):
            at = node[rows]
            x = features[rows, self.feature[at]]
            goes_left = np.where(np.isnan(x), self.missing_left[at], x <= self.threshold[at])
            node[rows] = np.where(goes_left, self.left[at], self.right[at])
            rows = rows[self.feature[node[rows]] >= 0]
        return node


@dataclass(frozen=True, slots=True, kw_only=True)
class Forest:
    """A sum of trees and a constant."""

    trees: Sequence[Tree]
    base: float

    def predict(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Evaluate rows (n, f)."""
        return self.base + sum((tree.predict(features) for tree in self.trees), np.zeros(len(features)))

    def scaled(self, factor: float) -> Forest:
        """Multiply all that it predicts."""
        trees = [
            Tree(
                feature=tree.feature,
                threshold=tree.threshold,
                left=tree.left,
                right=tree.right,
                missing_left=tree.missing_left,
                value=tree.value * factor,
            )
            for tree in self.trees
        ]
        return Forest(trees=trees, base=self.base * factor)


def average(forests: Sequence[Forest]) -> Forest:
    """Average several forests into one with all their trees."""
    scaled = [forest.scaled(1.0 / len(forests)) for forest in forests]
    return Forest(
        trees=[tree for forest in scaled for tree in forest.trees], base=sum(forest.base for forest in scaled)
    )


def float32_at_most(threshold: float) -> float:
    """Give the largest float32 that is not above a float64 ``threshold``: the same split for float32 features."""
    nearest = np.float32(np.clip(threshold, np.finfo(np.float32).min, np.finfo(np.float32).max))
    return float(nearest if float(nearest) <= threshold else np.nextafter(nearest, np.float32(-np.inf)))


def float32_below(threshold: float) -> float:
    """Give the largest float32 below ``threshold``, which turns a "<" into a "<="."""
    return float(np.nextafter(np.float32(threshold), np.float32(-np.inf)))
