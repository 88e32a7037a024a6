"""The virtual clock: schedules drawn as Gantt charts with hand-computed answers, laws, and what it refuses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bagbench.optimizers import METHODS, OPTIMIZERS
from bagbench.optimizers.base import Query, Result
from bagbench.problems.benchmark import Benchmark, Outcome
from bagbench.problems.errors import InvalidArgument, InvalidConfiguration
from bagbench.problems.problem import Problem
from bagbench.simulator.history import History
from bagbench.simulator.overhead import ConstantOverhead, MeasuredOverhead, NoOverhead
from bagbench.simulator.simulate import simulate


@dataclass
class Scripted:
    """A benchmark in which the trial with seed i takes ``durations[i]`` seconds and has loss i."""

    problem: Problem
    durations: Sequence[float]
    failing: frozenset[int] = frozenset()

    def query(self, config: object, *, epochs: int | None = None, seed: int = 0) -> Outcome:
        status = "failed" if seed in self.failing else "ok"
        return Outcome(np.array([seed, seed], dtype=float), self.durations[seed], status)


class Clockwork:
    """A benchmark in which every epoch takes two seconds."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem

    def query(self, config: object, *, epochs: int | None = None, seed: int = 0) -> Outcome:
        return Outcome(np.array([1.0, 1.0]), 2.0 * (epochs or 25))


class InOrder:
    """An optimizer whose i-th trial has seed i, in batches (or all at once): None until a batch has been told."""

    def __init__(self, problem: Problem, batch: float = math.inf) -> None:
        self.config = problem.space.sample(np.random.default_rng(0), 1)[0]
        self.batch = batch
        self.asked = 0
        self.told: list[Result] = []

    def ask(self) -> Query | None:
        if self.asked - len(self.told) > 0 and self.asked % self.batch == 0:
            return None
        self.asked += 1
        return Query(config=self.config, epochs=25, seed=self.asked - 1)

    def tell(self, result: Result) -> None:
        self.told.append(result)


class Fixed:
    """An optimizer that asks the given queries one after the other, and then only waits."""

    def __init__(self, *queries: Query | None) -> None:
        self.queries = list(queries)
        self.told: list[Result] = []

    def ask(self) -> Query | None:
        return self.queries.pop(0) if self.queries else None

    def tell(self, result: Result) -> None:
        self.told.append(result)


def gantt(history: History, unit: float) -> str:
    """Draw a history: one line a worker, one character ``unit`` seconds; trials are letters, idle time is dots."""
    lines = [["."] * round(history.finished.max() / unit) for _ in range(history.workers)]
    for i in range(len(history)):
        for column in range(round(history.started[i] / unit), round(history.finished[i] / unit)):
            assert lines[history.worker[i]][column] == "."
            lines[history.worker[i]][column] = chr(ord("a") + i)
    return "\n".join("".join(line) for line in lines)


