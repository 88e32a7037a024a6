"""What methods need of a problem, and which of them a problem leaves wanting."""

from __future__ import annotations

from collections.abc import Iterable

from ..problems.problem import Problem
from .catalogue import METHODS


def unmet_needs(problem: Problem, names: Iterable[str]) -> tuple[str, ...]:
    """Say, in a sentence for each need that ``problem`` does not meet, which methods among ``names`` have it."""
    offered = {
        "fidelities": problem.min_epochs < problem.max_epochs,
        "known objective": any(name in problem.known for name in problem.objective_names),
    }
    wanting = {
        need: [name for name in names if name in METHODS and need in METHODS[name].needs]
        for need, is_met in offered.items()
        if not is_met
    }
    reasons = {
        "fidelities": "has a single fidelity, no cheaper one to train less at",
        "known objective": "has no objective that is known without training",
    }
    return tuple(
        f"This problem {reasons[need]}: {', '.join(methods)} race without what they are made for."
        for need, methods in wanting.items()
        if methods
    )
