"""``bagbench validate --refit``: a surrogate that learns from the true runs, too, and what that changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ..problems.errors import InvalidArgument
from .console import Bar, output, plain_table, resumable

if TYPE_CHECKING:
    from ..analysis.races import Experiment
    from ..analysis.refit import Refit
    from ..analysis.validation import Validation
    from ..tables.table import Table


def wanted_base(experiment: Experiment, base: Path | None, *, refit: bool) -> Table | None:
    """Open the table to learn from besides; None if no refit is wanted.

    Raises
    ------
    FileProblem, InvalidArgument
        If there is no such table, or it is of another problem, or named for nothing.
    """
    from ..analysis.refit_table import open_base

    if refit:
        return open_base(experiment.settings, experiment.problem, base)
    if base is not None:
        raise InvalidArgument(f"--base {base} is what a refit learns from besides: expected --refit, too")
    return None


def run_refit(
    experiment: Experiment, validation: Validation, base: Table, table: Path, folder: Path, *, jobs: int
) -> Refit:
    """Refit with the true runs of ``table``, showing progress."""
    from ..analysis.held_out import count_fits
    from ..analysis.refit import check_runs, refit
    from ..surrogates.training import Recipe
    from ..tables.chosen import open_chosen

    new = open_chosen(table, experiment.problem.name)
    held = check_runs(validation, new)
    with resumable(), Bar("refitting", "surrogates", count_fits(base, held, validation)) as bar:
        return refit(experiment, validation, base, held, folder, recipe=Recipe(), jobs=jobs, progress=bar)


def refit_document(refit: Refit, folder: Path) -> Mapping[str, object]:
    """Give it for programs."""
    from ..analysis.refit import SURROGATE_FILE, TABLE_FILE

    files = {"surrogate": str(folder / SURROGATE_FILE), "table": str(folder / TABLE_FILE)}
    return {**asdict(refit), "sentence": refit.sentence, **files}


def refit_section(refit: Refit) -> str:
    """Give it for the page."""
    from ..analysis.refit_page import refit_section as section

    return section(refit)


def print_refit(refit: Refit, folder: Path) -> None:
    """Print it for people."""
    from ..analysis.refit import SURROGATE_FILE

    console = output()
    table = plain_table(
        "method<", "judged", "hypervolume, before", "after", "true", "whole fronts", "hypervolume, as raced", "refitted"
    )
    for method in refit.methods:
        numbers = (method.before, method.after, method.true)
        fronts = (f"{method.claimed:,}", f"{method.raced:.2f}", f"{method.refitted:.2f}")
        table.add_row(method.optimizer, f"{method.judged:,}", *(f"{number:.2f}" for number in numbers), *fronts)
    console.print("", table)
    console.print(f"\n{refit.sentence}", style="bold", soft_wrap=True)
    console.print(
        f"Refitted: {folder / SURROGATE_FILE}: try `bagbench compare {folder / SURROGATE_FILE}`", soft_wrap=True
    )
