"""The table's own promises as a benchmark; those of every benchmark are in ``tests/contract``."""

from __future__ import annotations

import timeit
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from bagbench.problems import get_problem
from bagbench.problems.errors import InvalidArgument, NotInTable
from bagbench.problems.parameters import Choice
from bagbench.problems.space import Vector
from bagbench.tables.benchmark import TableBenchmark
from bagbench.tables.runs import Entry, runs_from_entries
from bagbench.tables.table import Table

MakeEntry = Callable[..., Entry]
GOLDEN = Path(__file__).parents[1] / "golden" / "table-v1.h5"


def table_of(entries: list[Entry]) -> Table:
    problem = get_problem("digits")
    return Table(problem=problem, runs=runs_from_entries(entries, problem))


@pytest.fixture
def vectors() -> Vector:
    return get_problem("digits").space.sample(np.random.default_rng(2), 30)


@pytest.fixture
def table(make_entry: MakeEntry, vectors: Vector) -> Table:
    return table_of([make_entry(vector) for vector in vectors] + [make_entry(vectors[0], seed=seed) for seed in (7, 3)])


def distance(one: Vector, other: Vector) -> float:
    """Compare two configurations entry by entry, as the documentation says it."""
    total = 0.0
    for x, y, parameter in zip(one, other, get_problem("digits").space.parameters, strict=True):
        if np.isnan(x) and np.isnan(y):
            continue
        if np.isnan(x) or np.isnan(y):
            total += 1.0
        elif isinstance(parameter, Choice):
            total += float(x != y)
        else:
            total += (x - y) ** 2
    return float(np.sqrt(total))


def test_every_stored_run_is_answered_exactly() -> None:
    stored = Table.open(GOLDEN)
    names = ("val_error", "val_loss", "test_error", "train_seconds", "log10_params", "log10_macs")
    bench = TableBenchmark(GOLDEN, objectives=names)
    expected = np.stack([stored.losses(name) for name in names], axis=-1)
    for row, (vector, seed) in enumerate(zip(stored.runs.vectors, stored.runs.seeds.tolist(), strict=True)):
        curve = bench.curve(vector, seed=seed)
        np.testing.assert_array_equal(curve.losses, expected[row])
        np.testing.assert_array_equal(curve.seconds, np.cumsum(stored.runs.curves["train_seconds"][row]))
        np.testing.assert_array_equal(curve.losses[:, 3], curve.seconds)


def test_configuration_not_stored_is_refused_with_the_nearest(table: Table) -> None:
    bench = TableBenchmark(table)
    space = table.problem.space
    for vector in space.sample(np.random.default_rng(5), 40):
        distances = [distance(vector, stored) for stored in table.runs.vectors]
        nearest = space.decode(table.runs.vectors[int(np.argmin(distances))])
        with pytest.raises(NotInTable) as caught:
            bench.query(vector)
        message = str(caught.value)
        assert message.startswith(
            "this configuration is not in the table; the nearest that is, at distance "
            f"{min(distances):.3g}, is {nearest}: "
        )
        assert message.endswith("or write TableBenchmark(..., snap=True) to be answered with the nearest")


def test_snapping_answers_with_the_nearest(table: Table) -> None:
    exact, snapping = TableBenchmark(table), TableBenchmark(table, snap=True)
    for vector in table.problem.space.sample(np.random.default_rng(6), 40):
        nearest = min(table.runs.vectors, key=lambda stored: distance(vector, stored))
        for _ in range(2):  # looked for, then remembered
            np.testing.assert_array_equal(snapping.curve(vector).losses, exact.curve(nearest).losses)


def test_noise_in_the_last_digits_is_no_other_configuration(table: Table) -> None:
    vector = table.runs.vectors[4].copy()
    vector[table.problem.space.index["lr_init"]] *= 1 + 1e-14
    np.testing.assert_array_equal(
        TableBenchmark(table).query(vector).losses, TableBenchmark(table).query(table.runs.vectors[4]).losses
    )


def test_seed_not_stored_is_refused_with_those_that_are(table: Table, vectors: Vector) -> None:
    message = r"^replicate 1 of this configuration is not in the table: expected seed 0, 3, 7; .*snap=True"
    with pytest.raises(NotInTable, match=message):
        TableBenchmark(table).query(vectors[0], seed=1)
    with pytest.raises(NotInTable, match=message):
        TableBenchmark(table).query_batch(vectors[:1], np.array([1]), np.array([1]))


