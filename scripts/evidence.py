"""``bagbench card``: renew a surrogate's quality card by what its table, other runs and true races say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..problems.errors import InvalidArgument
from .card import print_full_card, seconds_ratios
from .console import Bar, output, print_json, remark
from .options import AsJson, Jobs, check_positive, cores

if TYPE_CHECKING:
    from ..surrogates.benchmark import SurrogateBenchmark
    from ..tables.table import Table

SEEDS = 20
_SAME_PACE = 1.25  # of medians, up to which the machine may be the same


def card(
    surrogate: Annotated[Path, typer.Argument(metavar="SURROGATE.onnx", help="Its card is renewed, and nothing else.")],
    truth: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where `bagbench compare --source trainer` raced on the same problem."),
    ] = None,
    table: Annotated[
        Path | None, typer.Option(metavar="TABLE.h5", help="What it was fitted to. Default: beside it, of its name.")
    ] = None,
    held_out: Annotated[
        Path | None,
        typer.Option(
            metavar="TABLE.h5",
            help="Runs of other configurations, ten of each, say: `bagbench populate --replicates 0.9` makes them.",
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Races of each optimizer on the surrogate.")] = SEEDS,
    times_as_long: Annotated[
        float,
        typer.Option(
            help="Trainings of the true races took so many times as long as on the surrogate's machine: "
            "`bagbench info` knows it of machines that the table was collected on."
        ),
    ] = 1.0,
    jobs: Jobs = None,
    as_json: AsJson = False,
) -> None:
    """Write into SURROGATE's quality card what is known by now, and print it.

    The noise ceilings of metrics that its table allows, as they are estimated today. By runs of configurations that it
    has not learnt from, each run many times: how good it is, and how good it could be. And by races on the true
    trainer: how well it predicts the configurations that optimizers visited, of which it has learnt from none; and
    whether the same optimizers, raced on it, run and rank as they do in truth. Answers stay as they are, to the last
    bit.
    """
    from ..surrogates.benchmark import SurrogateBenchmark
    from ..surrogates.file import renew_card
    from ..tables.table import Table

    check_positive(seeds=seeds, jobs=jobs)
    if surrogate.suffix != ".onnx":
        raise InvalidArgument(f"{surrogate} is no surrogate: expected a path that ends in .onnx")
    if truth is None and (seeds, times_as_long) != (SEEDS, 1.0):
        raise InvalidArgument("--seeds and --times-as-long are of true races: expected --truth, too")
    before = SurrogateBenchmark(surrogate)
    if not before.card:
        raise InvalidArgument(f"{surrogate} was fitted without a quality card: `bagbench fit` makes one")
    learnt_from = Table.open(table or surrogate.with_suffix(".h5"), verify=True)
    document = dict(_with_ceilings(before, learnt_from))
    if held_out is not None:
        document["held_out"] = _judge(before, surrogate, held_out, learnt_from)
    if truth is not None:
        document["true_races"] = _race(truth, surrogate, learnt_from, seeds, times_as_long, jobs or cores())
    renew_card(surrogate, document)
    if truth is not None:
        _remark_on_pace(median(seconds_ratios(document["true_races"]) or [1.0]), times_as_long)
    if as_json:
        print_json(document)
        return
    print_full_card(output(), document)
    remark(f"wrote the card of {surrogate}; `bagbench info {surrogate} --card` shows it again")


def _with_ceilings(surrogate: SurrogateBenchmark, table: Table) -> Mapping[str, Any]:
    """Give the card with the ceilings of the table, if that is what the surrogate was fitted to."""
    from ..surrogates.examples import MOST_POINTS, read_examples
    from ..surrogates.learning_curve import extrapolated
    from ..surrogates.quality import renew_ceilings

    card: Mapping[str, Any] = surrogate.card
    if surrogate.provenance.get("table_sha256") != table.sha256:
        remark("the surrogate was not fitted to the table as it is now: the noise ceilings stay as they are")
        return card
    recipe: Any = surrogate.provenance.get("recipe", {})
    examples = read_examples(table, recipe.get("most_points", MOST_POINTS))
    renewed = renew_ceilings(card, examples)
    return {**renewed, "learning_curve": extrapolated(card.get("learning_curve", {}), examples)}


def _judge(before: SurrogateBenchmark, path: Path, held_out: Path, learnt_from: Table) -> Mapping[str, object]:
    """Judge all metrics that the surrogate predicts, by runs of other configurations."""
    from ..analysis.unseen import judge_unseen, learnt_configurations
    from ..surrogates.benchmark import SurrogateBenchmark
    from ..tables.table import Table

    learnt = learnt_configurations(before, learnt_from)
    metrics: Mapping[str, Any] = before.card["metrics"]  # type: ignore[assignment]
    names = [name for name in metrics if not name.startswith("train_seconds")]
    return judge_unseen(Table.open(held_out, verify=True), SurrogateBenchmark(path, objectives=names), learnt)


def _race(
    truth: Path, surrogate: Path, table: Table, seeds: int, times_as_long: float, jobs: int
) -> Mapping[str, object]:
    """Hold the surrogate against true races, showing progress."""
    from ..analysis.races import load_experiment
    from ..analysis.truth import true_races

    races = load_experiment(truth)
    with Bar("racing", "races", len(races.optimizers) * seeds) as bar:
        return true_races(
            races, surrogate.resolve(), table, seeds=seeds, times_as_long=times_as_long, jobs=jobs, progress=bar
        )


def _remark_on_pace(ratio: float, times_as_long: float) -> None:
    """Say so if true trainings took ``ratio`` times as long as predicted, and this speaks of another machine."""
    if not 1 / _SAME_PACE < ratio < _SAME_PACE:
        remark(
            f"true trainings took {ratio:.2f} times as long as predicted: if they ran on another machine than the "
            f"table's, `--times-as-long {ratio * times_as_long:.3g}` puts them on its clock"
        )
