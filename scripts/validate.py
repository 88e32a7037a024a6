"""``bagbench validate``: retrain the fronts that a race found, with the true trainer."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from .console import Bar, output, plain_table, print_json, resumable
from .options import AsJson, Jobs, check_positive, cores

if TYPE_CHECKING:
    from ..analysis.validation import Validation

VALIDATION_FILE = "validation.csv"


def validate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where `bagbench compare` wrote.")],
    runs: Annotated[
        int | None, typer.Option(help="Retrain so many configurations, spread over the fronts. Default: all.")
    ] = None,
    seeds: Annotated[int, typer.Option(help="True trainings of each configuration; their mean is compared.")] = 1,
    jobs: Jobs = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    as_json: AsJson = False,
) -> None:
    """Train the union of the final fronts of DIR for real, and compare with what was predicted.

    Writes DIR/validation.csv after every run: the same command goes on where it was stopped. Needs torch.
    """
    from ..analysis.claims import find_claims
    from ..analysis.races import load_experiment
    from ..analysis.validation import check_validity, compare_with_truth, train_claims
    from ..simulator.benchmarks import open_benchmark

    check_positive(runs=runs, seeds=seeds, jobs=jobs)
    experiment = load_experiment(folder)
    check_validity(experiment)
    asked = experiment.settings
    benchmark = open_benchmark(
        asked["problem"], asked["source"], noise=asked["noise"], objectives=asked["objectives"], snap=True
    )
    claims, problem, path = find_claims(experiment, benchmark), experiment.problem, folder / VALIDATION_FILE
    with resumable(), Bar("training", "runs", len(claims[:runs]) * seeds) as bar:
        trained = train_claims(
            claims, problem, path, seeds=seeds, jobs=jobs or cores(), device=device, runs=runs, progress=bar
        )
    validation = compare_with_truth(claims, trained, problem)
    if as_json:
        agreements = [asdict(agreement) for agreement in validation.agreements]
        print_json({"sentence": validation.sentence, "agreements": agreements, "validation": str(path)})
    else:
        _print(validation, path)


def _print(validation: Validation, path: Path) -> None:
    console = output()
    console.print(_configurations(validation), "")
    agreements = plain_table("agreement<", "Kendall tau", "true minus predicted", "RMSE")
    for line in validation.agreements:
        unit = f" {line.unit}".rstrip()
        agreements.add_row(
            line.name, f"{line.kendall_tau:.3f}", f"{line.mean_error:+.3g}{unit}", f"{line.rmse:.3g}{unit}"
        )
    console.print(agreements)
    console.print(f"\n[bold]{validation.sentence}[/bold]", soft_wrap=True)
    if validation.failed:
        console.print(f"[yellow]{validation.failed} runs failed and are left out.[/yellow]")
    console.print(f"All of it: {path}", soft_wrap=True)


def _configurations(validation: Validation) -> Table:
    """Lay out each configuration: known objectives once, the others and the seconds as predicted and as they are."""
    problem = validation.problem
    table = plain_table("configuration<")
    for objective in problem.objectives:
        if objective.name in problem.known:
            table.add_column(objective.name, justify="right")
        else:
            table.add_column(f"{objective.name}, predicted", justify="right")
            table.add_column("true", justify="right")
    table.add_column("seconds, predicted", justify="right")
    table.add_column("true", justify="right")
    for claim, losses, seconds in zip(validation.claims, validation.losses, validation.seconds, strict=True):
        cells = []
        for objective, predicted, true in zip(problem.objectives, claim.losses, losses, strict=True):
            cells += [f"{true:.3f}"] if objective.name in problem.known else [f"{predicted:.2f}", f"{true:.2f}"]
        table.add_row(claim.digest, *cells, f"{claim.seconds:.2f}", f"{seconds:.2f}")
    return table
