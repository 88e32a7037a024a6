"""SMAC's ParEGO behind bagbench's protocol (the extra `smac`).

Lindauer et al. 2022, JMLR 23(54); Knowles 2006, IEEE TEVC 10(1). Conditional parameters are handled by SMAC's own
means: it is given the ConfigSpace, samples and mutates legal configurations, and its forest imputes what is inactive.

The library's, with its defaults: the `HyperparameterOptimizationFacade`, which is a scrambled Sobol design, a random
forest of ten trees on the logarithm of the cost, expected improvement, local search from the best and 10,000 random
configurations, and a fifth of all trials at random; `ParEGO`, whose scalarisation SMAC redraws with every new forest,
and a new forest after every ``retrain_after`` trials. Every configuration is tried once (``deterministic``).

Every trial is trained in full. Failed trials are told as crashed, at the reference point; losses beyond it count as on
it. Where SMAC has tried every configuration it ends, and random ones go on. It writes no files but the records of its
settings, into a temporary folder that is gone when the constructor returns.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from ..problems.errors import MissingExtra
from ..problems.problem import Problem
from ..problems.space import Vector
from ..problems.threads import one_thread
from .base import Query, Result

if TYPE_CHECKING:
    from ConfigSpace import Configuration
    from smac import HyperparameterOptimizationFacade, Scenario
    from smac.acquisition.maximizer import LocalAndSortedRandomSearch
    from smac.runhistory.dataclasses import TrialInfo

_ENDLESS = 2**31 - 1  # trials that SMAC is told to expect
_DRAWS = 64  # so many random configurations, all of them open, pass for the whole space


class SmacParEgo:
    """A run of SMAC with ParEGO, asked and told.

    Parameters
    ----------
    problem
    seed
        Of all its random draws.
    startup
        Size of the initial design; SMAC's own default, ten a parameter, suits longer races.
    retrain_after
        Number of trials that are suggested from one forest and one scalarisation; 8 is SMAC's default.
    """

    def __init__(self, problem: Problem, *, seed: int, startup: int = 10, retrain_after: int = 8) -> None:
        if find_spec("smac") is None:
            raise MissingExtra.for_package("smac", "smac", "the optimizer 'smac-parego'")
        from smac import Scenario

        self._problem = problem
        self._open: dict[str, TrialInfo] = {}  # by digest
        self._rng = np.random.default_rng(seed)
        configspace = problem.space.configspace()
        self._order = [configspace.index_of[name] for name in problem.space.names]  # ConfigSpace puts children last
        with _undisturbed(), TemporaryDirectory() as folder:
            scenario = Scenario(
                configspace,
                objectives=list(problem.objective_names),
                output_directory=Path(folder),
                deterministic=True,
                n_trials=_ENDLESS,
                seed=seed % 2**32,
            )
            self._facade = _facade(scenario, startup, retrain_after)

    def ask(self) -> Query | None:
        """Name the next trial; wait only if nothing has been told and no other configuration is left."""
        if not self._facade.runhistory.finished and self._all_open():
            return None
        vector = self._next()
        vector.flags.writeable = False
        return Query(config=vector, epochs=self._problem.max_epochs)

    def tell(self, result: Result) -> None:
        """Tell SMAC; what is told again, or was not its idea, is passed over."""
        from smac.runhistory.dataclasses import TrialValue
        from smac.runhistory.enumerations import StatusType

        info = self._open.pop(self._problem.space.digests(result.query.config[None])[0], None)
        if info is None:
            return
        reference = self._problem.reference_point
        scored = bool(np.isfinite(result.losses).all())
        cost = np.minimum(result.losses, reference) if scored else reference
        status = StatusType.SUCCESS if scored else StatusType.CRASHED
        with _undisturbed():
            self._facade.tell(info, TrialValue(cost=cost.tolist(), status=status), save=False)

    def _all_open(self) -> bool:
        """Tell whether all configurations seem to be open, where SMAC would look for another one for ever."""
        space = self._problem.space
        return self._open.keys() >= set(space.digests(space.sample(self._rng, _DRAWS)))

    def _next(self) -> Vector:
        from smac.main.exceptions import ConfigurationSpaceExhaustedException

        space = self._problem.space
        try:
            with _undisturbed():
                info = self._facade.ask()
        except (ConfigurationSpaceExhaustedException, StopIteration):
            vector: Vector = space.sample(self._rng, 1)[0]
        else:
            vector = space.snap(info.config.get_array()[None, self._order])[0]
            self._open[space.digests(vector[None])[0]] = info
        return vector


def _facade(scenario: Scenario, startup: int, retrain_after: int) -> HyperparameterOptimizationFacade:
    from smac import HyperparameterOptimizationFacade as Facade
    from smac.multi_objective.parego import ParEGO

    return Facade(
        scenario,
        acquisition_maximizer=_maximizer(scenario),
        initial_design=Facade.get_initial_design(scenario, n_configs=startup),
        multi_objective_algorithm=ParEGO(scenario),
        config_selector=Facade.get_config_selector(scenario, retrain_after=retrain_after),
        logging_level=False,
    )


def _maximizer(scenario: Scenario) -> LocalAndSortedRandomSearch:
    """Build SMAC's own, but for an order that differs in every process.

    It starts from a set, whose order is that of salted hashes; here it is that of hashes without salt. An order by
    value would favour small ones among equals.
    """
    from smac import HyperparameterOptimizationFacade as Facade

    maximizer = Facade.get_acquisition_maximizer(scenario)
    search = maximizer._local_search
    starts: Callable[..., list[Configuration]] = search._get_init_points_from_previous_configs

    def in_order(*arguments: object) -> list[Configuration]:
        return sorted(starts(*arguments), key=lambda config: blake2b(config.get_array().tobytes()).digest())

    search._get_init_points_from_previous_configs = in_order  # type: ignore[method-assign,assignment]
    return maximizer


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let SMAC work in one thread and log warnings only, inside the block; outside its verbosity is the user's."""
    from joblib import parallel_config

    logger = logging.getLogger("smac")
    level = logger.level
    logger.setLevel(max(level, logging.WARNING))
    try:
        with warnings.catch_warnings(), one_thread(), parallel_config(backend="sequential"):
            warnings.simplefilter("ignore")  # means of nothing, which its local search takes
            yield
    finally:
        logger.setLevel(level)
