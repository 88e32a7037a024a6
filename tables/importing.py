"""Importing: from the rows of a sheet to a table of runs, whole or not at all.

Values are kept as they are; only the objectives' direction is noted. Repeated configurations become replicates. A run
with a value that is missing or not finite is kept as one that failed in that epoch; what cannot be understood is a
mistake, and mistakes are told together, with their rows.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..problems.problem import Problem, Vectors
from ..problems.space import Space
from .cells import read_numbers, read_vectors, read_whole
from .layout import Goal, Layout, check_names
from .mistakes import Mistakes
from .placing import Place, place_rows
from .points import rounded_budget, settle
from .remarks import of_columns, of_epochs, of_lost_values, of_points, of_replicates
from .runs import Runs, merge_runs
from .sheets import Sheet
from .table import Table

Numbers = NDArray[np.float64]

_ROUNDING = 1e-6  # of a number: what it may differ by from itself, written with other digits

RACE = 100
"""A race may spend so many mean runs, unless its budget is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """A table, and what its owner should know of how it was made."""

    table: Table
    notes: tuple[str, ...]


def import_runs(
    sheet: Sheet, space: Space, layout: Layout, *, name: str, budget_seconds: float | None = None
) -> Imported:
    """Make a table of the runs in a sheet.

    Parameters
    ----------
    sheet
        One row a run, or one row an epoch where the layout has a run column.
    space
        Its parameters are columns of the sheet; a cell is empty where the parameter is inactive.
    layout
        What the other columns mean. Columns that neither of them names are left out, and noted.
    name
        Of the problem.
    budget_seconds
        Of a race; None: `RACE` mean runs.

    Raises
    ------
    BadRows
        If anything in the sheet cannot be understood; nothing of it is kept then.
    InvalidArgument
        If ``name`` is a shipped problem's, or the objectives cannot be put into a table.
    """
    check_names(name, space)
    layout.check(sheet, space.names)
    mistakes = Mistakes(sheet.path)
    vectors = read_vectors(sheet, space, mistakes)
    read = {column: read_numbers(sheet, column, mistakes) for column in layout.measured}
    seeds = None if layout.seed is None else read_whole(sheet, layout.seed, mistakes, least=0)
    place = place_rows(sheet, layout, mistakes)
    mistakes.check()
    _check_constant(sheet, layout, place, vectors, seeds, mistakes)
    _check_apart(sheet, space, vectors, mistakes)
    seconds = _seconds(sheet, layout, place, read[layout.cost], mistakes)
    lost = _lost(read)
    errors = [""] * len(place.first)
    for row in sorted(lost, key=lambda row: -place.epoch[row]):  # the first epoch has the last word
        errors[place.run[row]] = f"row {sheet.rows[row]} of {sheet.path.name}: {lost[row]}"
    whole = np.array([not error for error in errors]) & ~np.isnan(seconds[:, -1])
    if not whole.any():
        mistakes.add(
            f"no run has all values up to epoch {seconds.shape[1]}; something is missing",
            sheet.rows[min(lost)], lost[min(lost)], "at least one whole run",
        )  # fmt: skip
    mistakes.check()
    curves = {goal.name: place.spread(read[goal.name]) for goal in layout.goals} | {"train_seconds": seconds}
    problem = _problem(name, sheet, space, layout, curves, whole, budget_seconds)
    runs, moved = _runs(
        sheet, problem, vectors[place.first], None if seeds is None else seeds[place.first], curves, errors
    )
    notes = (
        *of_columns(sheet, space, layout),
        *of_lost_values(sheet, lost),
        *of_replicates(moved),
        *of_epochs(layout, seconds, errors),
        *of_points(problem, layout, curves, whole),
    )
    return Imported(table=Table(problem=problem, runs=runs), notes=notes)


def _check_constant(
    sheet: Sheet, layout: Layout, place: Place, vectors: Vectors, seeds: NDArray[np.int64] | None, mistakes: Mistakes
) -> None:
    """Note rows whose configuration or seed is not that of their run's first epoch."""
    if layout.run is None:
        return
    cells, first = sheet.columns[layout.run], place.first[place.run]
    same = (vectors == vectors[first]) | (np.isnan(vectors) & np.isnan(vectors[first]))
    for row in np.flatnonzero(~same.all(axis=1)).tolist():
        mistakes.add(
            "other hyperparameters than before in its run", sheet.rows[row], cells[row], "one configuration a run"
        )
    if seeds is not None:
        for row in np.flatnonzero(seeds != seeds[first]).tolist():
            mistakes.add("another seed than before in its run", sheet.rows[row], cells[row], "one seed a run")


