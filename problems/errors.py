"""Every error that bagbench raises on purpose, as one tree.

::

    BagbenchError
    ├── UnknownName           a problem, optimizer, objective or hyperparameter that does not exist
    ├── InvalidConfiguration  a configuration that its search space does not contain
    ├── InvalidArgument       any other argument out of its range (epochs, budgets, workers, shapes)
    ├── FileProblem           a file that is missing, truncated, altered, foreign or too new
    │   └── BadRows           rows of somebody's own file that do not say what they should
    ├── NotInTable            a configuration or run that a table does not hold
    ├── OutputConflict        an output that exists already, or belongs to something else
    └── MissingExtra          an optional dependency that is not installed

A message says what was wrong, what was given, what was expected, and what to write instead. The command
line prints it as one line (`BadRows`: one for each complaint), without a traceback, and exits with 2.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence


class BagbenchError(Exception):
    """Base of every error that bagbench raises on purpose."""


class UnknownName(BagbenchError, KeyError):
    """A name that is in none of the lists it was looked up in."""

    def __str__(self) -> str:
        # KeyError would print the repr of the message, quotes included.
        return str(self.args[0])

    @classmethod
    def among(cls, kind: str, name: str, known: Iterable[str]) -> UnknownName:
        """Build the error for ``name``, with the nearest of the ``known`` names as a suggestion."""
        from difflib import get_close_matches  # needed by nobody who makes no mistake

        choices = sorted(known)
        near = get_close_matches(name, choices, n=1, cutoff=0.4)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return cls(f"unknown {kind} {name!r}: expected one of {', '.join(choices) or 'none'}{hint}")


class InvalidConfiguration(BagbenchError, ValueError):
    """A configuration that is not in its search space."""


class InvalidArgument(BagbenchError, ValueError):
    """An argument outside its range."""


class FileProblem(BagbenchError, ValueError):
    """A file that cannot be trusted: missing, truncated, altered, foreign or of a newer format."""


class BadRows(FileProblem):
    """Rows of a file that cannot be understood, with a line for each kind of mistake."""

    def __init__(self, complaints: Sequence[str]) -> None:
        super().__init__("\n".join(complaints))
        self.complaints = tuple(complaints)


class NotInTable(BagbenchError, LookupError):
    """A configuration, or a run of it, that a table does not hold."""


class OutputConflict(BagbenchError, ValueError):
    """An output path that is already taken by something else."""


class MissingExtra(BagbenchError, ImportError):
    """An optional dependency that is not installed."""

    @classmethod
    def for_package(cls, package: str, extra: str, purpose: str) -> MissingExtra:
        """Name the ``package`` that is missing and the ``extra`` of bagbench that installs it."""
        return cls(f"{purpose} needs {package}, which is not installed: pip install 'bagbench[{extra}]'")