def test_snapping_deals_out_the_stored_replicates(table: Table, vectors: Vector) -> None:
    bench = TableBenchmark(table, snap=True)
    by_seed = [bench.query(vectors[0], seed=seed).losses.tolist() for seed in (0, 3, 7)]
    assert len({tuple(losses) for losses in by_seed}) == 3
    for seed in (1, 2, 4, 5, 6, 8, 9, 1_000_001, -1):
        assert bench.query(vectors[0], seed=seed).losses.tolist() == by_seed[seed % 3]


def test_failed_run_has_no_losses_and_costs_what_it_cost(make_entry: MakeEntry, vectors: Vector) -> None:
    entries = [
        make_entry(vectors[0], epochs=3, status="out_of_memory"),
        make_entry(vectors[1], epochs=0, status="failed"),
        make_entry(vectors[2]),
    ]
    bench = TableBenchmark(table_of(entries), objectives=("val_error", "log10_params"))
    late, early = bench.curve(vectors[0]), bench.curve(vectors[1])
    assert late.status == early.status == "failed"
    assert np.isnan(late.losses[3:]).all()
    assert not np.isnan(late.losses[:3]).any()
    assert np.isnan(early.losses).all()
    np.testing.assert_allclose(late.seconds[-1], sum(entries[0]["curves"]["train_seconds"]), rtol=1e-12)
    assert early.seconds[-1] < 1e-300
    assert bench.query(vectors[0], epochs=3).status == "ok"
    for epochs in (4, 25):
        outcome, point = bench.query(vectors[0], epochs=epochs), bench.curve(vectors[0], epochs=epochs).at(epochs)
        np.testing.assert_array_equal(outcome.losses, point.losses)
        assert (outcome.seconds, outcome.status) == (point.seconds, point.status)
        assert outcome.status == "failed"
    losses, seconds = bench.query_batch(vectors[:3], np.array([4, 4, 4]))
    assert np.isnan(losses).all(axis=1).tolist() == [True, True, False]
    assert seconds[0] == bench.query(vectors[0], epochs=4).seconds


def test_diverged_run_has_the_worst_loss_from_the_epoch_on_in_which_it_diverged(
    make_entry: MakeEntry, vectors: Vector
) -> None:
    entry = make_entry(vectors[0], status="diverged")
    lost = [0.5, 0.4] + [float("nan")] * 23
    entry["curves"] = {**entry["curves"], "train_loss": lost, "val_loss": lost}
    bench = TableBenchmark(table_of([entry]), objectives=("val_loss",))
    assert bench.curve(vectors[0]).losses[:4, 0].tolist() == [0.5, 0.4, 100.0, 100.0]
    assert [bench.query(vectors[0], epochs=epochs).status for epochs in (1, 2, 3, 25)] == [
        "ok",
        "ok",
        "diverged",
        "diverged",
    ]


@pytest.mark.parametrize("snap", [False, True])
def test_epochs_behind_the_end_of_a_stopped_run_are_refused(make_entry: MakeEntry, vectors: Vector, snap: bool) -> None:
    bench = TableBenchmark(table_of([make_entry(vectors[0], epochs=5)]), snap=snap)
    assert bench.query(vectors[0], epochs=5).status == "ok"
    message = "^epoch 25 of this run is not in the table, it was stopped after 5: expected epochs up to 5$"
    for ask in (bench.query, bench.curve):
        with pytest.raises(NotInTable, match=message):
            ask(vectors[0])
    with pytest.raises(NotInTable, match=message):
        bench.query_batch(vectors[:1], np.array([25]))


def test_table_without_runs_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"^the table of 'digits' holds no runs: `bagbench populate` adds some$"):
        TableBenchmark(table_of([]))


def test_query_costs_a_few_microseconds(table: Table, vectors: Vector) -> None:
    bench = TableBenchmark(table, snap=True)
    foreign = table.problem.space.sample(np.random.default_rng(9), 1)[0]
    for vector in (vectors[0], foreign):
        ask = partial(bench.query, vector, epochs=9)
        seconds = min(timeit.repeat(ask, number=500, repeat=9)) / 500
        assert seconds < 20e-6  # 2e-6 on an idle core