SCHEDULES = {
    "two workers, ties first in first out": (
        2,
        math.inf,
        0,
        "1000 300 300 300 300 100 200 600 200 200 200 300 200 200 200 600 200 200 300 400",
        """
        aaaaaaaaaafggiijjkkmmooqqrrsss...
        bbbcccdddeeehhhhhhlllnnpppppptttt
        """,
        "300 600 900 1000 1100 1200 1300 1500 1700 1800 1900 2100 2100 2300 2300 2500 2700 2900 3000 3300",
    ),
    "four workers": (
        4,
        math.inf,
        0,
        "1000 400 300 200 200 300 400 200 200 300 200 400 300 200 300 200 300 400 300 100",
        """
        aaaaaaaaaannrrrr
        bbbbggggkkooosss
        cccfffiillllppt.
        ddeehhjjjmmmqqq.
        """,
        "200 300 400 400 600 600 800 800 900 1000 1000 1200 1200 1200 1300 1400 1500 1500 1600 1600",
    ),
    "the optimizer thinks 200 before every trial, one thought at a time": (
        2,
        math.inf,
        200,
        "300 200 600 200 200 400",
        """
        ..aaa..cccccc..ffff
        ....bb...dd..ee....
        """,
        "500 600 1100 1300 1500 1900",
    ),
    "batches of three on two workers": (
        2,
        3,
        0,
        "1000 400 300 300 400 200 200",
        """
        aaaaaaaaaaeeee.gg
        bbbbccc...dddff..
        """,
        "400 700 1000 1300 1400 1500 1700",
    ),
    "batches of three on three workers": (
        3,
        3,
        0,
        "1000 400 300 300 400 200 200",
        """
        aaaaaaaaaaff..gg
        bbbb......eeee..
        ccc.......ddd...
        """,
        "300 400 1000 1200 1300 1400 1600",
    ),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_with_a_known_answer(name: str, toy_problem: Problem) -> None:
    workers, batch, thought, durations, chart, arrivals = SCHEDULES[name]
    lengths = [float(word) for word in durations.split()]
    optimizer = InOrder(toy_problem, batch)
    history = simulate(
        Scripted(toy_problem, lengths),
        optimizer,
        workers=workers,
        budget_evaluations=len(lengths),
        overhead=ConstantOverhead(thought),
    )
    assert gantt(history, 100).split() == chart.split()
    ends = dict(zip(history.seeds.tolist(), history.finished.tolist(), strict=True))
    assert [ends[result.query.seed] for result in optimizer.told] == [float(word) for word in arrivals.split()]


def test_a_trial_that_would_end_after_the_budget_is_censored(toy_problem: Problem) -> None:
    optimizer = InOrder(toy_problem)
    history = simulate(Scripted(toy_problem, [3.0] * 4), optimizer, budget_seconds=7)
    assert gantt(history, 1) == "aaabbbc"
    assert history.status.tolist() == ["ok", "ok", "censored"]
    assert history.finished.tolist() == [3, 6, 7]
    assert np.isnan(history.losses[2]).all()
    assert not np.isnan(history.losses[:2]).any()
    assert [result.query.seed for result in optimizer.told] == [0, 1]


def test_a_trial_that_ends_with_the_budget_counts(toy_problem: Problem) -> None:
    history = simulate(Scripted(toy_problem, [3.0] * 4), InOrder(toy_problem), budget_seconds=6)
    assert history.status.tolist() == ["ok", "ok"]


def test_other_workers_go_on_while_one_is_beyond_the_budget(toy_problem: Problem) -> None:
    history = simulate(Scripted(toy_problem, [9.0, 2, 2, 2]), InOrder(toy_problem), workers=2, budget_seconds=6)
    assert gantt(history, 1).split() == ["aaaaaa", "bbccdd"]
    assert history.status.tolist() == ["censored", "ok", "ok", "ok"]


def test_a_thought_that_the_end_of_the_budget_interrupts_leads_to_no_trial(toy_problem: Problem) -> None:
    optimizer = InOrder(toy_problem)
    benchmark = Scripted(toy_problem, [3.0] * 9)
    history = simulate(benchmark, optimizer, budget_seconds=9, overhead=ConstantOverhead(2))
    assert gantt(history, 1) == "..aaa..bb"
    history = simulate(benchmark, InOrder(toy_problem), budget_seconds=6.5, overhead=ConstantOverhead(2))
    assert history.finished.tolist() == [5]


def test_without_a_budget_the_problems_own_is_spent(toy_problem: Problem, toy_benchmark: Benchmark) -> None:
    history = simulate(toy_benchmark, InOrder(toy_problem))
    assert history.budget_seconds == toy_problem.budget_seconds
    assert history.finished.max() == toy_problem.budget_seconds


@pytest.mark.parametrize(("checkpointing", "ends"), [(True, [6.0, 18.0]), (False, [6.0, 24.0])])
def test_resuming_pays_the_difference_with_checkpoints_only(
    checkpointing: bool, ends: list[float], toy_problem: Problem
) -> None:
    config = InOrder(toy_problem).config
    optimizer = Fixed(Query(config=config, epochs=3), Query(config=config, epochs=9, resume_from=3))
    history = simulate(Clockwork(toy_problem), optimizer, budget_evaluations=2, checkpointing=checkpointing)
    assert history.finished.tolist() == ends
    assert [result.seconds for result in optimizer.told] == [ends[0], ends[1] - ends[0]]


def test_a_failed_run_costs_what_it_costs_and_has_no_losses(toy_problem: Problem) -> None:
    optimizer = InOrder(toy_problem)
    history = simulate(Scripted(toy_problem, [3.0, 4.0], frozenset({0})), optimizer, budget_evaluations=2)
    assert history.finished.tolist() == [3, 7]
    assert history.status.tolist() == ["failed", "ok"]
    assert history.scored.tolist() == [False, True]
    assert np.isnan(history.losses).tolist() == [[True, True], [False, False]]
    assert optimizer.told[0].status == "failed"
    assert np.isnan(optimizer.told[0].losses).all()


def test_results_carry_the_benchmarks_losses(toy_problem: Problem, toy_benchmark: Benchmark) -> None:
    optimizer = InOrder(toy_problem)
    history = simulate(toy_benchmark, optimizer, budget_evaluations=3, workers=2)
    answer = toy_benchmark.query(optimizer.config, epochs=25)
    assert (history.losses == answer.losses).all()
    assert all((result.losses == answer.losses).all() for result in optimizer.told)
    assert history.digests.tolist() == [toy_problem.space.digest(optimizer.config)] * 3


def test_an_optimizer_may_reuse_its_array(toy_problem: Problem, toy_benchmark: Benchmark) -> None:
    vectors = toy_problem.space.sample(np.random.default_rng(1), 4)

    class Reusing(InOrder):
        def ask(self) -> Query | None:
            self.config[:] = vectors[self.asked]
            return super().ask()

    history = simulate(toy_benchmark, Reusing(toy_problem), budget_evaluations=4)
    assert np.array_equal(history.vectors, vectors, equal_nan=True)


def test_measured_thoughts_are_recorded_and_never_charged(toy_problem: Problem, toy_benchmark: Benchmark) -> None:
    free = simulate(toy_benchmark, InOrder(toy_problem), budget_evaluations=5, overhead=NoOverhead())
    measured = simulate(toy_benchmark, InOrder(toy_problem), budget_evaluations=5, overhead=MeasuredOverhead())
    assert (free.thinking == 0).all()
    assert (measured.thinking > 0).all()
    assert measured.thinking.sum() < measured.wall_seconds
    assert measured.digest() == free.digest()


def test_progress_is_told_every_result(toy_problem: Problem) -> None:
    class Heard:
        def __init__(self) -> None:
            self.reached: list[float] = []

        def update(self, done: float, /, total: float | None = None, note: str = "") -> None:
            self.reached.append(done)

    heard = Heard()
    simulate(Scripted(toy_problem, [5.0, 2, 2]), InOrder(toy_problem), workers=2, budget_evaluations=3, progress=heard)
    assert heard.reached == [2, 4, 5]


@pytest.mark.parametrize("name", [name for name, method in METHODS.items() if not method.packages])
def test_a_shipped_optimizer_runs_the_same_race_twice(
    name: str, toy_problem: Problem, toy_benchmark: Benchmark
) -> None:
    first, second = (
        simulate(toy_benchmark, OPTIMIZERS[name](toy_problem, seed=1), workers=3, budget_evaluations=30)
        for _ in range(2)
    )
    assert first.scored.all()
    assert first.digest() == second.digest()


# --- laws ----------------------------------------------------------------------------------------------------------

durations_lists = st.lists(st.integers(1, 20).map(float), min_size=1, max_size=40)
laws = settings(max_examples=60, deadline=None)


@laws
@given(durations=durations_lists, workers=st.integers(1, 5), thought=st.integers(0, 5), budget=st.integers(1, 120))
def test_laws_of_every_schedule(
    durations: list[float], workers: int, thought: int, budget: int, toy_problem: Problem
) -> None:
    optimizer = InOrder(toy_problem)
    history = simulate(
        Scripted(toy_problem, durations),
        optimizer,
        workers=workers,
        budget_seconds=budget,
        budget_evaluations=len(durations),
        overhead=ConstantOverhead(thought),
    )
    told = [result.query.seed for result in optimizer.told]
    assert (np.diff(history.finished[told]) >= 0).all(), "results are told in time order"
    assert (np.diff(history.asked) >= thought).all(), "asks lie a thought apart"
    assert (history.started == history.asked + thought).all()
    assert sorted(told) == np.flatnonzero(history.status == "ok").tolist(), "what is censored is never told"
    assert (history.finished <= budget).all()
    for worker in range(workers):
        mine = history.worker == worker
        assert (history.started[mine][1:] >= history.finished[mine][:-1]).all(), "a worker runs one trial at a time"
    again = simulate(
        Scripted(toy_problem, durations),
        InOrder(toy_problem),
        workers=workers,
        budget_seconds=budget,
        budget_evaluations=len(durations),
        overhead=ConstantOverhead(thought),
    )
    assert again.digest() == history.digest()


@laws
@given(durations=durations_lists, workers=st.integers(1, 5))
def test_workers_are_never_idle_while_there_is_work(durations: list[float], workers: int, toy_problem: Problem) -> None:
    history = simulate(
        Scripted(toy_problem, durations), InOrder(toy_problem), workers=workers, budget_evaluations=len(durations)
    )
    free = [0.0] * workers  # list scheduling: every trial starts when the first worker is free
    for i, duration in enumerate(durations):
        first = int(np.argmin(free))
        assert history.started[i] == free[first]
        free[first] += duration


@laws
@given(durations=durations_lists)
def test_one_worker_is_serial(durations: list[float], toy_problem: Problem) -> None:
    history = simulate(Scripted(toy_problem, durations), InOrder(toy_problem), budget_evaluations=len(durations))
    assert history.finished.tolist() == np.cumsum(durations).tolist()


# --- what it refuses -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("workers", 0, "workers is 0: expected a whole number >= 1"),
        ("workers", 1.5, "workers is 1.5"),
        ("budget_seconds", 0, "budget_seconds is 0: expected a positive"),
        ("budget_seconds", math.nan, "budget_seconds is nan"),
        ("budget_seconds", math.inf, "budget_seconds is inf"),
        ("budget_evaluations", -1, "budget_evaluations is -1"),
        ("budget_evaluations", 2.5, "budget_evaluations is 2.5"),
    ],
)
def test_settings_out_of_range_are_refused(
    name: str, value: float, message: str, toy_problem: Problem, toy_benchmark: Benchmark
) -> None:
    with pytest.raises(InvalidArgument, match=message):
        simulate(toy_benchmark, InOrder(toy_problem), **{name: value})


