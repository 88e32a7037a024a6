"""``bagbench validate``: retrain the fronts that a race found, with the true trainer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from ..problems.errors import InvalidArgument
from .console import Bar, output, plain_table, print_json, remark, resumable
from .options import AsJson, Jobs, check_positive, cores
from .refitting import print_refit, refit_document, refit_section, run_refit, wanted_base

if TYPE_CHECKING:
    from ..analysis.method_truth import MethodRanking
    from ..analysis.races import Experiment
    from ..analysis.validation import Validation
    from ..analysis.validation_file import Claim

VALIDATION_FILE = "validation.csv"


def validate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where `bagbench compare` wrote.")],
    runs: Annotated[
        int | None, typer.Option(help="Retrain so many configurations, shared out among the methods. Default: all.")
    ] = None,
    seeds: Annotated[
        int, typer.Option(help="True trainings of each configuration: means are compared, 2 or more give intervals.")
    ] = 1,
    jobs: Jobs = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    minutes: Annotated[
        float | None, typer.Option(help="Start no more runs after so many minutes; the same command goes on.")
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="tcp://...", help="Train on the Dask cluster of this scheduler, --jobs runs at once."),
    ] = None,
    table: Annotated[
        Path | None, typer.Option(metavar="TABLE.h5", help="Append the runs to this table. Default: DIR/validation.h5.")
    ] = None,
    refit: Annotated[
        bool,
        typer.Option("--refit", help="Then fit DIR/refit.onnx, which learns from these runs, too, and judge it."),
    ] = False,
    base: Annotated[
        Path | None,
        typer.Option(
            metavar="TABLE.h5",
            help="--refit: learn from this table besides. Default: the one shipped with the problem.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train the union of the final fronts of DIR for real, and compare with what was predicted.

    Fronts are those of trials trained in full, whatever the policy of the report.
    Every run is kept in a table: the same command goes on where it was stopped, and `bagbench fit` can learn from it.
    In the end writes DIR/validation.csv, and DIR/validation.md with the verdicts on the front and on every method.
    Needs torch, --refit also what `bagbench fit` needs.
    """
    from ..analysis.method_truth import compare_methods
    from ..analysis.races import load_experiment
    from ..analysis.retraining import TABLE_FILE, origin_of, train_claims
    from ..analysis.validation import check_validity, compare_with_truth
    from ..analysis.validation_page import PAGE_FILE, validation_page
    from ..problems.files import write_atomically

    check_positive(runs=runs, seeds=seeds, jobs=jobs, minutes=minutes)
    experiment = load_experiment(folder)
    check_validity(experiment)
    base_table = wanted_base(experiment, base, refit=refit)
    claims, problem, path = _claims(experiment), experiment.problem, folder / VALIDATION_FILE
    table, limit = table or folder / TABLE_FILE, _Limit(minutes)
    with resumable(), Bar("training", "runs", len(claims[:runs]) * seeds) as bar:
        trained = train_claims(
            claims,
            problem,
            path,
            seeds=seeds,
            jobs=jobs or cores(),
            table=table,
            origin=origin_of(experiment),
            device=device,
            runs=runs,
            scheduler=scheduler,
            may_start=limit,
            progress=bar,
        )
    if limit.is_reached:
        remark(f"stopped after {minutes:g} minutes: what is finished is kept, the same command goes on from there")
    validation = compare_with_truth(claims, trained, problem)
    ranking = compare_methods(experiment, validation)
    write_atomically(folder / PAGE_FILE, validation_page(experiment, validation, ranking))
    refitted = None
    if base_table is not None:
        refitted = run_refit(experiment, validation, base_table, table, folder, jobs=jobs or cores())
        page = validation_page(experiment, validation, ranking, section=refit_section(refitted))
        write_atomically(folder / PAGE_FILE, page)
    kept = str(table) if table.exists() else None  # none if a file of before there were tables holds all
    files = {"validation": str(path), "table": kept, "page": str(folder / PAGE_FILE)}
    if as_json:
        learnt = None if refitted is None else refit_document(refitted, folder)
        print_json({**_document(validation, ranking), "refit": learnt, **files})
    else:
        _print(validation, ranking)
        if refitted is not None:
            print_refit(refitted, folder)
        _print_files(files)


