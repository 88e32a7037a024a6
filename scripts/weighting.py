"""Find out whether weighting runs helps: ``python -m bagbench.scripts.weighting TABLE...``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from .console import run


def weighting(
    tables: Annotated[list[Path], typer.Argument(metavar="TABLE...", help="Tables of cost-aware designs, *.h5.")],
    page: Annotated[Path, typer.Option(metavar="PAGE.md", help="The page to write.")] = Path("docs/weighting.md"),
) -> None:
    """Fit trees to tables with and without inverse-probability weights, and write a page of what it changed."""
    from ..analysis.weighting import judge_weights, weighting_page
    from ..problems.files import write_atomically
    from ..surrogates.examples import read_examples
    from ..tables.table import Table

    command = shlex.join(["python", "-m", "bagbench.scripts.weighting", *map(str, tables), "--page", str(page)])
    judged = {path.stem: judge_weights(read_examples(Table.open(path))) for path in tables}
    write_atomically(page, weighting_page(judged, command))
    typer.echo(f"{page} written", err=True)


if __name__ == "__main__":
    run(weighting)
