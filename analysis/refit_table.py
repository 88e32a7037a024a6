"""What a refitted surrogate learns from: a table such as the races' surrogate learnt from, and the true runs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..problems.errors import InvalidArgument
from ..problems.problem import Problem
from ..simulator.benchmarks import find_file
from ..tables.runs import merge_runs
from ..tables.table import Table
from .races import Settings


def open_base(settings: Settings, problem: Problem, path: Path | None) -> Table:
    """Open the table to which true runs shall be added.

    Parameters
    ----------
    settings
        Of the races.
    problem
        That was raced on, with a trainer.
    path
        None: the table that answered or, where a surrogate did, the one that is shipped with the problem.

    Raises
    ------
    FileProblem
        If there is no such table, or it is damaged.
    InvalidArgument
        If it is of another problem.
    """
    path = path or find_file(settings["problem"] if settings["source"] == "table" else problem.name, "table")
    base = Table.open(path, verify=True)
    if (base.problem.name, base.problem.space, base.epochs) != (problem.name, problem.space, problem.max_epochs):
        raise InvalidArgument(
            f"{path} is a table of {base.problem.name!r}, {base.epochs} epochs a run: expected one of "
            f"{problem.name!r} with its search space and {problem.max_epochs} epochs, which these races were about"
        )
    return base


def add_runs(base: Table, new: Table, *, most_runs: int) -> Table:
    """Put two tables together; of a base of more than ``most_runs`` only as many are taken as leave room for the new.

    Those are the ones with the smallest digests, a random sample of the configurations, see `read_examples`.

    Raises
    ------
    InvalidArgument
        If they were not trained on the same images.
    """
    if base.data_set != new.data_set:
        raise InvalidArgument(
            f"the base table of {base.problem.name!r} was made with other images than are here: expected one of "
            "`bagbench populate` with these"
        )
    room = most_runs - len(new)
    if len(base) > room:
        base = base.take(np.sort(np.argsort(base.runs.digests, kind="stable")[: max(room, 0)]))
    return replace(base, runs=merge_runs(base.runs, new.runs), plan=None, sha256="")


def without(table: Table, digests: Collection[str]) -> Table:
    """Leave out all runs of some configurations."""
    held_out = np.isin(table.runs.digests, np.array(sorted(digests), dtype="S16"))
    return table.take(np.flatnonzero(~held_out))
