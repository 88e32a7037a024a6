"""Pareto numerics: fronts, exclusive hypervolume, crowding, and the orders that methods make of them.

Losses are (n, m) float64, minimised. Rows with a NaN (failed trials) belong to no front but the last. A point is worth
something only where it is better than the reference point in every objective; elsewhere its contribution is 0.
Fronts come from moocore, imported on first use, and so do volumes of more than two objectives; the rest is closed form.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..problems.problem import Losses

_BEYOND = np.finfo(np.float64).max

Ranks = NDArray[np.int64]
Indices = NDArray[np.int64]


def nondominated_ranks(losses: Losses, /) -> Ranks:
    """Rank by textbook non-dominated sorting (Deb et al. 2002, section III.A).

    Parameters
    ----------
    losses : (n, m) float64

    Returns
    -------
    ranks : (n,) int64
        0 for the non-dominated points, 1 for those dominated by points of rank 0 only, and so on. Equal points share
        a rank. Rows with a NaN share the rank after all others.
    """
    ranks = np.zeros(len(losses), dtype=np.int64)
    valid = ~np.isnan(losses).any(axis=1)
    if valid.any():
        import moocore

        # Infinite losses would be misjudged; finite ones beyond anything keep their order.
        ranks[valid] = moocore.pareto_rank(np.clip(losses[valid], -_BEYOND, _BEYOND))
        ranks[~valid] = ranks.max() + 1
    return ranks


def _lexsorted_unique(losses: Losses) -> tuple[Losses, Indices]:
    """Different rows in lexicographic order, and for each row of ``losses`` (n, m) its place among them, (n,)."""
    order = np.lexsort(losses.T[::-1])
    rows = losses[order]
    new = np.ones(len(rows), dtype=bool)
    new[1:] = (rows[1:] != rows[:-1]).any(axis=1)
    inverse = np.empty(len(rows), dtype=np.int64)
    inverse[order] = np.cumsum(new) - 1
    return rows[new], inverse


def hypervolume_contributions(losses: Losses, reference: Losses, /) -> Losses:
    """Measure the volume that each point alone dominates.

    Parameters
    ----------
    losses : (n, m) float64
    reference : (m,) float64

    Returns
    -------
    contributions : (n,) float64
        The hypervolume that is lost with each point of the front of ``losses``. Dominated points contribute 0 and
        lessen nobody else's share; so do points outside the reference box and rows with a NaN. Points that occur
        twice contribute 0, since losing one of them loses nothing.
    """
    contributions = np.zeros(len(losses))
    inside = np.flatnonzero((losses < reference).all(axis=1))
    if inside.size:
        points, inverse = _lexsorted_unique(losses[inside])
        alone = _contributions_of_unique(points, reference)
        alone[np.bincount(inverse) > 1] = 0.0
        contributions[inside] = alone[inverse]
    return contributions


def _contributions_of_unique(lexsorted: Losses, reference: Losses) -> Losses:
    """Contributions (n,) of different points in lexicographic order, all inside the box."""
    if lexsorted.shape[1] > 2:
        import moocore

        return np.asarray(moocore.hv_contributions(lexsorted, ref=reference))
    points, corner = _plane(lexsorted, reference)
    lowest_before = np.minimum.accumulate(np.append(corner[1], points[:-1, 1]))
    front = points[:, 1] < lowest_before
    first = np.append(points[front, 0], corner[0])
    second = np.append(corner[1], points[front, 1])
    contributions = np.zeros(len(points))
    contributions[front] = np.diff(first) * -np.diff(second)
    return contributions


def _plane(losses: Losses, reference: Losses) -> tuple[Losses, Losses]:
    """Give one objective a second one of constant 0 and reference 1, so that areas are lengths."""
    if losses.shape[1] == 2:
        return losses, reference
    return np.column_stack([losses, np.zeros(len(losses))]), np.append(reference, 1.0)


def select_by_hypervolume(losses: Losses, k: int, reference: Losses, /) -> Indices:
    """Select ``k`` points greedily, each time the one that adds most hypervolume to those selected.

    The volume is at least 1 - 1/e of the best possible (Nemhauser et al. 1978). Of points that add equally much, the
    earliest is taken; points that add nothing come last.

    Parameters
    ----------
    losses : (n, m) float64
    k
        How many, at most n.
    reference : (m,) float64

    Returns
    -------
    selected : (k,) int64
        Indices in the order of selection.
    """
    inside = (losses < reference).all(axis=1, keepdims=True)
    points = np.where(inside, losses, reference)  # outside the box: no volume
    gain = _gains_2d if losses.shape[1] <= 2 else _gains
    remaining = np.arange(len(points))
    selected: list[int] = []
    while len(selected) < min(k, len(points)):
        best = int(np.argmax(gain(points[remaining], points[selected], reference)))
        selected.append(int(remaining[best]))
        remaining = np.delete(remaining, best)
    return np.array(selected, dtype=np.int64)


def _gains_2d(candidates: Losses, selected: Losses, reference: Losses) -> Losses:
    """Area (n,) that each candidate adds to what ``selected`` (k, m) dominates, summed over the staircase's steps."""
    candidates, corner = _plane(candidates, reference)
    steps, _ = _plane(selected, reference)
    steps = steps[np.argsort(steps[:, 0])]
    left = np.append(-np.inf, steps[:, 0])
    right = np.append(steps[:, 0], corner[0])
    top = np.minimum.accumulate(np.append(corner[1], steps[:, 1]))
    widths = np.maximum(right - np.maximum(left, candidates[:, :1]), 0.0)
    heights = np.maximum(top - candidates[:, 1:], 0.0)
    areas: Losses = np.sum(widths * heights, axis=1)
    return areas


def _gains(candidates: Losses, selected: Losses, reference: Losses) -> Losses:
    """Volume (n,) that each candidate adds: its own box less what ``selected`` (k, m) dominates of it."""
    import moocore

    boxes: Losses = np.prod(reference - candidates, axis=1)
    if not len(selected):
        return boxes
    volume = moocore.Hypervolume(ref=reference)
    shared: Losses = np.array([volume(np.maximum(selected, candidate)) for candidate in candidates])
    return boxes - shared


def crowding_distance(losses: Losses, /) -> Losses:
    """Measure how lonely the points of one front are (Deb et al. 2002, section III.B).

    Parameters
    ----------
    losses : (n, m) float64
        One front, without NaN.

    Returns
    -------
    distances : (n,) float64
        Sum over the objectives of the normalised gap between both neighbours; infinite for the extremes. An objective
        in which all points are equal has no extremes and adds nothing.
    """
    distances = np.zeros(len(losses))
    for column in losses.T:
        order = np.argsort(column, kind="stable")
        spread = column[order[-1]] - column[order[0]] if len(order) else 0.0
        if spread > 0:
            distances[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / spread
            distances[order[[0, -1]]] = np.inf
    return distances


def order_by_front_and_contribution(losses: Losses, reference: Losses, /) -> Indices:
    """Order from best to worst: by front, inside a front by exclusive hypervolume, then as given.

    Parameters
    ----------
    losses : (n, m) float64
    reference : (m,) float64

    Returns
    -------
    order : (n,) int64
        Indices, best first; rows with a NaN come last.
    """
    ranks = nondominated_ranks(losses)
    contributions = np.zeros(len(losses))
    for rank in range(ranks.max(initial=-1) + 1):
        front = ranks == rank
        contributions[front] = hypervolume_contributions(losses[front], reference)
    return np.lexsort((-contributions, ranks))
