"""What is wrong with the rows of a file, gathered so that all of it can be told at once: one line for each kind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..problems.errors import BadRows

_EXAMPLES = 3


class Mistakes:
    """Gathers mistakes in the rows of the file ``path``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: dict[tuple[str, str], list[tuple[int, object]]] = {}

    def add(self, what: str, row: int, got: object, expected: str) -> None:
        """Note that ``row`` has ``got`` where something else was expected."""
        self._rows.setdefault((what, expected), []).append((row, got))

    def check(self) -> None:
        """Raise `BadRows`, with a line for each kind of mistake, if there are any."""
        if self._rows:
            raise BadRows(self.complaints)

    @property
    def complaints(self) -> list[str]:
        """A line for each kind of mistake."""
        return [self._line(*kind, rows) for kind, rows in self._rows.items()]

    def _line(self, what: str, expected: str, rows: list[tuple[int, object]]) -> str:
        count = f"{len(rows)} rows" if len(rows) > 1 else "a row"
        shown = listed([f"row {row}: {_short(got)}" for row, got in rows])
        return f"{self._path}: {what} in {count} ({shown}): expected {expected}"


def listed(items: Sequence[str]) -> str:
    """List the first few of many."""
    return ", ".join(items[:_EXAMPLES]) + (f", and {len(items) - _EXAMPLES:,} more" if len(items) > _EXAMPLES else "")


def _short(got: object) -> str:
    if got is None:
        return "empty"
    text = repr(got)
    return text if len(text) <= 40 else f"{text[:37]}..."
