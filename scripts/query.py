"""``bagbench query``: what one configuration scores and costs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..problems.errors import InvalidConfiguration
from ..problems.parameters import Value
from .console import output, plain_table, print_json
from .options import AsJson, Noise, ObjectiveNames, ProblemArgument, Source, optional_names

if TYPE_CHECKING:
    from ..problems.benchmark import Benchmark


def query(
    problem: ProblemArgument,
    config: Annotated[str, typer.Option(metavar="JSON", help="""Hyperparameters, e.g. '{"lr_init": 0.001, ...}'.""")],
    epochs: Annotated[int | None, typer.Option(help="Epochs of training. Default: all.")] = None,
    seed: Annotated[int, typer.Option(help="Which replicate.")] = 0,
    source: Source = None,
    noise: Noise = "mean",
    objectives: ObjectiveNames = None,
    as_json: AsJson = False,
) -> None:
    """Print what a configuration of PROBLEM scores, and how many seconds its training takes.

    `bagbench info PROBLEM` lists the hyperparameters.
    """
    from ..simulator.benchmarks import find_source, open_benchmark

    values = _parse(config, problem)
    answering = find_source(problem, source)
    benchmark = open_benchmark(problem, source, noise=noise, objectives=optional_names(objectives))
    trained = benchmark.problem.check_epochs(epochs)
    outcome = benchmark.query(values, epochs=trained, seed=seed)
    losses = dict(zip(benchmark.problem.objective_names, outcome.losses.tolist(), strict=True))
    trust = _trust(benchmark, values)
    if as_json:
        asked = {"problem": problem, "source": answering, "epochs": trained, "seed": seed}
        print_json({**asked, "losses": losses, "seconds": outcome.seconds, "status": outcome.status, "trust": trust})
        return
    table = plain_table("<", "", "<")
    table.show_header = False
    for objective in benchmark.problem.objectives:
        loss = losses[objective.name]
        meaning = f"{10**loss:,.0f}" if objective.name.startswith("log10_") else ""
        natural = -loss if objective.maximize else loss
        table.add_row(objective.name, f"{natural:.4g} {objective.unit}".rstrip(), meaning)
    table.add_row("training", f"{outcome.seconds:.4g} s", "")
    console = output()
    console.print(f"{problem} ({answering}) after {trained} epochs, status {outcome.status}", soft_wrap=True)
    console.print(table)
    if trust is not None:
        far = "" if trust["in_domain"] else "; no run that it has learnt from is near"
        spread = f"its {trust['metric']} after all epochs has a standard error of {trust['spread']:.3g}"
        console.print(f"the surrogate's own doubt: {spread}{far}", soft_wrap=True)


def _trust(benchmark: Benchmark, config: dict[str, Value]) -> dict[str, Any] | None:
    """Say how far a surrogate's answer at full fidelity can be trusted; None for what cannot tell."""
    from ..surrogates.benchmark import SurrogateBenchmark

    if not isinstance(benchmark, SurrogateBenchmark) or not benchmark.knows_its_domain:
        return None
    trust = benchmark.trust(benchmark.problem.space.encode(config)[None])
    return {"in_domain": bool(trust.in_domain[0]), "metric": trust.metric, "spread": float(trust.spread[0])}


def _parse(text: str, problem: str) -> dict[str, Value]:
    """Read a configuration from JSON.

    Raises
    ------
    InvalidConfiguration
        If the text is no JSON object.
    """
    expected = (
        """expected an object such as '{"lr_init": 0.001, "batch_size": 64, ...}', in single quotes for the shell; """
        f"`bagbench info {problem}` lists the hyperparameters"
    )
    try:
        values = json.loads(text)
    except ValueError as error:
        raise InvalidConfiguration(f"--config is not JSON ({error}), got {text!r}: {expected}") from error
    if not isinstance(values, dict):
        raise InvalidConfiguration(f"--config is a JSON {type(values).__name__}, got {text!r}: {expected}")
    return values
