"""Sheets: the rows of a CSV or Parquet file as columns of cells, each as it stands there.

CSV is UTF-8 with commas and one line of names; an empty cell is None, every other cell a text. Parquet cells have the
types of their columns, and null is None, as an empty text is. Rows are numbered for people: those of CSV as
spreadsheets do, where the names are row 1, those of Parquet as pandas does, from 0.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

from ..problems.errors import FileProblem, MissingExtra
from .mistakes import Mistakes

Cell = str | int | float | bool | None
"""What stands in a row and column; None: nothing."""

Progress = Callable[[int, int], object]
"""Is told how many of how many bytes have been read."""

MISSING = frozenset({"", "na", "n/a", "nan", "none", "null"})
"""Words, in small letters, that stand for a number that is not there."""

_PIECE = 1 << 22  # bytes from one word about the progress to the next


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """The content of one file: n rows."""

    path: Path
    columns: Mapping[str, Sequence[Cell]]
    """name -> (n,) cells."""
    rows: Sequence[int]
    """(n,) what people call each row."""
    sha256: str
    """Of the file."""
    odd: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Columns that hold something else (dates, lists), all None here, and what to say if they are needed."""

    def __len__(self) -> int:
        return len(self.rows)


def number(cell: Cell) -> float:
    """Read a cell as a number; NaN where it is missing, ValueError where it is something else."""
    if cell is None:
        return math.nan
    if isinstance(cell, bool) or (isinstance(cell, str) and "_" in cell):
        raise ValueError(cell)
    if isinstance(cell, str) and cell.strip().lower() in MISSING:
        return math.nan
    return float(cell)


def read_sheet(path: Path, *, progress: Progress = lambda done, total: None) -> Sheet:
    """Read a file whose name ends in ``.csv`` or ``.parquet``.

    Raises
    ------
    FileProblem
        If it is missing, empty, of neither kind, or malformed; `BadRows` if some of its rows are.
    MissingExtra
        If it is Parquet and pyarrow is not installed.
    """
    readers = {".csv": _read_csv, ".parquet": _read_parquet}
    if path.suffix.lower() not in readers:
        raise FileProblem(f"{path}: expected a file of runs whose name ends in .csv or .parquet")
    if not path.is_file():
        raise FileProblem(f"{path}: no such file: expected a .csv or .parquet file of runs")
    sheet = readers[path.suffix.lower()](path, progress)
    if not len(sheet):
        raise FileProblem(f"{path} has no rows: expected a line of column names and a row for each run or epoch")
    return sheet


def _read_csv(path: Path, progress: Progress) -> Sheet:
    state, mistakes = sha256(), Mistakes(path)
    reader = csv.reader(_lines(path, state.update, progress), strict=True)
    names: list[str] = []
    cells: list[list[str]] = []
    rows: list[int] = []
    row = 0
    try:
        for row, words in enumerate(reader, start=1):
            if row == 1:
                names = _check_names(path, words)
            elif len(words) == len(names):
                cells.append(words)
                rows.append(row)
            elif words:  # not an empty line
                mistakes.add("not as many cells as there are columns", row, len(words), f"{len(names)} cells")
    except UnicodeDecodeError as error:
        raise FileProblem(f"{path}, row {row + 1}: not UTF-8 text ({error.reason}): save it as CSV, UTF-8") from error
    except csv.Error as error:
        raise FileProblem(f"{path}, row {row + 1}: not CSV ({error})") from error
    mistakes.check()
    columns = {name: [words[position] or None for words in cells] for position, name in enumerate(names)}
    return Sheet(path=path, columns=columns, rows=rows, sha256=state.hexdigest())


def _lines(path: Path, note: Callable[[bytes], object], progress: Progress) -> Iterator[str]:
    total, done, told = path.stat().st_size, 0, 0
    with path.open("rb") as file:
        for line in file:
            note(line)
            done += len(line)
            if done - told >= _PIECE:
                told = done
                progress(done, total)
            yield line.decode("utf-8-sig" if done == len(line) else "utf-8")


def _check_names(path: Path, names: list[str]) -> list[str]:
    """Give the column names without blanks around them, or say what is wrong with them."""
    names = [name.strip() for name in names]
    if len(names) == 1 and any(mark in names[0] for mark in ";\t"):
        raise FileProblem(f"{path}: its columns are separated by semicolons or tabs: save it with commas")
    nameless = [str(position) for position, name in enumerate(names, start=1) if not name]
    if nameless:
        raise FileProblem(
            f"{path}: column {', '.join(nameless)} has no name in row 1: name it (pandas: to_csv(..., index=False))"
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise FileProblem(f"{path}: two columns have the same name: {', '.join(twice)}")
    return names


def _read_parquet(path: Path, progress: Progress) -> Sheet:
    try:
        from pyarrow import ArrowException, parquet
    except ModuleNotFoundError as error:
        if error.name != "pyarrow":
            raise
        raise MissingExtra.for_package("pyarrow", "parquet", "reading Parquet") from error
    content = path.read_bytes()
    try:
        table = parquet.read_table(path, use_threads=False)
    except (ArrowException, OSError) as error:
        raise FileProblem(f"{path}: not a Parquet file ({error})") from error
    names = _check_names(path, list(table.column_names))
    columns, odd = {}, {}
    for position, name in enumerate(names):
        cells, mistakes = [_plain(cell) for cell in table.column(position).to_pylist()], Mistakes(path)
        for row, cell in enumerate(cells):
            if not (cell is None or isinstance(cell, str | int | float)):
                mistakes.add(f"column {name!r} holds neither numbers nor words", row, cell, "plain values")
        columns[name] = [None if cell == "" else cell for cell in cells]
        if complaints := mistakes.complaints:
            odd[name], columns[name] = complaints, [None] * len(cells)
        progress(len(content) * (position + 1) // len(names), len(content))
    return Sheet(path=path, columns=columns, rows=range(table.num_rows), sha256=sha256(content).hexdigest(), odd=odd)


def _plain(cell: object) -> Any:
    """Turn decimals into numbers, and bytes that are a text into it."""
    if isinstance(cell, Decimal):
        return float(cell)
    try:
        return cell.decode() if isinstance(cell, bytes) else cell
    except UnicodeDecodeError:
        return cell
