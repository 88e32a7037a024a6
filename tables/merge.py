"""Merging a journal into its table: idempotent, needs no locks, and may be done at any time."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..problems import get_problem
from .designs import Plan
from .journal import Journal, journal_folder, read_entries
from .runs import merge_runs, runs_from_entries
from .table import Table


def merge_journal(path: Path) -> int:
    """Merge all finished runs of the journal of table ``path`` into it, and give the number of runs it then holds.

    The journal is removed when no other process is collecting into it.
    """
    from ..problems.datasets import load_data_set

    folder = journal_folder(path)
    plan = Plan.from_json((folder / "plan.json").read_text())
    problem = get_problem(plan.problem)
    with Journal(folder) as journal:
        runs = runs_from_entries(read_entries(folder), problem)
        if path.exists():
            runs = merge_runs(Table.open(path).runs, runs)
        else:
            runs = merge_runs(runs, runs.take(runs.seeds[:0]))
        if len(runs):
            Table(problem=problem, runs=runs, data_set=load_data_set(plan.problem).digest, plan=plan).save(path)
        alone = not journal.others_live()
    if len(runs) and alone:
        shutil.rmtree(folder)
    return len(runs)
