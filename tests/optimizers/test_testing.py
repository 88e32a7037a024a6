"""The contract kit catches what it is there to catch: every broken optimizer below breaks one promise."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from itertools import count
from typing import ClassVar
from unittest import SkipTest

import numpy as np
import pytest

from bagbench.optimizers.base import Query, Result
from bagbench.optimizers.driving import drive
from bagbench.optimizers.synthetic import networks
from bagbench.optimizers.testing import OptimizerContract, check_optimizer
from bagbench.problems.errors import InvalidArgument, InvalidConfiguration
from bagbench.problems.problem import Problem

CONTRACT = OptimizerContract()


class Plain:
    """Independent random configurations at full fidelity."""

    declines: ClassVar[Mapping[str, str]] = {"beats_random_search": "it is random"}

    def __init__(self, problem: Problem, *, seed: int) -> None:
        self.problem = problem
        self.rng = np.random.default_rng(seed)
        self.told = 0

    def ask(self) -> Query | None:
        vector = self.problem.space.sample(self.rng, 1)[0]
        vector.flags.writeable = False
        return Query(config=vector, epochs=self.problem.max_epochs)

    def tell(self, result: Result) -> None:
        self.told += 1

    def plain(self) -> Query:
        query = Plain.ask(self)
        assert query is not None
        return query


ANYTHING = count()


class Unseeded(Plain):
    def __init__(self, problem: Problem, *, seed: int) -> None:
        super().__init__(problem, seed=next(ANYTHING))


class ForgetsConditions(Plain):
    def ask(self) -> Query:
        vector = self.problem.space.sample_all(self.rng, 1)[0]
        vector.flags.writeable = False
        return replace(self.plain(), config=vector)


class AsksTooManyEpochs(Plain):
    def ask(self) -> Query:
        return replace(self.plain(), epochs=self.problem.max_epochs + 1)


class ResumesTheUntrained(Plain):
    def ask(self) -> Query:
        return replace(self.plain(), resume_from=1)


class LeavesVectorsWriteable(Plain):
    def ask(self) -> Query:
        query = self.plain()
        return replace(query, config=query.config.copy())


class WaitsForNothing(Plain):
    def ask(self) -> Query | None:
        return None if self.told == 5 else self.plain()


class ExpectsItsOrder(Plain):
    """Believes that results come in the order of the queries."""

    def __init__(self, problem: Problem, *, seed: int) -> None:
        super().__init__(problem, seed=seed)
        self.open: list[bytes] = []

    def ask(self) -> Query:
        query = self.plain()
        self.open.append(query.config.tobytes())
        return query

    def tell(self, result: Result) -> None:
        assert result.query.config.tobytes() == self.open.pop(0), "out of order"


class KnowsQueriesByIdentity(Plain):
    """Forgets a trial whose query is equal to, but not the same object as, the one that it asked."""

    def __init__(self, problem: Problem, *, seed: int) -> None:
        super().__init__(problem, seed=seed)
        self.open: dict[int, Query] = {}

    def ask(self) -> Query:
        query = self.plain()
        self.open[id(query)] = query
        return query

    def tell(self, result: Result) -> None:
        if id(result.query) in self.open:
            self.rng.random()


class ForgetsThatResultsComeTwice(ExpectsItsOrder):
    def tell(self, result: Result) -> None:
        self.open.remove(result.query.config.tobytes())


class CannotSeeFailures(Plain):
    def tell(self, result: Result) -> None:
        assert not np.isnan(result.losses).any(), "losses must be numbers"


class CountsOnTwoObjectives(Plain):
    def tell(self, result: Result) -> None:
        _, _ = result.losses


class NormalisesByTheSpread(Plain):
    def __init__(self, problem: Problem, *, seed: int) -> None:
        super().__init__(problem, seed=seed)
        self.seen: list[float] = []

    def tell(self, result: Result) -> None:
        self.seen += result.losses[:1].tolist()
        assert len(self.seen) < 3 or np.ptp(self.seen) != 0, "division by zero"


class InsistsOnNews(Plain):
    """Draws again until the configuration is new."""

    def __init__(self, problem: Problem, *, seed: int) -> None:
        super().__init__(problem, seed=seed)
        self.seen: set[bytes] = set()

    def ask(self) -> Query:
        for _ in range(1000):
            query = self.plain()
            if query.config.tobytes() not in self.seen:
                self.seen.add(query.config.tobytes())
                return query
        raise AssertionError("nothing new left")


class ChangesTheLosses(Plain):
    def tell(self, result: Result) -> None:
        losses = result.losses
        losses.setflags(write=False)
        losses -= losses.min()


class ChangesTheProblem(Plain):
    def tell(self, result: Result) -> None:
        object.__setattr__(self.problem, "max_epochs", 26)


class UsesNumpysGlobalGenerator(Plain):
    def ask(self) -> Query:
        np.random.random()  # noqa: NPY002
        return self.plain()


class SeedsTheGlobalGenerator(Plain):
    def __init__(self, problem: Problem, *, seed: int) -> None:
        super().__init__(problem, seed=seed)
        random.seed(seed)


class BoastsOfBeatingChance(Plain):
    declines: ClassVar[Mapping[str, str]] = {}


@pytest.mark.parametrize(
    ("check", "broken", "message"),
    [
        ("same_seed_same_trials", Unseeded, "asked different queries on 'networks'"),
        ("legal_queries_on_a_conditional_space", ForgetsConditions, "NaN exactly where inactive"),
        ("legal_queries_on_a_conditional_space", AsksTooManyEpochs, r"whole number in \[1, 27\], got 28"),
        ("legal_queries_on_a_conditional_space", ResumesTheUntrained, "resume_from=1: no told trial"),
        ("legal_queries_on_a_conditional_space", LeavesVectorsWriteable, "must be read-only"),
        ("legal_queries_on_a_conditional_space", WaitsForNothing, "while no result is outstanding"),
        ("many_workers_and_results_in_any_order", ExpectsItsOrder, "out of order"),
        ("failed_and_diverged_trials", CannotSeeFailures, "must be numbers"),
        ("results_told_twice", ForgetsThatResultsComeTwice, "not in list"),
        ("one_objective", CountsOnTwoObjectives, "not enough values"),
        ("three_objectives", CountsOnTwoObjectives, "too many values"),
        ("constant_objectives", NormalisesByTheSpread, "division by zero"),
        ("space_smaller_than_the_budget", InsistsOnNews, "nothing new left"),
        ("replay_restores_the_state", KnowsQueriesByIdentity, "the next queries differ"),
        ("arguments_stay_as_they_were", ChangesTheLosses, "read-only"),
        ("arguments_stay_as_they_were", ChangesTheProblem, "the problem was changed"),
        ("no_global_random_state", UsesNumpysGlobalGenerator, "global random state was touched"),
        ("no_global_random_state", SeedsTheGlobalGenerator, "global random state was touched"),
        ("beats_random_search", BoastsOfBeatingChance, "does not beat random search"),
    ],
)
def test_a_broken_promise_is_caught(check: str, broken: type[Plain], message: str) -> None:
    expected = (AssertionError, ValueError, InvalidArgument, InvalidConfiguration)
    with pytest.raises(expected, match=message):
        getattr(CONTRACT, f"test_{check}")(broken)
    with pytest.raises(expected):
        check_optimizer(broken)


def test_a_plain_optimizer_passes_and_its_declined_checks_are_reported_with_their_reasons() -> None:
    assert check_optimizer(Plain) == {"beats_random_search": "it is random"}


def test_an_optimizer_with_some_options_fixed_declines_what_it_declines_without() -> None:
    with pytest.raises(SkipTest, match="it is random"):
        CONTRACT.test_beats_random_search(partial(Plain))


def test_the_driver_keeps_workers_busy_and_stops_at_either_budget() -> None:
    benchmark = networks()
    events = drive(Plain(benchmark.problem, seed=0), benchmark, trials=10, workers=4)
    assert sum(isinstance(event, Result) for event in events) == 10
    assert sum(isinstance(event, Query) for event in events) == 10 + 3
    events = drive(Plain(benchmark.problem, seed=0), benchmark, budget_epochs=5 * 27)
    assert sum(isinstance(event, Result) for event in events) == 5