@pytest.mark.parametrize("seconds", [-1.0, math.nan, math.inf])
def test_an_impossible_overhead_is_refused(seconds: float) -> None:
    with pytest.raises(InvalidArgument, match="expected a finite number >= 0"):
        ConstantOverhead(seconds)


def test_an_optimizer_that_waits_for_nothing_is_refused(toy_benchmark: Benchmark) -> None:
    with pytest.raises(InvalidArgument, match=r"Fixed\.ask\(\) returned None at 0 .* no result will ever come"):
        simulate(toy_benchmark, Fixed())


def test_waiting_for_a_trial_beyond_the_budget_ends_the_race(toy_problem: Problem) -> None:
    history = simulate(Scripted(toy_problem, [9.0, 2.0]), InOrder(toy_problem, batch=2), workers=2, budget_seconds=5)
    assert history.status.tolist() == ["censored", "ok"]


@pytest.mark.parametrize(("epochs", "resume_from"), [(0, 0), (26, 0), (5, 5), (5, -1)])
def test_impossible_epochs_are_refused(
    epochs: int, resume_from: int, toy_problem: Problem, toy_benchmark: Benchmark
) -> None:
    query = Query(config=InOrder(toy_problem).config, epochs=epochs, resume_from=resume_from)
    with pytest.raises(InvalidArgument, match=f"Fixed asked for epochs {resume_from} to {epochs}: expected"):
        simulate(toy_benchmark, Fixed(query), budget_evaluations=1)


