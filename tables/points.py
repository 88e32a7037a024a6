"""The fixed points of imported problems: reference and ideal point, published with the table and never moved again.

Who imports says what they are. Where nothing is said, they are taken once from the whole runs: a tenth of their range
beyond the worst and the best of them, rounded away from the range. Such a point means little to anybody but the owner
of the runs, who is told so.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..problems.problem import Objective
from .layout import Goal

_MARGIN = 0.1
_CROWDED = 0.01


def settle(goal: Goal, values: NDArray[np.float64], whole: NDArray[np.bool_]) -> Objective:
    """Make the objective of a goal.

    Parameters
    ----------
    goal
        What is said of it.
    values : (r, E)
        As the sheet has them, NaN where there are none. If none is negative, or none positive, no loss can be.
    whole : (r,)
        The runs whose last values the points are taken from, one at least.

    Raises
    ------
    InvalidArgument
        If the one point that is said lies on the wrong side of the other, which is taken from the runs.
    """
    last = goal.sign * values[whole, -1]
    best, worst = float(last.min()), float(last.max())
    spread = (worst - best) or abs(worst) or 1.0
    lowest = _rounded(best - _MARGIN * spread, spread, math.floor)
    ideal = goal.sign * (max(lowest, 0.0) if best > 0 else lowest)
    reference = goal.sign * _rounded(worst + _MARGIN * spread, spread, math.ceil)
    said = replace(
        goal,
        reference=reference if goal.reference is None else goal.reference,
        ideal=ideal if goal.ideal is None else goal.ideal,
    )
    losses = goal.sign * values[~np.isnan(values)]
    low = 0.0 if (losses >= 0).all() else -math.inf
    high = 0.0 if (losses <= 0).all() and low else math.inf
    return said.objective((low, high))


def is_crowded(goal: Goal, values: NDArray[np.float64], whole: NDArray[np.bool_]) -> bool:
    """Tell whether half of the runs lie in the best hundredth of their range, so that a few bad ones rule it."""
    last = goal.sign * values[whole, -1]
    best, worst = float(last.min()), float(last.max())
    return worst > best and float(np.median(last)) - best < _CROWDED * (worst - best)


def rounded_budget(seconds: float) -> float:
    """Round a budget to two digits."""
    return _rounded(seconds, seconds, math.ceil)


def _rounded(value: float, scale: float, to: Callable[[float], int]) -> float:
    """Round to a multiple of a hundredth to a tenth of ``scale``, which has one digit."""
    digits = 1 - math.floor(math.log10(scale))
    return round(to(round(value * 10.0**digits, 6)) / 10.0**digits, max(digits, 0))
