"""MS-EHVI: Bayesian optimisation by expected hypervolume improvement, with what is known taken as known.

Guerrero-Viu et al. 2021 (arXiv 2105.01015) model validation error and network size by Gaussian processes and replace
the posterior of the size by its exact value. Here that is carried through: a known objective needs no model at all,
its value enters expected hypervolume improvement as a loss without spread, in closed form and without samples (see
`ehvi`). Objectives that nobody knows have independent Gaussian processes; the closed form is exact for any number.

Unlike the published code: the known objective is the problem's own, right for its data set; its dependence on the
configuration counts in the search for the acquisition's maximum, which goes over a pool of candidates, random ones
and neighbours of the front, instead of following gradients that leave it out; inactive parameters are no noise to the
model; the initial design is one low-discrepancy sequence (that of random search under the same seed).

Every trial is trained in full. Open queries are taken to score what the model predicts (the kriging believer of
Ginsbourger, Le Riche, Carraro 2010). Failed trials are left out; losses beyond the reference point count as on it.
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
from .ehvi import expected_hypervolume_improvement
from .encoding import unit_cube
from .gaussian_process import GrowingModel
from .pareto import nondominated_ranks
from .random_search import RandomSearch
from .trials import Trials

_LOG = logging.getLogger(__name__)
_FEWEST = 2  # scored trials that a model can be fitted to


class MsEhvi:
    """Expected hypervolume improvement over a pool of candidates.

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
            raise InvalidArgument(f"ms-ehvi needs an initial design of 1 configuration or more, got initial={initial}")
        self._problem = problem
        self._rng = np.random.default_rng(seed)
        self._design = RandomSearch(problem, seed=seed)
        self._initial = initial
        self._trials = Trials(problem)
        self._models = [None if o.name in problem.known else GrowingModel() for o in problem.objectives]

    def ask(self) -> Query:
        """Name the next trial; never waits."""
        vectors = self._trials.vectors
        if len(self._trials) < self._initial or len(vectors) < _FEWEST:
            return self._trials.query(self._design.ask().config)
        losses = self._trials.losses
        parents = vectors[nondominated_ranks(losses) == 0]
        pool = self._trials.unasked(candidate_pool(self._problem.space, parents, self._rng))
        if not len(pool):
            return self._trials.query(self._design.ask().config)
        return self._trials.query(self._best(pool, vectors, losses).copy())

    def tell(self, result: Result) -> None:
        """Take in the result of a trial."""
        self._trials.tell(result)

    def _best(self, pool: Vectors, vectors: Vectors, losses: Losses) -> Vector:
        """Give the candidate that promises most; a random one where the numerics fail."""
        try:
            with one_thread():
                improvements = self._improvements(pool, vectors, losses)
        except np.linalg.LinAlgError as error:
            _LOG.warning("ms-ehvi proposes a random candidate: %s", error)
            improvements = np.zeros(len(pool))
        best: Vector = pool[np.argmax(improvements)]
        return best

    def _improvements(self, pool: Vectors, vectors: Vectors, losses: Losses) -> Losses:
        """Expected hypervolume improvement (n,) of the ``pool`` (n, d), given ``vectors`` and their ``losses``."""
        space, running = self._problem.space, self._trials.open
        seen, pending, candidates = (unit_cube(space, rows) for rows in (vectors, running, pool))
        mean, believed = self._problem.known_losses(pool), self._problem.known_losses(running)
        spread = np.zeros_like(mean)
        for column, growing in enumerate(self._models):
            if growing is not None:
                model = growing.given(seen, losses[:, column])
                believed[:, column], _ = model.predict(pending)
                mean[:, column], spread[:, column] = model.given(pending, believed[:, column]).predict(candidates)
        front = np.concatenate([losses, believed])
        return expected_hypervolume_improvement(mean, spread, front, self._problem.reference_point)
