"""``bagbench compare``: race optimizers against each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ..problems.errors import InvalidArgument, OutputConflict
from .console import Bar, resumable
from .options import (
    AsJson,
    Figures,
    Jobs,
    Noise,
    ObjectiveNames,
    Policy,
    Source,
    check_positive,
    cores,
    names,
    optional_names,
)
from .paper import HOURS, check_paper
from .paper import SEEDS as PAPER_SEEDS
from .verdict import conclude, conclude_all

BAG = ("random-search", "sh-emoa", "mo-bohb", "ms-ehvi", "mo-bananas-sh", "bulk-and-cut")
"""What the seed paper's figures compare: the bag of baselines."""

SEEDS = 10
"""Races of each optimizer, if nobody says how many."""

_SECONDS_PER_HOUR = 3600.0


def compare(
    problems: Annotated[
        list[str],
        typer.Argument(metavar="PROBLEM", help="Shipped problems, e.g. digits, or paths of tables or surrogates."),
    ],
    optimizers: Annotated[
        str,
        typer.Option(
            help="Comma-separated (see `bagbench info --optimizers`); all: bagbench's own, wrapped: those of other "
            "libraries that are installed. Default: the bag's six."
        ),
    ] = ",".join(BAG),
    seeds: Annotated[int | None, typer.Option(help=f"Races of each optimizer. Default: {SEEDS}.")] = None,
    budget_hours: Annotated[
        float | None, typer.Option(help="Simulated hours of a race. Default: the problem's budget.")
    ] = None,
    evaluations: Annotated[int | None, typer.Option(help="Trials of a race, instead of hours.")] = None,
    workers: Annotated[int, typer.Option(help="Trainings at once in a race, simulated.")] = 1,
    source: Source = None,
    noise: Noise = "mean",
    objectives: ObjectiveNames = None,
    checkpointing: Annotated[
        bool | None,
        typer.Option(
            "--checkpointing/--no-checkpointing",
            help="Whether training on is charged its new epochs only. Default: it is.",
        ),
    ] = None,
    policy: Policy = None,
    paper: Annotated[
        bool,
        typer.Option(
            "--paper", help="The seed paper's protocol: 24 hours, 10 seeds, trials of all epochs count, no checkpoints."
        ),
    ] = False,
    jobs: Jobs = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="tcp://...", help="Race on the Dask cluster of this scheduler.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder to write. Default: out/PROBLEM.")] = None,
    figures: Figures = False,
    as_json: AsJson = False,
) -> None:
    """Race optimizers on PROBLEM, with several seeds each, and say which is better.

    DIR gets report.html (opens offline), summary.csv (one line a race) and the histories. The same command goes on
    where it was stopped, and the same settings give the same races, whatever the number of jobs. Of several problems,
    each has a folder in DIR, and DIR/summary.csv the average ranks.
    """
    from ..analysis.indicators import check_policy
    from ..analysis.paper import require_matplotlib
    from ..simulator.grid import Grid, run_grid

    check_positive(seeds=seeds, budget_hours=budget_hours, evaluations=evaluations, workers=workers, jobs=jobs)
    if paper:
        check_paper(
            seeds=seeds,
            budget_hours=budget_hours,
            evaluations=evaluations,
            objectives=objectives,
            policy=policy,
            checkpointing=checkpointing,
        )
        seeds, budget_hours, policy, checkpointing = PAPER_SEEDS, HOURS, "all", False
    if budget_hours is not None and evaluations is not None:
        raise InvalidArgument(
            f"both --budget-hours {budget_hours:g} and --evaluations {evaluations} are given: expected one of them"
        )
    if figures:
        require_matplotlib()
    counting = check_policy(policy or "full")
    seeds = SEEDS if seeds is None else seeds
    folders = _folders(problems, out)
    grids = [
        Grid(
            problem=_found(problem, source),
            source=source,
            noise=noise,
            objectives=optional_names(objectives),
            optimizers=_chosen(optimizers),
            seeds=tuple(range(seeds)),
            budget_seconds=None if budget_hours is None else _SECONDS_PER_HOUR * budget_hours,
            budget_evaluations=evaluations,
            workers=workers,
            checkpointing=checkpointing is not False,
        )
        for problem in problems
    ]
    for grid, folder in zip(grids, folders, strict=True):
        what = "racing" if len(problems) == 1 else f"racing on {folder.name}"
        with resumable(), Bar(what, "races", len(grid.optimizers) * seeds) as bar:
            run_grid(grid, out=folder, jobs=jobs or cores(), scheduler=scheduler, progress=bar)
    if len(problems) == 1:
        conclude(folders[0], policy=counting, figures=figures, as_json=as_json)
    else:
        conclude_all(folders[0].parent, policy=counting, figures=figures, as_json=as_json)


def _folders(problems: Sequence[str], out: Path | None) -> list[Path]:
    """Name the folder of each problem's experiment: ``out`` itself, or one in it for each of several."""
    from ..simulator.grid import EXPERIMENT_FILE

    stems = [Path(problem).stem for problem in problems]
    if len(stems) == 1:
        return [out or Path("out") / stems[0]]
    if len(set(stems)) < len(stems):
        raise InvalidArgument(f"several problems need different names, got {', '.join(stems)}")
    parent = out or Path("out") / "+".join(stems)
    if (parent / EXPERIMENT_FILE).exists():
        raise OutputConflict(f"{parent} holds the experiment of one problem: choose another --out for several")
    return [parent / stem for stem in stems]


def _found(problem: str, source: str | None) -> str:
    """Give the name of a problem that can be had, or the absolute path: a report may be made from another folder."""
    from ..simulator.benchmarks import find_file, find_source

    kind = find_source(problem, source)
    if kind != "trainer":
        find_file(problem, kind)
    path = Path(problem)
    return str(path.resolve()) if kind != "trainer" and path.suffix else problem


def _chosen(text: str) -> tuple[str, ...]:
    """Split a list of optimizers, with the words for groups of them."""
    from ..optimizers import METHODS, OPTIMIZERS

    groups = {
        "all": [name for name in OPTIMIZERS if not METHODS[name].extra],
        "wrapped": [name for name in OPTIMIZERS if METHODS[name].extra],
    }
    return tuple(name for word in names(text) for name in groups.get(word, [word]))
