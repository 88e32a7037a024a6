"""Merging a journal into its table: idempotent, and may be done at any time, by any number of processes."""

from __future__ import annotations

from pathlib import Path

from ..problems import get_problem
from ..problems.errors import FileProblem
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


def _merge(folder: Path, path: Path) -> int:
    from ..problems.datasets import load_data_set

    table = Table.open(path) if path.exists() else None
    entries = list(read_entries(folder))
    if not entries:
        return 0 if table is None else len(table)
    if not (folder / "plan.json").exists():
        raise FileProblem(f"journal {folder} has runs but no plan.json: put the file back, or move the folder away")
    plan = Plan.from_json((folder / "plan.json").read_text())
    problem = get_problem(plan.problem)
    runs = runs_from_entries(entries, problem)
    runs = merge_runs(runs, runs.take(runs.seeds[:0]) if table is None else table.runs)
    Table(problem=problem, runs=runs, data_set=load_data_set(plan.problem).digest, plan=plan).save(path)
    return len(runs)
