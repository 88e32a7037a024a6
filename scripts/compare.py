"""``bagbench compare``: race optimizers against each other."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..problems.errors import InvalidArgument
from .console import Bar, resumable
from .options import (
    AsJson,
    Jobs,
    Noise,
    ObjectiveNames,
    ProblemArgument,
    Source,
    check_positive,
    cores,
    names,
    optional_names,
)
from .verdict import conclude

BAG = ("random-search", "sh-emoa", "mo-bohb", "ms-ehvi", "mo-bananas-sh", "bulk-and-cut")
"""What the seed paper's figures compare: the bag of baselines."""

_SECONDS_PER_HOUR = 3600.0


def compare(
    problem: ProblemArgument,
    optimizers: Annotated[
        str,
        typer.Option(help="Comma-separated, or all (see `bagbench info --optimizers`). Default: the bag's six."),
    ] = ",".join(BAG),
    seeds: Annotated[int, typer.Option(help="Races of each optimizer.")] = 10,
    budget_hours: Annotated[
        float | None, typer.Option(help="Simulated hours of a race. Default: the problem's budget.")
    ] = None,
    evaluations: Annotated[int | None, typer.Option(help="Trials of a race, instead of hours.")] = None,
    workers: Annotated[int, typer.Option(help="Trainings at once in a race, simulated.")] = 1,
    source: Source = None,
    noise: Noise = "mean",
    objectives: ObjectiveNames = None,
    checkpointing: Annotated[
        bool,
        typer.Option("--checkpointing/--no-checkpointing", help="Whether training on is charged its new epochs only."),
    ] = True,
    jobs: Jobs = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="tcp://...", help="Race on the Dask cluster of this scheduler.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder to write. Default: out/PROBLEM.")] = None,
    as_json: AsJson = False,
) -> None:
    """Race optimizers on PROBLEM, with several seeds each, and say which is better.

    DIR gets report.html (opens offline), summary.csv (one line a race) and the histories. The same command goes on
    where it was stopped, and the same settings give the same races, whatever the number of jobs.
    """
    from ..optimizers import OPTIMIZERS
    from ..simulator.benchmarks import find_source
    from ..simulator.grid import Grid, run_grid

    check_positive(seeds=seeds, budget_hours=budget_hours, evaluations=evaluations, workers=workers, jobs=jobs)
    if budget_hours is not None and evaluations is not None:
        raise InvalidArgument(
            f"both --budget-hours {budget_hours:g} and --evaluations {evaluations} are given: expected one of them"
        )
    grid = Grid(
        problem=_absolute(problem, find_source(problem, source)),
        source=source,
        noise=noise,
        objectives=optional_names(objectives),
        optimizers=tuple(OPTIMIZERS) if optimizers == "all" else names(optimizers),
        seeds=tuple(range(seeds)),
        budget_seconds=None if budget_hours is None else _SECONDS_PER_HOUR * budget_hours,
        budget_evaluations=evaluations,
        workers=workers,
        checkpointing=checkpointing,
    )
    out = out or Path("out") / Path(problem).stem
    with resumable(), Bar("racing", "races", len(grid.optimizers) * seeds) as bar:
        run_grid(grid, out=out, jobs=jobs or cores(), scheduler=scheduler, progress=bar)
    conclude(out, as_json=as_json)


def _absolute(problem: str, source: str) -> str:
    """Make the path of a table or surrogate absolute: a report may be made again from another folder."""
    path = Path(problem)
    return str(path.resolve()) if source != "trainer" and path.suffix else problem
