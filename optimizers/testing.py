"""Contract tests for anybody's optimizer.

Without pytest, ``check_optimizer(MyOptimizer)`` runs them all and raises an AssertionError that names what is broken.
With pytest, inherit the class and say in one fixture what to test::

    class TestMyOptimizer(OptimizerContract):
        @pytest.fixture
        def optimizer(self):
            return MyOptimizer

An optimizer that cannot do something by its nature says so in a class attribute, and the check is skipped with that
reason: ``declines = {"three_objectives": "its closed form is for two"}``. The names are those of the tests.
"""

from __future__ import annotations

import math
import random
import statistics
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, partial, wraps
from typing import ClassVar
from unittest import SkipTest

import numpy as np

from ..problems.problem import Losses, Problem
from .base import Optimizer, Query, Result
from .catalogue import OptimizerClass
from .driving import TRIALS, Answer, asked, drive, identity, require, score, told
from .synthetic import TRADEOFF_HYPERVOLUME, SyntheticBenchmark, flat, networks, single, tiny, tradeoff

_SEEDS = 3
_FULL_TRAININGS = 60
_FAILURES = ("failed", "out_of_memory")


def _failing(period: int) -> Answer:
    """Let every ``period``-th trial fail, in turns, and the one after it diverge, far outside the reference box."""

    def answer(benchmark: SyntheticBenchmark, query: Query, count: int) -> Result:
        result = score(benchmark, query, count)
        if count % period == 0:
            status = _FAILURES[count // period % len(_FAILURES)]
            return replace(result, losses=_frozen(np.full_like(result.losses, np.nan)), status=status)
        if count % period == 1:
            return replace(result, losses=_frozen(np.full_like(result.losses, 1e6)), status="diverged")
        return result

    return answer


def _frozen(losses: Losses) -> Losses:
    losses.flags.writeable = False
    return losses


def _rebuilt(result: Result) -> Result:
    """Rebuild a result as if it had been read from a file: equal, but made of other objects."""
    query = replace(result.query, config=_frozen(result.query.config.copy()))
    return replace(result, query=query, losses=_frozen(result.losses.copy()))


def _random_states() -> list[object]:
    """Give the states of all global generators, in comparable form."""
    states: list[object] = [random.getstate(), str(np.random.get_state(legacy=False))]  # noqa: NPY002
    torch = sys.modules.get("torch")
    return [*states, torch.get_rng_state().tolist()] if torch else states


def _hypervolume(losses: Losses, problem: Problem) -> float:
    import moocore

    return float(moocore.hypervolume(np.minimum(losses, problem.reference_point), ref=problem.reference_point))


@cache
def _random_hypervolume() -> float:
    """Median over seeds of what random search reaches on `tradeoff`."""
    benchmark = tradeoff()
    problem = benchmark.problem
    epochs = np.full(_FULL_TRAININGS, problem.max_epochs)
    samples = [problem.space.sample(np.random.default_rng(seed), _FULL_TRAININGS) for seed in range(25)]
    return statistics.median(_hypervolume(benchmark.query_batch(vectors, epochs)[0], problem) for vectors in samples)


def _reached_hypervolume(optimizer: Optimizer) -> float:
    """Hypervolume on `tradeoff` after as many epochs; training on is charged only the difference."""
    benchmark = tradeoff()
    budget = _FULL_TRAININGS * benchmark.problem.max_epochs
    losses = [result.losses for result in told(drive(optimizer, benchmark, trials=math.inf, budget_epochs=budget))]
    return _hypervolume(np.array(losses), benchmark.problem)


def _declinable(check: Callable[[OptimizerContract, OptimizerClass], None]) -> Callable[..., None]:
    """Skip a check that the optimizer declines, with the reason that it gives."""
    name = check.__name__.removeprefix("test_")

    @wraps(check)
    def run(self: OptimizerContract, optimizer: OptimizerClass) -> None:
        method = optimizer.func if isinstance(optimizer, partial) else optimizer
        reason = getattr(method, "declines", {}).get(name)
        if reason:
            raise SkipTest(reason)
        check(self, optimizer)

    return run


class OptimizerContract:
    """What every optimizer keeps; a subclass provides the fixture ``optimizer``."""

    long_trials: ClassVar[int] = 2 * TRIALS
    """Length of the longer checks; 40 will do for a method that knows no generations and thinks for seconds."""

    @_declinable
    def test_same_seed_same_trials(self, optimizer: OptimizerClass) -> None:
        """Two optimizers of one seed ask the same."""
        for benchmark in (networks(), tradeoff()):
            first, second = (drive(optimizer(benchmark.problem, seed=7), benchmark, workers=3) for _ in range(2))
            same = asked(first, benchmark.problem) == asked(second, benchmark.problem)
            require(same, f"two runs with one seed asked different queries on {benchmark.problem.name!r}")

    @_declinable
    def test_legal_queries_on_a_conditional_space(self, optimizer: OptimizerClass) -> None:
        """Queries are legal and canonical, whatever kinds of parameters there are; `drive` looks at each."""
        for seed in range(_SEEDS):
            drive(optimizer(networks().problem, seed=seed), networks(), trials=self.long_trials)

    @_declinable
    def test_many_workers_and_results_in_any_order(self, optimizer: OptimizerClass) -> None:
        """Open queries, delays and overtaking do no harm."""
        for workers in (2, 16):
            drive(optimizer(networks().problem, seed=0), networks(), workers=workers, trials=self.long_trials)

    @_declinable
    def test_failed_and_diverged_trials(self, optimizer: OptimizerClass) -> None:
        """Failures have no losses, divergence has terrible ones; the search goes on."""
        for period in (1, 2, 3):
            drive(optimizer(networks().problem, seed=0), networks(), workers=2, answer=_failing(period))

    @_declinable
    def test_results_told_twice(self, optimizer: OptimizerClass) -> None:
        """A result that comes again does no harm."""
        inner = optimizer(networks().problem, seed=0)

        def answer(benchmark: SyntheticBenchmark, query: Query, count: int) -> Result:
            result = score(benchmark, query, count)
            inner.tell(result)
            return result

        drive(inner, networks(), workers=2, answer=answer)

    @_declinable
    def test_one_objective(self, optimizer: OptimizerClass) -> None:
        """One objective is a special case of several."""
        benchmark = networks().with_objectives(["error"])
        drive(optimizer(benchmark.problem, seed=0), benchmark)

    @_declinable
    def test_three_objectives(self, optimizer: OptimizerClass) -> None:
        """Nothing counts on two objectives."""
        benchmark = networks().with_objectives(["error", "log_size", "energy"])
        drive(optimizer(benchmark.problem, seed=0), benchmark)

    @_declinable
    def test_constant_objectives(self, optimizer: OptimizerClass) -> None:
        """Objectives that are the same everywhere have no spread to divide by."""
        drive(optimizer(flat().problem, seed=0), flat())

    @_declinable
    def test_space_smaller_than_the_budget(self, optimizer: OptimizerClass) -> None:
        """Used-up spaces neither end nor hang the search."""
        for benchmark in (tiny(), single()):
            drive(optimizer(benchmark.problem, seed=0), benchmark, workers=3)

    @_declinable
    def test_replay_restores_the_state(self, optimizer: OptimizerClass) -> None:
        """After the same asks and tells, with results as read from a file, the search goes on alike."""
        problem = networks().problem
        original, restored = optimizer(problem, seed=3), optimizer(problem, seed=3)
        for event in drive(original, networks(), workers=3):
            if isinstance(event, Result):
                restored.tell(_rebuilt(event))
            else:
                restored.ask()
        expected, got = (
            [identity(query, problem, query.epochs) for query in (one.ask() for _ in range(3)) if query is not None]
            for one in (original, restored)
        )
        require(expected == got, "after a replay of the same asks and tells the next queries differ")

    @_declinable
    def test_arguments_stay_as_they_were(self, optimizer: OptimizerClass) -> None:
        """Configurations, losses and the problem belong to everybody."""
        problem = networks().problem
        before = repr(problem)
        copies: list[tuple[Result, Result]] = []

        def answer(benchmark: SyntheticBenchmark, query: Query, count: int) -> Result:
            result = score(benchmark, query, count)
            copies.append((result, _rebuilt(result)))
            return result

        drive(optimizer(problem, seed=0), networks(), answer=answer)
        require(repr(problem) == before, "the problem was changed")
        for result, copy in copies:
            require(np.array_equal(result.losses, copy.losses), "the losses of a result were changed")
            same = np.array_equal(result.query.config, copy.query.config, equal_nan=True)
            require(same, "the configuration of a query was changed after it was asked")

    @_declinable
    def test_no_global_random_state(self, optimizer: OptimizerClass) -> None:
        """Neither drawn from nor seeded: ``random``, numpy's global generator, and torch's where it is loaded."""
        drive(optimizer(networks().problem, seed=1), networks(), trials=1)  # loads what it needs
        before = _random_states()
        drive(optimizer(networks().problem, seed=0), networks())
        require(_random_states() == before, "a global random state was touched")

    @_declinable
    def test_beats_random_search(self, optimizer: OptimizerClass) -> None:
        """On a problem with a known front, after the epochs of 60 full trainings, in the median.

        The margin, a tenth of what random search leaves, is what chance does not reach.
        """
        reached = [_reached_hypervolume(optimizer(tradeoff().problem, seed=seed)) for seed in range(_SEEDS)]
        require(max(reached) <= TRADEOFF_HYPERVOLUME, "more hypervolume than there is")
        found, chance = statistics.median(reached), _random_hypervolume()
        needed = chance + 0.1 * (TRADEOFF_HYPERVOLUME - chance)
        require(
            found > needed,
            f"hypervolume {found:.3f} does not beat random search, which reaches {chance:.3f} of "
            f"{TRADEOFF_HYPERVOLUME:.3f}: {needed:.3f} were needed",
        )


def check_optimizer(optimizer: OptimizerClass) -> Mapping[str, str]:
    """Run the whole contract.

    Parameters
    ----------
    optimizer
        Called as ``optimizer(problem, seed=...)``.

    Returns
    -------
    declined
        Names of the checks that the optimizer declines, with its reasons.

    Raises
    ------
    AssertionError
        If a check fails; its traceback names the check.
    """
    contract = OptimizerContract()
    names = [name for name in vars(OptimizerContract) if name.startswith("test_")]
    reasons = {name.removeprefix("test_"): _reason(getattr(contract, name), optimizer) for name in names}
    return {name: reason for name, reason in reasons.items() if reason}


def _reason(check: Callable[[OptimizerClass], None], optimizer: OptimizerClass) -> str:
    """Run a check; give the reason if it is declined."""
    try:
        check(optimizer)
    except SkipTest as skipped:
        return str(skipped)
    return ""
