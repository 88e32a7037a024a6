"""``bagbench info``: what there is: problems, tables, surrogates with their quality cards, optimizers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from ..problems.errors import InvalidArgument
from .card import print_card, print_full_card
from .console import output, plain_table, print_json
from .options import AsJson

if TYPE_CHECKING:
    from ..problems.parameters import Value
    from ..problems.problem import Problem
    from ..problems.space import Space


def info(
    problem: Annotated[
        str | None, typer.Argument(metavar="PROBLEM", help="A shipped problem or the path of a table or surrogate.")
    ] = None,
    optimizers: Annotated[bool, typer.Option("--optimizers", help="List the optimizers instead.")] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare a table with its seal, however large it is.")
    ] = False,
    card: Annotated[
        bool, typer.Option("--card", help="Show the whole quality card of a surrogate, and nothing else.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show all shipped problems, or one problem, table or surrogate in full."""
    if card:
        _show_card(problem, as_json)
    elif optimizers:
        _show_optimizers(as_json)
    elif problem is None:
        _show_all(as_json)
    else:
        document = describe(problem, verify=verify)
        if as_json:
            print_json(document)
        else:
            _show(document)


def _show_card(name_or_path: str | None, as_json: bool) -> None:
    """Show the card of a surrogate and nothing else."""
    from ..simulator.benchmarks import find_file, find_source
    from ..surrogates.benchmark import SurrogateBenchmark

    if name_or_path is None:
        raise InvalidArgument("--card needs a PROBLEM with a surrogate, or the path of one: expected e.g. digits")
    source = find_source(name_or_path, "surrogate")
    document = SurrogateBenchmark(find_file(name_or_path, source)).card
    if as_json:
        print_json(document)
    else:
        print_full_card(output(), document)


def describe(name_or_path: str, *, verify: bool = False) -> dict[str, Any]:
    """Say all that is known of a shipped problem, table or surrogate, as a JSON document.

    Every surrogate and every small table is compared with its seal, large tables if ``verify`` is set.

    Raises
    ------
    UnknownName, InvalidArgument, FileProblem
        If there is no such thing, or its file cannot be trusted.
    """
    from ..problems import PROBLEMS, get_problem
    from ..simulator.benchmarks import DATA, find_file, find_source
    from ..surrogates.benchmark import SurrogateBenchmark
    from ..tables.table import Table

    if name_or_path in PROBLEMS:
        problem = get_problem(name_or_path)
        files = {"table": DATA / f"{name_or_path}.h5", "surrogate": DATA / f"{name_or_path}.onnx"}
        files = {source: path for source, path in files.items() if path.is_file()}
    else:
        source = find_source(name_or_path)
        files = {source: find_file(name_or_path, source)}
    document: dict[str, Any] = {"table": None, "surrogate": None}
    if "table" in files:
        table = Table.open(files["table"], verify=verify)
        problem = table.problem
        document["table"] = {
            "file": str(files["table"]),
            "runs": len(table),
            "configurations": len(set(table.runs.digests.tolist())),
            "sha256": table.sha256,
        }
    if "surrogate" in files:
        surrogate = SurrogateBenchmark(files["surrogate"])
        problem = surrogate.problem
        document["surrogate"] = {
            "file": str(files["surrogate"]),
            "card": surrogate.card,
            "provenance": surrogate.provenance,
        }
    return {**_problem(problem), **document}


def _problem(problem: Problem) -> dict[str, Any]:
    from ..optimizers import METHODS
    from ..optimizers.needs import unmet_needs
    from ..problems import PROBLEMS, get_problem

    return {
        "name": problem.name,
        "title": problem.title,
        "trainer": problem.name in PROBLEMS and get_problem(problem.name).space == problem.space,
        "epochs": [problem.min_epochs, problem.max_epochs],
        "budget_seconds": problem.budget_seconds,
        "objectives": list(problem.objective_names),
        "unmet_needs": list(unmet_needs(problem, METHODS)),
        "metrics": [
            {
                "name": metric.name,
                "unit": metric.unit,
                "reference": metric.reference,
                "ideal": metric.ideal,
                "known": metric.name in problem.known,
                "maximize": metric.maximize,
            }
            for metric in problem.metrics
        ],
        "hyperparameters": {
            parameter.name: str(parameter) + ("" if condition is None else f", if {condition}")
            for parameter, condition in zip(problem.space.parameters, problem.space.conditions, strict=True)
        },
        "default": _default(problem.space),
        "space": json.loads(problem.space.document),
        "citation": problem.citation,
    }


def _default(space: Space) -> dict[str, Value]:
    """Give the configuration in which every active parameter has its default, as its author wrote it."""
    import numpy as np

    active = space.decode(space.snap(np.full((1, len(space)), np.nan))[0])
    return {name: space.parameters[space.index[name]].default for name in active}


