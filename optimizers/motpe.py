"""MOTPE: a multi-objective tree-structured Parzen estimator, one parameter at a time (Ozaki et al. 2020, GECCO).

For each parameter, the evaluations in which it is active are split into a tenth of good ones and the bad rest, by
front and then by a subset that dominates much volume. Values are drawn from the density l of the good ones (see
`parzen`), and the one with the largest l / g is taken, where g is the density of the bad ones.

Unlike the published code: splits are remembered under the exact set of evaluations, not under its abbreviated print;
volumes are against the problem's reference point; a parameter that was active in no evaluation is drawn from its prior,
and categorical parameters are such, not integers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..problems.problem import Losses, Vectors
from ..problems.space import Space, Vector
from .pareto import Indices, nondominated_ranks, select_by_hypervolume
from .parzen import Estimator, estimate, legal


class Motpe:
    """Densities of good and of bad values, parameter by parameter, estimated when they are needed first.

    Parameters
    ----------
    space
    vectors : (n, d) float64
    losses : (n, m) float64
        NaN where a trial failed.
    gamma
        The part that is good, rounded down.
    reference : (m,) float64
    """

    def __init__(self, space: Space, vectors: Vectors, losses: Losses, *, gamma: float, reference: Losses) -> None:
        self._space = space
        self._vectors = vectors
        self._losses = losses
        self._gamma = gamma
        self._reference = reference
        self._splits: dict[bytes, tuple[Indices, Indices]] = {}
        self._pairs: dict[int, tuple[Estimator, Estimator]] = {}

    def propose(self, rng: np.random.Generator, candidates: int) -> Vector:
        """Draw ``candidates`` values of each active parameter from l, and take that with the largest l / g."""
        vector = np.full(len(self._space), np.nan)
        while (missing := np.flatnonzero(self._space.active(vector[None])[0] & np.isnan(vector))).size:
            for i in missing.tolist():  # parents first: without their value children count as inactive
                vector[i] = self._value(i, rng, candidates)
        vector.flags.writeable = False
        return vector

    def _value(self, i: int, rng: np.random.Generator, candidates: int) -> float:
        parameter = self._space.parameters[i]
        good, bad = self._estimators(i)
        drawn = good.sample(rng, candidates)
        return legal(parameter, float(drawn[np.argmax(good.log_density(drawn) - bad.log_density(drawn))]))

    def _estimators(self, i: int) -> tuple[Estimator, Estimator]:
        """Give l and g of parameter ``i``."""
        if i not in self._pairs:
            parameter, column = self._space.parameters[i], self._vectors[:, i]
            good, bad = self._split(~np.isnan(column))
            self._pairs[i] = estimate(parameter, column[good]), estimate(parameter, column[bad])
        return self._pairs[i]

    def _split(self, active: NDArray[np.bool_]) -> tuple[Indices, Indices]:
        """Split the evaluations (n,) in which a parameter is active into good and bad ones."""
        key = active.tobytes()
        if key not in self._splits:
            rows = np.flatnonzero(active)
            good = rows[good_ones(self._losses[rows], int(self._gamma * len(rows)), self._reference)]
            self._splits[key] = good, np.setdiff1d(rows, good, assume_unique=True)
        return self._splits[key]


def good_ones(losses: Losses, count: int, reference: Losses) -> Indices:
    """Choose ``count`` of ``losses`` (n, m): whole fronts as long as they fit, of the next one a subset by hypervolume.

    Returns
    -------
    chosen : (min(count, finite ones),) int64
    """
    finite = np.flatnonzero(np.isfinite(losses).all(axis=1))
    count = min(count, len(finite))
    if count == 0:
        return finite[:0]
    ranks = nondominated_ranks(losses[finite])
    last = np.sort(ranks)[count - 1]
    whole, front = finite[ranks < last], finite[ranks == last]
    return np.concatenate([whole, front[_subset_of_front(losses[front], count - len(whole), reference)]])


def _subset_of_front(front: Losses, k: int, reference: Losses) -> Indices:
    """Select ``k`` points (n, m) of one front as `select_by_hypervolume` does, fast where there are two objectives.

    What a point of a two-dimensional front adds is a rectangle, up to its selected neighbours: of ``right`` the first
    coordinate bounds it, of ``top`` the second.
    """
    if front.shape[1] != 2:
        return select_by_hypervolume(front, k, reference)
    points = np.where((front < reference).all(axis=1, keepdims=True), front, reference)
    first, second = points.T
    right, top = (np.full(len(front), bound) for bound in reference)
    left_over = np.ones(len(front), dtype=bool)
    selected = np.empty(k, dtype=np.int64)
    for i in range(k):
        best = selected[i] = np.argmax(np.where(left_over, (right - first) * (top - second), -1.0))
        left_over[best] = False
        np.minimum(right, first[best], out=right, where=first <= first[best])
        np.minimum(top, second[best], out=top, where=first >= first[best])
    return selected