def _claims(experiment: Experiment) -> tuple[Claim, ...]:
    """Find what the final fronts claim, as told by whoever answered in the races.

    Raises
    ------
    InvalidArgument
        If no race has trained a configuration in full.
    """
    from ..analysis.claims import find_claims
    from ..simulator.benchmarks import open_benchmark

    asked = experiment.settings
    benchmark = open_benchmark(
        asked["problem"], asked["source"], noise=asked["noise"], objectives=asked["objectives"], snap=True
    )
    claims = find_claims(experiment, benchmark)
    if not claims:
        raise InvalidArgument("no race has a configuration that was trained in full: there is nothing to validate")
    return claims


class _Limit:
    """Says whether another run may start within so many minutes (None: always) from now."""

    def __init__(self, minutes: float | None) -> None:
        from ..simulator.overhead import real_seconds

        self._clock, self._end = real_seconds, math.inf if minutes is None else real_seconds() + 60.0 * minutes
        self.is_reached = False

    def __call__(self) -> bool:
        self.is_reached = self._clock() >= self._end
        return not self.is_reached


def _document(validation: Validation, ranking: MethodRanking) -> Mapping[str, object]:
    return {
        "sentence": validation.sentence,
        "agreements": [asdict(agreement) for agreement in validation.agreements],
        "methods": [
            {**asdict(method), "change_percent": method.change, "is_judged": method.is_judged}
            for method in ranking.methods
        ],
        "differences": [{**asdict(difference), "is_clear": difference.is_clear} for difference in ranking.differences],
        "noise": ranking.noise,
        "methods_kendall_tau": ranking.kendall_tau,
        "methods_swapped": [[first.optimizer, second.optimizer] for first, second in ranking.swapped],
        "methods_verdict": ranking.verdict,
        "hardest_hit": None if ranking.hardest_hit is None else ranking.hardest_hit.optimizer,
        "caution": ranking.caution,
        "failed": validation.failed,
    }


def _print(validation: Validation, ranking: MethodRanking) -> None:
    console = output()
    console.print(_configurations(validation), "")
    agreements = plain_table("agreement<", "Kendall tau", "true minus predicted", "RMSE")
    for line in validation.agreements:
        unit = f" {line.unit}".rstrip()
        agreements.add_row(
            line.name, f"{line.kendall_tau:.3f}", f"{line.mean_error:+.3g}{unit}", f"{line.rmse:.3g}{unit}"
        )
    console.print(agreements, "")
    console.print(_methods(ranking))
    for verdict in filter(None, (validation.sentence, ranking.verdict, ranking.noise, ranking.loss)):
        console.print(f"\n{verdict}", style="bold", soft_wrap=True)
    if ranking.caution:
        console.print(f"\n{ranking.caution}", style="yellow", soft_wrap=True)
    if validation.failed:
        console.print(f"{validation.failed} runs failed and are left out.", style="yellow")


def _print_files(files: Mapping[str, str | None]) -> None:
    names = ("All of it", "Runs with their curves", "Page")
    lines = [f"{name}: {file or 'none'}" for name, file in zip(names, files.values(), strict=True)]
    output().print("\n".join(lines), soft_wrap=True)


def _methods(ranking: MethodRanking) -> Table:
    """Lay out each method: how much of it was retrained, and its hypervolume as predicted and as it is."""
    from ..analysis.validation_page import interval, number

    heads = ("retrained", "hypervolume, predicted", "true", "95 % interval", "difference", "Kendall tau")
    table = plain_table("method<", *heads, "true minus predicted")
    for method in ranking.methods:
        agreement = method.agreement
        table.add_row(
            method.optimizer,
            f"{method.trained:,} of {method.claimed:,}",
            f"{method.predicted_hypervolume:.2f}",
            f"{method.true_hypervolume:.2f}",
            interval(method.true_interval),
            number(method.change, "+.1f", " %"),
            number(method.kendall_tau, ".2f"),
            number(agreement.mean_error, "+.2f", f" {agreement.unit}".rstrip()),
        )
    return table


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
