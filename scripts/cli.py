"""The command ``bagbench``: one thin file per subcommand, and one place where errors become a line and exit code 2."""

from __future__ import annotations

import sys

import typer

from ..problems.errors import BagbenchError
from . import populate

app = typer.Typer(
    name="bagbench",
    help="Surrogate benchmarks and simulated races for multi-objective joint architecture and hyperparameter search.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _root() -> None:
    """Keep subcommands, however many there are."""


app.command("populate")(populate.populate)


def main() -> None:
    """Run the command line; print an error of bagbench as one line, without a traceback, and exit with 2."""
    try:
        app()
    except BagbenchError as error:
        print(f"bagbench: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
