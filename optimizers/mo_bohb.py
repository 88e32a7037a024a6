"""MO-BOHB: Hyperband brackets whose configurations are drawn from a ratio of Parzen estimators.

Guerrero-Viu et al. 2021 (arXiv 2105.01015); the brackets are those of BOHB (Falkner et al. 2018, ICML), the model is
MOTPE's (Ozaki et al. 2020, GECCO), one parameter at a time. With the defaults and 25 epochs::

    10 x 25                                 the initial design, in place of the first bracket
              2 x 11 -> 1 x 25
                        3 x 25
    4 x 5  -> 2 x 11 -> 1 x 25              from here on cyclically, 13 evaluations a cycle

A configuration is random with probability 1/6, and as long as no rung has enough evaluations. Otherwise the
model (see `motpe`) is of the highest rung that has.

Unlike the published code: exactly as many are promoted as there are places, by front and exclusive hypervolume; the
model starts once a rung has more evaluations than the space has parameters (28 were needed for 13); failed trials count
as bad ones; a configuration that was asked for before gives way to a random one; and what `motpe` and `parzen` say.
"""

from __future__ import annotations

from itertools import chain, cycle, islice

import numpy as np

from ..problems.errors import InvalidArgument
from ..problems.problem import Losses, Problem, Vectors
from ..problems.space import Vector
from .base import Query, Result
from .brackets import Brackets, hyperband
from .ladder import epoch_ladder
from .motpe import Motpe
from .sampling import random_configurations


class MoBohb:
    """Hyperband with a multi-objective tree-structured Parzen estimator.

    Parameters
    ----------
    problem
    seed
        Of all its random draws.
    initial
        How many random configurations are trained in full at first.
    min_evaluations
        How many evaluations on one rung a model needs; by default one more than the space has parameters (BOHB's).
    candidates
        How many values are drawn from l for each parameter.
    gamma
        The part of the evaluations that is good, rounded down.
    random_fraction
        The part of the configurations that is drawn at random all the same.
    min_epochs
        The lowest rung; by default a fifth of the maximum.
    eta
        Factor between rungs, and one of how many is promoted; above 1.

    Raises
    ------
    InvalidArgument
        If an option is out of its range.
    """

    def __init__(
        self,
        problem: Problem,
        *,
        seed: int,
        initial: int = 10,
        min_evaluations: int | None = None,
        candidates: int = 24,
        gamma: float = 0.1,
        random_fraction: float = 1 / 6,
        min_epochs: int | None = None,
        eta: float = 2.0,
    ) -> None:
        least = len(problem.space) + 1 if min_evaluations is None else min_evaluations
        if min(initial, least, candidates) < 1 or not (0 < gamma < 1 and 0 <= random_fraction <= 1):
            raise InvalidArgument(
                "mo-bohb needs initial, min_evaluations and candidates of 1 or more, gamma in (0, 1) and "
                f"random_fraction in [0, 1], got {initial=}, {min_evaluations=}, {candidates=}, {gamma=}, "
                f"{random_fraction=}"
            )
        ladder = epoch_ladder(problem, min_epochs=min_epochs, eta=eta)
        schedule = chain([[(initial, ladder[-1])]], islice(cycle(hyperband(ladder, eta=eta)), 1, None))
        self._space = problem.space
        self._reference = problem.reference_point
        self._brackets = Brackets(problem, schedule, self._draw)
        self._rng = np.random.default_rng(seed)
        self._random = random_configurations(problem.space, self._rng)
        self._evaluations = {epochs: _Evaluations() for epochs in ladder}
        self._initial, self._least, self._candidates = initial, least, candidates
        self._gamma, self._random_fraction = gamma, random_fraction
        self._drawn: set[str] = set()

    def ask(self) -> Query | None:
        """Name the next trial; never waits."""
        return self._brackets.ask()

    def tell(self, result: Result) -> None:
        """Let the result decide on promotions and enter the model."""
        self._brackets.tell(result)
        digest = self._space.digests(result.query.config[None])[0]
        self._evaluations[result.query.epochs].add(digest, result)

    def _draw(self, _: int) -> Vector:
        """Draw a new configuration, whatever number of epochs it is for."""
        vector = next(self._random) if len(self._drawn) < self._initial else self._proposal()
        digest = self._space.digests(vector[None])[0]
        if digest in self._drawn:
            vector = next(self._random)
            digest = self._space.digests(vector[None])[0]
        self._drawn.add(digest)
        return vector

    def _proposal(self) -> Vector:
        enough = [one for _, one in sorted(self._evaluations.items()) if len(one) >= self._least]
        if not enough or self._rng.random() < self._random_fraction:
            return next(self._random)
        level = enough[-1]
        if level.model is None:
            level.model = Motpe(self._space, *level.arrays(), gamma=self._gamma, reference=self._reference)
        return level.model.propose(self._rng, self._candidates)


class _Evaluations:
    """All results of one number of epochs, each configuration once."""

    def __init__(self) -> None:
        self._results: dict[str, Result] = {}
        self.model: Motpe | None = None  # of exactly these results

    def __len__(self) -> int:
        return len(self._results)

    def add(self, digest: str, result: Result) -> None:
        if digest not in self._results:
            self._results[digest] = result
            self.model = None

    def arrays(self) -> tuple[Vectors, Losses]:
        results = self._results.values()
        return np.array([one.query.config for one in results]), np.array([one.losses for one in results])
