"""``bagbench fit``: learn a surrogate from a table."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from ..problems.errors import FileProblem, InvalidArgument
from .card import print_card
from .console import Bar, output, print_json, remark
from .options import AsJson, Jobs, check_positive, cores


def fit(
    table: Annotated[Path, typer.Argument(metavar="TABLE.h5", help="Real runs, as `bagbench populate` makes them.")],
    out: Annotated[Path, typer.Option(metavar="SURROGATE.onnx", help="The file to write.")],
    model: Annotated[str, typer.Option(help="xgboost, lightgbm, or both averaged.")] = "both",
    card: Annotated[Path | None, typer.Option(metavar="CARD.json", help="Also write the quality card here.")] = None,
    jobs: Jobs = None,
    as_json: AsJson = False,
) -> None:
    """Fit a surrogate to TABLE.h5 and print its quality card.

    It is cross-validated by configuration first, which gives the card and the noise, and then fitted to all runs.
    """
    from ..problems.files import write_atomically
    from ..surrogates.fit import fit_surrogate
    from ..surrogates.training import Recipe
    from ..tables.table import Table

    check_positive(jobs=jobs)
    recipe = Recipe()
    recipe = replace(recipe, teacher=replace(recipe.teacher, model=model))
    runs = Table.open(table, verify=True)
    if out.suffix != ".onnx":
        raise InvalidArgument(f"--out is {out}: expected a name that ends in .onnx, such as {out.with_suffix('.onnx')}")
    for path in (out, card or out):
        if not path.parent.is_dir():
            raise FileProblem(f"cannot write {path}: there is no folder {path.parent}; make it first")
    with Bar("fitting", "forests") as bar:
        quality = fit_surrogate(runs, out, recipe=recipe, jobs=jobs or cores(), progress=bar)
    if card is not None:
        write_atomically(card, json.dumps(quality, indent=1) + "\n")
    if as_json:
        print_json(quality)
        return
    print_card(output(), quality)
    remark(f"wrote {out}: try `bagbench compare {out}`")
