"""Expected hypervolume improvement in closed form, for independent normal or exactly known losses.

What a point y adds to the hypervolume is summed over boxes [l, u] that tile what the front leaves: the volume of its
share in each is prod_j (u_j - y_j)^+ - (l_j - y_j)^+. For independent losses the expectation of the product is
the product of expectations, and E[(a - y_j)^+] is the expected improvement over a (Emmerich, Deutz, Klinkenberg 2011;
Yang, Emmerich, Deutz, Baeck 2019, JOGO 75). A known loss is a normal one without spread. So with two losses of which
one is known the sum is one-dimensional: expected improvements under the staircase of the front, times the part of each
step's width that the known loss leaves.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..problems.problem import Losses
from .pareto import nondominated_ranks

_BLOCK = 512  # boxes at a time: memory stays small where fronts of many objectives have thousands


def expected_hypervolume_improvement(mean: Losses, spread: Losses, front: Losses, reference: Losses, /) -> Losses:
    """Tell how much hypervolume each candidate is expected to add.

    Parameters
    ----------
    mean, spread : (n, m) float64
        Means and standard deviations of the candidates' losses; spread 0: known exactly.
    front : (k, m) float64
        Losses so far; dominated ones and those outside the reference box change nothing.
    reference : (m,) float64

    Returns
    -------
    improvements : (n,) float64
        Exact, whatever m; the number of boxes, and with it the time, grows as k^(m - 1).
    """
    lower, upper = nondominated_boxes(front, reference)
    total = np.zeros(len(mean))
    for start in range(0, len(lower), _BLOCK):
        block = slice(start, start + _BLOCK)
        product = np.ones((len(mean), len(lower[block])))
        for j in range(mean.shape[1]):
            levels, places = np.unique([lower[block, j], upper[block, j]], return_inverse=True)
            below = expected_improvement(mean[:, j, None], spread[:, j, None], levels)
            product *= below[:, places[1]] - below[:, places[0]]
        total += product.sum(axis=1)
    return total


def expected_improvement(mean: Losses, spread: Losses, level: Losses, /) -> Losses:
    """Expected amount by which a normal loss falls below ``level``; (a - mean)^+ where ``spread`` is 0.

    All three broadcast; a level of minus infinity is never improved on.
    """
    from scipy.special import ndtr

    gap = level - mean
    z = gap / np.maximum(spread, 1e-300)
    with np.errstate(over="ignore"):
        density = np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
    below = np.where(gap > -np.inf, gap, 0.0) * ndtr(z) + spread * density
    improvement: Losses = np.maximum(below, 0.0)
    return improvement


def nondominated_boxes(losses: Losses, reference: Losses, /) -> tuple[Losses, Losses]:
    """Tile what no point dominates, inside the reference box.

    Parameters
    ----------
    losses : (k, m) float64
    reference : (m,) float64

    Returns
    -------
    lower, upper : (b, m) float64
        Corners of disjoint boxes; lower ones may be minus infinity.
    """
    inside = losses[(losses < reference).all(axis=1)]
    front = np.unique(inside[nondominated_ranks(inside) == 0], axis=0)
    if len(reference) == 1:
        return np.full((1, 1), -np.inf), np.append(front[:, 0], reference).min(keepdims=True)[:, None]
    if len(reference) == 2:
        return _strips(front, reference)
    return _slices(front, reference)


def _strips(front: Losses, reference: Losses) -> tuple[Losses, Losses]:
    """One strip for each step of the staircase of a front (k, 2) in ascending order of the first loss."""
    left, right = np.append(-np.inf, front[:, 0]), np.append(front[:, 0], reference[0])
    top = np.append(reference[1], front[:, 1])
    return np.stack([left, np.full(len(left), -np.inf)], axis=1), np.stack([right, top], axis=1)


def _slices(front: Losses, reference: Losses) -> tuple[Losses, Losses]:
    """Cut along the last loss: between two of its values, the points below leave boxes of one dimension less."""
    levels: NDArray[np.float64] = np.concatenate([[-np.inf], np.unique(front[:, -1]), reference[-1:]])
    lowers: list[Losses] = []
    uppers: list[Losses] = []
    for bottom, top in pairwise(levels):
        lower, upper = nondominated_boxes(front[front[:, -1] <= bottom, :-1], reference[:-1])
        lowers.append(np.column_stack([lower, np.full(len(lower), bottom)]))
        uppers.append(np.column_stack([upper, np.full(len(upper), top)]))
    return np.concatenate(lowers), np.concatenate(uppers)
