"""Scores on a grid that is known completely: perfect predictors, brute force, noise of a known size."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bagbench.analysis.plain_xgboost import fit_plain_xgboost
from bagbench.analysis.public_grid import Grid, ceilings, draw, judge, judge_front, judge_one_run, peel, read_grid
from bagbench.analysis.public_grid_cell import load_cell, make_cell, save_cell
from bagbench.analysis.public_grid_page import grid_page
from bagbench.problems.errors import FileProblem, InvalidArgument
from bagbench.problems.problem import Objective, Problem
from bagbench.surrogates.boosting import Boosting
from bagbench.surrogates.distillation import Student
from bagbench.surrogates.examples import read_examples
from bagbench.surrogates.features import Features
from bagbench.surrogates.perceptrons import Perceptrons
from bagbench.surrogates.training import Recipe
from bagbench.tables.fcnet import fcnet_space
from bagbench.tables.runs import Runs
from bagbench.tables.table import Table

N, REPLICATES, NOISE = 900, 4, 0.3
REFERENCE = np.array([3.0, 6.0])


def make_table(*, noise: float = NOISE) -> Table:
    """Make up a table of 900 configurations, four runs each, whose losses are smooth functions plus noise."""
    space = fcnet_space()
    vectors = np.unique(space.sample(np.random.default_rng(0), N + 200), axis=0)
    vectors = vectors[np.random.default_rng(1).permutation(len(vectors))[:N]]
    mse, size, seconds = truth(vectors)
    rng = np.random.default_rng(2)
    n = N * REPLICATES
    runs = Runs(
        vectors=np.repeat(vectors, REPLICATES, axis=0),
        digests=np.repeat(np.array(space.digests(vectors), dtype="S16"), REPLICATES),
        seeds=np.tile(np.arange(REPLICATES), N),
        status=np.full(n, b"ok", dtype="S16"),
        errors=("",) * n,
        inclusion_probability=np.ones(n),
        started=np.zeros(n),
        environments=("{}",) * n,
        curves={
            "log10_val_mse": (np.repeat(mse, REPLICATES) + noise * rng.standard_normal(n))[:, None],
            "log10_params": np.repeat(size, REPLICATES)[:, None],
            "train_seconds": np.repeat(seconds, REPLICATES)[:, None],
        },
    )
    metrics = (
        Objective(name="log10_val_mse", unit="", bounds=(-np.inf, np.inf), reference=REFERENCE[0], ideal=-5.0),
        Objective(name="log10_params", unit="", bounds=(0.0, np.inf), reference=REFERENCE[1], ideal=0.0),
        Objective(name="train_seconds", unit="s", bounds=(0.0, np.inf), reference=1e4, ideal=0.0),
    )
    problem = Problem(
        name="made-up",
        title="made up",
        space=space,
        metrics=metrics,
        objectives=metrics[:2],
        max_epochs=1,
        budget_seconds=100.0,
        citation="",
    )
    return Table(problem=problem, runs=runs)


def truth(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Expected loss, size and seconds (3, n) of configurations (n, 9)."""
    rate, units = vectors[:, 5], vectors[:, 7] + vectors[:, 8]
    loss = (rate - rate.mean()) ** 2 / rate.var() - 0.2 * units
    return np.stack([loss, 2 + 0.3 * units, np.exp(0.2 * units)])


@pytest.fixture(scope="module")
def grid() -> Grid:
    return read_grid(make_table())


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    tiny = Boosting(model="lightgbm", trees=40, leaves=16, rows_in_leaf=100, learning_rate=0.2)
    quick = Perceptrons(members=1, width=32, layers=1, passes=25)
    return Recipe(drawn=200, teacher=tiny, perceptrons=quick, student=Student(hidden=(24, 24), steps=800))


