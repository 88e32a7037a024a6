"""Cells as values: configurations, numbers and whole numbers out of the columns of a sheet."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..problems.parameters import Choice, Parameter, Value
from ..problems.problem import Vectors
from ..problems.space import Space
from .mistakes import Mistakes
from .sheets import Cell, Sheet, number

TRUTH = {"true": True, "false": False}
"""Words, in small letters, that stand for a truth value."""

_LARGEST = 2**63 - 1


def read_vectors(sheet: Sheet, space: Space, mistakes: Mistakes) -> Vectors:
    """Encode the configurations (n, d) of a sheet; what is none is noted in ``mistakes``."""
    vectors = np.full((len(sheet), len(space)), np.nan)
    legal = np.ones(len(sheet), dtype=bool)
    for column, parameter in enumerate(space.parameters):
        vectors[:, column], bad = _encode(sheet, parameter, mistakes)
        legal[bad] = False
    given, active = ~np.isnan(vectors), space.active(vectors)
    missing = active & ~given & legal[:, None]
    surplus = ~active & given & (legal & ~missing.any(axis=1))[:, None]
    for column, (parameter, condition) in enumerate(zip(space.parameters, space.conditions, strict=True)):
        name = parameter.name
        expected = str(parameter) if condition else f"{parameter}, or a condition that says when it is inactive"
        for row in np.flatnonzero(missing[:, column]).tolist():
            mistakes.add(f"no {name!r}", sheet.rows[row], sheet.columns[name][row], expected)
        for row in np.flatnonzero(surplus[:, column]).tolist():
            cell = sheet.columns[name][row]
            mistakes.add(f"{name!r} where it is inactive", sheet.rows[row], cell, f"an empty cell unless {condition}")
    return vectors


def _encode(sheet: Sheet, parameter: Parameter, mistakes: Mistakes) -> tuple[NDArray[np.float64], list[int]]:
    """Encode one column (n,), NaN where it is empty, and list the rows that hold something else."""
    numbers, bad = np.full(len(sheet), np.nan), []
    seen: dict[Cell, float] = {}
    for row, cell in enumerate(sheet.columns[parameter.name]):
        try:
            if cell not in seen:
                seen[cell] = _encode_cell(parameter, cell)
            numbers[row] = seen[cell]
        except (KeyError, TypeError, ValueError, OverflowError):
            bad.append(row)
            mistakes.add(f"{parameter.name!r} is outside the space", sheet.rows[row], cell, str(parameter))
    return numbers, bad


def _encode_cell(parameter: Parameter, cell: Cell) -> float:
    value: Value | None = cell
    if isinstance(cell, str) and isinstance(parameter, Choice):
        if cell in parameter.choices:
            return parameter.encode(cell)
        value = TRUTH.get(cell.strip().lower())
    if value is None or (isinstance(value, str)):
        value = number(cell)
    return value if value != value else parameter.encode(value)  # NaN: nothing there


def read_numbers(sheet: Sheet, column: str, mistakes: Mistakes) -> NDArray[np.float64]:
    """Read numbers (n,), NaN where they are missing; what is no number is noted in ``mistakes``."""
    numbers = np.full(len(sheet), np.nan)
    for row, cell in enumerate(sheet.columns[column]):
        try:
            numbers[row] = number(cell)
        except ValueError:
            mistakes.add(f"no number in column {column!r}", sheet.rows[row], cell, "a number, or an empty cell")
    return numbers


def read_whole(sheet: Sheet, column: str, mistakes: Mistakes, *, least: int) -> NDArray[np.int64]:
    """Read whole numbers (n,), ``least`` or more; what is none is noted in ``mistakes``."""
    numbers = np.full(len(sheet), least, dtype=np.int64)
    for row, cell in enumerate(sheet.columns[column]):
        try:
            value = number(cell)
            whole = int(cell) if isinstance(cell, str) and cell.strip().isdigit() else int(value)
            if whole != value or not least <= whole <= _LARGEST:
                raise ValueError
            numbers[row] = whole
        except (ValueError, OverflowError):
            expected = f"a whole number, {least} or more"
            mistakes.add(f"no whole number in column {column!r}", sheet.rows[row], cell, expected)
    return numbers
