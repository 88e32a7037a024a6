"""Inferring a search space from columns, for its owner to review.

The rule, column by column, in this order:

1. no cell has anything in it: no parameter;
2. one value: a constant;
3. ``true`` and ``false`` (any case): a categorical with these two;
4. whole numbers: an integer from the least to the greatest; other numbers: a float from the least to the greatest;
   logarithmic if the least is above 0 and the greatest more than a hundred times the least;
5. words: a categorical with every word that occurs, in alphabetical order;
6. words and numbers: a mistake, because nobody can tell what was meant.

Defaults are in the middle of the (logarithmic) range, or the first choice. Bounds are those of the runs, not those that
somebody searched in, and empty cells have to be explained by a condition: this is what there is to review.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..problems.declarations import compile_parameter
from ..problems.errors import InvalidArgument
from .cells import TRUTH
from .layout import Layout, check_names
from .mistakes import Mistakes
from .sheets import MISSING, Cell, Sheet, number

LOG_SPAN = 100.0
"""Positive numbers that span more than this factor are put on a logarithmic scale."""

_MANY = 20  # words from which on a categorical is perhaps none


@dataclass(frozen=True, slots=True, kw_only=True)
class Inferred:
    """A space for review."""

    document: dict[str, object]
    """A ConfigSpace JSON document."""
    decisions: tuple[str, ...]
    """A line for each column that might be a parameter."""


def infer_space(sheet: Sheet, layout: Layout, *, name: str) -> Inferred:
    """Infer a space from all columns of a sheet that have no role in the layout.

    Raises
    ------
    BadRows
        If a column with a role is not there, or one without holds words and numbers.
    InvalidArgument
        If no column is left.
    """
    check_names(name)
    layout.check(sheet, ())
    mistakes = Mistakes(sheet.path)
    items, decisions = [], []
    for column, cells in sheet.columns.items():
        if column in layout.columns:
            continue
        item = _infer(sheet, column, mistakes)
        if item is not None:
            items.append(item)
        told = "neither numbers nor words, left out" if column in sheet.odd else _told(item, cells)
        decisions.append(f"{column}: {told}")
    mistakes.check()
    if not items:
        raise InvalidArgument(
            f"{sheet.path} has no column left that could be a hyperparameter: all are {', '.join(layout.columns)}"
        )
    document = {
        "name": name,
        "hyperparameters": items,
        "conditions": [],
        "forbiddens": [],
        "python_module_version": "1.2.0",
        "format_version": 0.4,
    }
    return Inferred(document=document, decisions=tuple(decisions))


def _infer(sheet: Sheet, column: str, mistakes: Mistakes) -> dict[str, object] | None:
    kinds: dict[str, list[tuple[int, Cell]]] = {}
    for row, cell in zip(sheet.rows, sheet.columns[column], strict=True):
        kinds.setdefault(_kind(cell), []).append((row, cell))
    kinds.pop("empty", None)
    if "number" in kinds or "truth" in kinds:
        kinds.pop("missing", None)
    if not kinds:
        return None
    if "number" in kinds:
        if len(kinds) > 1:
            for row, cell in min(kinds.values(), key=len):
                mistakes.add(f"{column!r} holds numbers and words", row, cell, "one kind, or a space that you write")
            return None
        for row, cell in kinds["number"]:
            if not math.isfinite(number(cell)):
                mistakes.add(f"{column!r} is not finite", row, cell, "a number, or an empty cell where it is inactive")
        return _range(column, [value for _, cell in kinds["number"] if math.isfinite(value := number(cell))])
    if set(kinds) == {"truth"}:
        return _choices(column, sorted({TRUTH[str(cell).lower().strip()] for _, cell in kinds["truth"]}))
    return _choices(column, sorted({str(cell) for cells in kinds.values() for _, cell in cells}))


def _kind(cell: Cell) -> str:
    if cell is None or cell != cell:  # NaN
        return "empty"
    text = str(cell).strip().lower()
    if text in TRUTH:
        return "truth"
    if text in MISSING:
        return "missing"
    try:
        number(cell)
    except ValueError:
        return "word"
    return "number"


def _choices(column: str, choices: Sequence[bool | str]) -> dict[str, object]:
    if len(choices) == 1:
        return {"type": "constant", "name": column, "value": choices[0]}
    return {"type": "categorical", "name": column, "choices": choices, "weights": None, "default_value": choices[0]}


def _range(column: str, values: Sequence[float]) -> dict[str, object] | None:
    if not values:
        return None
    low, high = min(values), max(values)
    whole = all(value.is_integer() for value in values)
    kind = int if whole else float
    if low == high:
        return {"type": "constant", "name": column, "value": kind(low)}
    log = low > 0 and high / low > LOG_SPAN
    middle = math.sqrt(low * high) if log else (low + high) / 2
    return {
        "type": "uniform_int" if whole else "uniform_float",
        "name": column,
        "lower": kind(low),
        "upper": kind(high),
        "default_value": round(middle) if whole else min(max(middle, low), high),
        "log": log,
    }


def _told(item: dict[str, object] | None, cells: Sequence[Cell]) -> str:
    """Say what became of a column."""
    if item is None:
        return "empty, left out"
    parameter = compile_parameter(item)
    text = {"constant": "always " + str(item.get("value")), "categorical": str(parameter)}
    told = text.get(str(item["type"]), str(parameter))
    empty = sum(cell is None or cell != cell for cell in cells)
    if empty:
        told += f"; empty in {empty} of {len(cells)} rows: add a condition that says when it is inactive"
    if item["type"] == "categorical" and parameter.size > _MANY:
        told += "; so many words: take it out if it is a name or a remark"
    return told
