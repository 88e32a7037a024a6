"""Merging a journal into its table, and tables that machines without a common disk collected into one.

Both are idempotent; a journal may be merged at any time, by any number of processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path

import numpy as np

from ..problems import get_problem
from ..problems.errors import FileProblem, OutputConflict
from ..problems.files import remove_leftovers
from .designs import Plan
from .journal import journal_folder, read_entries
from .lock import lives, locked, remove
from .runs import merge_runs, runs_from_entries
from .table import Table


def merge_journal(path: Path) -> int:
    """Merge all finished runs of the journal of table ``path`` into it, and give the number of runs it then holds.

    The journal is removed, unless another process is collecting into it.

    Raises
    ------
    FileProblem
        If table or journal is damaged; both are left as they are.
    OutputConflict
        If they are of different plans; so are these.
    """
    folder = journal_folder(path)
    with locked(folder):
        # Whoever joins needs the lock, so if nobody is there now, the journal grows no more until it is removed.
        alone = not any(lives(file) for file in folder.glob("*.jsonl"))
        remove_leftovers(path)
        total = _merge(folder, path)
        if alone:
            remove(folder)
    return total


def merge_tables(parts: Sequence[Path], out: Path) -> int:
    """Put the runs of tables of one plan together into table ``out``, and give their number.

    Parameters
    ----------
    parts
        Tables, in any order; of a run that is in several of them, the one that started first stays.
    out
        One of them, which is replaced, or a new file.

    Raises
    ------
    FileProblem
        If a table is damaged.
    OutputConflict
        If ``out`` is another file that is there already, tables are of different plans or data, or one of them or
        ``out`` has runs in its journal, or somebody who collects some.
    """
    if out.exists() and not any(part.exists() and part.samefile(out) for part in parts):
        raise OutputConflict(f"{out} is there already and not one of the tables to merge: name another file")
    for path in (*parts, out):
        folder = journal_folder(path)
        if any(read_entries(folder)) or any(map(lives, folder.glob("*.jsonl"))):
            raise OutputConflict(f"{path} has runs in its journal that are not in the table: go on with it first")
    tables = [Table.open(part, verify=True) for part in parts]
    for part, table in zip(parts, tables, strict=True):
        if (table.plan, table.data_set) != (tables[0].plan, tables[0].data_set) or table.plan is None:
            raise OutputConflict(
                f"{part} and {parts[0]} are not of one plan: begin a table on one machine, and copy it to the others"
            )
    first, others = tables[0], [table.runs for table in tables[1:]]
    runs = reduce(merge_runs, others, first.runs.take(np.arange(len(first))))
    replace(first, runs=runs).save(out)
    return len(runs)


def check_plan(path: Path, table: Table, plan: Plan) -> None:
    """Check that runs of ``plan`` may be put into ``table``.

    Raises
    ------
    OutputConflict
        If it was made by another plan.
    """
    if table.plan != plan:
        raise OutputConflict(
            f"{path} is of another plan than its journal {journal_folder(path)}: move one of them away, and go on with "
            "the other"
        )


def _merge(folder: Path, path: Path) -> int:
    from ..problems.datasets import load_data_set

    table = Table.open(path) if path.exists() else None
    entries = list(read_entries(folder))
    if not entries:
        return 0 if table is None else len(table)
    if not (folder / "plan.json").exists():
        raise FileProblem(f"journal {folder} has runs but no plan.json: put the file back, or move the folder away")
    plan = Plan.from_json((folder / "plan.json").read_text())
    if table is not None:
        check_plan(path, table, plan)
    problem = get_problem(plan.problem)
    runs = runs_from_entries(entries, problem)
    runs = merge_runs(runs, runs.take(runs.seeds[:0]) if table is None else table.runs)
    Table(problem=problem, runs=runs, data_set=load_data_set(plan.problem).digest, plan=plan).save(path)
    return len(runs)
