"""``bagbench card``: renew the quality card of a surrogate by what races on the true trainer say."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Annotated

import typer

from ..problems.errors import InvalidArgument
from .card import print_full_card, seconds_ratios
from .console import Bar, output, print_json, remark
from .options import AsJson, Jobs, check_positive, cores

SEEDS = 20
_SAME_PACE = 1.25  # of medians, up to which the machine may be the same


def card(
    surrogate: Annotated[Path, typer.Argument(metavar="SURROGATE.onnx", help="Its card is renewed, and nothing else.")],
    truth: Annotated[
        Path, typer.Option(metavar="DIR", help="Where `bagbench compare --source trainer` raced on the same problem.")
    ],
    table: Annotated[
        Path | None, typer.Option(metavar="TABLE.h5", help="What it was fitted to. Default: beside it, of its name.")
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
    """Hold SURROGATE against races on the true trainer, and write what they say into its quality card.

    How well it predicts the configurations that optimizers visited, of which it has learnt from none; and whether
    the same optimizers, raced on it, run and rank as they do in truth. Answers stay as they are, to the last bit.
    """
    from ..analysis.races import load_experiment
    from ..analysis.truth import true_races
    from ..surrogates.benchmark import SurrogateBenchmark
    from ..surrogates.file import renew_card
    from ..tables.table import Table

    check_positive(seeds=seeds, jobs=jobs)
    if surrogate.suffix != ".onnx":
        raise InvalidArgument(f"{surrogate} is no surrogate: expected a path that ends in .onnx")
    before = SurrogateBenchmark(surrogate).card
    learnt_from = Table.open(table or surrogate.with_suffix(".h5"), verify=True)
    races = load_experiment(truth)
    with Bar("racing", "races", len(races.optimizers) * seeds) as bar:
        evidence = true_races(
            races,
            surrogate.resolve(),
            learnt_from,
            seeds=seeds,
            times_as_long=times_as_long,
            jobs=jobs or cores(),
            progress=bar,
        )
    document = {**before, "true_races": evidence}
    renew_card(surrogate, document)
    _remark_on_pace(median(seconds_ratios(evidence) or [1.0]), times_as_long)
    if as_json:
        print_json(document)
        return
    print_full_card(output(), document)
    remark(f"wrote the card of {surrogate}; `bagbench info {surrogate} --card` shows it again")


def _remark_on_pace(ratio: float, times_as_long: float) -> None:
    """Say so if true trainings took ``ratio`` times as long as predicted, and this speaks of another machine."""
    if not 1 / _SAME_PACE < ratio < _SAME_PACE:
        remark(
            f"true trainings took {ratio:.2f} times as long as predicted: if they ran on another machine than the "
            f"table's, `--times-as-long {ratio * times_as_long:.3g}` puts them on its clock"
        )
