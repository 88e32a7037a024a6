"""Populate: what it refuses, and that it refuses before it writes; one line, exit code 2, no trace."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bagbench.problems import get_problem
from bagbench.problems.datasets import load_data_set
from bagbench.problems.errors import BagbenchError, FileProblem, InvalidArgument, OutputConflict
from bagbench.scripts.cli import main
from bagbench.tables import merge, populate
from bagbench.tables.designs import Plan, planned_runs
from bagbench.tables.executor import InProcess
from bagbench.tables.journal import journal_folder, read_entries
from bagbench.tables.populate import collect, settle_plan
from bagbench.tables.runs import Entry, runs_from_entries
from bagbench.tables.table import Table
from bagbench.tables.worker import Task

MakeEntry = Callable[..., Entry]
PLAN = Plan(problem="digits")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "t.h5"


@pytest.fixture
def quick(make_entry: MakeEntry, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Make runs up instead of training them; gives the plan indices of those that were made."""
    made: list[int] = []

    def train(task: Task) -> Entry:
        made.append(task.index)
        return make_entry(get_problem(task.problem).space.encode(task.config), seed=task.seed, index=task.index)

    monkeypatch.setattr(populate, "train_task", train)
    return made


def fill(table: Path, runs: int) -> int:
    plan = settle_plan(table, lambda: PLAN, resume=True)
    return collect(table, plan, range(runs), executor=InProcess(), jobs=2)


def test_table_grows_by_what_is_missing(table: Path, quick: list[int]) -> None:
    assert fill(table, 5) == 5
    assert fill(table, 5) == 0  # in the journal
    assert merge.merge_journal(table) == 5
    assert fill(table, 5) == 0  # in the table
    assert fill(table, 8) == 3
    assert merge.merge_journal(table) == 8
    assert quick == list(range(8))
    planned = planned_runs(PLAN, get_problem("digits"), 1000, 8)
    stored = Table.open(table)
    assert set(stored.runs.digests.astype(str)) == {run.digest for run in planned}
    assert stored.plan == PLAN
    assert stored.data_set == load_data_set("digits").digest


def test_run_that_raises_ends_the_collection_and_keeps_the_others(table: Path, quick: list[int]) -> None:
    class Fragile(InProcess):
        def submit(self, fn, /, *args, **kwargs):  # type: ignore[no-untyped-def]
            return super().submit(fn if args[0].index != 3 else divmod, *args, **kwargs)

    with pytest.raises(TypeError, match="unsupported operand|divmod expected"):
        collect(table, PLAN, range(6), executor=Fragile(), jobs=1)
    kept = {entry["index"] for entry in read_entries(journal_folder(table))}
    assert kept < set(range(6)) - {3}
    assert fill(table, 6) == 6 - len(kept)
    assert merge.merge_journal(table) == 6


def test_progress_is_told(table: Path, quick: list[int]) -> None:
    told: list[object] = []

    class Listener:
        def update(self, done: float, /, total: float | None = None, note: str = "") -> None:
            told.append((done, total))

    fill(table, 2)
    collect(table, PLAN, range(4), executor=InProcess(), jobs=1, progress=Listener())
    assert told == [(2, 4), (3, 4), (4, 4)]


def test_real_run_is_journalled_with_its_environment(table: Path) -> None:
    assert collect(table, replace(PLAN, epochs=2), range(1), executor=InProcess(), jobs=1, device="cpu") == 1
    (entry,) = read_entries(journal_folder(table))
    (run,) = planned_runs(PLAN, get_problem("digits"), 1000, 1)
    assert (entry["digest"], entry["seed"], entry["status"], entry["error"]) == (run.digest, 0, "ok", "")
    assert entry["config"] == get_problem("digits").space.decode(run.vector)
    assert {len(values) for values in entry["curves"].values()} == {2}
    assert entry["environment"]["clock"] == "processor seconds"
    assert set(entry["environment"]) == {
        "bagbench", "clock", "device", "numpy", "precision", "processor", "python", "system", "threads", "torch",
    }  # fmt: skip


def test_precision_is_the_plans_and_recorded(table: Path) -> None:
    plan = replace(PLAN, epochs=1, precision="bf16")
    assert collect(table, plan, range(1), executor=InProcess(), jobs=1, device="cpu") == 1
    (entry,) = read_entries(journal_folder(table))
    assert entry["environment"]["precision"] == "bf16"
    message = f"^{table} was begun with precision 'bf16', got 'float32': leave --precision out, or name another file$"
    for _ in range(2):  # with a journal, and with a table
        assert settle_plan(table, lambda: PLAN, resume=True) == plan
        assert settle_plan(table, lambda: PLAN, resume=True, precision="bf16") == plan
        with pytest.raises(OutputConflict, match=message):
            settle_plan(table, lambda: PLAN, resume=True, precision="float32")
        merge.merge_journal(table)