@pytest.fixture(scope="module")
def cell(grid: Grid, recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("cell") / "a.onnx"
    made: Any = make_cell(grid, share=0.3, seed=1, recipe=recipe, path=path)
    assert made["scores"]["bagbench"]["file_bytes"] == path.stat().st_size
    return {**made, "task": "made_up"}


# --- the grid --------------------------------------------------------------------------------------------------------


def test_grid_groups_the_runs_of_each_configuration_however_they_are_sorted(grid: Grid) -> None:
    assert grid.losses.shape == (N, REPLICATES, 3)
    assert grid.metrics == ("log10_val_mse", "log10_params", "train_seconds")
    expected = truth(grid.vectors)
    np.testing.assert_allclose(grid.losses[:, :, 1:], np.repeat(expected[1:].T[:, None], REPLICATES, axis=1))
    assert np.abs(grid.means[:, 0] - expected[0]).max() < 5 * NOISE / np.sqrt(REPLICATES)
    table = make_table()
    shuffled = read_grid(table.take(np.random.default_rng(3).permutation(len(table))))
    np.testing.assert_array_equal(shuffled.vectors, grid.vectors)
    np.testing.assert_allclose(shuffled.means, grid.means)
    marked = np.arange(N) % 7 == 0
    np.testing.assert_array_equal(grid.table.runs.vectors[grid.rows(marked)][::REPLICATES], grid.vectors[marked])


@pytest.mark.parametrize(("rows", "got"), [(slice(1, None), "3 or 4"), (slice(0, None, REPLICATES), "1")])
def test_configurations_without_equally_many_replicates_are_refused(rows: slice, got: str) -> None:
    table = make_table()
    with pytest.raises(InvalidArgument, match=f"has {got} runs of a configuration: expected as many of each, two or"):
        read_grid(table.take(np.arange(len(table))[rows]))


def test_shares_are_drawn_one_inside_the_other(grid: Grid) -> None:
    small, large = draw(grid, 0.05, 0), draw(grid, 0.2, 0)
    assert (small.sum(), large.sum()) == (45, 180)
    assert large[small].all()
    np.testing.assert_array_equal(draw(grid, 0.05, 0), small)
    assert (draw(grid, 0.05, 1) != small).any()


@pytest.mark.parametrize("share", [0.0, 0.0001, 0.9999])
def test_share_that_leaves_nothing_is_refused(grid: Grid, share: float) -> None:
    with pytest.raises(InvalidArgument, match=r"of 900 configurations: expected 1 to 899"):
        draw(grid, share, 0)


# --- scores ----------------------------------------------------------------------------------------------------------


def test_who_predicts_the_truth_has_all_scores_at_their_best(grid: Grid) -> None:
    unseen = ~draw(grid, 0.1, 0)
    verdict: Any = judge(grid, unseen, grid.means[unseen])
    for scores in verdict["metrics"].values():
        for part in ("means", "best_tenth"):
            assert scores[part] == pytest.approx({"r2": 1.0, "kendall_tau": 1.0, "rmse": 0.0})
    front = verdict["front"]
    assert front["recall"] == {"1": 1.0, "2": 1.0, "3": 1.0, "5": 1.0}
    assert front["taken"]["1"] == front["configurations"] > 1
    assert front["hypervolume"] == pytest.approx(1.0)


def test_who_predicts_the_opposite_has_them_at_their_worst(grid: Grid) -> None:
    everything = np.ones(N, dtype=bool)
    verdict: Any = judge(grid, everything, -grid.means)
    assert verdict["metrics"]["log10_val_mse"]["means"]["kendall_tau"] == pytest.approx(-1.0)
    assert verdict["front"]["recall"]["1"] == 0.0
    assert verdict["front"]["hypervolume"] < 0.5


def test_front_is_judged_as_by_hand() -> None:
    true = np.array([[1.0, 5.0], [2.0, 3.0], [0.0, 5.5], [2.5, 4.0]])  # front: the first three; reference (3, 6)
    told = np.array([[1.0, 5.0], [2.0, 3.0], [1.5, 5.5], [0.0, 2.0]])  # layers: 2, 2, 3, 1
    verdict: Any = judge_front(true, told, REFERENCE)
    assert verdict["configurations"] == 3
    assert verdict["recall"] == {"1": 0.0, "2": pytest.approx(2 / 3), "3": 1.0, "5": 1.0}
    assert verdict["taken"] == {"1": 1, "2": 3, "3": 4, "5": 4}
    # The fourth dominates 0.5 x 2; the front 2 x 1 (first), 1 x 3 (second) less 1 x 1 in both, and 1 x 0.5 (third).
    assert verdict["hypervolume"] == pytest.approx(1.0 / 4.5)


def test_one_run_finds_the_front_where_there_is_no_noise_and_part_of_it_where_there_is(grid: Grid) -> None:
    everything = np.ones(N, dtype=bool)
    exact: Any = judge_one_run(read_grid(make_table(noise=0.0)), everything)
    assert exact["recall"]["1"] == 1.0 and exact["hypervolume"] == pytest.approx(1.0)
    noisy: Any = judge_one_run(grid, everything)
    assert noisy["recall"]["1"] < 1.0 and 0.8 < noisy["hypervolume"] < 1.0


def test_layers_are_those_of_brute_force_and_equal_points_share_one() -> None:
    losses = np.random.default_rng(4).integers(0, 6, (120, 2)).astype(float)
    left, expected = set(range(len(losses))), np.zeros(len(losses), dtype=int)
    for layer in (1, 2, 3):
        points = losses[sorted(left)]
        front = [i for i in left if not ((points <= losses[i]).all(axis=1) & (points < losses[i]).any(axis=1)).any()]
        expected[front] = layer
        left -= set(front)
    np.testing.assert_array_equal(peel(losses, 3), expected)
    assert (peel(losses, 99) > 0).all()


def test_ceiling_is_what_somebody_reaches_who_knows_every_expectation() -> None:
    rng = np.random.default_rng(5)
    n = 20_000
    expectation = rng.standard_normal((n, 1, 1))
    losses = np.concatenate(
        [expectation + 0.5 * rng.standard_normal((n, 4, 1)), np.tile(expectation, (1, 4, 1))], axis=2
    )
    known = Grid(
        problem=make_table().problem,
        table=make_table(),
        metrics=("log10_val_mse", "log10_params"),
        vectors=np.zeros((n, 9)),
        losses=losses,
    )
    everything = np.ones(n, dtype=bool)
    ceiling: Any = ceilings(known, everything)
    verdict: Any = judge(known, everything, np.repeat(expectation[:, 0], 2, axis=1))
    reached = verdict["metrics"]
    for kind in ("means", "single"):
        for score in ("r2", "kendall_tau"):
            assert ceiling["log10_val_mse"][kind][score] == pytest.approx(
                reached["log10_val_mse"][kind][score],
                abs=0.01,
            )
            assert ceiling["log10_params"][kind][score] == pytest.approx(1.0)
    assert ceiling["log10_val_mse"]["single"]["r2"] == pytest.approx(0.8, abs=0.01)  # 1 / (1 + 0.5^2)


def test_constant_has_no_ceiling(grid: Grid) -> None:
    flat = Grid(
        problem=grid.problem, table=grid.table, metrics=("a",), vectors=grid.vectors, losses=np.ones((N, REPLICATES, 1))
    )
    assert ceilings(flat, np.ones(N, dtype=bool))["a"]["means"] == {"r2": None, "kendall_tau": None}


# --- the two that are scored -----------------------------------------------------------------------------------------


def test_plain_xgboost_is_the_library_with_its_defaults(grid: Grid) -> None:
    from xgboost import XGBRegressor

    examples = read_examples(grid.table)
    plain = fit_plain_xgboost(examples)
    features = Features(grid.problem).matrix(grid.vectors, np.ones(N, dtype=np.int64)).astype(np.float32)
    learnt = Features(grid.problem).matrix(examples.vectors, np.ones(len(examples), dtype=np.int64)).astype(np.float32)
    predicted = plain.predict(grid.vectors)
    for head in range(3):
        library = XGBRegressor(n_jobs=1).fit(learnt, examples.values[:, 0, head]).predict(features)
        np.testing.assert_allclose(predicted[:, head], np.exp(library) if head else library, rtol=1e-5, atol=1e-5)
    levels = examples.targets[1].levels
    assert 5 < len(levels) < 40
    assert not np.isin(predicted[:, 1], levels).any()  # it does not know that there are no others
    assert plain.size > 10_000


def test_plain_xgboost_learns_seconds_from_runs_that_tell_them(grid: Grid) -> None:
    """Runs on another device than the clock's teach errors, but no seconds."""
    examples = read_examples(grid.table)
    values = examples.values.copy()
    values[::3, :, -1] = np.nan
    mixed = fit_plain_xgboost(replace(examples, values=values)).predict(grid.vectors)
    all_runs = fit_plain_xgboost(examples).predict(grid.vectors)
    timed = fit_plain_xgboost(examples.take(np.flatnonzero(np.arange(len(examples)) % 3))).predict(grid.vectors)
    np.testing.assert_array_equal(mixed[:, :-1], all_runs[:, :-1])
    np.testing.assert_array_equal(mixed[:, -1], timed[:, -1])
    assert (mixed[:, -1] != all_runs[:, -1]).any()


def test_cell_scores_both_on_what_neither_has_seen(cell: Any, grid: Grid) -> None:
    assert (cell["configurations"], cell["runs"], cell["unseen"]) == (270, 1080, 630)
    for scores in cell["scores"].values():
        smooth = scores["metrics"]["log10_val_mse"]["means"]
        assert 0.8 < smooth["r2"] <= cell["ceilings"]["log10_val_mse"]["means"]["r2"]
        assert scores["metrics"]["train_seconds"]["means"]["kendall_tau"] > 0.8
        assert 0.5 < scores["front"]["hypervolume"] <= 1.0
        assert scores["fit_seconds"] > 0 and scores["batch_microseconds"] > 0


def test_cell_comes_back_for_the_same_question_only(cell: Any, recipe: Recipe, tmp_path: Path) -> None:
    path = tmp_path / "cell.json"
    assert load_cell(path, share=0.3, seed=1, recipe=recipe) is None
    save_cell(path, cell)
    assert load_cell(path, share=0.3, seed=1, recipe=recipe) == json.loads(json.dumps(cell))
    assert load_cell(path, share=0.3, seed=2, recipe=recipe) is None
    assert load_cell(path, share=0.2, seed=1, recipe=recipe) is None
    assert load_cell(path, share=0.3, seed=1, recipe=Recipe()) is None
    older = {name: value for name, value in cell["recipe"].items() if name != "drawn"}
    save_cell(path, {**cell, "recipe": older})
    assert load_cell(path, share=0.3, seed=1, recipe=recipe) is not None


@pytest.mark.parametrize(("text", "complaint"), [("{", "is not JSON"), ("{}", "is no bagbench-grid-cell of version 1")])
def test_file_that_is_no_cell_is_refused(text: str, complaint: str, recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "cell.json").write_text(text)
    with pytest.raises(FileProblem, match=f"{complaint}.*remove it to have it made again"):
        load_cell(tmp_path / "cell.json", share=0.3, seed=1, recipe=recipe)


# --- the page --------------------------------------------------------------------------------------------------------


def test_page_holds_the_numbers_of_its_cells_and_says_which_are_missing(cell: Any) -> None:
    other = {**cell, "task": "other", "share": 0.5}
    page = grid_page([cell, other], [("made_up", 0.3), ("made_up", 0.5), ("more", 0.5)], command="python -m somewhere")
    rows = [line for line in page.splitlines() if line.startswith("|")]
    ours = cell["scores"]["bagbench"]
    (scores, _) = [row for row in rows if "**bagbench**" in row and "30 %: 270 configurations, 1,080 runs" in row]
    smooth = ours["metrics"]["log10_val_mse"]
    assert f"| {smooth['means']['r2']:.3f} | {smooth['means']['kendall_tau']:.3f} |" in scores
    assert f"| {smooth['best_tenth']['kendall_tau']:.3f} |" in scores
    assert f"{100 * ours['front']['hypervolume']:.2f} %" in page
    assert "Not run yet: 50 % of made_up and more." in page
    assert "## made_up" in page and "## other" in page and "python -m somewhere" in page
    widths = {row.count("|") for row in rows[: rows.index(next(row for row in rows if "recall" in row))]}
    assert len(widths) == 1


def test_page_says_where_the_surrogate_is_behind(cell: Any) -> None:
    swapped = {name: cell["scores"][other] for name, other in (("bagbench", "xgboost"), ("xgboost", "bagbench"))}
    pages = [grid_page([each], [("made_up", 0.3)], command="") for each in (cell, {**cell, "scores": swapped})]
    lines = [
        next(line for line in page.splitlines() if line.startswith("- **R2 of `log10_val_mse`**")) for page in pages
    ]
    assert sorted("ahead of plain XGBoost in 1 of 1 cells" in line for line in lines) == [False, True]
    assert sorted(", behind it in 1, most on made_up at 30 % (" in line for line in lines) == [False, True]


def test_page_calls_level_what_differs_in_no_digit_that_it_shows(cell: Any) -> None:
    ours, plain = (copy.deepcopy(cell["scores"]["bagbench"]) for _ in range(2))
    for scores, tau in ((ours, 0.9986), (plain, 0.9994)):
        scores["metrics"]["log10_params"]["means"]["kendall_tau"] = tau
    page = grid_page([{**cell, "scores": {"bagbench": ours, "xgboost": plain}}], [("made_up", 0.3)], command="")
    (line,) = [line for line in page.splitlines() if line.startswith("- **Tau of `log10_params`**")]
    assert "ahead of plain XGBoost in 0 of 1 cells, level with it in 1. Its lowest is 0.999" in line
    assert "left better to plain trees" not in page
