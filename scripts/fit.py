"""``bagbench fit``: learn a surrogate from a table."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..problems.errors import FileProblem
from .card import print_card
from .console import Bar, output, plain_table, print_json, remark, resumable
from .options import AsJson, Jobs, check_positive, check_suffix, cores

if TYPE_CHECKING:
    from ..surrogates.training import Recipe
    from ..surrogates.tuning import Tuned
    from ..tables.table import Table


def fit(
    table: Annotated[Path, typer.Argument(metavar="TABLE.h5", help="Real runs, as `bagbench populate` makes them.")],
    out: Annotated[Path, typer.Option(metavar="SURROGATE.onnx", help="The file to write.")],
    model: Annotated[str, typer.Option(help="xgboost, lightgbm, or both averaged.")] = "both",
    tune: Annotated[
        int | None,
        typer.Option(metavar="N", help="Try N recipes first, and fit by the best; goes on from OUT.tuning.jsonl."),
    ] = None,
    card: Annotated[Path | None, typer.Option(metavar="CARD.json", help="Also write the quality card here.")] = None,
    jobs: Jobs = None,
    as_json: AsJson = False,
) -> None:
    """Fit a surrogate to TABLE.h5 and print its quality card.

    It is cross-validated by configuration first, which gives the card and the noise, and then fitted to all runs.
    With --tune, the hyperparameters are searched for before, and printed.
    """
    from ..problems.files import write_atomically
    from ..surrogates.fit import fit_surrogate
    from ..surrogates.training import Recipe
    from ..tables.table import Table

    check_positive(tune=tune, jobs=jobs)
    recipe = Recipe()
    recipe = replace(recipe, teacher=replace(recipe.teacher, model=model))
    runs = Table.open(table, verify=True)
    check_suffix(out, ".onnx")
    for path in (out, card or out):
        if not path.parent.is_dir():
            raise FileProblem(f"cannot write {path}: there is no folder {path.parent}; make it first")
    account = None
    if tune is not None:
        tuned = _tune(runs, out, tune, recipe, jobs or cores())
        recipe, account = tuned.recipe, tuned.account()
        if not as_json:
            _print_recipe(tuned)
    with Bar("fitting", "models") as bar:
        quality = fit_surrogate(runs, out, recipe=recipe, jobs=jobs or cores(), progress=bar, tuning=account)
    if card is not None:
        write_atomically(card, json.dumps(quality, indent=1) + "\n")
    if as_json:
        print_json(quality)
        return
    print_card(output(), quality)
    remark(f"wrote {out}: try `bagbench compare {out}`")


def _tune(runs: Table, out: Path, trials: int, recipe: Recipe, jobs: int) -> Tuned:
    """Search for a better recipe, beside the file to write."""
    from ..surrogates.tuning import tune

    with resumable(), Bar("tuning", "fits") as bar:
        tuned = tune(runs, out.with_name(f"{out.name}.tuning.jsonl"), trials, recipe=recipe, jobs=jobs, progress=bar)
    default, best = tuned.losses
    remark(
        f"tuned in {trials} trials, {tuned.stopped_early} of them stopped early: the best, number {tuned.best}, leaves "
        f"{best:.2%} of the variance of held-out runs unexplained, the defaults {default:.2%}"
    )
    return tuned


def _print_recipe(tuned: Tuned) -> None:
    table = plain_table("setting<", "default", "tuned")
    chosen = tuned.trials[tuned.best].settings
    for setting in tuned.settings:
        table.add_row(setting.name, f"{setting.default:.4g}", f"{chosen[setting.name]:.4g}")
    output().print(table)