def test_run_without_memory_is_kept_beside_the_others(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bagbench.problems.training_run import TrainingRun

    train = TrainingRun._train_epoch

    def full(run: TrainingRun) -> float:
        if run._batch_size > 150 and len(run.curves["train_loss"]):
            raise MemoryError("Unable to allocate 1 TiB")
        return train(run)

    monkeypatch.setattr(TrainingRun, "_train_epoch", full)
    plan = replace(PLAN, epochs=2)
    with InProcess() as executor:
        assert collect(table, plan, range(6), executor=executor, jobs=1, device="cpu") == 6
    assert collect(table, plan, range(6), executor=InProcess(), jobs=1, device="cpu") == 0  # it is not tried again
    assert merge.merge_journal(table) == 6
    runs = Table.open(table).runs
    large = get_problem("digits").space.natural(runs.vectors)["batch_size"] > 150
    assert 0 < large.sum() < 6
    assert (runs.status[large] == b"out_of_memory").all()
    assert (runs.status[~large] == b"ok").all()
    assert {error for error, failed in zip(runs.errors, large, strict=True) if failed} == {"Unable to allocate 1 TiB"}
    for values in runs.curves.values():
        assert np.isfinite(values[:, 0]).all()
        assert np.isnan(values[large, 1:]).all()
        assert np.isfinite(values[~large, 1]).all()


def test_first_run_without_memory_makes_a_table(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bagbench.problems.training_run import TrainingRun

    monkeypatch.setattr(TrainingRun, "_train_epoch", lambda _: [0] * 2**60)
    assert collect(table, PLAN, range(1), executor=InProcess(), jobs=1, device="cpu") == 1
    merge.merge_journal(table)
    stored = Table.open(table)
    assert stored.runs.status.tolist() == [b"out_of_memory"]
    assert np.isnan(stored.losses("val_error")).all()


# --- refusals --------------------------------------------------------------------------------------------------------


def test_what_has_been_begun_is_not_begun_again(table: Path, quick: list[int]) -> None:
    message = f"^{table} has been begun already: add --resume to go on with it, or name another file$"
    fill(table, 2)
    with pytest.raises(OutputConflict, match=message):
        settle_plan(table, lambda: PLAN, resume=False)
    merge.merge_journal(table)
    with pytest.raises(OutputConflict, match=message):
        settle_plan(table, lambda: PLAN, resume=False)
    assert settle_plan(table, lambda: replace(PLAN, seed=9), resume=True) == PLAN


def test_what_is_asked_for_must_be_what_was_begun(table: Path, quick: list[int]) -> None:
    fill(table, 2)
    asked = {"problem": "digits", "design": "random", "seed": 0, "replicates": 0.1, "epochs": 25, "precision": None}
    others = {"problem": "flowers", "design": "sobol", "seed": 7, "replicates": 0.5, "epochs": 24}
    for _ in range(2):  # with a journal, and with a table
        assert settle_plan(table, lambda: PLAN, resume=True, **asked) == PLAN
        for field, value in others.items():
            with pytest.raises(OutputConflict, match=re.escape(f"got {value!r}")):
                settle_plan(table, lambda: PLAN, resume=True, **{**asked, field: value})
        merge.merge_journal(table)


def test_a_table_that_was_made_meanwhile_by_another_plan_is_not_filled(table: Path, quick: list[int]) -> None:
    fill(table, 2)
    merge.merge_journal(table)
    before = table.read_bytes()
    with pytest.raises(OutputConflict, match=r"is of another plan than its journal"):
        collect(table, replace(PLAN, seed=5), range(3), executor=InProcess(), jobs=1)
    assert table.read_bytes() == before
    assert quick == [0, 1]
    assert not journal_folder(table).exists()


def test_table_of_other_origin_is_not_resumed(table: Path, make_entry: MakeEntry) -> None:
    problem = get_problem("digits")
    runs = runs_from_entries([make_entry(problem.space.sample(np.random.default_rng(0), 1)[0])], problem)
    Table(problem=problem, runs=runs).save(table)
    with pytest.raises(
        OutputConflict, match="was not made by `bagbench populate`, so it cannot be resumed: name another"
    ):
        settle_plan(table, lambda: PLAN, resume=True)
    Table(problem=problem, runs=runs, plan=PLAN, data_set="0" * 64).save(table)
    with pytest.raises(OutputConflict, match="was made with other images than 'digits' has here: name another file$"):
        settle_plan(table, lambda: PLAN, resume=True)


def test_damaged_table_or_plan_is_not_resumed(table: Path, quick: list[int]) -> None:
    fill(table, 2)
    (journal_folder(table) / "plan.json").write_text("{")
    with pytest.raises(FileProblem, match="^not a plan of `bagbench populate`: "):
        settle_plan(table, lambda: PLAN, resume=True)
    (journal_folder(table) / "plan.json").write_text(PLAN.to_json())
    merge.merge_journal(table)
    table.write_bytes(table.read_bytes()[:-1])
    with pytest.raises(FileProblem, match="t.h5 is truncated"):
        settle_plan(table, lambda: PLAN, resume=True)


def test_machines_that_share_no_files_divide_the_runs(table: Path, tmp_path: Path, quick: list[int]) -> None:
    """Each goes on with a copy of the table that was begun on one; together they have what one would have."""
    fill(table, 2)
    merge.merge_journal(table)
    copies = [tmp_path / f"{node}.h5" for node in range(3)]
    for node, copy in enumerate(copies):
        copy.write_bytes(table.read_bytes())
        plan = settle_plan(copy, lambda: pytest.fail("the table has a plan"), resume=True)
        quick.clear()
        assert collect(copy, plan, range(node, 11, 3), executor=InProcess(), jobs=1) == len(quick)
        assert quick == [index for index in range(node, 11, 3) if index > 1]
        assert merge.merge_journal(copy) == 2 + len(quick)
    assert merge.merge_tables(copies, tmp_path / "all.h5") == 11
    fill(table, 11)
    merge.merge_journal(table)
    assert table.read_bytes() == (tmp_path / "all.h5").read_bytes()


def test_no_runs_are_refused(table: Path) -> None:
    with pytest.raises(InvalidArgument, match="^runs must be at least 1, got 0$"):
        collect(table, PLAN, range(0), executor=InProcess(), jobs=1)
    assert not journal_folder(table).exists()


def test_cost_aware_table_is_begun_by_calibrating_and_resumed_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["digits", "--runs", "1", "--epochs", "1", "--device", "cpu", "--out", str(tmp_path / "t.h5")]
    for more, said in ((["--design", "cost-aware"], True), (["--resume"], False)):
        monkeypatch.setattr(sys, "argv", ["bagbench", "populate", *words, *more])
        with pytest.raises(SystemExit) as left:
            main()
        assert not left.value.code
        assert ("calibrating: two epochs of a dozen configurations" in capsys.readouterr().err) == said
    plan = Table.open(tmp_path / "t.h5").plan
    assert plan is not None
    assert plan.cost is not None
    assert plan.cost.per_step > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["digit"], r"bagbench: unknown problem 'digit': expected one of digits.*; did you mean 'digits'\?"),
        (["digits", "--design", "sobel"], r"bagbench: unknown design 'sobel': .*; did you mean 'sobol'\?"),
        (["digits", "--device", "gpu"], "bagbench: unknown device 'gpu': expected one of auto, cpu, cuda.*"),
        (["digits", "--runs", "0"], "bagbench: runs must be at least 1, got 0"),
        (["digits", "--runs", "-3"], "bagbench: runs must be at least 1, got -3"),
        (["digits", "--share", "5/4"], "bagbench: --share must be K/N with K from 1 to N, such as 2/4, got '5/4'"),
        (["digits", "--share", "2"], "bagbench: --share must be K/N with K from 1 to N, such as 2/4, got '2'"),
        (["digits", "--share", "0/2"], "bagbench: --share must be K/N with K from 1 to N, such as 2/4, got '0/2'"),
        (["digits", "--share", "3/4", "--runs", "2"], "bagbench: runs must be at least 3, got 2"),
        (["digits", "--jobs", "0"], "bagbench: jobs must be at least 1, got 0"),
        (["digits", "--epochs", "26"], r"bagbench: epochs of 'digits' must be a whole number in \[1, 25\], got 26"),
        (["digits", "--replicates", "1"], r"bagbench: replicates is a share of the runs in \[0, 0.99\], got 1.0"),
        (
            ["digits", "--out", "nowhere/t.h5"],
            "bagbench: cannot write nowhere/t.h5: there is no folder nowhere; make it first",
        ),
        (
            ["digits", "--precision", "fp16"],
            "bagbench: unknown precision 'fp16': expected one of bf16, float32, tf32.*",
        ),
        (
            ["digits", "--device", "cpu", "--runs-per-device", "2"],
            "bagbench: runs per device are for GPUs, at least 1, and instead of jobs: got 2 on 'cpu'",
        ),
        (
            ["digits", "--resources", "GPU=1"],
            "bagbench: --resources GPU=1 are those of a cluster's workers: expected --scheduler, too",
        ),
        (
            ["digits", "--scheduler", "nowhere", "--resources", "GPU"],
            "bagbench: --resources must be NAME=NUMBER, such as GPU=1, got 'GPU'",
        ),
        (["digits", "--scheduler", "nowhere"], "bagbench: no Dask scheduler answers at 'nowhere': .*"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_request_is_one_line_and_leaves_no_trace(
    options: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    defaults = ["--runs", "2", "--out", "t.h5", "--epochs", "1"]
    monkeypatch.setattr(sys, "argv", ["bagbench", "populate", *defaults, *options])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    errors = capsys.readouterr().err.strip()
    assert re.fullmatch(message, errors), errors
    assert list(tmp_path.iterdir()) == []


def test_error_in_collecting_is_not_masked_by_merging(
    table: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> int:
        raise BagbenchError("the worker is on strike")

    def must_not(_: Path) -> int:
        raise FileProblem("the table is damaged, too")

    monkeypatch.setattr(populate, "collect", fail)
    monkeypatch.setattr(merge, "merge_journal", must_not)
    monkeypatch.setattr(sys, "argv", ["bagbench", "populate", "digits", "--runs", "1", "--out", str(table)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert capsys.readouterr().err.strip() == "bagbench: the worker is on strike"
