"""Placing: which rows of a sheet make up which run, and which epoch of it each of them is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .cells import read_whole
from .layout import Layout
from .mistakes import Mistakes
from .sheets import Cell, Sheet

Positions = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the n rows of a sheet belong among r runs of up to E epochs."""

    run: Positions
    """(n,) which run, in the order in which they begin in the sheet."""
    epoch: Positions
    """(n,) which epoch of it, from 0."""
    first: Positions
    """(r,) the row of each run's first epoch."""

    def spread(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Lay values (n,) out as curves (r, E): NaN where there is no row, or nothing finite in it."""
        curves = np.full((len(self.first), int(self.epoch.max()) + 1), np.nan)
        curves[self.run, self.epoch] = np.where(np.isfinite(values), values, np.nan)
        return curves


def place_rows(sheet: Sheet, layout: Layout, mistakes: Mistakes) -> Place:
    """Place the rows of a sheet; what has no place is noted in ``mistakes``, and the answer is worth nothing then."""
    n = len(sheet)
    if layout.run is None:
        return Place(run=np.arange(n), epoch=np.zeros(n, dtype=np.int64), first=np.arange(n))
    run = _number_runs(sheet, sheet.columns[layout.run], layout.run, mistakes)
    epoch = _count(run) if layout.epoch is None else read_whole(sheet, layout.epoch, mistakes, least=1) - 1
    if layout.epoch is not None:
        _check_epochs(sheet, layout.epoch, run, epoch, mistakes)
    begin = np.flatnonzero(epoch == 0)
    first = np.zeros(int(run.max()) + 1, dtype=np.int64)
    first[run[begin]] = begin
    return Place(run=run, epoch=epoch, first=first)


def _number_runs(sheet: Sheet, cells: Sequence[Cell], column: str, mistakes: Mistakes) -> Positions:
    """Number runs in the order of their first rows."""
    numbers: dict[Cell, int] = {}
    for row, cell in enumerate(cells):
        if cell is None or cell != cell:  # NaN
            mistakes.add(f"no run in column {column!r}", sheet.rows[row], cell, "a name or number for each run")
        numbers.setdefault(cell, len(numbers))
    return np.array([numbers[cell] for cell in cells], dtype=np.int64)


def _count(run: Positions) -> Positions:
    """Count the rows (n,) of each run, from 0."""
    order = np.argsort(run, kind="stable")
    ends = np.cumsum(np.bincount(run))
    starts = np.concatenate([[0], ends[:-1]])
    epoch = np.empty_like(run)
    epoch[order] = np.arange(len(run)) - starts[run[order]]
    return epoch


def _check_epochs(sheet: Sheet, column: str, run: Positions, epoch: Positions, mistakes: Mistakes) -> None:
    """Note epochs that a run has twice, and those behind a gap."""
    cells, length = sheet.columns[column], np.bincount(run)[run]
    order = np.lexsort((epoch, run))
    again = (np.diff(run[order]) == 0) & (np.diff(epoch[order]) == 0)
    for row in np.sort(order[1:][again]).tolist():
        mistakes.add(f"an epoch of column {column!r} twice in its run", sheet.rows[row], cells[row], "one row an epoch")
    if not again.any():
        for row in np.flatnonzero(epoch >= length).tolist():
            expected = "1, 2, 3, ... without gaps in each run; if it was measured every k epochs, count those"
            mistakes.add(f"an epoch of column {column!r} behind a gap", sheet.rows[row], cells[row], expected)
