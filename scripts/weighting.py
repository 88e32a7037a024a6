"""Find out whether weighting runs helps: ``python -m bagbench.scripts.weighting TABLE...``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from .console import Bar, run


def weighting(
    tables: Annotated[list[Path], typer.Argument(metavar="TABLE...", help="Tables of cost-aware designs, *.h5.")],
    members: Annotated[int, typer.Option(metavar="N", help="Perceptrons whose answers are averaged.")] = 4,
    page: Annotated[Path, typer.Option(metavar="PAGE.md", help="The page to write.")] = Path("docs/weighting.md"),
) -> None:
    """Train perceptrons on tables with and without inverse-probability weights, and write a page of what it changed."""
    from ..analysis.weighting import judge_weights, weighting_page
    from ..problems.files import write_atomically
    from ..surrogates.examples import read_examples
    from ..surrogates.perceptrons import Perceptrons
    from ..surrogates.training import Recipe
    from ..tables.table import Table

    Recipe.check()
    perceptrons, judged = Perceptrons(members=members), {}
    words = [*map(str, tables), "--members", str(members), "--page", str(page)]
    for path in tables:
        examples = read_examples(Table.open(path))
        with Bar(f"weighting {path.stem}", "trainings") as bar:
            judged[path.stem] = judge_weights(examples, perceptrons, progress=bar)
    command = shlex.join(["python", "-m", "bagbench.scripts.weighting", *words])
    write_atomically(page, weighting_page(judged, command))
    typer.echo(f"{page} written", err=True)


if __name__ == "__main__":
    run(weighting)
