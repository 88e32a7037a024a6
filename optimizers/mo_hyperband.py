"""MO-Hyperband: random configurations through brackets of successive halving that hedge how early one may judge.

Li et al. 2018 (JMLR 18(185)) with promotion by front and exclusive hypervolume, against the problem's fixed reference
point, in place of one loss: of n_k configurations, all mutually non-dominated or not, exactly n_(k+1) go on.

With the defaults and 25 epochs one cycle is, for ever::

    27 x 1 -> 9 x 3 -> 3 x 9 -> 1 x 25
              9 x 3 -> 3 x 9 -> 1 x 25
                       6 x 9 -> 2 x 25
                                4 x 25

Brackets are synchronous: a rung is judged when all of it is told. Workers do not wait for that, since the next bracket
begins meanwhile; so `ask` never returns None.
"""

from __future__ import annotations

from itertools import cycle

import numpy as np

from ..problems.problem import Problem
from .base import Query, Result
from .brackets import Brackets, hyperband
from .ladder import epoch_ladder
from .sampling import random_configurations


class MoHyperband:
    """Hyperband with multi-objective promotion.

    Parameters
    ----------
    problem
    seed
        Of all its random draws.
    min_epochs
        The lowest rung; by default the problem's minimum.
    eta
        Factor between rungs, and one of how many is promoted; above 1.

    Raises
    ------
    InvalidArgument
        If an option is out of its range.
    """

    def __init__(self, problem: Problem, *, seed: int, min_epochs: int | None = None, eta: float = 3.0) -> None:
        lowest = problem.min_epochs if min_epochs is None else min_epochs
        ladder = epoch_ladder(problem, min_epochs=lowest, eta=eta)
        draws = random_configurations(problem.space, np.random.default_rng(seed))
        self._brackets = Brackets(problem, cycle(hyperband(ladder, eta=eta)), lambda _: next(draws))

    def ask(self) -> Query | None:
        """Name the next trial; never waits."""
        return self._brackets.ask()

    def tell(self, result: Result) -> None:
        """Let the result decide on promotions."""
        self._brackets.tell(result)
