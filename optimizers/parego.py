"""ParEGO: Bayesian optimisation of one random scalarisation of the objectives after another.

Knowles 2006 (IEEE TEVC 10(1), section III): for every trial a weight vector is drawn from the simplex, the normalised
losses so far are scalarised by the augmented Chebyshev function, a Gaussian process is fitted to these values, and the
candidate of the largest expected improvement is tried. Its model is fitted to the best under the current weights and a
random sample of the rest, so that a suggestion costs the same however long the search has been going.

Losses are normalised by the problem's ideal and reference points, never by what has been seen. Known objectives are
modelled like all others: scalarised values are what the method is about (`ms-ehvi` takes them as known). The model is a
Gaussian process, Knowles' own choice, and not the random forest of SMAC: on so few trials it is several times faster
than a forest of scikit-learn, and a fixed-length encoding (see `encoding`) takes care of mixed and conditional spaces.
The acquisition's maximum is looked for in a pool of candidates instead of by evolution.

Every trial is trained in full. Open queries are taken to score what the model predicts. Failed trials are left out;
losses beyond the reference point count as on it.
"""

from __future__ import annotations

import logging

import numpy as np

from ..problems.errors import InvalidArgument
from ..problems.problem import Losses, Problem, Vectors
from ..problems.space import Vector
from ..problems.threads import one_thread
from .base import Query, Result
from .candidates import candidate_pool
from .ehvi import expected_improvement
from .encoding import unit_cube
from .gaussian_process import GaussianProcess, Hyperparameters, Targets, fit_hyperparameters
from .random_search import RandomSearch
from .trials import Trials

_LOG = logging.getLogger(__name__)
_RHO = 0.05  # Knowles' value
_FEWEST = 2  # scored trials that a model can be fitted to
_MODELLED = 150  # trials at most: one half the best, the other a sample of the rest
_PARENTS = 10


class ParEgo:
    """Expected improvement of a scalarisation, over a pool of candidates.

    Parameters
    ----------
    problem
    seed
        Of all its random draws.
    initial
        Size of the initial design.

    Raises
    ------
    InvalidArgument
        If ``initial`` is below 1.
    """

    def __init__(self, problem: Problem, *, seed: int, initial: int = 10) -> None:
        if initial < 1:
            raise InvalidArgument(f"parego needs an initial design of 1 configuration or more, got initial={initial}")
        self._problem = problem
        self._rng = np.random.default_rng(seed)
        self._design = RandomSearch(problem, seed=seed)
        self._initial = initial
        self._trials = Trials(problem)
        self._last: Hyperparameters | None = None  # fitted to other weights, but near enough to start from

    def ask(self) -> Query:
        """Name the next trial; never waits."""
        vectors = self._trials.vectors
        if len(self._trials) < self._initial or len(vectors) < _FEWEST:
            return self._trials.query(self._design.ask().config)
        weights = self._rng.dirichlet(np.ones(len(self._problem.objectives)))
        values = augmented_chebyshev(self._normalised(self._trials.losses), weights)
        order = np.argsort(values, kind="stable")
        pool = self._trials.unasked(candidate_pool(self._problem.space, vectors[order[:_PARENTS]], self._rng))
        if not len(pool):
            return self._trials.query(self._design.ask().config)
        rest = self._rng.permutation(order[_MODELLED // 2 :])
        modelled = np.concatenate([order[: _MODELLED // 2], rest[: _MODELLED // 2]])
        return self._trials.query(self._best(pool, vectors[modelled], values[modelled]).copy())

    def tell(self, result: Result) -> None:
        """Take in the result of a trial."""
        self._trials.tell(result)

    def _normalised(self, losses: Losses) -> Losses:
        ideal = self._problem.ideal_point
        normalised: Losses = (losses - ideal) / (self._problem.reference_point - ideal)
        return normalised

    def _best(self, pool: Vectors, vectors: Vectors, values: Targets) -> Vector:
        """Give the candidate that promises most; a random one where the numerics fail."""
        try:
            with one_thread():
                improvements = self._improvements(pool, vectors, values)
        except np.linalg.LinAlgError as error:
            _LOG.warning("parego proposes a random candidate: %s", error)
            improvements = np.zeros(len(pool))
        best: Vector = pool[np.argmax(improvements)]
        return best

    def _improvements(self, pool: Vectors, vectors: Vectors, values: Targets) -> Targets:
        """Expected improvement (n,) of the ``pool`` (n, d), given ``vectors`` and their scalarised ``values``."""
        space = self._problem.space
        seen, pending, candidates = (unit_cube(space, rows) for rows in (vectors, self._trials.open, pool))
        self._last = fit_hyperparameters(seen, values, self._last)
        model = GaussianProcess.prior(self._last).given(seen, values)
        believed, _ = model.predict(pending)
        mean, spread = model.given(pending, believed).predict(candidates)
        return expected_improvement(mean, spread, np.append(values, believed).min())


def augmented_chebyshev(normalised: Losses, weights: Losses, /) -> Targets:
    """Scalarise (Knowles 2006, section III): the largest weighted loss, plus a little of their sum.

    The maximum lets every point of a front, convex or not, be the minimum under some weights; the sum keeps weakly
    dominated points from tying with those that dominate them.

    Parameters
    ----------
    normalised : (n, m) float64
        Losses, 0 at the ideal point and 1 at the reference point.
    weights : (m,) float64
        Not negative, with a sum of 1.

    Returns
    -------
    values : (n,) float64
    """
    weighted = weights * normalised
    values: Targets = weighted.max(axis=1) + _RHO * weighted.sum(axis=1)
    return values
