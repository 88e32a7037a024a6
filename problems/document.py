"""Problems as JSON: what tables, surrogates and experiments carry so that they can be read on their own."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

from .errors import BagbenchError, FileProblem
from .problem import Objective, Problem
from .space import Space


def problem_to_json(problem: Problem) -> str:
    """Write a problem as canonical JSON; functions of known objectives are named, not written."""
    document = {
        "name": problem.name,
        "title": problem.title,
        "citation": problem.citation,
        "space": json.loads(problem.space.document),
        "metrics": [asdict(metric) for metric in problem.metrics],
        "objectives": problem.objective_names,
        "min_epochs": problem.min_epochs,
        "max_epochs": problem.max_epochs,
        "budget_seconds": problem.budget_seconds,
        "known": sorted(problem.known),
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


def problem_from_json(text: str) -> Problem:
    """Read what `problem_to_json` wrote.

    The known objectives and hints of a shipped problem come back with their functions; a problem of somebody's own has
    none.

    Raises
    ------
    FileProblem
        If the text is no such document.
    """
    from . import PROBLEMS, get_problem

    try:
        document = json.loads(text)
        metrics = tuple(Objective(**{**metric, "bounds": tuple(metric["bounds"])}) for metric in document["metrics"])
        problem = Problem(
            name=document["name"],
            title=document["title"],
            citation=document["citation"],
            space=Space.from_document(document["space"]),
            metrics=metrics,
            objectives=metrics[:1],
            min_epochs=document["min_epochs"],
            max_epochs=document["max_epochs"],
            budget_seconds=document["budget_seconds"],
        ).with_objectives(document["objectives"])
    except (KeyError, TypeError, ValueError, BagbenchError) as error:
        raise FileProblem(f"not a problem document: {error}") from error
    if problem.name in PROBLEMS:
        shipped = get_problem(problem.name)
        if shipped.space == problem.space:
            known = {name: shipped.known[name] for name in document["known"] if name in shipped.known}
            problem = replace(problem, known=known, hints=shipped.hints)
    return problem