@pytest.mark.parametrize("trained", [[], [{"epochs": 4}], [{"epochs": 3, "seed": 1}]])
def test_resuming_what_was_never_trained_is_refused(
    trained: list[dict[str, int]], toy_problem: Problem, toy_benchmark: Benchmark
) -> None:
    config = InOrder(toy_problem).config
    queries = [Query(config=config, **arguments) for arguments in trained]
    optimizer = Fixed(*queries, Query(config=config, epochs=9, resume_from=3))
    with pytest.raises(InvalidArgument, match="resume a configuration from epoch 3, but no finished trial"):
        simulate(toy_benchmark, optimizer, budget_evaluations=5)


def test_a_running_trial_leaves_no_checkpoint_yet(toy_problem: Problem, toy_benchmark: Benchmark) -> None:
    config = InOrder(toy_problem).config
    optimizer = Fixed(Query(config=config, epochs=3), Query(config=config, epochs=9, resume_from=3))
    with pytest.raises(InvalidArgument, match="no finished trial"):
        simulate(toy_benchmark, optimizer, workers=2, budget_evaluations=5)


def test_an_illegal_configuration_is_refused_by_the_optimizers_name(
    toy_problem: Problem, toy_benchmark: Benchmark
) -> None:
    config = np.full(len(toy_problem.space), 2.0)
    with pytest.raises(InvalidConfiguration, match="Fixed asked for an illegal configuration: vector 0, entry 0"):
        simulate(toy_benchmark, Fixed(Query(config=config, epochs=5)), budget_evaluations=1)


