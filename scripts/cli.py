"""The command ``bagbench``: one thin file per subcommand."""

from __future__ import annotations

import typer

from .compare import compare
from .console import plain_errors
from .evidence import card
from .fetch import fetch
from .fit import fit
from .import_runs import import_runs
from .info import info
from .merge import merge
from .populate import populate
from .query import query
from .report import report
from .validate import validate

app = typer.Typer(
    name="bagbench",
    help="Surrogate benchmarks and simulated races for multi-objective joint architecture and hyperparameter search.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
for command in (info, query, fetch, populate, merge, fit, compare, report, validate, card):
    app.command()(command)
app.command("import")(import_runs)


def main() -> None:
    """Run the command line."""
    with plain_errors():
        app()


if __name__ == "__main__":
    main()
