"""The command ``bagbench``: one thin file per subcommand, and one place where errors become a line and exit code 2."""

from __future__ import annotations

import sys

import typer

from ..problems.errors import BadRows, BagbenchError
from .compare import compare
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
    """Run the command line; print an error of bagbench as one line, without a traceback, and exit with 2."""
    try:
        app()
    except BadRows as error:
        _fail(*error.complaints)
    except BagbenchError as error:
        _fail(str(error))
    except OSError as error:
        if error.filename is None:
            raise
        _fail(f"{error.filename}: {error.strerror}")


def _fail(*messages: str) -> None:
    for message in messages:
        print("bagbench:", " ".join(message.split()), file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
