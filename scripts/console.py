"""What all commands share of talking to people: consoles, progress, errors, and what Ctrl-C leaves behind."""

from __future__ import annotations

import errno
import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from ..problems.errors import BadRows, BagbenchError

_PIPED_WIDTH = 120  # columns of a table in a file or pipe, where nobody says how wide it may be
_PERIOD = 300.0  # seconds that the rate is taken over: some runs and fits take a minute
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)  # a full or broken disk, which names no file
_LINES = 10  # progress lines where there is no terminal


def output() -> Console:
    """Open the console for results: stdout. Names and paths are printed as they are, brackets and colons, too."""
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = _PIPED_WIDTH
    return console


def remark(text: str) -> None:
    """Say something beside the result, on stderr."""
    typer.echo(text, err=True)


def print_json(document: object) -> None:
    """Print a document for programs, on stdout; JSON has no NaN and no infinity, they become null."""
    typer.echo(json.dumps(_finite(document), indent=1, allow_nan=False))


def _finite(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def plain_table(*heads: str) -> Table:
    """Begin a table; a head that ends in ``<`` is a column of words, the others hold numbers."""
    table = Table(box=None, pad_edge=False)
    for head in heads:
        words = head.endswith("<")
        table.add_column(head.removesuffix("<"), justify="left" if words else "right", overflow="fold")
    return table


class _Rate(ProgressColumn):
    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.3g} {self._unit}/s" if task.speed else "")


class Bar:
    """Progress on stderr: a bar with rate and time left, or ten lines where there is no terminal.

    Parameters
    ----------
    what
        What is being done, e.g. ``"racing"``.
    unit
        What is counted, in the plural.
    total
        How many there are; None if the first `update` says it.
    """

    def __init__(self, what: str, unit: str, total: float | None = None) -> None:
        console = Console(stderr=True)
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(unit),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", markup=False),
        )
        self._is_quiet = not console.is_terminal
        self._progress = Progress(
            *columns, console=console, transient=True, disable=self._is_quiet, speed_estimate_period=_PERIOD
        )
        self._task = self._progress.add_task(what, total=total, note="")
        self._what, self._unit, self._total, self._told = what, unit, total, 0

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._progress.stop()

    def update(self, done: float, total: float | None = None, note: str = "") -> None:
        """Show that ``done`` of ``total`` (None: as many as before) are done, and a ``note`` beside it.

        Nothing counts for the rate that was done before the first call.
        """
        self._total = total or self._total or done
        self._progress.update(self._task, completed=done, total=self._total, note=note)
        reached = int(_LINES * done / self._total) if self._total else 0
        if self._is_quiet and reached > self._told:
            self._told = reached
            remark(f"{self._what}: {done:g} of {self._total:g} {self._unit}" + (f", {note}" if note else ""))


@contextmanager
def plain_errors() -> Iterator[None]:
    """Print an error of bagbench, or of files and disks, as one line, without a traceback, and exit with 2."""
    try:
        yield
    except BadRows as error:
        _fail(*error.complaints)
    except BagbenchError as error:
        _fail(str(error))
    except OSError as error:
        if error.filename is None and error.errno not in _NO_ROOM:
            raise
        _fail(f"{error.filename or 'cannot read or write'}: {error.strerror}")


def run(command: Callable[..., object]) -> None:
    """Run a function as the command of its own module, ``python -m``."""
    with plain_errors():
        typer.run(command)


def _fail(*messages: str) -> None:
    for message in messages:
        print("bagbench:", " ".join(message.split()), file=sys.stderr)
    sys.exit(2)


@contextmanager
def resumable() -> Iterator[None]:
    """Turn Ctrl-C into a word on how to go on, and exit code 130."""
    try:
        yield
    except KeyboardInterrupt:
        remark("interrupted: what is finished is kept, the same command goes on from there")
        raise typer.Exit(130) from None
