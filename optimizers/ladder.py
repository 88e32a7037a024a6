"""The ladder of epochs that multi-fidelity methods climb."""

from __future__ import annotations

import math

from ..problems.errors import InvalidArgument
from ..problems.problem import Problem


def epoch_ladder(problem: Problem, *, min_epochs: int | None = None, eta: float = 2.0) -> tuple[int, ...]:
    """Give the rungs, lowest first: whole epochs in geometric steps as near to ``eta`` as both ends allow.

    Parameters
    ----------
    min_epochs
        The lowest rung; by default a fifth of ``problem.max_epochs``, the seed paper's 5 of 25.
    eta
        Factor from rung to rung, above 1.

    Returns
    -------
    rungs
        Strictly increasing; the lowest is ``min_epochs`` itself, the highest ``problem.max_epochs``.

    Raises
    ------
    InvalidArgument
        If ``eta`` is not above 1, or ``min_epochs`` is no fidelity of the problem.
    """
    if not eta > 1:
        raise InvalidArgument(f"eta, the factor between rungs, must be above 1, got {eta}")
    highest = problem.max_epochs
    lowest = max(problem.min_epochs, round(highest / 5)) if min_epochs is None else problem.check_epochs(min_epochs)
    steps = max(1, round(math.log(highest / lowest, eta)))
    return tuple(sorted({round(lowest * (highest / lowest) ** (step / steps)) for step in range(steps + 1)}))
