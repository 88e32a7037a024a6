"""Somebody's own runs become a table as they are, or a list of what is wrong with them."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bagbench.problems.errors import BadRows, InvalidArgument
from bagbench.problems.space import Space
from bagbench.tables.benchmark import TableBenchmark
from bagbench.tables.importing import Imported, import_runs, number_replicates
from bagbench.tables.layout import Goal, Layout
from bagbench.tables.sheets import Sheet, read_sheet
from bagbench.tables.table import Table

SPACE = Space.from_document(
    {
        "name": "mine",
        "hyperparameters": [
            {"type": "uniform_float", "name": "lr", "lower": 1e-4, "upper": 1.0, "log": True},
            {"type": "categorical", "name": "layers", "choices": [1, 2], "default_value": 1},
            {"type": "categorical", "name": "norm", "choices": ["none", "batch"], "default_value": "none"},
            {"type": "uniform_int", "name": "second", "lower": 1, "upper": 64},
        ],
        "conditions": [{"type": "IN", "child": "second", "parent": "layers", "values": [2]}],
    }
)
GOALS = (Goal(name="accuracy", maximize=True, reference=0.0, ideal=1.0), Goal(name="size", reference=100.0, ideal=0.0))
ONE_ROW = Layout(goals=GOALS, cost="seconds")
HEAD = "lr,layers,norm,second,accuracy,size,seconds"

Write = Callable[..., Sheet]


@pytest.fixture
def sheet(tmp_path: Path) -> Write:
    """Give a function that writes lines to a CSV file and reads it."""

    def write(*lines: str, head: str = HEAD) -> Sheet:
        path = tmp_path / "runs.csv"
        path.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
        return read_sheet(path)

    return write


def run_of(table: Table, seed: int = 0, **config: object) -> int:
    digest = SPACE.digest(config).encode()  # type: ignore[arg-type]
    (row,) = np.flatnonzero((table.runs.digests == digest) & (table.runs.seeds == seed))
    return int(row)


def test_a_row_is_a_run_with_its_own_values(sheet: Write) -> None:
    imported = import_runs(sheet("0.01,2,batch,7,0.9,12,30", "0.1,1,none,,0.8,3,5.5"), SPACE, ONE_ROW, name="mine")
    table = imported.table
    row = run_of(table, lr=0.01, layers=2, norm="batch", second=7)
    assert table.runs.curves["accuracy"][row].tolist() == [0.9]
    assert table.runs.curves["train_seconds"][row].tolist() == [30.0]
    assert table.losses("accuracy")[row].tolist() == [-0.9]
    assert table.losses("size")[row].tolist() == [12.0]
    assert run_of(table, lr=0.1, layers=1, norm="none") != row
    assert set(table.runs.status) == {b"ok"}
    assert (table.problem.min_epochs, table.problem.max_epochs) == (1, 1)
    assert table.problem.known == {}
    assert np.isnan(table.runs.started).all()
    assert all("runs.csv" in text for text in table.runs.environments)


def test_a_table_says_the_same_after_it_was_saved(sheet: Write, tmp_path: Path) -> None:
    made = import_runs(sheet("0.01,2,batch,7,0.9,12,30", "0.1,1,none,,,3,5.5"), SPACE, ONE_ROW, name="mine").table
    made.save(tmp_path / "mine.h5")
    table = Table.open(tmp_path / "mine.h5")
    assert table.problem == made.problem
    np.testing.assert_allclose(table.runs.vectors, made.runs.vectors, atol=1e-12)
    for name in ("digests", "seeds", "status", "started"):
        np.testing.assert_array_equal(getattr(table.runs, name), getattr(made.runs, name))
    np.testing.assert_array_equal(table.losses("accuracy"), made.losses("accuracy"))
    assert table.runs.errors == made.runs.errors


def test_the_order_of_rows_does_not_matter(sheet: Write, tmp_path: Path) -> None:
    lines = ["0.01,1,none,,0.9,12,30", "0.1,1,none,,0.8,3,5.5", "0.2,1,none,,0.7,3,5.5"]
    one, other = (import_runs(sheet(*order), SPACE, ONE_ROW, name="mine").table for order in (lines, lines[::-1]))
    np.testing.assert_array_equal(one.runs.vectors, other.runs.vectors)
    np.testing.assert_array_equal(one.losses("accuracy"), other.losses("accuracy"))


def test_repeated_configurations_are_replicates(sheet: Write) -> None:
    table = import_runs(
        sheet("0.01,1,none,,0.9,12,30", "0.1,1,none,,0.5,3,5", "0.01,1,none,,0.8,12,31"), SPACE, ONE_ROW, name="mine"
    ).table
    accuracies = [
        table.runs.curves["accuracy"][run_of(table, seed, lr=0.01, layers=1, norm="none"), 0] for seed in (0, 1)
    ]
    assert accuracies == [0.9, 0.8]


def test_seeds_are_kept_and_seeds_given_twice_are_moved(sheet: Write) -> None:
    layout = Layout(goals=GOALS, cost="seconds", seed="seed")
    lines = ["0.01,1,none,,0.9,12,30,0", "0.01,1,none,,0.8,12,31,0", "0.01,1,none,,0.7,12,32,1"]
    imported = import_runs(sheet(*lines, head=HEAD + ",seed"), SPACE, layout, name="mine")
    curves, config = imported.table.runs.curves["accuracy"], {"lr": 0.01, "layers": 1, "norm": "none"}
    assert [curves[run_of(imported.table, seed, **config), 0] for seed in (0, 1, 2)] == [0.9, 0.7, 0.8]
    assert any(note.startswith("1 runs repeat configuration and seed") for note in imported.notes)


def test_replicates_without_a_seed_take_the_least_free_number() -> None:
    assert number_replicates(["a", "b", "a", "a"], None) == [0, 0, 1, 2]
    assert number_replicates(["a", "a", "a", "b"], [1, 1, 0, 7]) == [1, 2, 0, 7]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("0.1,1,none,,,3,5.5", "accuracy is missing"),
        ("0.1,1,none,,NaN,3,5.5", "accuracy is missing"),
        ("0.1,1,none,,0.5,inf,5.5", "size is inf"),
        ("0.1,1,none,,0.5,-inf,5.5", "size is -inf"),
        ("0.1,1,none,,0.5,3,", "seconds is missing"),
    ],
)
def test_value_that_is_missing_or_not_finite_makes_a_failed_run(line: str, reason: str, sheet: Write) -> None:
    imported = import_runs(sheet("0.01,1,none,,0.9,12,30", line), SPACE, ONE_ROW, name="mine")
    table = imported.table
    row = run_of(table, lr=0.1, layers=1, norm="none")
    assert table.runs.status[row] == b"failed"
    assert table.runs.errors[row] == f"row 3 of runs.csv: {reason}"
    assert any(f"1 of 2 rows, kept as failed runs (row 3: {reason})" in note for note in imported.notes)
    outcome = TableBenchmark(table).query({"lr": 0.1, "layers": 1, "norm": "none"})
    assert outcome.status == "failed"
    assert np.isnan(outcome.losses).all()
    assert outcome.seconds == (5.5 if line.endswith("5.5") else pytest.approx(0, abs=1e-300))


# --- curves ----------------------------------------------------------------------------------------------------------

CURVES = Layout(goals=GOALS, cost="seconds", run="run", epoch="epoch")
CURVE_HEAD = "run,epoch," + HEAD


def curve(run: str, epochs: str, config: str = "0.01,1,none,", seconds: str = "2,3,4") -> list[str]:
    times = seconds.split(",")
    return [f"{run},{e},{config},0.{e},{e},{times[i]}" for i, e in enumerate(epochs)]


def test_rows_of_a_run_are_its_epochs_in_whatever_order_they_come(sheet: Write) -> None:
    lines = curve("a", "123") + curve("b", "123", "0.1,1,none,")
    shuffled = [lines[i] for i in (4, 0, 5, 2, 1, 3)]
    for layout, order in ((CURVES, shuffled), (Layout(goals=GOALS, cost="seconds", run="run"), lines)):
        table = import_runs(sheet(*order, head=CURVE_HEAD), SPACE, layout, name="mine").table
        assert table.problem.max_epochs == 3
        answer = TableBenchmark(table).curve({"lr": 0.1, "layers": 1, "norm": "none"})
        assert answer.losses.tolist() == [[-0.1, 1], [-0.2, 2], [-0.3, 3]]
        assert answer.seconds.tolist() == [2, 5, 9]


def test_seconds_from_the_start_of_a_run_are_told_apart_by_its_owner(sheet: Write) -> None:
    lines = curve("a", "123") + curve("b", "123", "0.1,1,none,")
    total = Layout(goals=GOALS, cost="seconds", is_cumulative=True, run="run", epoch="epoch")
    imported = import_runs(sheet(*lines, head=CURVE_HEAD), SPACE, total, name="mine")
    assert imported.table.runs.curves["train_seconds"].tolist() == [[2, 1, 1]] * 2
    assert not any(":total" in note for note in imported.notes)
    alone = import_runs(sheet(*lines, head=CURVE_HEAD), SPACE, CURVES, name="mine")
    assert any("import again with --cost seconds:total" in note for note in alone.notes)


def test_run_fails_in_the_first_epoch_that_lacks_a_value(sheet: Write) -> None:
    lines = curve("a", "123") + curve("b", "123", "0.1,1,none,")
    lines[4] = "b,2,0.1,1,none,,nan,2,3"
    lines[5] = "b,3,0.1,1,none,,nan,3,4"
    table = import_runs(sheet(*lines, head=CURVE_HEAD), SPACE, CURVES, name="mine").table
    config = {"lr": 0.1, "layers": 1, "norm": "none"}
    assert table.runs.errors[run_of(table, **config)] == "row 6 of runs.csv: accuracy is missing"
    benchmark = TableBenchmark(table)
    assert [benchmark.query(config, epochs=epoch).status for epoch in (1, 2, 3)] == ["ok", "failed", "failed"]
    assert benchmark.query(config, epochs=1).losses.tolist() == [-0.1, 1]
    assert benchmark.query(config, epochs=2).seconds == 5


def test_stopped_runs_are_kept_but_answer_no_race(sheet: Write) -> None:
    lines = curve("a", "123") + curve("b", "12", "0.1,1,none,")
    imported = import_runs(sheet(*lines, head=CURVE_HEAD), SPACE, CURVES, name="mine")
    config = {"lr": 0.1, "layers": 1, "norm": "none"}
    assert any(note.startswith("1 of 2 runs stop before epoch 3") for note in imported.notes)
    assert TableBenchmark(imported.table).query(config, epochs=2).losses.tolist() == [-0.2, 2]
    racing = TableBenchmark(imported.table, snap=True)
    assert racing.query(config, epochs=3).losses.tolist() == [-0.3, 3]
    assert racing.query(config, epochs=2).seconds < racing.query(config, epochs=3).seconds


# --- fixed points ----------------------------------------------------------------------------------------------------


def import_with(goals: tuple[Goal, ...], sheet: Sheet, **options: float) -> Imported:
    return import_runs(sheet, SPACE, Layout(goals=goals, cost="seconds"), name="mine", **options)


def test_points_that_are_not_said_lie_a_tenth_of_the_range_beyond_the_runs(sheet: Write) -> None:
    lines = ["0.01,1,none,,0.9,12,30", "0.1,1,none,,0.4,32,50", "0.2,1,none,,0.6,22,10"]
    goals = (Goal(name="accuracy", maximize=True), Goal(name="size"))
    imported = import_with(goals, sheet(*lines))
    problem = imported.table.problem
    assert problem.reference_point.tolist() == pytest.approx([-0.35, 34])
    assert problem.ideal_point.tolist() == pytest.approx([-0.95, 10])
    assert problem.title.endswith("; reference and ideal of accuracy, size were taken from these runs")
    assert any("--reference accuracy=0.35 --ideal accuracy=0.95" in note for note in imported.notes)
    repeated = tuple(
        Goal(
            name=goal.name,
            maximize=goal.maximize,
            reference=goal.sign * metric.reference,
            ideal=goal.sign * metric.ideal,
        )
        for goal, metric in zip(goals, problem.objectives, strict=True)
    )
    again = import_with(repeated, sheet(*lines[:2])).table.problem
    assert again.objectives == problem.objectives


def test_points_that_are_said_are_the_problems(sheet: Write) -> None:
    imported = import_runs(sheet("0.01,1,none,,0.9,12,30", "0.1,1,none,,0.4,32,50"), SPACE, ONE_ROW, name="mine")
    problem = imported.table.problem
    assert problem.reference_point.tolist() == [0, 100]
    assert problem.ideal_point.tolist() == [-1, 0]
    assert not any("taken from these runs" in text for text in (problem.title, *imported.notes))


def test_reference_that_a_few_bad_runs_set_is_called_out(sheet: Write) -> None:
    lines = [f"0.0{i},1,none,,0.9,{i},30" for i in range(1, 8)] + ["0.9,1,none,,0.9,1e6,30"]
    notes = import_with((Goal(name="size"),), sheet(*lines)).notes
    assert any("so a few bad ones set the reference" in note for note in notes)


def test_an_objective_that_never_changes_still_has_room_between_its_points(sheet: Write) -> None:
    problem = import_with((Goal(name="size"),), sheet("0.1,1,none,,0.9,12,30")).table.problem
    assert problem.ideal_point[0] < 12 < problem.reference_point[0]


@pytest.mark.parametrize(
    ("goal", "values", "bounds"),
    [
        (Goal(name="size"), (0, 5), (0, np.inf)),
        (Goal(name="size"), (-1, 5), (-np.inf, np.inf)),
        (Goal(name="size", maximize=True), (1, 5), (-np.inf, 0)),
        (Goal(name="size", maximize=True), (-1, 5), (-np.inf, np.inf)),
    ],
)
def test_what_is_never_negative_cannot_be(
    goal: Goal, values: tuple[int, int], bounds: tuple[float, float], sheet: Write
) -> None:
    lines = [f"0.{i},1,none,,0.9,{value},30" for i, value in enumerate(values, start=1)]
    assert import_with((goal,), sheet(*lines)).table.problem.objectives[0].bounds == bounds


def test_a_race_may_spend_a_hundred_mean_runs_or_what_is_said(sheet: Write) -> None:
    lines = ("0.01,1,none,,0.9,12,30", "0.1,1,none,,0.4,32,50")
    assert import_with(GOALS, sheet(*lines)).table.problem.budget_seconds == 4000
    assert import_with(GOALS, sheet(*lines), budget_seconds=7.0).table.problem.budget_seconds == 7


def test_metric_of_a_special_name_is_what_its_column_says(sheet: Write) -> None:
    head = HEAD.replace("size", "val_error")
    imported = import_runs(
        sheet("0.1,1,none,,0.9,12,30", head=head),
        SPACE,
        Layout(goals=(Goal(name="val_error", reference=100, ideal=0),), cost="seconds"),
        name="mine",
    )
    assert imported.table.losses("val_error").tolist() == [[12]]


def test_seconds_may_be_an_objective(sheet: Write) -> None:
    head = HEAD.replace("seconds", "train_seconds")
    layout = Layout(goals=(Goal(name="train_seconds"), Goal(name="size")), cost="train_seconds")
    table = import_runs(sheet("0.1,1,none,,0.9,12,30", head=head), SPACE, layout, name="mine").table
    assert [metric.name for metric in table.problem.metrics] == ["train_seconds", "size"]
    assert TableBenchmark(table).query(table.runs.vectors[0]).losses.tolist() == [30, 12]


# --- mistakes --------------------------------------------------------------------------------------------------------

MISTAKES = {
    "no number": (
        "0.1,1,none,,good,3,5",
        r"no number in column 'accuracy' in a row \(row 3: 'good'\): expected a number",
    ),
    "number with a line in it": ("0.1,1,none,,1_0,3,5", r"no number in column 'accuracy' in a row \(row 3: '1_0'\)"),
    "out of range": (
        "2.5,1,none,,0.9,3,5",
        r"'lr' is outside the space in a row \(row 3: '2.5'\): expected a number in",
    ),
    "word for a number": ("big,1,none,,0.9,3,5", r"'lr' is outside the space in a row \(row 3: 'big'\)"),
    "broken whole number": (
        "0.1,2,none,1.5,0.9,3,5",
        r"'second' is outside the space .*: expected an integer in \[1, 64\]",
    ),
    "unknown choice": ("0.1,1,layer,,0.9,3,5", r"'norm' is outside the space .*'layer'\): expected one of none, batch"),
    "missing parameter": (",1,none,,0.9,3,5", r"no 'lr' in a row \(row 3: empty\): .*, or a condition that says when"),
    "missing child": (
        "0.1,2,none,,0.9,3,5",
        r"no 'second' in a row \(row 3: empty\): expected an integer in \[1, 64\]$",
    ),
    "inactive child": (
        "0.1,1,none,7,0.9,3,5",
        r"'second' where it is inactive .*: expected an empty cell unless layers",
    ),
    "no time": ("0.1,1,none,,0.9,3,0", r"no time passes in column 'seconds' .*'0'\): expected seconds above 0"),
    "negative time": ("0.1,1,none,,0.9,3,-1", r"no time passes in column 'seconds'"),
    "too few cells": ("0.1,1,none", r"not as many cells as there are columns in a row \(row 3: 3\): expected 7 cells"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_row_that_cannot_be_understood_is_told_with_its_number(mistake: str, sheet: Write) -> None:
    line, message = MISTAKES[mistake]
    with pytest.raises(BadRows, match=message) as caught:
        import_runs(sheet("0.01,1,none,,0.9,12,30", line), SPACE, ONE_ROW, name="mine")
    assert len(caught.value.complaints) == 1


def test_mistakes_of_many_rows_are_counted_and_shown_by_example(sheet: Write) -> None:
    lines = ["7,1,none,,0.9,12,30"] * 5 + ["0.1,1,none,,bad,12,30"]
    with pytest.raises(BadRows) as caught:
        import_runs(sheet(*lines), SPACE, ONE_ROW, name="mine")
    first, second = caught.value.complaints
    assert "'lr' is outside the space in 5 rows (row 2: '7', row 3: '7', row 4: '7', and 2 more)" in first
    assert "no number in column 'accuracy' in a row (row 7: 'bad')" in second


CURVE_MISTAKES = {
    "gap": (curve("b", "13", "0.1,1,none,"), r"an epoch of column 'epoch' behind a gap in a row \(row 6: '3'\)"),
    "from 0": (["b,0,0.1,1,none,,0.9,3,5"], r"no whole number in column 'epoch' .*'0'\): expected a whole number, 1"),
    "broken": (["b,1.5,0.1,1,none,,0.9,3,5"], r"no whole number in column 'epoch' .*'1.5'"),
    "missing": (["b,,0.1,1,none,,0.9,3,5"], r"no whole number in column 'epoch' .*empty"),
    "twice": (curve("b", "11", "0.1,1,none,"), r"an epoch of column 'epoch' twice in its run in a row \(row 6: '1'\)"),
    "no run": ([",1,0.1,1,none,,0.9,3,5"], r"no run in column 'run' .*empty\): expected a name or number for each run"),
    "another configuration": (
        ["b,1,0.1,1,none,,0.9,3,5", "b,2,0.2,1,none,,0.9,3,5"],
        r"other hyperparameters than before in its run in a row \(row 6: 'b'\)",
    ),
}


@pytest.mark.parametrize("mistake", CURVE_MISTAKES)
def test_epochs_that_do_not_fit_their_run_are_told(mistake: str, sheet: Write) -> None:
    lines, message = CURVE_MISTAKES[mistake]
    with pytest.raises(BadRows, match=message):
        import_runs(sheet(*curve("a", "123"), *lines, head=CURVE_HEAD), SPACE, CURVES, name="mine")


def test_seed_that_changes_within_a_run_is_told(sheet: Write) -> None:
    layout = Layout(goals=GOALS, cost="seconds", run="run", seed="epoch")
    with pytest.raises(BadRows, match=r"another seed than before in its run in 2 rows \(row 3: 'a', row 4: 'a'\)"):
        import_runs(sheet(*curve("a", "123"), head=CURVE_HEAD), SPACE, layout, name="mine")


def test_seconds_that_run_backwards_are_told(sheet: Write) -> None:
    layout = Layout(goals=GOALS, cost="seconds", is_cumulative=True, run="run", epoch="epoch")
    with pytest.raises(BadRows, match=r"\(row 3: '2'\): expected more seconds from epoch to epoch"):
        import_runs(sheet(*curve("a", "123", seconds="2,2,4"), head=CURVE_HEAD), SPACE, layout, name="mine")


def test_runs_of_which_none_is_whole_are_refused(sheet: Write) -> None:
    message = (
        r"no run has all values up to epoch 1; .*\(row 2: 'accuracy is missing'\): expected at least one whole run"
    )
    with pytest.raises(BadRows, match=message):
        import_runs(sheet("0.1,1,none,,,3,5"), SPACE, ONE_ROW, name="mine")


def test_columns_that_are_not_there_are_told_together(sheet: Write) -> None:
    with pytest.raises(BadRows) as caught:
        import_runs(sheet("1,2", head="lr,acuracy"), SPACE, ONE_ROW, name="mine")
    complaints = caught.value.complaints
    assert len(complaints) == 6
    assert complaints[0].endswith("no column 'accuracy': expected one of lr, acuracy; did you mean 'acuracy'?")


def test_columns_that_mean_nothing_are_named(sheet: Write) -> None:
    imported = import_runs(sheet("0.1,1,none,,0.9,3,5,me", head=HEAD + ",host"), SPACE, ONE_ROW, name="mine")
    assert "columns that were not used: host" in imported.notes


def test_column_with_two_meanings_is_told(sheet: Write) -> None:
    layout = Layout(goals=(Goal(name="lr"),), cost="seconds")
    with pytest.raises(BadRows, match="column 'lr' is a hyperparameter of the space and has a role"):
        import_runs(sheet("0.1,1,none,,0.9,3,5"), SPACE, layout, name="mine")


@pytest.mark.parametrize("name", ["digits", ""])
def test_problem_cannot_be_called_like_a_shipped_one(name: str, sheet: Write) -> None:
    with pytest.raises(InvalidArgument, match="as a shipped problem is, but holds runs of another trainer"):
        import_runs(sheet("0.1,1,none,,0.9,3,5"), SPACE, ONE_ROW, name=name)


def test_hyperparameter_with_a_slash_is_refused(sheet: Write) -> None:
    space = Space.from_document({"hyperparameters": [{"type": "uniform_float", "name": "a/b", "lower": 0, "upper": 1}]})
    with pytest.raises(InvalidArgument, match="hyperparameter 'a/b': expected a name without '/'"):
        import_runs(sheet("0.1,1,none,,0.9,3,5"), space, ONE_ROW, name="mine")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"goals": ()}, "objectives must be one or more different columns, got none"),
        ({"goals": (Goal(name="a"), Goal(name="a"))}, "one or more different columns, got a, a"),
        ({"goals": (Goal(name="a/b"),)}, "objective 'a/b': expected a name without '/' and ','"),
        ({"goals": (Goal(name="eval_seconds"),)}, "tables keep this name for the clock; rename the column"),
        ({"goals": (Goal(name="train_seconds"),)}, "tables keep this name for the clock; rename the column"),
        ({"epoch": "e"}, "epoch column 'e' without a run column: .* the whole training"),
        ({"run": "r", "epoch": "r"}, "column 'r' has two roles: expected different columns"),
        ({"seed": "loss"}, "column 'loss' has two roles"),
    ],
)
def test_layout_that_makes_no_sense_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        Layout(**{"goals": (Goal(name="loss"),), "cost": "seconds", **options})


@pytest.mark.parametrize(
    ("goal", "message"),
    [
        ({"reference": 1.0, "ideal": 2.0}, "'loss' is minimised: ideal 2 must be below reference 1"),
        (
            {"reference": 1.0, "ideal": 0.5, "maximize": True},
            "'loss' is maximised: ideal 0.5 must be above reference 1",
        ),
    ],
)
def test_points_the_wrong_way_round_are_refused(goal: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        Goal(name="loss", **goal)


def test_goal_without_points_is_no_objective_yet() -> None:
    with pytest.raises(InvalidArgument, match="'loss' has no reference or no ideal point yet"):
        Goal(name="loss", reference=1.0).objective((0.0, 1.0))


def test_reference_that_no_run_reaches_is_refused(sheet: Write) -> None:
    with pytest.raises(InvalidArgument, match="'size' is minimised: ideal 10 must be below reference 5"):
        import_with((Goal(name="size", reference=5.0),), sheet("0.1,1,none,,0.9,12,30"))


def test_choices_that_a_column_could_not_tell_apart_are_refused(sheet: Write) -> None:
    for choices in ([1, "1"], [None, "None"], ["True", True]):
        item = {"type": "categorical", "name": "norm", "choices": choices, "default_value": choices[0]}
        document = {"name": "mine", "hyperparameters": [item]}
        with pytest.raises(InvalidArgument, match="hyperparameter 'norm' has the choices .*, two of which are spelt"):
            import_runs(sheet("0.1,1,batch,,0.8,3,5.5"), Space.from_document(document), ONE_ROW, name="mine")


def test_configurations_that_a_digest_cannot_tell_apart_are_told(sheet: Write) -> None:
    document = {"name": "l2", "hyperparameters": [{"type": "uniform_float", "name": "l2", "lower": 0, "upper": 1000}]}
    space, layout = Space.from_document(document), Layout(goals=(Goal(name="loss"),), cost="s")
    lines = ("0,1,1", "1e-8,2,1", "1e-7,3,1", "1000,4,1")
    complaint = r"'l2' is within 1e-10 of its range of 0.0, and taken for it in a row \(row 3: 1e-08\)"
    with pytest.raises(BadRows, match=complaint):
        import_runs(sheet(*lines, head="l2,loss,s"), space, layout, name="mine")
    same = ("0.12345678901,1,1", "0.123456789012345,2,1", "1000,4,1")  # one number, written with other digits
    seeds = import_runs(sheet(*same, head="l2,loss,s"), space, layout, name="mine").table.runs.seeds
    assert sorted(seeds.tolist()) == [0, 0, 1]


def test_points_that_are_told_bring_the_same_points_back(sheet: Write) -> None:
    layout = Layout(goals=(Goal(name="my loss"),), cost="s")
    document = {"name": "x", "hyperparameters": [{"type": "uniform_float", "name": "x", "lower": 0, "upper": 1}]}
    lines = sheet("0,1234567.11,1", "0.5,.32,1", "1,.61,1", head="x,my loss,s")
    first = import_runs(lines, Space.from_document(document), layout, name="mine")
    words = shlex.split(next(note for note in first.notes if "repeat them" in note).rpartition("repeat them: ")[2])
    said = {word.removeprefix("--"): pair.partition("=") for word, pair in zip(words[::2], words[1::2], strict=True)}
    goal = Goal(name="my loss", **{word: float(value) for word, (_, _, value) in said.items()})
    again = import_runs(lines, Space.from_document(document), replace(layout, goals=(goal,)), name="mine")
    assert {name for name, _, _ in said.values()} == {"my loss"}
    one, other = (made.table.problem.objectives[0] for made in (first, again))
    assert (one.reference, one.ideal) == (other.reference, other.ideal)
