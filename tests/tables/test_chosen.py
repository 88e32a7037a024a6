"""Tables of chosen configurations: nothing that was trained is lost, and no table of another kind is touched."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bagbench.problems import get_problem
from bagbench.problems.datasets import load_data_set
from bagbench.problems.errors import FileProblem, OutputConflict, UnknownName
from bagbench.tables import chosen
from bagbench.tables.chosen import chosen_task, collect_chosen, open_chosen
from bagbench.tables.designs import CHOSEN, Plan, planned_runs
from bagbench.tables.executor import InProcess
from bagbench.tables.journal import journal_folder
from bagbench.tables.populate import settle_plan
from bagbench.tables.runs import Entry, runs_from_entries
from bagbench.tables.table import Table
from bagbench.tables.worker import Task

MakeEntry = Callable[..., Entry]
PROBLEM = get_problem("digits")
VECTORS = PROBLEM.space.sample(np.random.default_rng(5), 4)
ORIGIN = {"chosen_by": "a test"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chosen.h5"


@pytest.fixture(autouse=True)
def quick(make_entry: MakeEntry, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Make runs up instead of training them; seed 7 breaks, and seed 8 is where Ctrl-C is pressed."""
    made: list[tuple[str, int]] = []

    def train(task: Task) -> Entry:
        if task.seed == 7:
            raise RuntimeError("broken")
        if task.seed == 8:
            raise KeyboardInterrupt
        made.append((task.digest, task.seed))
        entry = make_entry(PROBLEM.space.encode(task.config), seed=task.seed, index=task.index)
        return {**entry, "inclusion_probability": task.inclusion_probability}

    monkeypatch.setattr(chosen, "train_task", train)
    return made


def collect(
    path: Path, seeds: Sequence[int], may_start: Callable[[], bool] = lambda: True, *, jobs: int = 1
) -> list[int]:
    """Train the first configurations, one with each of the seeds, and give what progress was told."""
    told: list[int] = []
    tasks = [chosen_task("digits", vector, seed) for vector, seed in zip(VECTORS, seeds, strict=False)]
    options = {"jobs": jobs, "origin": ORIGIN, "may_start": may_start, "progress": told.append}
    collect_chosen(path, tasks, executor=InProcess(), **options)  # type: ignore[arg-type]
    return told


def seeds_of(table: Table | None) -> list[int]:
    assert table is not None
    return sorted(table.runs.seeds.tolist())


def test_runs_are_appended_with_where_they_came_from(path: Path, make_entry: MakeEntry) -> None:
    assert open_chosen(path, "digits") is None
    assert collect(path, [0, 1]) == [1, 2]
    assert collect(path, [2]) == [1]
    table = open_chosen(path, "digits")
    assert table is not None
    assert seeds_of(table) == [0, 1, 2]
    assert table.data_set == load_data_set("digits").digest
    assert table.plan == Plan(problem="digits", design=CHOSEN, replicates=0.0)
    assert np.isnan(table.runs.inclusion_probability).all()
    environments = [json.loads(text) for text in table.runs.environments]
    assert environments == [{"processor": "abacus", "threads": "1", "chosen_by": "a test"}] * 3
    (row,) = (row for row in table.find(PROBLEM.space.digest(VECTORS[1])) if table.runs.seeds[row] == 1)
    expected = make_entry(VECTORS[1], seed=1)["curves"]
    assert table.runs.curves["val_accuracy"][row].tolist() == list(expected["val_accuracy"])
    assert not journal_folder(path).exists()


def test_nothing_to_train_writes_nothing(path: Path) -> None:
    assert collect(path, []) == []
    assert open_chosen(path, "digits") is None
    assert not list(path.parent.iterdir())


def test_no_run_starts_once_none_may(path: Path) -> None:
    allowed = iter([True, True, False])
    assert collect(path, [0, 1, 2, 3], lambda: next(allowed)) == [1, 2]
    assert seeds_of(open_chosen(path, "digits")) == [0, 1]


@pytest.mark.parametrize("jobs", [1, 3], ids=["one by one", "together"])
def test_what_was_finished_besides_an_error_is_kept(path: Path, jobs: int) -> None:
    with pytest.raises(RuntimeError, match="broken"):
        collect(path, [0, 1, 7], jobs=jobs)
    assert not path.exists() and journal_folder(path).exists()
    assert seeds_of(open_chosen(path, "digits")) == [0, 1]


def test_interrupted_collection_is_merged(path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        collect(path, [0, 8])
    assert seeds_of(Table.open(path)) == [0]
    assert not journal_folder(path).exists()


def test_run_in_flight_when_a_process_was_killed_is_all_that_is_lost(path: Path) -> None:
    with pytest.raises(RuntimeError):
        collect(path, [0, 1, 7])
    (file,) = (file for file in journal_folder(path).glob("*.jsonl") if file.name != "claims.jsonl")
    file.write_bytes(file.read_bytes()[:-9])
    assert seeds_of(open_chosen(path, "digits")) == [0]


def test_table_of_another_kind_is_refused_and_left_as_it_is(path: Path, make_entry: MakeEntry) -> None:
    runs = runs_from_entries([make_entry(VECTORS[0])], PROBLEM)
    images = load_data_set("digits").digest
    for plan in (Plan(problem="digits"), None):
        Table(problem=PROBLEM, runs=runs, data_set=images, plan=plan).save(path)
        before = path.read_bytes()
        with pytest.raises(OutputConflict, match="holds other runs than chosen ones of 'digits'"):
            open_chosen(path, "digits")
        assert path.read_bytes() == before
    mine = Plan(problem="digits", design=CHOSEN, replicates=0.0)
    Table(problem=PROBLEM, runs=runs, data_set=images, plan=replace(mine, problem="flowers")).save(path)
    with pytest.raises(OutputConflict, match="holds other runs than chosen ones of 'digits'"):
        open_chosen(path, "digits")
    Table(problem=PROBLEM, runs=runs, data_set="others", plan=mine).save(path)
    with pytest.raises(OutputConflict, match="was made with other images than 'digits' has here"):
        open_chosen(path, "digits")


def test_journal_of_another_kind_is_refused(path: Path) -> None:
    journal_folder(path).mkdir()
    (journal_folder(path) / "plan.json").write_text(Plan(problem="digits").to_json())
    with pytest.raises(OutputConflict, match="holds other runs than chosen ones"):
        open_chosen(path, "digits")


def test_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match="there is no folder .*nowhere; make it first"):
        open_chosen(tmp_path / "nowhere" / "t.h5", "digits")


def test_populate_neither_resumes_nor_plans_chosen_runs(path: Path) -> None:
    collect(path, [0])
    plan = Plan(problem="digits", design=CHOSEN)
    with pytest.raises(OutputConflict, match="was not made by `bagbench populate`"):
        settle_plan(path, lambda: plan, resume=True)
    with pytest.raises(UnknownName, match=r"unknown design 'chosen': expected one of cost-aware, random, sobol"):
        planned_runs(plan, PROBLEM, 1000, 1)
