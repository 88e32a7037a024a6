"""pymoo's evolution strategies behind bagbench's protocol (the extra `pymoo`).

Blank, Deb 2020, IEEE Access 8. pymoo knows no conditional parameters: its algorithms move in the unit cube, and a point
is read as `Space.from_unit` reads uniform numbers, where choices are stretches of the interval and what is inactive is
not looked at. Every trial is trained in full. Losses are cut at the reference point, which is also what a failed trial
gets.

Many queries may be open: an algorithm that has its first population is asked for more offspring whenever all of the
last have been handed out, and each batch competes when its last result is told. Until the first population is told, it
waits.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ..problems.errors import MissingExtra
from ..problems.problem import Losses, Problem
from ..problems.space import Vector
from .base import Query, Result

if TYPE_CHECKING:
    from pymoo.core.algorithm import Algorithm
    from pymoo.core.population import Population

_BELOW_ONE = 1 - 1e-12  # pymoo's cube is closed
_SMALL_STEPS = "pymoo's operators take the small steps of the literature, made for thousands of trials and not for 60"
_NO_EXTENT = "pymoo divides by the extent of the front, which is zero where all results are equal"


class _Batch:
    """Offspring of one call, and the losses (n, m) told of them so far."""

    def __init__(self, population: Population, objectives: int) -> None:
        self.population = population
        self.losses: Losses = np.full((len(population), objectives), np.nan)

    @property
    def is_complete(self) -> bool:
        return not np.isnan(self.losses).any()


class PymooAlgorithm:
    """An algorithm of pymoo, asked and told.

    Parameters
    ----------
    problem
    algorithm
        Not set up yet.
    seed
        Of all its random draws.
    """

    def __init__(self, problem: Problem, algorithm: Algorithm, *, seed: int) -> None:
        from pymoo.core.problem import Problem as Cube
        from pymoo.core.termination import NoTermination

        self._problem = problem
        cube = Cube(n_var=len(problem.space), n_obj=len(problem.objectives), xl=0.0, xu=1.0)
        self._algorithm = algorithm
        self._algorithm.setup(cube, seed=seed, termination=NoTermination())
        self._waiting: deque[tuple[Vector, _Batch, int]] = deque()
        self._open: defaultdict[str, deque[tuple[_Batch, int]]] = defaultdict(deque)  # by digest

    def ask(self) -> Query | None:
        """Name the next trial, or wait for the rest of the first population."""
        if not self._waiting and (self._algorithm.is_initialized or not self._open):
            self._breed()
        if not self._waiting:
            return None
        vector, batch, place = self._waiting.popleft()
        self._open[self._problem.space.digests(vector[None])[0]].append((batch, place))
        return Query(config=vector, epochs=self._problem.max_epochs)

    def tell(self, result: Result) -> None:
        """Take in the result; with the last one of a batch, the batch competes. What is told again is passed over."""
        entries = self._open.get(self._problem.space.digests(result.query.config[None])[0])
        if not entries:
            return
        batch, place = entries.popleft()
        reference = self._problem.reference_point
        finite = np.isfinite(result.losses).all()
        batch.losses[place] = np.minimum(result.losses, reference) if finite else reference
        if batch.is_complete:
            batch.population.set("F", batch.losses)
            self._algorithm.tell(infills=batch.population)

    def _breed(self) -> None:
        population = self._algorithm.ask()
        batch = _Batch(population, len(self._problem.objectives))
        unit = np.clip(population.get("X").astype(np.float64), 0.0, _BELOW_ONE)
        vectors = self._problem.space.from_unit(unit)
        vectors.flags.writeable = False
        self._waiting += [(vector, batch, place) for place, vector in enumerate(vectors)]


class PymooSmsEmoa(PymooAlgorithm):
    """`pymoo.algorithms.moo.sms.SMSEMOA`, steady-state as in Beume, Naujoks, Emmerich 2007, EJOR 181(3)."""

    declines: ClassVar[Mapping[str, str]] = {
        "one_objective": "pymoo's hypervolume contributions need two objectives",
        "beats_random_search": _SMALL_STEPS,
    }

    def __init__(self, problem: Problem, *, seed: int, population: int = 10) -> None:
        _require("pymoo-sms-emoa", "pymoo")
        from pymoo.algorithms.moo.sms import SMSEMOA

        super().__init__(problem, SMSEMOA(pop_size=population, n_offsprings=1), seed=seed)


class PymooAgeMoea2(PymooAlgorithm):
    """`pymoo.algorithms.moo.age2.AGEMOEA2` (Panichella 2022, GECCO), which also needs numba."""

    declines: ClassVar[Mapping[str, str]] = {
        "failed_and_diverged_trials": _NO_EXTENT,
        "constant_objectives": _NO_EXTENT,
        "space_smaller_than_the_budget": _NO_EXTENT,
        "beats_random_search": _SMALL_STEPS,
    }

    def __init__(self, problem: Problem, *, seed: int, population: int = 10) -> None:
        _require("pymoo-age-moea2", "pymoo", "numba")
        from pymoo.algorithms.moo.age2 import AGEMOEA2

        super().__init__(problem, AGEMOEA2(pop_size=population), seed=seed)


def _require(name: str, *packages: str) -> None:
    for package in packages:
        if find_spec(package) is None:
            raise MissingExtra.for_package(package, "pymoo", f"the optimizer {name!r}")
