"""Store the best front that races have found: ``python -m bagbench.scripts.best_front DIR...``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import run


def best_front(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR", help="Where `bagbench compare` wrote.")],
    out: Annotated[
        Path | None, typer.Option(metavar="FRONT.json", help="Default: PROBLEM-front.json in the package's data.")
    ] = None,
) -> None:
    """Pool the final fronts of all races in the folders, which were on one surrogate with --noise mean.

    Reports measure regret to this front wherever races met the same surrogate.
    """
    from ..analysis.best_front import front_file, pool, write_best_front
    from ..analysis.races import load_experiment

    experiments = [load_experiment(folder) for folder in folders]
    front = pool(experiments)
    path = out or front_file(front.problem)
    write_best_front(front, path, reference=experiments[0].problem.reference_point)
    typer.echo(f"{path}: {len(front.losses)} points from {sum(len(e.races) for e in experiments)} races")


if __name__ == "__main__":
    run(best_front)