def _show_all(as_json: bool) -> None:
    from ..problems import PROBLEMS

    documents = [describe(name) for name in PROBLEMS]
    if as_json:
        print_json({"problems": documents})
        return
    console = output()
    table = plain_table("problem<", "hyperparameters", "epochs", "real runs", "surrogate<", "what it is<")
    for document in documents:
        runs = f"{document['table']['runs']:,}" if document["table"] else "none yet"
        surrogate = document["surrogate"]
        quality = _quality(surrogate["card"], document["objectives"]) if surrogate else "none yet"
        space = document["hyperparameters"]
        table.add_row(document["name"], str(len(space)), str(document["epochs"][1]), runs, quality, document["title"])
    console.print(table)
    console.print("\n`bagbench info PROBLEM` shows one in full, `bagbench info --optimizers` who can race.")


def _quality(card: dict[str, Any], objectives: list[str]) -> str:
    """Put a card into a few words: how well the first trained objective is predicted."""
    name = next((name for name in objectives if name in card["metrics"]), next(iter(card["metrics"])))
    scores = card["metrics"][name]["full_fidelity"]
    return f"R2 {scores['r2']:.2f}, tau {scores['kendall_tau']:.2f} ({name})"


def _show_optimizers(as_json: bool) -> None:
    from ..optimizers import METHODS

    if as_json:
        entries = ("name", "idea", "source", "needs", "extra", "kind")
        print_json({"optimizers": [{key: getattr(method, key) for key in entries} for method in METHODS.values()]})
        return
    table = plain_table("optimizer<", "idea<", "kind<", "source<", "needs<", "installed by<")
    for method in METHODS.values():
        installed_by = f"pip install 'bagbench[{method.extra}]'" if method.extra else "bagbench"
        table.add_row(
            method.name, method.idea, method.kind, method.source, ", ".join(method.needs) or "-", installed_by
        )
    output().print(table)


def _show(document: dict[str, Any]) -> None:
    from ..analysis.display import duration

    console = output()
    title = document["title"] or "no title"
    console.print(Text.assemble((document["name"], "bold"), f": {title}"), soft_wrap=True)
    first, last = document["epochs"]
    budget = duration(document["budget_seconds"])
    console.print(f"{first} to {last} epochs; a race takes {budget} of simulated training unless told otherwise\n")
    space = plain_table("hyperparameter<", "values<")
    for name, values in document["hyperparameters"].items():
        space.add_row(name, values)
    console.print(space)
    console.print(f"default: {json.dumps(document['default'])}\n", soft_wrap=True)
    metrics = plain_table("objective<", "unit<", "reference", "ideal", "<")
    for metric in document["metrics"]:
        name = metric["name"] + (" *" if metric["name"] in document["objectives"] else "")
        remark = "known" if metric["known"] else "maximised" if metric["maximize"] else ""
        sign = -1.0 if metric["maximize"] else 1.0
        reference, ideal = (sign * metric[point] + 0.0 for point in ("reference", "ideal"))  # no -0
        metrics.add_row(name, metric["unit"], f"{reference:.4g}", f"{ideal:g}", remark)
    console.print(metrics)
    console.print("* raced by default; known ones are computed from the configuration, others trained or predicted")
    for sentence in document["unmet_needs"]:
        console.print(sentence, soft_wrap=True)
    if not document["trainer"]:
        console.print("There is no trainer of it here: `bagbench validate` cannot retrain what races find.")
    console.print()
    if document["table"]:
        table = document["table"]
        counts = f"{table['runs']:,} real runs of {table['configurations']:,} configurations"
        console.print(f"Table: {counts}, {Path(table['file'])}", soft_wrap=True)
    elif not document["surrogate"]:
        console.print(
            "Neither a table nor a surrogate is shipped yet: "
            f"`bagbench populate {document['name']}` and `bagbench fit` make them",
            soft_wrap=True,
        )
    if document["surrogate"]:
        console.print(f"Surrogate: {document['surrogate']['file']}\n", soft_wrap=True)
        print_card(console, document["surrogate"]["card"])
        _show_machines(document["surrogate"]["provenance"].get("machines", []))
    if document["citation"]:
        console.print(f"\nCite: {document['citation']}", soft_wrap=True)


def _show_machines(machines: list[dict[str, Any]]) -> None:
    """Say whose seconds a surrogate predicts, if its runs were made on several kinds of machine."""
    if len(machines) < 2:
        return
    table = plain_table("runs", "took<", "on<")
    for number, machine in enumerate(machines):
        took = "the seconds that are predicted" if not number else _how_long(machine["times_as_long"])
        table.add_row(f"{machine['runs']:,}", took, machine["machine"])
    output().print(table)


def _how_long(times_as_long: float | None) -> str:
    """Say what seconds on another kind of machine tell."""
    return "another device: not counted" if times_as_long is None else f"{times_as_long:.2f} times as long"
