"""Quality indicators: how good is a set of losses, and how did it get there?

Pure functions of losses (n, m), all minimised; moocore does the geometry, and this module is the border to it.
Rows with a NaN (failed runs) are no points: every function ignores them. Reference and ideal points come from the
problem, so that numbers of different races, optimizers and papers can be compared.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from ..problems.errors import InvalidArgument
from ..problems.problem import Losses
from .costs import Cost, spent

if TYPE_CHECKING:
    from ..simulator.history import History

Policy = Literal["full", "all"]
"""Which trials count: ``"full"`` those trained to full fidelity, ``"all"`` those of any fidelity (as the paper did)."""


def check_policy(policy: str, /) -> Policy:
    """Give ``policy`` back.

    Raises
    ------
    InvalidArgument
        If it is neither ``"full"`` nor ``"all"``.
    """
    if policy == "full":
        return "full"
    if policy == "all":
        return "all"
    raise InvalidArgument(f"unknown incumbent policy {policy!r}: expected 'full' (default) or 'all'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Anytime:
    """An indicator as a step function of what a race has spent: it holds from each completed trial until the next."""

    spent: NDArray[np.float64]
    """(k,) what had been spent when a trial was completed (see `Cost`), ascending."""
    values: NDArray[np.float64]
    """(k,) the indicator from then on; before the first it is 0."""

    def at(self, spent: NDArray[np.float64]) -> NDArray[np.float64]:
        """Evaluate after any expenses (t,)."""
        index = np.searchsorted(self.spent, spent, side="right")
        return np.concatenate([[0.0], self.values])[index]


def counted(history: History, /, *, policy: Policy = "full", max_epochs: int) -> NDArray[np.intp]:
    """Find the trials that count, in the order in which they were completed.

    Returns
    -------
    rows : (k,) intp
        Rows of ``history``; those completed at the same time keep their order.

    Raises
    ------
    InvalidArgument
        If there is no such ``policy``.
    """
    check_policy(policy)
    valid = history.scored
    if policy == "full":
        valid = valid & (history.epochs >= max_epochs)
    rows = np.flatnonzero(valid)
    return rows[np.argsort(history.finished[rows], kind="stable")]


def nondominated(losses: Losses, /) -> NDArray[np.bool_]:
    """Mark the front (n,): points that no other dominates, one of each group of equal ones."""
    import moocore

    valid = ~np.isnan(losses).any(axis=1)
    front = np.zeros(len(losses), dtype=bool)
    if valid.any():
        front[valid] = moocore.is_nondominated(losses[valid])
    return front


def hypervolume(losses: Losses, /, reference: Losses) -> float:
    """Measure what the points dominate, in the product of the losses' units.

    Parameters
    ----------
    losses : (n, m) float64
        Points that are not better than the reference in every loss contribute nothing.
    reference : (m,) float64
        Fixed by the problem, never taken from data.
    """
    import moocore

    inside = losses[(losses < reference).all(axis=1)]
    return float(moocore.hypervolume(inside, ref=reference)) if len(inside) else 0.0


def normalized_hypervolume(losses: Losses, /, reference: Losses, ideal: Losses) -> float:
    """Measure the share in [0, 1] of the box between ideal and reference point that the points dominate."""
    return hypervolume(np.maximum(losses, ideal), reference) / box_volume(reference, ideal)


def box_volume(reference: Losses, ideal: Losses) -> float:
    """Give the largest possible hypervolume: the volume between ideal and reference point."""
    return float(np.prod(reference - ideal))


def igd_plus(losses: Losses, /, front: Losses, reference: Losses, ideal: Losses) -> float:
    """Measure how far on average a reference front is from being attained (IGD+, Ishibuchi et al. 2015, eq. 18).

    Losses are scaled by the box between ideal and reference point first, so that units do not matter; smaller is
    better, 0 attains the whole front, and infinity says that there are no points.

    Parameters
    ----------
    losses : (n, m) float64
    front : (k, m) float64
        What to compare with, e.g. the pooled front of an experiment.
    """
    import moocore

    return _shortfall(moocore.igd_plus, losses, front, reference, ideal)


def additive_epsilon(losses: Losses, /, front: Losses, reference: Losses, ideal: Losses) -> float:
    """Measure by how much the points must improve in every loss to attain a whole front.

    The additive epsilon indicator (Zitzler et al. 2003, IEEE TEVC 7(2)) is the worst case where `igd_plus` is the mean:
    the largest shortfall at any point of the front, in the loss that is missed most. Losses are scaled by the box
    between ideal and reference point first; smaller is better, 0 attains the whole front, and infinity says that there
    are no points.

    Parameters
    ----------
    losses : (n, m) float64
    front : (k, m) float64
        What to compare with, e.g. the pooled front of an experiment.
    """
    import moocore

    return _shortfall(moocore.epsilon_additive, losses, front, reference, ideal)


def _shortfall(
    indicator: Callable[..., float], losses: Losses, front: Losses, reference: Losses, ideal: Losses
) -> float:
    """Hold the points (n, m) against a front by an indicator, both scaled by the box; infinite without points."""
    points = losses[~np.isnan(losses).any(axis=1)]
    if not len(points):
        return float("inf")
    scale = reference - ideal
    return float(indicator((points - ideal) / scale, ref=(front - ideal) / scale))


def median_attainment(fronts: list[Losses], /) -> Losses:
    """Find the surface that at least half of the fronts attain (two losses; Fonseca & Fleming 1996).

    Returns
    -------
    corners : (k, 2) float64
        Of the staircase, by ascending first loss; empty if fewer than half of the fronts have a point.
    """
    import moocore

    points = np.concatenate(fronts)
    if not len(points):
        return points
    # moocore counts the sets that have points; those without must count as attaining nothing.
    sets = np.repeat(np.arange(1.0, len(fronts) + 1), [len(front) for front in fronts])
    present = len(np.unique(sets))
    level = 50.0 * len(fronts) / present
    if level > 100.0:
        return points[:0]
    corners: Losses = moocore.eaf(points, sets, percentiles=[level])[:, :-1]
    return corners[np.lexsort(corners.T[::-1])]


def anytime_hypervolume(
    history: History, /, reference: Losses, *, max_epochs: int, policy: Policy = "full", cost: Cost = "seconds"
) -> Anytime:
    """Follow the hypervolume of all trials completed so far, over what they cost.

    Returns
    -------
    curve
        One step per trial that counts; never falls.
    """
    rows = counted(history, policy=policy, max_epochs=max_epochs)
    losses = history.losses[rows]
    follow = _follow_plane if len(reference) == 2 else _follow_space
    expenses = spent(history, cost, max_epochs=max_epochs)[rows]
    return Anytime(spent=expenses, values=np.cumsum(follow(losses, reference)))


def _follow_plane(losses: Losses, reference: Losses) -> NDArray[np.float64]:
    """Give the area (n,) that each point adds to those before it, by keeping the staircase sorted."""
    (x_end, y_end), gains = reference.tolist(), np.zeros(len(losses))
    xs: list[float] = []  # the front by ascending x; its ys descend
    ys: list[float] = []
    for row, (x, y) in enumerate(losses.tolist()):
        first = bisect_left(xs, x)
        above = ys[first - 1] if first else y_end
        if x >= x_end or y >= above or (first < len(xs) and xs[first] == x and ys[first] <= y):
            continue
        last, left, height, gain = first, x, above, 0.0
        while last < len(xs) and ys[last] >= y:  # steps that the new point dominates
            gain += (xs[last] - left) * (height - y)
            left, height, last = xs[last], ys[last], last + 1
        right = xs[last] if last < len(xs) else x_end
        gains[row] = gain + (right - left) * (height - y)
        xs[first:last], ys[first:last] = [x], [y]
    return gains


def _follow_space(losses: Losses, reference: Losses) -> NDArray[np.float64]:
    """Give the volume (n,) that each point adds to those before it, in any number of dimensions."""
    gains, total = np.zeros(len(losses)), 0.0
    front = losses[:0]
    for row, point in enumerate(losses):
        if (point >= reference).any() or (front <= point).all(axis=1).any():
            continue
        front = np.vstack([front[~(point <= front).all(axis=1)], point])
        volume = hypervolume(front, reference)
        gains[row], total = volume - total, volume
    return gains
