"""Options that several commands take, and the checks that their values have in common."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from ..problems.errors import InvalidArgument

ProblemArgument = Annotated[
    str, typer.Argument(metavar="PROBLEM", help="A shipped problem, e.g. digits, or the path of a table or surrogate.")
]
Source = Annotated[
    str | None,
    typer.Option(help="Who answers: surrogate, table or trainer. Default: the surrogate, or what the path is."),
]
Noise = Annotated[
    str, typer.Option(help="Surrogates: the mean of what replicates would score, or a sample of it (mean, sample).")
]
ObjectiveNames = Annotated[
    str | None, typer.Option("--objectives", help="Comma-separated names of metrics, instead of the problem's own two.")
]
Policy = Annotated[
    str | None,
    typer.Option(
        help="Trials that count as results: full (trained in full) or all (of any number of epochs, as in the paper)."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Figures = Annotated[
    bool, typer.Option("--figures", help="Write DIR/figures, too: every figure as PDF, SVG and PNG, and a LaTeX table.")
]
Jobs = Annotated[int | None, typer.Option(help="Local processes at once. Default: as many as there are cores.")]


def names(text: str) -> tuple[str, ...]:
    """Split a comma-separated list."""
    return tuple(name for part in text.split(",") if (name := part.strip()))


def optional_names(text: str | None) -> tuple[str, ...] | None:
    """Split a comma-separated list, if there is one."""
    return None if text is None else names(text)


def check_positive(**options: float | None) -> None:
    """Check that options which are given are above zero.

    Raises
    ------
    InvalidArgument
        If one of them is not; the message spells it as it is typed.
    """
    for name, value in options.items():
        if value is not None and not value > 0:
            option = f"--{name.replace('_', '-')}"
            least = "a whole number, 1 or more" if isinstance(value, int) else "a number above 0"
            raise InvalidArgument(f"{option} is {value:g}: expected {least}; without {option} a default is taken")


def check_suffix(out: Path, suffix: str) -> None:
    """Check that a file to write has a name by which other commands will know it.

    Raises
    ------
    InvalidArgument
        If it does not end in ``suffix``.
    """
    if out.suffix != suffix:
        better = f", such as {out.with_suffix(suffix)}" if out.name.strip(".") else ""
        raise InvalidArgument(f"--out is {out}: expected a name that ends in {suffix}{better}")


def cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