def _check_apart(sheet: Sheet, space: Space, vectors: Vectors, mistakes: Mistakes) -> None:
    """Note rows that would pass for replicates of another, though their configurations differ by a hair."""
    digests = np.array(space.digests(vectors))
    _, first, owner = np.unique(digests, return_index=True, return_inverse=True)
    for row, column in np.argwhere(np.nan_to_num(vectors) != np.nan_to_num(vectors[first[owner]])).tolist():
        parameter = space.parameters[column]
        here, there = (parameter.decode(float(vectors[i, column])) for i in (row, first[owner[row]]))
        if not math.isclose(float(here), float(there), rel_tol=_ROUNDING):
            mistakes.add(
                f"{parameter.name!r} is within 1e-10 of its range of {there}, and taken for it", sheet.rows[row],
                here, "a logarithmic scale or a narrower range",
            )  # fmt: skip


def _seconds(sheet: Sheet, layout: Layout, place: Place, cost: Numbers, mistakes: Mistakes) -> Numbers:
    """Give the seconds of each epoch alone, (r, E); those that do not add up are noted."""
    before = np.zeros(len(cost))
    if layout.is_cumulative:
        totals = np.concatenate([np.zeros((len(place.first), 1)), place.spread(cost)], axis=1)
        before = totals[place.run, place.epoch]
    seconds = cost - before
    with np.errstate(over="ignore"):
        stored = seconds.astype(np.float32)  # as tables do
    expected = "more seconds from epoch to epoch of a run" if layout.is_cumulative else "seconds above 0"
    for row in np.flatnonzero(np.isfinite(seconds) & ~((stored > 0) & np.isfinite(stored))).tolist():
        what = f"no time passes in column {layout.cost!r}"
        mistakes.add(what, sheet.rows[row], sheet.columns[layout.cost][row], expected)
    return place.spread(seconds)


def _lost(read: Mapping[str, Numbers]) -> dict[int, str]:
    """Say, for each row with a value that is missing or not finite, which."""
    lost: dict[int, str] = {}
    for column, numbers in read.items():
        for row in np.flatnonzero(~np.isfinite(numbers)).tolist():
            lost.setdefault(row, f"{column} is {'missing' if np.isnan(numbers[row]) else numbers[row]}")
    return lost


def _problem(
    name: str,
    sheet: Sheet,
    space: Space,
    layout: Layout,
    curves: Mapping[str, Numbers],
    whole: NDArray[np.bool_],
    budget_seconds: float | None,
) -> Problem:
    totals = np.cumsum(curves["train_seconds"], axis=1)
    values = {**curves, "train_seconds": totals}
    goals = {goal.name: goal for goal in layout.goals}
    goals.setdefault("train_seconds", Goal(name="train_seconds", ideal=0.0))
    metrics = tuple(settle(goal, values[goal.name], whole) for goal in goals.values())
    guessed = [goal.name for goal in layout.goals if goal.reference is None or goal.ideal is None]
    points = f"; reference and ideal of {', '.join(guessed)} were taken from these runs" if guessed else ""
    return Problem(
        name=name,
        space=space,
        metrics=metrics,
        objectives=metrics[: len(layout.goals)],
        max_epochs=totals.shape[1],
        budget_seconds=rounded_budget(RACE * float(totals[whole, -1].mean()))
        if budget_seconds is None
        else budget_seconds,
        title=f"runs imported from {sheet.path.name}{points}",
    )


def _runs(
    sheet: Sheet,
    problem: Problem,
    vectors: Vectors,
    given: NDArray[np.int64] | None,
    curves: Mapping[str, Numbers],
    errors: Sequence[str],
) -> tuple[Runs, int]:
    """Make columns of r runs, in the order of tables, and say how many could not keep the seed that was given."""
    digests = problem.space.digests(vectors)
    seeds = number_replicates(digests, None if given is None else given.tolist())
    origin = json.dumps({"imported_from": sheet.path.name, "sha256": sheet.sha256}, sort_keys=True)
    runs = Runs(
        vectors=vectors,
        digests=np.array(digests, dtype="S16"),
        seeds=np.array(seeds, dtype=np.int64),
        status=np.array(["failed" if error else "ok" for error in errors], dtype="S16"),
        errors=tuple(errors),
        inclusion_probability=np.ones(len(errors)),
        started=np.full(len(errors), np.nan),
        environments=(origin,) * len(errors),
        curves=curves,
    )
    moved = 0 if given is None else int(np.sum(given != runs.seeds))
    return merge_runs(runs, runs.take(np.arange(0))), moved


def number_replicates(digests: Sequence[str], given: Sequence[int] | None) -> list[int]:
    """Give each of r runs a seed: the given one for the first that claims it, else the least that its digest lacks."""
    taken: dict[str, set[int]] = {digest: set() for digest in digests}
    seeds = [-1] * len(digests)
    for row, seed in enumerate(given or ()):
        if seed not in taken[digests[row]]:
            taken[digests[row]].add(seed)
            seeds[row] = seed
    following = dict.fromkeys(taken, 0)
    for row, digest in enumerate(digests):
        if seeds[row] < 0:
            while following[digest] in taken[digest]:
                following[digest] += 1
            taken[digest].add(following[digest])
            seeds[row] = following[digest]
    return seeds