def test_an_illegal_configuration_is_the_reason_if_the_benchmark_fails_on_it(toy_problem: Problem) -> None:
    config = np.full(len(toy_problem.space), 2.0)
    with pytest.raises(InvalidConfiguration, match="Fixed asked for an illegal configuration"):
        simulate(Scripted(toy_problem, []), Fixed(Query(config=config, epochs=5)), budget_evaluations=1)


def test_the_benchmarks_own_error_is_passed_on_for_a_legal_configuration(toy_problem: Problem) -> None:
    with pytest.raises(IndexError):
        simulate(Scripted(toy_problem, []), InOrder(toy_problem), budget_evaluations=1)


@pytest.mark.parametrize("config", [np.zeros(3), np.zeros((1, 13)), np.zeros(13, dtype=int), {"lr_init": 0.1}])
def test_what_is_not_a_vector_is_refused(config: object, toy_benchmark: Benchmark) -> None:
    query = Query(config=config, epochs=5)  # type: ignore[arg-type]
    with pytest.raises(InvalidConfiguration, match=r"Fixed asked for .* expected a float64 vector of shape \(13,\)"):
        simulate(toy_benchmark, Fixed(query), budget_evaluations=1)


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.nan])
def test_a_benchmark_that_charges_nothing_is_refused(seconds: float, toy_problem: Problem) -> None:
    with pytest.raises(InvalidArgument, match=f"the benchmark charges {seconds} seconds"):
        simulate(Scripted(toy_problem, [seconds]), InOrder(toy_problem), budget_evaluations=1)


def test_a_history_can_be_empty(toy_problem: Problem, toy_benchmark: Benchmark) -> None:
    history = simulate(toy_benchmark, InOrder(toy_problem), budget_seconds=1, overhead=ConstantOverhead(2))
    assert len(history) == 0
    assert history.losses.shape == (0, 2)
    assert history.vectors.shape == (0, 13)
    assert replace(history, seed=1).digest() == history.digest()
